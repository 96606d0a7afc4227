"""Algorithm identifiers of CMS by name (RFC 5754, 4056, 8419, 8692, BSI TR-03111), and signature values checked."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from gateway.asn1 import der
from gateway.formats.pades.streams import finished, new_hash

_NIST = "2.16.840.1.101.3.4"
_DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "1.3.36.3.2.1": "ripemd160",
    f"{_NIST}.2.1": "sha256",
    f"{_NIST}.2.2": "sha384",
    f"{_NIST}.2.3": "sha512",
    f"{_NIST}.2.4": "sha224",
    f"{_NIST}.2.7": "sha3_224",
    f"{_NIST}.2.8": "sha3_256",
    f"{_NIST}.2.9": "sha3_384",
    f"{_NIST}.2.10": "sha3_512",
    f"{_NIST}.2.12": "shake_256",
    f"{_NIST}.2.18": "shake_256",  # with its length; 64 octets is the only one in use
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 - old signatures hold or do not hold; policy refuses them
    "sha1": hashes.SHA1(),  # noqa: S303 - as above
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_224": hashes.SHA3_224(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
# Identifiers that leave the digest to the SignerInfo have None here.
_SCHEMES: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.4": ("rsa", "md5"),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.3.14.3.2.29": ("rsa", "sha1"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "1.3.36.3.3.1.2": ("rsa", "ripemd160"),
    f"{_NIST}.3.13": ("rsa", "sha3_224"),
    f"{_NIST}.3.14": ("rsa", "sha3_256"),
    f"{_NIST}.3.15": ("rsa", "sha3_384"),
    f"{_NIST}.3.16": ("rsa", "sha3_512"),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    f"{_NIST}.3.9": ("ecdsa", "sha3_224"),
    f"{_NIST}.3.10": ("ecdsa", "sha3_256"),
    f"{_NIST}.3.11": ("ecdsa", "sha3_384"),
    f"{_NIST}.3.12": ("ecdsa", "sha3_512"),
    "0.4.0.127.0.7.1.1.4.1.1": ("plain", "sha1"),
    "0.4.0.127.0.7.1.1.4.1.2": ("plain", "sha224"),
    "0.4.0.127.0.7.1.1.4.1.3": ("plain", "sha256"),
    "0.4.0.127.0.7.1.1.4.1.4": ("plain", "sha384"),
    "0.4.0.127.0.7.1.1.4.1.5": ("plain", "sha512"),
    "0.4.0.127.0.7.1.1.4.1.8": ("plain", "sha3_224"),
    "0.4.0.127.0.7.1.1.4.1.9": ("plain", "sha3_256"),
    "0.4.0.127.0.7.1.1.4.1.10": ("plain", "sha3_384"),
    "0.4.0.127.0.7.1.1.4.1.11": ("plain", "sha3_512"),
    "1.2.840.10040.4.1": ("dsa", None),
    "1.2.840.10040.4.3": ("dsa", "sha1"),
    f"{_NIST}.3.1": ("dsa", "sha224"),
    f"{_NIST}.3.2": ("dsa", "sha256"),
    f"{_NIST}.3.3": ("dsa", "sha384"),
    f"{_NIST}.3.4": ("dsa", "sha512"),
    "1.3.101.112": ("ed25519", "sha512"),
    "1.3.101.113": ("ed448", "shake_256"),
}
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"


class Scheme(NamedTuple):
    """How a value was made: *family* of key and padding, *digest* by its hashlib name; *mask* and *salt* for PSS."""

    family: str
    digest: str
    mask: str = ""
    salt: int = 0

    @property
    def fixed(self) -> bool:
        """Whether the SignerInfo's digest must be this one, and no other (RFC 8419 § 3.1)."""
        return self.family in ("ed25519", "ed448")


def digest_name(algorithm: str) -> str:
    """A digest's hashlib name by its OBJECT IDENTIFIER, which itself stands for an unknown one."""
    return _DIGESTS.get(algorithm, algorithm)


def scheme_of(algorithm: str, parameters: bytes, digest: str) -> Scheme | None:
    """
    The scheme of an AlgorithmIdentifier; None for one that is not known.

    Args:
        algorithm: the dotted identifier.
        parameters: whole element, or empty.
        digest: the SignerInfo's, for identifiers that leave it to that.

    Raises:
        ValueError: Parameters of RSASSA-PSS that cannot be read.

    """
    if algorithm == _PSS:
        return _pss(parameters)
    family, own = _SCHEMES.get(algorithm, ("", None))
    return Scheme(family, own or digest) if family else None


def _pss(parameters: bytes) -> Scheme:
    """RSASSA-PSS-params with its defaults (RFC 4055 § 3.1)."""
    digest, mask, salt = "sha1", "sha1", 20
    for member in der.whole(parameters, der.SEQUENCE).children():
        (inner,) = member.children()
        if member.tag == 0xA0:
            digest = digest_name(der.read_oid(next(inner.children())))
        elif member.tag == 0xA1:
            function, algorithm = inner.children()
            if der.read_oid(function) != _MGF1:
                raise ValueError("not MGF1")
            mask = digest_name(der.read_oid(next(algorithm.children())))
        elif member.tag == 0xA2:
            salt = der.read_integer(inner)
        elif der.read_integer(inner) != 1:
            raise ValueError("not the only trailer field")
    if not 0 <= salt <= 512:
        raise ValueError("salt length out of bounds")
    return Scheme("pss", digest, mask, salt)


def value_holds(key: PublicKeyTypes, scheme: Scheme, value: bytes, octets: bytes | None, digest: bytes | None) -> bool:
    """
    Whether *value* is the key's signature over *octets*, or over what *digest* is the digest of.

    EdDSA needs the octets; whatever does not fit together does not hold.
    """
    try:
        if scheme.family in ("ed25519", "ed448"):
            return _edwards_holds(key, scheme, value, octets)
        hasher = new_hash(scheme.digest)
        if digest is None and octets is not None and hasher is not None:
            hasher.update(octets)
            digest = finished(hasher)
        if digest is None:
            return False
        return _prehashed_holds(key, scheme, value, digest)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, KeyError, StopIteration):
        return False


def _edwards_holds(key: PublicKeyTypes, scheme: Scheme, value: bytes, octets: bytes | None) -> bool:
    kind = ed25519.Ed25519PublicKey if scheme.family == "ed25519" else ed448.Ed448PublicKey
    if octets is None or not isinstance(key, kind):
        return False
    key.verify(value, octets)
    return True


def _prehashed_holds(key: PublicKeyTypes, scheme: Scheme, value: bytes, digest: bytes) -> bool:
    if scheme.family == "rsa" and isinstance(key, rsa.RSAPublicKey):
        return _pkcs1_holds(key, scheme.digest, value, digest)
    prehashed = Prehashed(_HASHES[scheme.digest])
    if scheme.family == "pss" and isinstance(key, rsa.RSAPublicKey):
        key.verify(value, digest, padding.PSS(padding.MGF1(_HASHES[scheme.mask]), scheme.salt), prehashed)
    elif scheme.family in ("ecdsa", "plain") and isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(_dss(value) if scheme.family == "plain" else value, digest, ec.ECDSA(prehashed))
    elif scheme.family == "dsa" and isinstance(key, dsa.DSAPublicKey):
        key.verify(value, digest, prehashed)
    else:
        return False
    return True


def _pkcs1_holds(key: rsa.RSAPublicKey, algorithm: str, value: bytes, digest: bytes) -> bool:
    """RSASSA-PKCS1-v1_5, whose DigestInfo may leave out the parameters that are NULL (RFC 8017 § 9.2 note 2)."""
    known = _HASHES.get(algorithm)
    if known is not None:
        with suppress(InvalidSignature):
            key.verify(value, digest, padding.PKCS1v15(), Prehashed(known))
            return True
    recovered = key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    identifier = next(der.oid(dotted) for dotted, name in _DIGESTS.items() if name == algorithm)
    forms = [
        der.sequence(der.sequence(identifier, *null), der.octet_string(digest)) for null in ((), (der.tlv(der.NULL),))
    ]
    return recovered in forms


def _dss(value: bytes) -> bytes:
    """Plain r‖s as the DER that OpenSSL wants (BSI TR-03111 § 5.2)."""
    half, odd = divmod(len(value), 2)
    if odd or not half:
        raise ValueError("not r and s of one length")
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
