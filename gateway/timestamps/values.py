"""Whether a value holds under a certificate's key: RSA in both paddings, ECDSA (RFC 4055, RFC 4056, RFC 5758)."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.asn1 import der
from gateway.timestamps.algorithms import children_of, read_digest_identifier
from gateway.timestamps.structure import SignatureAlgorithm

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - tokens of the past are read; whether they count is the policy's question
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA = "1.2.840.113549.1.1.1"
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_RSA_WITH = {
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_EC = "1.2.840.10045.2.1"
_ECDSA_WITH = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_SALT_LIMIT = 512


class NotReadable(Exception):
    """An algorithm that we do not read, or one that contradicts the rest; the text says which, without content."""


@dataclass(frozen=True, slots=True)
class _PssParameters:
    digest: str
    mask: str
    salt: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a value was made: *digest* of the octets, and for PSS the *mask*'s digest and the *salt*'s length."""

    rsa: bool
    digest: str
    mask: str | None = None
    salt: int = 0

    @property
    def digests(self) -> frozenset[str]:
        """Every hash function that the value rests on."""
        return frozenset({self.digest} | ({self.mask} if self.mask is not None else set()))


def scheme_of(algorithm: SignatureAlgorithm, digest: str) -> Scheme:
    """
    How values of *algorithm* are made where the signer's digest algorithm is *digest*; both must agree (RFC 8933).

    Raises ``NotReadable``.
    """
    if digest not in _HASHES:
        raise NotReadable("digest algorithm is not read")
    name = algorithm.identifier
    if name == _PSS:
        found = _pss(algorithm.parameters)
        scheme = Scheme(rsa=True, digest=found.digest, mask=found.mask, salt=found.salt)
    elif name == _RSA or name in _RSA_WITH:
        scheme = Scheme(rsa=True, digest=_RSA_WITH.get(name, digest))
    elif name == _EC or name in _ECDSA_WITH:
        scheme = Scheme(rsa=False, digest=_ECDSA_WITH.get(name, digest))
    else:
        raise NotReadable("signature algorithm is not read")
    if scheme.digest != digest or not scheme.digests <= _HASHES.keys():
        raise NotReadable("digest and signature algorithms do not agree")
    return scheme


def _pss(parameters: bytes | None) -> _PssParameters:
    """RSASSA-PSS-params (RFC 4055 § 3.1); what is absent has its default, SHA-1 and 20."""
    digest = mask = "sha1"
    salt = 20
    try:
        for part in children_of(der.whole(parameters), der.SEQUENCE, 0) if parameters is not None else ():
            (value,) = part.children()
            if part.tag == 0xA0:
                digest = read_digest_identifier(value)
            elif part.tag == 0xA1:
                generator, hashed = children_of(value, der.SEQUENCE, 2)
                mask = read_digest_identifier(hashed) if der.read_oid(generator) == _MGF1 else ""
            elif part.tag == 0xA2:
                salt = der.read_integer(value)
            elif part.tag != 0xA3 or der.read_integer(value) != 1:
                raise NotReadable("PSS parameters are not read")
    except ValueError:
        raise NotReadable("PSS parameters are not readable") from None
    if not 0 <= salt <= _SALT_LIMIT:
        raise NotReadable("PSS salt out of bounds")
    return _PssParameters(digest, mask, salt)


def value_holds(scheme: Scheme, key: PublicKeyTypes, value: bytes, octets: bytes) -> bool:
    """Whether *value* is a signature over *octets* by *key*. Raises ``NotReadable`` for a key of another kind."""
    digest = _HASHES[scheme.digest]
    try:
        if scheme.rsa and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, octets, _padding(scheme), digest)
        elif not scheme.rsa and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, octets, ec.ECDSA(digest))
        else:
            raise NotReadable("key is of another kind than the signature")
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm:
        raise NotReadable("algorithm is not supported here") from None
    except ValueError:  # a key or value that the library refuses to compute with
        return False
    return True


def _padding(scheme: Scheme) -> padding.AsymmetricPadding:
    if scheme.mask is None:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(_HASHES[scheme.mask]), scheme.salt)
