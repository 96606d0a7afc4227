"""The door of ``issuing``: certificates that we issue, from enrolment to revocation. ``trust`` is its opposite."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gateway.domain.certificates import SigningCertificate


class CertificateProfile(enum.Enum):
    """Kinds of signer's certificate."""

    LASTING = "lasting"
    SHORT_TERM = "short-term"


class RevocationReason(enum.Enum):
    """CRLReason (RFC 5280 § 5.3.1), the ones that we give."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    PRIVILEGE_WITHDRAWN = 9


@dataclass(frozen=True, slots=True)
class Subject:
    """An authenticated person; the CSR's own subject is never believed."""

    personal_identifier: str
    given_name: str
    surname: str
    country: str = "MD"


@dataclass(frozen=True, slots=True)
class Validity:
    """*starts* may lie in the past by a small backdating; *lasts* from there."""

    starts: datetime
    lasts: timedelta


class CertificateAuthority(Protocol):
    """Issues and ends signers' certificates."""

    def issue(
        self, csr: bytes, subject: Subject, profile: CertificateProfile, validity: Validity
    ) -> SigningCertificate:
        """
        Issue for the key in *csr* (PKCS#10 DER) after checking its proof of possession and strength.

        The answer carries that very key. Raises ``EnrolmentRefused``, ``AuthorityUnavailable``.
        """

    def revoke(self, certificate: bytes, reason: RevocationReason, now: datetime) -> None:
        """End *certificate*, effective at *now*; a CERTIFICATE_HOLD may be lifted. Raises ``AuthorityUnavailable``."""

    def resume(self, certificate: bytes, now: datetime) -> None:
        """Lift a hold."""

    def check(self) -> str:
        """Try the authority and say in a line what it is. Raises ``AuthorityUnavailable``."""
