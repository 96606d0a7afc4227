"""Everything found in one file, concluded on: which time-stamp proves what, and who is judged when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.domain.conclusions import conclude, proved_times
from gateway.domain.policy import KeyStrength, ValidationPolicy, policy_verdict
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, TimeStampVerdict, Trust, TrustVerdict
from gateway.domain.verification import SignatureConclusion
from gateway.operations.standings import Standings
from gateway.operations.time_stamps import TimeStampJudge, earliest, signed_after
from gateway.timestamps.api import TokenReader
from gateway.trust.api import CertificateJudge, Purpose


class Concluding:
    """Concludes on files of one batch, all as of one moment and under one policy; lives as long as the batch."""

    def __init__(
        self,
        judge: CertificateJudge | None,
        tokens: TokenReader,
        policy: ValidationPolicy,
        now: datetime,
        *,
        describe: Callable[[bytes], str],
        strength: Callable[[bytes], KeyStrength | None],
    ) -> None:
        """As ``VerifySignatures``; without *judge* nobody's certificate is judged."""
        self._policy = policy
        self._now = now
        self._standings = Standings(judge, describe, strength, now)
        self._stamps = TimeStampJudge(tokens, policy, self._standings, now)

    def conclusions(
        self, found: Sequence[IntegrityVerdict], *, document: bool, revisions: bool
    ) -> list[SignatureConclusion]:
        """
        One conclusion for each entry, in their order.

        Args:
            found: signatures and document time-stamps in document order.
            document: whether a document was signed and not a hash, so that a failing digest means that it changed.
            revisions: whether each entry covers all before it, as in a PDF; else document time-stamps stand alone.

        """
        stamps: dict[int, TimeStampVerdict] = {}
        later: TimeStampVerdict | None = None
        proofs: list[TimeStampVerdict | None] = [None] * len(found)
        # From the last entry back: later time-stamps prove earlier entries.
        for index in range(len(found) - 1, -1, -1):
            proofs[index] = later if revisions else None
            if found[index].kind is SignatureKind.DOCUMENT_TIME_STAMP:
                stamps[index] = self._stamps.document(found[index], _time_of(proofs[index]))
                later = _sooner(stamps[index], later)
        concluded = []
        covered: datetime | None = None
        for index, integrity in enumerate(found):
            if index in stamps:
                concluded.append(self._time_stamp(integrity, stamps[index]))
                if stamps[index].valid and revisions:
                    covered = stamps[index].gen_time
            else:
                concluded.append(self._signature(integrity, proofs[index], covered, document=document))
        return concluded

    def _signature(
        self,
        integrity: IntegrityVerdict,
        later: TimeStampVerdict | None,
        covered: datetime | None,
        *,
        document: bool,
    ) -> SignatureConclusion:
        """
        Conclude on one signature.

        *later* is a document time-stamp over it; *covered* the time of one that it covers, so that it was signed after.
        """
        subject = self._standings.subject(integrity.certificate)
        anchored = self._standings.anchored
        if not integrity.crypto_valid or integrity.certificate is None:
            return conclude(integrity, (), None, None, subject, document=document, anchored=anchored)
        stamps = self._stamps.own(integrity, _time_of(later))
        if later is not None:
            stamps.append(later)
        proved_at = min(proved_times(stamps), default=None)
        trust = before = None
        if anchored:
            trust = self._trust(integrity, proved_at or self._now)
            after = signed_after(stamps, covered)
            if after is not None and trust.trust in (Trust.REVOKED, Trust.EXPIRED):
                before = self._trust(integrity, after)
        policy = policy_verdict(
            self._policy,
            integrity,
            time_stamps=stamps,
            key=self._standings.strength(integrity.certificate),
            proved_at=proved_at,
            now=self._now,
        )
        return conclude(
            integrity,
            stamps,
            trust,
            policy,
            subject,
            trust_before_signing=before,
            document=document,
            anchored=anchored,
        )

    def _time_stamp(self, integrity: IntegrityVerdict, stamp: TimeStampVerdict) -> SignatureConclusion:
        subject = self._standings.subject(integrity.certificate)
        anchored = self._standings.anchored
        return conclude(integrity, (stamp,), stamp.trust, None, subject, document=True, anchored=anchored)

    def _trust(self, integrity: IntegrityVerdict, at: datetime) -> TrustVerdict:
        assert integrity.certificate is not None
        return self._standings.judge(
            integrity.certificate,
            Purpose.SIGNING,
            at,
            integrity.other_certificates,
            integrity.embedded_ocsp_responses,
            integrity.embedded_crls,
        )


def _time_of(stamp: TimeStampVerdict | None) -> datetime | None:
    return stamp.gen_time if stamp is not None else None


def _sooner(stamp: TimeStampVerdict, later: TimeStampVerdict | None) -> TimeStampVerdict | None:
    """The valid one of the two whose time is the earlier."""
    if not stamp.valid or later is None:
        return stamp if stamp.valid else later
    return stamp if earliest(stamp.gen_time, later.gen_time) == stamp.gen_time else later
