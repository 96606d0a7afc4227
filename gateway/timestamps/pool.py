"""
Several time-stamping authorities as one: the first that answers serves, the next ones stand in for it.

An imprint that one authority leaves without a token goes to the next; one that is known to be silent is not waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.contents import DigestAlgorithm
from gateway.errors import AuthorityUnavailable, ConfigurationError
from gateway.timestamps.api import TimeStampingAuthority, TimeStampToken
from gateway.timestamps.breakers import CircuitBreaker, RateLimit

_LONGEST_WAIT_S = 5.0
"""How long a batch may stand still for the sake of a rate, in all; what is left then has no time-stamp yet."""

Answer = TimeStampToken | AuthorityUnavailable


@dataclass(frozen=True, slots=True)
class PoolMember:
    """One authority of a pool; *per_second* None: as fast as it answers."""

    name: str
    authority: TimeStampingAuthority
    per_second: float | None = None
    burst: int = 100


class _Member:
    def __init__(self, member: PoolMember, monotonic: Callable[[], float]) -> None:
        if member.per_second is not None and (member.per_second <= 0 or member.burst < 1):
            raise ConfigurationError("timestamps: per_second must be more than zero, and burst at least one")
        self.name = member.name
        self.authority = member.authority
        self.breaker = CircuitBreaker(monotonic)
        self.rate = None if member.per_second is None else RateLimit(member.per_second, member.burst, monotonic)

    def grant(self, wanted: int) -> int:
        """How many of *wanted* questions may be put now."""
        return wanted if self.rate is None else self.rate.take(wanted)


class TimeStampingPool:
    """Implements ``TimeStampingAuthority`` over others, in the order given. Safe for threads."""

    def __init__(
        self,
        members: Sequence[PoolMember],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises ``ConfigurationError`` where there is no member, or a rate cannot be."""
        if not members:
            raise ConfigurationError("timestamps.url: is required")
        self._members = [_Member(member, monotonic) for member in members]
        self._sleep = sleep

    def tokens(self, imprints: Sequence[bytes], algorithm: DigestAlgorithm, now: datetime) -> Sequence[Answer]:
        """As ``TimeStampingAuthority``. What no authority attested has the last one's reason."""
        answers: list[Answer | None] = [None] * len(imprints)
        open_ = self._round(list(range(len(imprints))), imprints, algorithm, now, answers)
        waited = 0.0
        while open_ and (pause := self._pause(open_, answers)) is not None and waited + pause <= _LONGEST_WAIT_S:
            self._sleep(pause)
            waited += pause
            open_ = self._round(open_, imprints, algorithm, now, answers)
        silent = AuthorityUnavailable(self._members[0].name, "no authority could be asked")
        return [silent if answer is None else answer for answer in answers]

    def _round(
        self,
        open_: list[int],
        imprints: Sequence[bytes],
        algorithm: DigestAlgorithm,
        now: datetime,
        answers: list[Answer | None],
    ) -> list[int]:
        """Go through the authorities once; the indexes that are still without a token."""
        for member in self._members:
            if not open_:
                break
            rested = member.breaker.rests
            granted = open_[: member.grant(1 if rested else len(open_))]
            if not granted or not member.breaker.allows():
                continue
            attested = self._ask(member, granted, imprints, algorithm, now, answers)
            open_ = [index for index in open_ if index not in attested]
            if rested and attested and (more := open_[: member.grant(len(open_))]):
                attested = self._ask(member, more, imprints, algorithm, now, answers)
                open_ = [index for index in open_ if index not in attested]
        return open_

    def _ask(
        self,
        member: _Member,
        indexes: list[int],
        imprints: Sequence[bytes],
        algorithm: DigestAlgorithm,
        now: datetime,
        answers: list[Answer | None],
    ) -> set[int]:
        """Put the questions to *member*; the indexes that have a token now. A rest that is over is tried with one."""
        found = member.authority.tokens([imprints[index] for index in indexes], algorithm, now)
        for index, answer in zip(indexes, found, strict=True):
            answers[index] = answer
        attested = {index for index in indexes if isinstance(answers[index], TimeStampToken)}
        member.breaker.succeeded() if attested else member.breaker.failed()
        return attested

    def _pause(self, open_: list[int], answers: list[Answer | None]) -> float | None:
        """Seconds until a rate admits another question; None where no rate is what is missing."""
        if all(answers[index] is not None for index in open_):
            return None
        waits = [member.rate.wait() for member in self._members if member.rate is not None and not member.breaker.rests]
        return max(min(waits), 0.01) if waits else None
