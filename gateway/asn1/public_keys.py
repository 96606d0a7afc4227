"""The public key in a certificate, whatever else is odd about that (RFC 5280 § 4.1.2.7)."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.asn1 import der

_LARGEST_KEY = 8 * 1024
_RSA_KEYS = ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10")
"""rsaEncryption, and RSASSA-PSS (RFC 4055)."""


def public_key_of(certificate: bytes) -> PublicKeyTypes | None:
    """
    The public key in a certificate (DER), or None where there is none that can be used. Never raises.

    Some authorities wrote the modulus without its leading zero, so that it reads as a negative number; the key that
    was meant is the unsigned one.
    """
    try:
        key_info = _subject_public_key_info(certificate)
    except (ValueError, StopIteration):
        return None
    if len(key_info) > _LARGEST_KEY:
        return None
    try:
        return load_der_public_key(key_info)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _unsigned_rsa(key_info)


def _subject_public_key_info(certificate: bytes) -> bytes:
    """RFC 5280 § 4.1. Raises ``ValueError``, or ``StopIteration`` for an empty sequence."""
    fields = list(next(der.whole(certificate, der.SEQUENCE).children()).children())
    position = 6 if fields and fields[0].tag == 0xA0 else 5  # an explicit version stands before the serial number
    if len(fields) <= position or fields[position].tag != der.SEQUENCE:
        raise ValueError("no public key")
    return fields[position].encoded


def _unsigned_rsa(key_info: bytes) -> PublicKeyTypes | None:
    try:
        algorithm, key = der.whole(key_info, der.SEQUENCE).children()
        if der.read_oid(next(algorithm.children())) not in _RSA_KEYS or key.tag != der.BIT_STRING:
            return None
        modulus, exponent = der.whole(key.body[1:], der.SEQUENCE).children()
        numbers = rsa.RSAPublicNumbers(int.from_bytes(exponent.body), int.from_bytes(modulus.body))
        return numbers.public_key()
    except (ValueError, TypeError, StopIteration, UnsupportedAlgorithm):
        return None
