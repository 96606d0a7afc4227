"""What a token that we asked for must be, beyond holding in itself (RFC 3161 § 2.2 and § 2.3)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from gateway.timestamps.api import TokenReading


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: *algorithm* is a hashlib name; the time is to lie between *earliest* and *latest*."""

    imprint: bytes
    algorithm: str
    nonce: int
    earliest: datetime
    latest: datetime


def misses(reading: TokenReading, asked: Asked) -> str | None:
    """Why the token is not the one that was asked for, in words for the operator; None where it is."""
    if reading.imprint_algorithm != asked.algorithm or not hmac.compare_digest(reading.imprint, asked.imprint):
        return "token is over another imprint"
    if reading.nonce != asked.nonce:
        return "token carries another nonce"
    if not reading.signature_valid:
        return f"token does not hold: {reading.detail or 'signature not valid'}"
    if reading.gen_time < asked.earliest:
        return f"token's time is {_apart(asked.earliest - reading.gen_time)} too early: compare the clocks"
    if reading.gen_time > asked.latest:
        return f"token's time is {_apart(reading.gen_time - asked.latest)} too late: compare the clocks"
    return None


def _apart(difference: timedelta) -> str:
    return f"{difference.total_seconds():.0f} s"


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether a certificate may serve a time-stamping authority at all, and between which times."""

    fault: str | None
    begins: datetime
    ends: datetime

    def misses_at(self, moment: datetime) -> str | None:
        """Why it does not serve at *moment*, or None."""
        if self.fault is None and not self.begins <= moment <= self.ends:
            return "authority's certificate is not valid at the token's time"
        return self.fault


def fitness(der: bytes) -> Fitness:
    """
    What the certificate *der* says for itself: extended key usage must be critical and id-kp-timeStamping alone
    (RFC 3161 § 2.3). Whether it is trusted is another question. Never raises.
    """
    begins = ends = datetime.min.replace(tzinfo=UTC)
    try:
        certificate = x509.load_der_x509_certificate(der)
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return Fitness("authority's certificate has no extended key usage", begins, ends)
    except Exception:  # noqa: BLE001 - hostile certificates fail in many ways, all of them mean "not fit"
        return Fitness("authority's certificate is not readable", begins, ends)
    if not extended.critical or list(extended.value) != [Eku.TIME_STAMPING]:
        return Fitness("authority's certificate is not for time-stamping alone, critically", begins, ends)
    return Fitness(None, begins, ends)
