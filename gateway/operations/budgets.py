"""
Pieces of work one after the other, each within its time and all within theirs, for a caller who waits.

A thread cannot be stopped (decision 29): what parses hostile bytes runs in processes that are killed. What is left may
still wait for somebody's server, so a piece past its time is left behind on its thread, which ends when its own limits
do, and the rest goes on in another. Few may be left behind at once.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from gateway.errors import ServiceBusy

T = TypeVar("T")


class Budgets:
    """How long pieces may take; shared by all calls of a process, for it counts the threads that were left behind."""

    def __init__(self, seconds_each: float | None, seconds_all: float | None, *, left_behind: int = 16) -> None:
        """
        Start nothing.

        Args:
            seconds_each: of one piece; None waits as long as it takes.
            seconds_all: of a whole call; None waits as long as it takes.
            left_behind: threads past their time that may still be running.

        """
        self._each = seconds_each
        self._all = seconds_all
        self._left_behind = left_behind
        self._late: list[threading.Thread] = []
        self._lock = threading.Lock()

    def run(self, pieces: Sequence[Callable[[], T]], late: Callable[[int], T]) -> list[T]:
        """
        The answer of every piece in order, *late*'s for those that did not end in time or never began.

        What a piece raises ends the call and is raised.

        Raises:
            ServiceBusy: Too many pieces of earlier calls are still running.

        """
        if self._each is None and self._all is None:
            return [piece() for piece in pieces]
        self._refuse_when_crowded()
        ends = None if self._all is None else time.monotonic() + self._all
        answers: dict[int, T] = {}
        start = 0
        while start < len(pieces) and (ends is None or time.monotonic() < ends):
            lane = _Lane(pieces, start)
            reached = lane.wait(self._each, ends)
            answers.update(lane.answers())
            if reached < len(pieces):
                with self._lock:
                    self._late.append(lane.thread)
            start = reached + 1
        return [answers[index] if index in answers else late(index) for index in range(len(pieces))]

    def _refuse_when_crowded(self) -> None:
        with self._lock:
            self._late = [thread for thread in self._late if thread.is_alive()]
            if len(self._late) >= self._left_behind:
                raise ServiceBusy(max(1, int(self._each or self._all or 1)))


class _Lane(Generic[T]):
    """One thread that works through pieces until it is done, fails, or is left behind."""

    def __init__(self, pieces: Sequence[Callable[[], T]], start: int) -> None:
        self._pieces = pieces
        self._answers: dict[int, T] = {}
        self._now_at = (start, time.monotonic())
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._left = False
        context = contextvars.copy_context()
        self.thread = threading.Thread(target=context.run, args=(self._work, start), daemon=True, name="verification")
        self.thread.start()

    def _work(self, start: int) -> None:
        try:
            for index in range(start, len(self._pieces)):
                self._now_at = (index, time.monotonic())
                answer = self._pieces[index]()
                if self._left:
                    return
                self._answers[index] = answer
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds_each: float | None, ends: float | None) -> int:
        """The index of the piece that is left behind; the number of pieces where all were done."""
        while True:
            index, began = self._now_at
            limits = [limit for limit in (None if seconds_each is None else began + seconds_each, ends) if limit]
            if self._done.wait(max(0.0, min(limits) - time.monotonic())):
                if self._error is not None:
                    raise self._error
                return len(self._pieces)
            if self._now_at == (index, began) or (ends is not None and time.monotonic() >= ends):
                self._left = True
                return self._now_at[0]

    def answers(self) -> dict[int, T]:
        """What was answered until it was left behind."""
        return dict(self._answers)
