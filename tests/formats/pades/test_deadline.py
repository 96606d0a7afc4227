"""Work that is stopped in the middle, and what it leaves behind."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress

import pytest

from gateway.formats.pades.deadline import OutOfTime, within


def test_work_without_end_is_stopped_though_it_catches_exceptions():
    """As libraries do that try again."""

    def forever():
        with within(0.05):
            while True:
                with suppress(Exception):
                    time.sleep(0.01)

    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime):
        forever()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_work_that_ends_in_time_is_left_alone():
    """And its own errors too; no alarm comes later."""
    with within(5):
        pass
    with pytest.raises(KeyError), within(5):
        raise KeyError
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_nothing_is_begun_when_no_time_is_left():
    """Many signatures share one deadline."""
    with pytest.raises(OutOfTime), within(-1):
        pytest.fail("begun")


def test_beside_the_main_thread_there_is_no_limit():
    """Signals reach that one alone; the process's own limits remain."""
    done = []

    def work():
        with within(-1):
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
