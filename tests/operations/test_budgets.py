"""A piece past its time is left behind, and the rest goes on."""

import threading

import pytest

from gateway.errors import ServiceBusy
from gateway.operations.budgets import Budgets


@pytest.fixture
def held():
    """An event that pieces wait for; set when the test ends, so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def late(index):
    return f"late {index}"


def test_without_limits_pieces_run_here():
    here = threading.current_thread()
    assert Budgets(None, None).run([threading.current_thread] * 2, late) == [here, here]


def test_pieces_in_time_are_answered_in_order():
    assert Budgets(60, 60).run([lambda n=n: n for n in range(100)], late) == list(range(100))


def test_no_pieces_have_no_answers():
    assert Budgets(60, 60).run([], late) == []


def test_a_piece_past_its_time_is_late_and_the_rest_go_on(held):
    pieces = [lambda: "first", lambda: held.wait(60), lambda: "third", lambda: held.wait(60), lambda: "last"]
    assert Budgets(0.2, None).run(pieces, late) == ["first", "late 1", "third", "late 3", "last"]


def test_past_the_time_of_all_what_was_answered_stands_and_the_rest_is_late(held):
    pieces = [lambda: "first", lambda: held.wait(60), lambda: "third"]
    assert Budgets(None, 0.2).run(pieces, late) == ["first", "late 1", "late 2"]


def test_what_a_piece_raises_is_raised():
    def busy():
        raise ServiceBusy(3)

    with pytest.raises(ServiceBusy):
        Budgets(60, 60).run([lambda: 1, busy, lambda: 3], late)


def test_too_many_left_behind_are_busy_until_they_end(held):
    budgets = Budgets(0.05, None, left_behind=2)
    assert budgets.run([lambda: held.wait(60)] * 2, late) == ["late 0", "late 1"]
    with pytest.raises(ServiceBusy):
        budgets.run([lambda: "more"], late)
    held.set()
    for thread in threading.enumerate():
        if thread.name == "verification":
            thread.join(10)
    assert budgets.run([lambda: "again"], late) == ["again"]
