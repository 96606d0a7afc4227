"""A certification request read and checked (PKCS#10, RFC 2986): proof of possession, strength, nothing smuggled in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from gateway.asn1.x509 import key_algorithm_of
from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import EnrolmentRefused

REQUEST_LIMIT = 16 * 1024
"""Bytes of a request that are read, at most."""

STRONG = frozenset(
    {KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096, KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.P521}
)
"""Kinds of key that are certified by default (decision 5)."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SMALLEST_EXPONENT = 65537
_NOT_FOR_SIGNERS = frozenset(
    {Eku.TIME_STAMPING, Eku.OCSP_SIGNING, Eku.SERVER_AUTH, Eku.CODE_SIGNING, Eku.ANY_EXTENDED_KEY_USAGE}
)


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that may be certified: SubjectPublicKeyInfo (DER) and the key's kind. Its subject is not believed."""

    public_key: bytes
    algorithm: KeyAlgorithm


def read_request(csr: bytes, accepted: Collection[KeyAlgorithm] = STRONG) -> CheckedRequest:
    """
    Read a certification request and check what can be checked without knowing the person.

    Extensions asked for are never copied; a request for an authority's or another service's powers is refused, for
    whoever sends it means something else than signing.

    Args:
        csr: DER, at most ``REQUEST_LIMIT`` bytes.
        accepted: kinds of key that may be certified.

    Raises:
        EnrolmentRefused: Says which of it does not hold.

    """
    if len(csr) > REQUEST_LIMIT:
        raise EnrolmentRefused("the certification request is too large")
    try:
        request = x509.load_der_x509_csr(csr)
        holds = isinstance(request.signature_hash_algorithm, _HASHES) and request.is_signature_valid
        key = request.public_key()
        extensions = request.extensions
    except Exception:  # noqa: BLE001 - hostile requests break parsers in many ways; all of them are unreadable
        raise EnrolmentRefused("the certification request cannot be read") from None
    if not holds:
        raise EnrolmentRefused("the certification request does not prove possession of its key with SHA-2")
    algorithm = key_algorithm_of(key)
    if algorithm is None or algorithm not in accepted:
        names = ", ".join(sorted(a.value for a in accepted))
        raise EnrolmentRefused(f"this kind of key is not certified here; accepted: {names}")
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)
    _check_extensions(extensions)
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return CheckedRequest(encoded, algorithm)


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    """No small or even exponent, no even modulus (NIST SP 800-89 § 5.3.3)."""
    numbers = key.public_numbers()
    if numbers.e < _SMALLEST_EXPONENT or numbers.e % 2 == 0 or numbers.n % 2 == 0:
        raise EnrolmentRefused("the RSA key's exponent or modulus is not acceptable")


def _check_extensions(extensions: x509.Extensions) -> None:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise EnrolmentRefused("the certification request asks for an authority's certificate")
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            raise EnrolmentRefused("the certification request asks to sign certificates or CRLs")
        if isinstance(value, x509.ExtendedKeyUsage) and not _NOT_FOR_SIGNERS.isdisjoint(value):
            raise EnrolmentRefused("the certification request asks for another purpose than signing documents")
