"""A batch asks on while its authority lives, and stops when it does not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.timestamps.batches import Batch, NoAnswer


@pytest.fixture
def run():
    """Runs a batch with threads of its own."""
    executors = []

    def go(count, ask, at_once, timeout=20.0):
        executors.append(ThreadPoolExecutor(at_once))
        return Batch(count, ask, at_once=at_once, timeout=timeout).run(executors[-1])

    yield go
    for executor in executors:
        executor.shutdown(wait=True)


def words(answers):
    return [a.reason if isinstance(a, NoAnswer) else a for a in answers]


def test_answers_stand_where_their_questions_stood(run):
    assert run(50, lambda index: index * index, at_once=8) == [i * i for i in range(50)]


def test_a_silence_between_good_answers_is_forgotten(run):
    """One after another, every second one silent: that is a flaky authority, and not a dead one."""

    def ask(index):
        if index % 2:
            raise NoAnswer("silence", silent=True)
        return index

    found = words(run(20, ask, at_once=1))
    assert found == [index if index % 2 == 0 else "silence" for index in range(20)]


def test_two_silences_in_a_row_end_a_batch(run):
    asked = []

    def ask(index):
        asked.append(index)
        raise NoAnswer("silence", silent=True)

    found = words(run(20, ask, at_once=1))
    assert asked == [0, 1]
    assert found == ["silence", "silence", *["not asked any more after: silence"] * 18]


def test_silences_do_not_count_while_others_are_answered(run):
    """Two wait in vain while a third lane is served: the authority lives."""
    served, both_fail = threading.Event(), threading.Barrier(2)
    weighed = threading.Event()

    def ask(index):
        if index < 2:
            served.wait(10)
            both_fail.wait(10)
            threading.Timer(0.05, weighed.set).start()
            raise NoAnswer("silence", silent=True)
        if index > 2:  # by now the answer to 2 has been weighed; no other good one comes between the silences
            served.set()
            weighed.wait(10)
        return index

    assert words(run(12, ask, at_once=3)) == ["silence", "silence", *range(2, 12)]


def test_many_failures_in_a_row_end_a_batch_though_they_are_quick(run):
    asked = []

    def ask(index):
        asked.append(index)
        raise NoAnswer("no")

    assert words(run(100, ask, at_once=1))[-1] == "not asked any more after: no"
    assert len(asked) == 8


def test_what_nobody_foresaw_costs_one_answer_and_its_text_is_not_told(run):
    def ask(index):
        if index == 3:
            raise ZeroDivisionError("secret")
        return index

    assert words(run(6, ask, at_once=2)) == [0, 1, 2, "asking failed (ZeroDivisionError)", 4, 5]


def test_what_hangs_is_not_waited_for_and_its_late_answer_changes_nothing(run, timed):
    let_go = threading.Event()

    def ask(index):
        if index == 1:
            let_go.wait(20)
        return index

    with timed() as taken:
        found = run(4, ask, at_once=2, timeout=0.2)
    let_go.set()
    assert words(found) == [0, "no answer in time", 2, 3]
    assert taken[0] < 2


def test_a_pool_that_is_closing_leaves_nobody_waiting():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    found = Batch(5, lambda index: index, at_once=3, timeout=20).run(executor)
    assert words(found) == ["no thread to ask with"] * 5
