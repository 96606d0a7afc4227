"""
Many questions to one authority: some at once, in turns with other batches, and no more of them once it is silent.

A batch ends soon after its authority does: what waits is not asked, and what hangs is not waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")
_FAILURES_IN_A_ROW = 8
_SILENCES_IN_A_ROW = 2
_PATIENCE = 1.5
"""Where nothing has begun or ended for so many timeouts, something hangs that no timeout reaches (a name's lookup)."""


class NoAnswer(Exception):
    """One question without a usable answer; *silent* where the authority did not answer in time or at all."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        """*reason*: plain English for the operator."""
        super().__init__(reason)
        self.reason = reason
        self.silent = silent


class Batch(Generic[T]):
    """One run over *count* questions; used once."""

    def __init__(
        self,
        count: int,
        ask: Callable[[int], T],
        *,
        at_once: int,
        timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*ask* answers the question of an index or raises ``NoAnswer``, within *timeout* seconds as far as it can."""
        self._ask = ask
        self._lanes = min(at_once, count)
        self._timeout = timeout
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._answers: list[T | NoAnswer | None] = [None] * count
        self._next = 0
        self._stopped: NoAnswer | None = None
        self._last_event = self._last_good = monotonic()
        self._in_a_row = 0
        self._silences = 0

    def run(self, executor: Executor) -> list[T | NoAnswer]:
        """An answer or its absence for every question, in order. Never raises for what *ask* raises."""
        with self._changed:
            for _ in range(self._lanes):
                self._go_on(executor)
            while self._lanes:
                left = self._last_event + self._timeout * _PATIENCE - self._monotonic()
                if left <= 0:
                    self._stop(NoAnswer("no answer in time", silent=True))
                    break
                self._changed.wait(left)
            missing = self._stopped or NoAnswer("not asked")
            return [missing if answer is None else answer for answer in self._answers]

    def _step(self, executor: Executor) -> None:
        """One question of one lane; the next one stands at the end of the queue, so that batches take turns."""
        with self._changed:
            if self._stopped is not None or self._next == len(self._answers):
                self._end_lane()
                return
            index = self._next
            self._next += 1
            began = self._last_event = self._monotonic()
        answer: T | NoAnswer
        try:
            answer = self._ask(index)
        except NoAnswer as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - what nobody foresaw costs one answer, never the batch
            answer = NoAnswer(f"asking failed ({type(error).__name__})")
        with self._changed:
            self._last_event = self._monotonic()
            self._answers[index] = answer
            self._weigh(answer, began)
            self._go_on(executor)

    def _go_on(self, executor: Executor) -> None:
        try:
            executor.submit(self._step, executor)
        except RuntimeError:  # no thread can be had: the process is ending
            self._stop(NoAnswer("no thread to ask with"))
            self._end_lane()

    def _end_lane(self) -> None:
        self._lanes -= 1
        self._changed.notify_all()

    def _weigh(self, answer: T | NoAnswer, began: float) -> None:
        """Whether to go on asking: not after many failures in a row, nor where nothing good came while two waited."""
        if not isinstance(answer, NoAnswer):
            self._last_good = self._last_event
            self._in_a_row = self._silences = 0
            return
        self._in_a_row += 1
        self._silences += answer.silent
        dead = self._silences >= _SILENCES_IN_A_ROW and self._last_good <= began
        if dead or self._in_a_row >= _FAILURES_IN_A_ROW:
            self._stop(NoAnswer(f"not asked any more after: {answer.reason}", silent=answer.silent))

    def _stop(self, reason: NoAnswer) -> None:
        if self._stopped is None:
            self._stopped = reason
