"""
Time-stamp tokens judged, and what they prove (EN 319 102-1 § 5.4 and § 5.6.2.3).

A token over a signature proves that it existed; one inside another's reach is itself proved by that other: an archive
time-stamp covers the tokens before it, a document time-stamp every earlier revision. So tokens are judged from the last
to the first, each at the time that a later one proves for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.policy import Acceptance, ValidationPolicy
from gateway.domain.verdicts import (
    IntegrityVerdict,
    TimeStampFound,
    TimeStampKind,
    TimeStampVerdict,
    Trust,
    TrustVerdict,
)
from gateway.errors import UnreadableSignature
from gateway.operations.standings import Standings
from gateway.timestamps.api import TokenReader, TokenReading
from gateway.trust.api import Purpose

TOKENS = 64
"""Time-stamps of one signature that are judged, at most; what more there is proves nothing more."""

_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TimeStampJudge:
    """Judges tokens for one batch, as of *now*. Leaves what they come to for a signature to ``conclusions``."""

    tokens: TokenReader
    policy: ValidationPolicy
    standings: Standings
    now: datetime

    def own(self, integrity: IntegrityVerdict, proved_by: datetime | None) -> list[TimeStampVerdict]:
        """
        Every token of one signature, in its order.

        *proved_by* is the earliest time for which something outside the signature proves them all.
        """
        found = integrity.time_stamps[:TOKENS]
        judged: list[TimeStampVerdict] = []
        for one in reversed(found):
            verdict = self.judge(one, integrity, proved_by)
            judged.append(verdict)
            if verdict.valid and one.kind is TimeStampKind.ARCHIVE:
                proved_by = earliest(proved_by, verdict.gen_time)
        judged.reverse()
        return judged

    def document(self, integrity: IntegrityVerdict, proved_by: datetime | None) -> TimeStampVerdict:
        """The token that a document time-stamp is."""
        if not integrity.crypto_valid or integrity.structure_valid is not True or not integrity.time_stamps:
            return TimeStampVerdict(
                valid=False,
                gen_time=None,
                digest=None,
                trust=None,
                detail="does not hold",
                kind=TimeStampKind.DOCUMENT,
                certificate=integrity.certificate,
                token=integrity.time_stamps[0].token if integrity.time_stamps else None,
            )
        found = integrity.time_stamps[0]
        return self.judge(TimeStampFound(found.token, found.covered, TimeStampKind.DOCUMENT), integrity, proved_by)

    def judge(self, found: TimeStampFound, integrity: IntegrityVerdict, proved_by: datetime | None) -> TimeStampVerdict:
        """
        Judge one token: imprint, signature, time, algorithms, then its authority.

        The authority is judged when the token is proved to have existed: by a later time-stamp, else now; under a
        policy that lets a token outlive its authority's certificate, at the token's own time.
        """
        try:
            reading = self.tokens.read(found.token)
        except UnreadableSignature:
            return TimeStampVerdict(False, None, None, None, "not readable", found.kind, None, found.token)
        broken = self._broken(reading, found.covered)
        if reading.certificate is None:
            broken = broken or "without certificate"
        if broken is not None or reading.certificate is None or not self.standings.anchored:
            return _verdict(found, reading, None, valid=broken is None, detail=broken or "")
        trust = self.standings.judge(
            reading.certificate,
            Purpose.TIME_STAMPING,
            reading.gen_time if self.policy.expired_authorities else (proved_by or self.now),
            (*reading.other_certificates, *integrity.other_certificates),
            integrity.embedded_ocsp_responses,
            integrity.embedded_crls,
        )
        return _verdict(found, reading, trust, valid=trust.trust is Trust.GOOD, detail=trust.detail)

    def _broken(self, reading: TokenReading, covered: bytes | None) -> str | None:
        """Why the token proves nothing whoever signed it; None where it holds."""
        if covered is None:
            return "over what is not there"
        if not _imprint_holds(reading, covered):
            return "imprint of something else"
        if not reading.signature_valid:
            return "signature does not hold"
        if reading.gen_time > self.now + _CLOCK_SKEW:
            return "time lies in the future"
        judged = [self.policy.token_digest(algorithm) for algorithm in reading.digest_algorithms]
        judged.append(self.policy.digest(reading.imprint_algorithm, reading.gen_time))
        return "weak algorithm" if Acceptance.REFUSED in judged else None


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two moments, either of which may be unknown."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def signed_after(verdicts: Sequence[TimeStampVerdict], covered: datetime | None) -> datetime | None:
    """
    The latest moment that lies provably before the signing.

    By valid content time-stamps, and by *covered*: the time of a document time-stamp that the signature covers.
    """
    times = [v.gen_time for v in verdicts if v.valid and v.gen_time is not None and v.kind is TimeStampKind.CONTENT]
    return max([*times, covered] if covered is not None else times, default=None)


def _verdict(
    found: TimeStampFound, reading: TokenReading, trust: TrustVerdict | None, *, valid: bool, detail: str
) -> TimeStampVerdict:
    digest = _digest(reading.imprint_algorithm)
    return TimeStampVerdict(
        valid,
        reading.gen_time,
        digest,
        trust,
        detail,
        found.kind,
        reading.certificate,
        found.token,
        judged=found.covered is not None,
    )


def _imprint_holds(reading: TokenReading, covered: bytes) -> bool:
    """Whether the token is over *covered*, which an engine gives as octets, or as their digest where it streams."""
    try:
        expected = hashlib.new(reading.imprint_algorithm, covered).digest()
    except (ValueError, TypeError):
        return False
    return hmac.compare_digest(reading.imprint, expected) or hmac.compare_digest(reading.imprint, covered)


def _digest(name: str) -> DigestAlgorithm | str:
    try:
        return DigestAlgorithm(name)
    except ValueError:
        return name
