"""Python code stopped in the middle of its work, in the isolated process: gentler than ending that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class OutOfTime(BaseException):
    """Raised in the middle of the work; no ``except Exception`` of a library stops it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """
    Run the body for *seconds* at most, by the clock. Outside of a main thread it runs without a limit.

    Raises:
        OutOfTime: Where it takes longer, or nothing is left from the beginning.

    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise OutOfTime
    before = signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise OutOfTime
