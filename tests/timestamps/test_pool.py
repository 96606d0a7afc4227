"""Several authorities serve as one: the next stands in, the silent rest, and none is asked faster than agreed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contents import DigestAlgorithm
from gateway.errors import AuthorityUnavailable, ConfigurationError
from gateway.timestamps.api import TimeStampToken
from gateway.timestamps.breakers import CircuitBreaker, RateLimit
from gateway.timestamps.pool import PoolMember, TimeStampingPool

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
SHA256 = DigestAlgorithm.SHA256


class Authority:
    """Attests what *attests* says; remembers what it was asked."""

    def __init__(self, name, attests=lambda _imprint: True):
        self.name, self.attests, self.asked = name, attests, []

    def tokens(self, imprints, _algorithm, now):
        self.asked.append(list(imprints))
        return [
            TimeStampToken(b"token " + imprint, now, self.name)
            if self.attests(imprint)
            else AuthorityUnavailable(self.name, "silent")
            for imprint in imprints
        ]


class Clock:
    def __init__(self):
        self.now, self.slept = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pool(clock):
    def make(*authorities, **limits):
        members = [PoolMember(a.name, a, **limits.get(a.name, {})) for a in authorities]
        return TimeStampingPool(members, monotonic=clock, sleep=clock.sleep)

    return make


def ask(pool, *imprints):
    return [getattr(answer, "der", None) for answer in pool.tokens(list(imprints), SHA256, NOW)]


def test_the_first_that_answers_serves_alone(pool):
    first, second = Authority("a"), Authority("b")
    assert ask(pool(first, second), b"1", b"2") == [b"token 1", b"token 2"]
    assert second.asked == []


def test_the_next_stands_in_for_what_the_first_left_open_and_order_is_kept(pool):
    first, second = Authority("a", lambda imprint: imprint != b"2"), Authority("b")
    answers = pool(first, second).tokens([b"1", b"2", b"3"], SHA256, NOW)
    assert [(a.der, a.authority) for a in answers] == [(b"token 1", "a"), (b"token 2", "b"), (b"token 3", "a")]
    assert second.asked == [[b"2"]]


def test_where_nobody_answers_every_imprint_says_so(pool):
    nobody = pool(Authority("a", lambda _: False), Authority("b", lambda _: False))
    answers = nobody.tokens([b"1", b"2"], SHA256, NOW)
    assert all(isinstance(answer, AuthorityUnavailable) for answer in answers)
    assert {answer.authority for answer in answers} == {"b"}
    assert nobody.tokens([], SHA256, NOW) == []


def test_a_silent_authority_rests_and_is_then_tried_with_one_question(pool, clock):
    first, second = Authority("a", lambda _: False), Authority("b")
    town = pool(first, second)
    for _ in range(5):
        assert ask(town, b"1", b"2") == [b"token 1", b"token 2"]
    assert len(first.asked) == 3, "after three empty batches it is asked no more"
    clock.now += 16
    assert ask(town, b"1", b"2") == [b"token 1", b"token 2"]
    assert first.asked[3:] == [[b"1"]], "its rest is over: one question, whose loss the next makes good"
    clock.now += 31
    first.attests = lambda _: True
    assert ask(town, b"1", b"2") == [b"token 1", b"token 2"]
    assert first.asked[4:] == [[b"1"], [b"2"]], "it answers: the batch is its own again"
    assert ask(town, b"3") == [b"token 3"]
    assert first.asked[-1] == [b"3"]


def test_no_authority_is_asked_faster_than_agreed(pool, clock):
    first, second = Authority("a"), Authority("b")
    town = pool(first, second, a={"per_second": 10, "burst": 3})
    assert ask(town, *[bytes([n]) for n in range(5)]) == [b"token " + bytes([n]) for n in range(5)]
    assert [len(first.asked[0]), len(second.asked[0])] == [3, 2], "the rest goes to the next"
    clock.now += 0.1
    ask(town, b"x", b"y")
    assert [len(first.asked[1]), len(second.asked[1])] == [1, 1]


def test_a_batch_waits_a_little_for_the_rate_of_its_only_authority(pool, clock):
    only = Authority("a")
    town = pool(only, a={"per_second": 10, "burst": 10})
    answers = ask(town, *[bytes([n]) for n in range(20)])
    assert None not in answers
    assert sum(clock.slept) == pytest.approx(1.0, abs=0.2)
    assert sum(len(asked) for asked in only.asked) == 20


def test_a_batch_does_not_wait_for_ever_for_a_rate(pool, clock):
    only = Authority("a")
    town = pool(only, a={"per_second": 1, "burst": 1})
    answers = ask(town, *[bytes([n]) for n in range(100)])
    assert answers.count(None) == 94
    assert sum(clock.slept) <= 5


@pytest.mark.parametrize("limits", [{"per_second": 0}, {"per_second": -1}, {"per_second": 1, "burst": 0}])
def test_rates_that_cannot_be_are_refused(pool, limits):
    with pytest.raises(ConfigurationError, match="per_second"):
        pool(Authority("a"), a=limits)


def test_a_pool_of_nobody_is_refused(pool):
    with pytest.raises(ConfigurationError, match=r"timestamps\.url"):
        pool()


def test_rests_grow_and_end_with_the_first_success(clock):
    breaker, rests = CircuitBreaker(clock), []
    for _ in range(3):
        breaker.failed()
    for _ in range(8):
        began = clock.now
        while not breaker.allows():
            clock.now += 1
        rests.append(clock.now - began)
        breaker.failed()
    assert rests == [15, 30, 60, 120, 240, 480, 600, 600]
    while not breaker.allows():
        clock.now += 1
    assert not breaker.allows(), "one caller tries; the others do not pile up behind it"
    breaker.succeeded()
    assert breaker.allows()
    assert not breaker.rests


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), max_size=40))
def test_over_any_time_the_rate_is_kept(calls):
    clock = Clock()
    began, rate, granted = clock.now, RateLimit(5, 10, clock), 0
    for pause, wanted in calls:
        clock.now += pause
        granted += rate.take(wanted)
        assert granted <= 10 + 5 * (clock.now - began) + 1e-6
