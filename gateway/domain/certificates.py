"""The few readings of an X.509 certificate that rules and pages need; reading DER is ``asn1.x509``'s work."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class KeyAlgorithm(enum.Enum):
    """Kinds of signing key."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P256 = "p-256"
    P384 = "p-384"
    P521 = "p-521"

    @property
    def is_rsa(self) -> bool:
        """Whether the key is RSA."""
        return self.value.startswith("rsa")


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """
    A signer's certificate, parsed.

    *chain* holds issuer certificates (DER), nearest first, without the root. *common_name* and *subject* are display
    text. *serial_number_attribute* is the subject's serialNumber (for example ``PNOMD-2000000000007``).
    """

    der: bytes
    sha256: bytes
    subject: str
    common_name: str
    issuer: str
    serial: str
    serial_number_attribute: str | None
    not_before: datetime
    not_after: datetime
    key_algorithm: KeyAlgorithm | None
    may_sign: bool
    chain: tuple[bytes, ...] = ()

    def valid_at(self, moment: datetime) -> bool:
        """Whether *moment* lies within the validity period (RFC 5280 § 4.1.2.5)."""
        return self.not_before <= moment <= self.not_after


def certificate_matches_person(
    serial_number_attribute: str | None, personal_identifier: str, *, plain_number_trusted: bool
) -> bool:
    """
    Whether a certificate belongs to a person known by a Moldovan personal identifier (decision 14).

    ``PNOMD-…`` (EN 319 412-1 § 5.1.3) always counts; the number alone only where its trust anchor is configured so,
    for the same digits may number another country's person.
    """
    if serial_number_attribute is None:
        return False
    if serial_number_attribute == f"PNOMD-{personal_identifier}":
        return True
    return plain_number_trusted and serial_number_attribute == personal_identifier
