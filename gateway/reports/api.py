"""The door of ``reports``: what validation found, for programs (facts), archives (XML) and people (HTML)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.verification import VerificationResult
from gateway.reports.facts import facts_of, rfc3339, signature_facts

__all__ = ["ReportSeal", "Validated", "facts_of", "rfc3339", "signature_facts"]


@dataclass(frozen=True, slots=True)
class Validated:
    """
    One file that was validated.

    *name* as its owner calls it; *checked_at* the time of validation (UTC); *policy* the policy's name; *sha256* the
    file's digest where it is known, so that a report says what it is about.
    """

    name: str
    result: VerificationResult
    checked_at: datetime
    policy: str
    sha256: bytes | None = None


class ReportSeal(Protocol):
    """Seals XML reports with a key of the gateway's own."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The seal's certificate and its issuers (DER), the seal's first."""

    def seal(self, report: bytes) -> bytes:
        """*report* with an enveloped signature as the last child of its root (XAdES baseline B)."""
