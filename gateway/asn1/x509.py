"""An X.509 certificate in DER into the readings of ``domain.certificates`` (RFC 5280 § 4)."""

from __future__ import annotations

import hashlib
from datetime import UTC

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate

_CURVES = {"secp256r1": KeyAlgorithm.P256, "secp384r1": KeyAlgorithm.P384, "secp521r1": KeyAlgorithm.P521}
_RSA = {2048: KeyAlgorithm.RSA_2048, 3072: KeyAlgorithm.RSA_3072, 4096: KeyAlgorithm.RSA_4096}


def key_algorithm_of(key: PublicKeyTypes) -> KeyAlgorithm | None:
    """The kind of a public key, or None for kinds that we do not sign with."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA.get(key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    return None


def _may_sign(certificate: x509.Certificate) -> bool:
    """DigitalSignature or contentCommitment (EN 319 412-2 § 4.3.2); never a CA's certificate."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        if constraints.ca:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def issuer_text(certificate: x509.Certificate) -> str:
    """The issuer as RFC 4514 text: one half of a consumer's key."""
    return certificate.issuer.rfc4514_string()


def serial_text(serial: int) -> str:
    """A serial number in upper-case hexadecimal, as .NET prints it: whole bytes, leading zero kept."""
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def read_certificate(der: bytes, chain: tuple[bytes, ...] = ()) -> SigningCertificate:
    """
    Parse a certificate. Whether anybody trusts it is ``trust``'s question.

    Raises:
        ValueError: The bytes are no certificate.

    """
    certificate = x509.load_der_x509_certificate(der)
    try:
        algorithm = key_algorithm_of(certificate.public_key())
    except Exception:  # noqa: BLE001 - OpenSSL refuses odd keys in many ways; none of them can sign
        algorithm = None
    return SigningCertificate(
        der=der,
        sha256=hashlib.sha256(der).digest(),
        subject=certificate.subject.rfc4514_string(),
        common_name=_attribute(certificate.subject, NameOID.COMMON_NAME) or certificate.subject.rfc4514_string(),
        issuer=issuer_text(certificate),
        serial=serial_text(certificate.serial_number),
        serial_number_attribute=_attribute(certificate.subject, NameOID.SERIAL_NUMBER),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        key_algorithm=algorithm,
        may_sign=_may_sign(certificate),
        chain=chain,
    )
