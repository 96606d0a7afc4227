"""
What one batch has found out about certificates, so that a signer of a hundred contents is judged a few times only.

A verdict is for one moment. Two verdicts ``GOOD`` over one path enclose every moment between them: validity periods are
without gaps, and what was not revoked later was not revoked earlier (EN 319 102-1 § 5.2.6.4). Where trusted lists are
asked there may be gaps. Nothing else is inferred, and nothing outlives the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.domain.policy import KeyStrength
from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.trust.api import CertificateJudge, Purpose

_KEPT = 512
_EVIDENCE_COMPARED = 64 * 1024
"""Octets of evidence up to which two questions are compared; the judge knows large CRLs by their digests."""

_Evidence = tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]
_Key = tuple[bytes, Purpose, _Evidence]


@dataclass(slots=True)
class _Known:
    """Verdicts by moment, and the two that enclose the longest time in which all is good."""

    exactly: dict[datetime, TrustVerdict] = field(default_factory=dict)
    first: TrustVerdict | None = None
    last: TrustVerdict | None = None

    def at(self, moment: datetime) -> TrustVerdict | None:
        found = self.exactly.get(moment)
        if found is not None:
            return found
        if self.first is None or self.last is None or not self.first.judged_at <= moment <= self.last.judged_at:
            return None
        return replace(self.last, judged_at=moment)

    def ends_before(self, moment: datetime) -> bool:
        return self.last is not None and self.last.judged_at < moment

    def learn(self, moment: datetime, verdict: TrustVerdict) -> None:
        if len(self.exactly) < _KEPT:
            self.exactly[moment] = verdict
        if verdict.trust is not Trust.GOOD or verdict.by_list or verdict.judged_at != moment or not verdict.path:
            return
        if self.first is None or self.last is None:
            self.first = self.last = verdict
        elif verdict.path == self.last.path:
            self.first = min(self.first, verdict, key=lambda one: one.judged_at)
            self.last = max(self.last, verdict, key=lambda one: one.judged_at)


class Standings:
    """Asks the judge, the subject reader and the key reader for one batch, and remembers their answers."""

    def __init__(
        self,
        judge: CertificateJudge | None,
        describe: Callable[[bytes], str],
        strength: Callable[[bytes], KeyStrength | None],
        now: datetime,
    ) -> None:
        """Ask *judge* as of *now*; None judges nobody."""
        self._judge = judge
        self._describe = describe
        self._strength = strength
        self._now = now
        self._known: dict[_Key, _Known] = {}
        self._read: dict[bytes, tuple[str | None, KeyStrength | None]] = {}

    @property
    def anchored(self) -> bool:
        """Whether certificates are judged at all."""
        return self._judge is not None

    def judge(
        self,
        certificate: bytes,
        purpose: Purpose,
        at: datetime,
        others: tuple[bytes, ...],
        ocsp_responses: tuple[bytes, ...],
        crls: tuple[bytes, ...],
    ) -> TrustVerdict:
        """As ``CertificateJudge.judge``, asked only for what no earlier answer says. Needs ``anchored``."""
        assert self._judge is not None
        key = (certificate, purpose, (others, ocsp_responses, crls))
        if sum(len(octets) for kind in key[2] for octets in kind) > _EVIDENCE_COMPARED:
            return self._ask(key, _Known(), at)
        known = self._known.get(key)
        if known is None:
            known = _Known()
            if len(self._known) < _KEPT:
                self._known[key] = known
        elif known.ends_before(at) and at < self._now and self._now not in known.exactly:
            self._ask(key, known, self._now)  # once asked for a second time, the present encloses what will follow
        return known.at(at) or self._ask(key, known, at)

    def _ask(self, key: _Key, known: _Known, at: datetime) -> TrustVerdict:
        assert self._judge is not None
        certificate, purpose, (others, ocsp_responses, crls) = key
        verdict = self._judge.judge(
            certificate, purpose, at=at, now=self._now, others=others, ocsp_responses=ocsp_responses, crls=crls
        )
        known.learn(at, verdict)
        return verdict

    def subject(self, certificate: bytes | None) -> str | None:
        """Display text of whose *certificate* is; None where there is none, or it cannot be read."""
        return None if certificate is None else self._reading(certificate)[0]

    def strength(self, certificate: bytes) -> KeyStrength | None:
        """Its key's kind and size, None where that cannot be read."""
        return self._reading(certificate)[1]

    def _reading(self, certificate: bytes) -> tuple[str | None, KeyStrength | None]:
        found = self._read.get(certificate)
        if found is None:
            try:
                subject = self._describe(certificate)
            except ValueError:
                subject = None
            found = (subject, self._strength(certificate))
            if len(self._read) < _KEPT:
                self._read[certificate] = found
        return found
