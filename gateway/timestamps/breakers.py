"""When an authority is asked at all: not while it is known to be silent, and no faster than was agreed with it."""

from __future__ import annotations

import threading
from collections.abc import Callable

_FAILURES = 3
_FIRST_PAUSE_S = 15.0
_LONGEST_PAUSE_S = 600.0


class CircuitBreaker:
    """
    Counts batches of one authority that came back empty. Safe for threads.

    After three in a row the authority rests, for 15 seconds at first and twice as long after every further failure, up
    to ten minutes. When a rest is over one caller may try it; its success makes everything good again.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """*monotonic*: seconds that never run backwards."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = _FIRST_PAUSE_S
        self._until: float | None = None

    def allows(self) -> bool:
        """Whether the caller may ask. After a rest it is one caller's turn; the others wait for another rest."""
        with self._lock:
            if self._until is None:
                return True
            now = self._monotonic()
            if now < self._until:
                return False
            self._until = now + self._pause
            return True

    def succeeded(self) -> None:
        """The authority gave something usable."""
        with self._lock:
            self._failures, self._pause, self._until = 0, _FIRST_PAUSE_S, None

    def failed(self) -> None:
        """The authority gave nothing usable."""
        with self._lock:
            self._failures += 1
            if self._until is not None:
                self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)
            if self._until is not None or self._failures >= _FAILURES:
                self._until = self._monotonic() + self._pause

    @property
    def rests(self) -> bool:
        """Whether the authority is known to be silent."""
        with self._lock:
            return self._until is not None


class RateLimit:
    """At most so many questions a second over time, and that many at once after a quiet while. Safe for threads."""

    def __init__(self, per_second: float, burst: int, monotonic: Callable[[], float]) -> None:
        """*burst*: questions at once after a quiet while."""
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left = float(burst)
        self._counted = monotonic()

    def take(self, wanted: int) -> int:
        """How many of *wanted* questions may be asked now; they count as asked."""
        with self._lock:
            now = self._monotonic()
            self._left = min(float(self._burst), self._left + (now - self._counted) * self._per_second)
            self._counted = now
            granted = min(wanted, int(self._left))
            self._left -= granted
            return granted

    def wait(self) -> float:
        """Seconds until one more question may be asked."""
        with self._lock:
            return max(0.0, (1.0 - self._left) / self._per_second)
