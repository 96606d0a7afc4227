"""
Signature values and the keys that verify them (XML Signature § 6.4, RFC 9231).

RSA as PKCS#1 v1.5 and PSS, ECDSA and DSA as r‖s of one length (a DER value is not one), EdDSA. Nothing here is trusted:
a method is taken from a table, and a key that cannot be used verifies nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from gateway.formats.xades.names import DIGESTS, METHODS, MORE_2007, RSA_PSS_WITH_PARAMETERS, ds
from gateway.formats.xades.texts import NotText, children, text

_LARGEST_SALT = 512
_LARGEST_INTEGER = 72
_MGF1 = f"{MORE_2007}MGF1"

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - old signatures are read; whether SHA-1 is enough is policy's question
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_224": hashes.SHA3_224(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
"""Hash functions by hashlib name."""


class Method(NamedTuple):
    """A SignatureMethod as read: *mask* and *salt* for PSS."""

    scheme: str
    digest: str
    mask: str
    salt: int


def read_method(element: etree._Element) -> Method | None:
    """The method that ds:SignatureMethod names, or None where it is not one that we verify."""
    uri = element.get("Algorithm", "")
    try:
        if uri == RSA_PSS_WITH_PARAMETERS:
            return _pss_parameters(children(element))
    except (NotText, ValueError):
        return None
    known = METHODS.get(uri)
    if known is None or children(element):
        return None
    salt = HASHES[known.digest].digest_size if known.scheme == "pss" else 0
    return Method(known.scheme, known.digest, known.digest, salt)


def _pss_parameters(given: list[etree._Element]) -> Method | None:
    """RSAPSSParams (RFC 9231 § 2.3.10): what is left out is SHA-256, and a salt as long as the digest."""
    parts = {}
    if given:
        if len(given) > 1 or given[0].tag != f"{{{MORE_2007}}}RSAPSSParams":
            return None
        parts = {str(child.tag): child for child in children(given[0])}
    digest = _digest(parts.get(ds("DigestMethod")))
    mask = "sha256"
    generator = parts.get(f"{{{MORE_2007}}}MaskGenerationFunction")
    if generator is not None:
        if generator.get("Algorithm") != _MGF1:
            return None
        mask = _digest(generator.find(ds("DigestMethod")))
    salt_length = parts.get(f"{{{MORE_2007}}}SaltLength")
    salt = HASHES[digest].digest_size if salt_length is None else int(text(salt_length))
    trailer = parts.get(f"{{{MORE_2007}}}TrailerField")
    if not 0 <= salt <= _LARGEST_SALT or (trailer is not None and int(text(trailer)) != 1):
        return None
    return Method("pss", digest, mask, salt)


def _digest(method: etree._Element | None) -> str:
    """Raises ``NotText`` for a digest that is not known."""
    name = "sha256" if method is None else DIGESTS.get(method.get("Algorithm", ""))
    if name is None:
        raise NotText
    return name


def holds(method: Method, key: PublicKeyTypes, octets: bytes, value: bytes) -> bool | None:
    """Whether *value* is *key*'s over *octets*; None where this installation cannot tell. Never raises."""
    try:
        if method.scheme in ("pkcs1", "pss"):
            return _rsa_holds(method, key, octets, value)
        if method.scheme in ("ecdsa", "dsa"):
            return _pair_holds(method, key, octets, value)
        return _eddsa_holds(method, key, octets, value)
    except UnsupportedAlgorithm:
        return None
    except (InvalidSignature, ValueError, TypeError):
        return False


def _rsa_holds(method: Method, key: PublicKeyTypes, octets: bytes, value: bytes) -> bool:
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    filling: padding.AsymmetricPadding = padding.PKCS1v15()
    if method.scheme == "pss":
        filling = padding.PSS(padding.MGF1(HASHES[method.mask]), method.salt)
    key.verify(value, octets, filling, HASHES[method.digest])
    return True


def _pair_holds(method: Method, key: PublicKeyTypes, octets: bytes, value: bytes) -> bool:
    """
    Two integers of the same length (RFC 9231 § 2.3.6), which some write shorter or longer than the field.

    The length says nothing that is signed, and the numbers are the same.
    """
    half, odd = divmod(len(value), 2)
    if odd or not 0 < half <= _LARGEST_INTEGER:
        return False
    parts = encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    if method.scheme == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(parts, octets, ec.ECDSA(HASHES[method.digest]))
    elif method.scheme == "dsa" and isinstance(key, dsa.DSAPublicKey):
        key.verify(parts, octets, HASHES[method.digest])
    else:
        return False
    return True


def _eddsa_holds(method: Method, key: PublicKeyTypes, octets: bytes, value: bytes) -> bool:
    kind = ed25519.Ed25519PublicKey if method.scheme == "ed25519" else ed448.Ed448PublicKey
    if not isinstance(key, kind):
        return False
    key.verify(value, octets)
    return True
