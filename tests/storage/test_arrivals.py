"""What an e-service sent along with a browser is kept for that browser, within bounds, and goes with the request."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.requests import RequestId
from gateway.domain.sessions import Arrival
from gateway.storage.sql import SqlArrivalStore

SECOND = timedelta(seconds=1)


@pytest.fixture
def arrivals(database):
    return SqlArrivalStore(database)


@pytest.fixture
def kept(requests, make_request):
    request = make_request()
    requests.add(request)
    return request


@pytest.fixture
def arrival(kept, now):
    return Arrival(
        kept.id, b"b" * 32, now, "https://a.md/back?x=1", "stăre\0\ud800&=\r\n", "ro", "hosted", "+37360000000"
    )


def browsers(arrivals, request, count):
    return [i for i in range(count) if arrivals.get(request.id, bytes([i]) * 32) is not None]


def test_an_arrival_is_found_as_it_was(arrivals, arrival):
    arrivals.put(arrival)
    assert arrivals.get(arrival.request_id, arrival.browser) == arrival
    bare = Arrival(arrival.request_id, b"c" * 32, arrival.created)
    arrivals.put(bare)
    assert arrivals.get(arrival.request_id, b"c" * 32) == bare
    assert arrivals.get(arrival.request_id, b"d" * 32) is None
    assert arrivals.get(RequestId("0" * 32), arrival.browser) is None


def test_a_later_arrival_of_the_same_browser_takes_its_place(arrivals, arrival):
    arrivals.put(arrival)
    later = Arrival(arrival.request_id, arrival.browser, arrival.created + SECOND, language="ru")
    arrivals.put(later)
    assert arrivals.get(arrival.request_id, arrival.browser) == later


def test_nothing_happens_where_there_is_no_such_request(arrivals, arrival):
    arrivals.put(replace(arrival, request_id=RequestId("0" * 32)))
    assert arrivals.get(RequestId("0" * 32), arrival.browser) is None


@pytest.mark.parametrize("step", [0, 1])
def test_the_newest_thirty_two_are_kept(arrivals, arrival, kept, now, step):
    """Of those that came at the same moment, the ones put last."""
    for i in range(40):
        arrivals.put(replace(arrival, browser=bytes([i]) * 32, created=now + i * step * SECOND))
    assert browsers(arrivals, kept, 40) == list(range(8, 40))


def test_coming_again_makes_an_arrival_new(arrivals, arrival, kept):
    for i in [*range(32), 0, 32]:
        arrivals.put(replace(arrival, browser=bytes([i]) * 32))
    assert browsers(arrivals, kept, 33) == [0, *range(2, 33)]


def test_requests_are_counted_apart(arrivals, arrival, requests, make_request):
    other = make_request()
    requests.add(other)
    arrivals.put(replace(arrival, request_id=other.id))
    for i in range(40):
        arrivals.put(replace(arrival, browser=bytes([i]) * 32))
    assert arrivals.get(other.id, arrival.browser) is not None


def test_arrivals_at_once_are_bounded_too(arrivals, arrival, kept, at_once):
    def put(first):
        for i in range(first, first + 10):
            arrivals.put(replace(arrival, browser=bytes([i]) * 32))

    assert at_once(*(lambda n=n: put(10 * n) for n in range(6))) == [None] * 6
    assert len(browsers(arrivals, kept, 60)) == 32


def test_a_rotated_secret_keeps_the_arrival(arrivals, arrival):
    arrivals.put(arrival)
    arrivals.rebind(arrival.request_id, arrival.browser, b"n" * 32)
    assert arrivals.get(arrival.request_id, arrival.browser) is None
    assert arrivals.get(arrival.request_id, b"n" * 32) == replace(arrival, browser=b"n" * 32)


def test_rotating_replaces_what_was_kept_for_the_new_secret(arrivals, arrival):
    arrivals.put(arrival)
    arrivals.put(Arrival(arrival.request_id, b"n" * 32, arrival.created))
    arrivals.rebind(arrival.request_id, arrival.browser, b"n" * 32)
    assert arrivals.get(arrival.request_id, b"n" * 32) == replace(arrival, browser=b"n" * 32)


def test_rotating_without_an_arrival_changes_nothing(arrivals, arrival):
    arrivals.put(arrival)
    arrivals.rebind(arrival.request_id, b"x" * 32, arrival.browser)
    arrivals.rebind(arrival.request_id, arrival.browser, arrival.browser)
    arrivals.rebind(RequestId("0" * 32), arrival.browser, b"n" * 32)
    assert arrivals.get(arrival.request_id, arrival.browser) == arrival


def test_arrivals_go_with_their_request(arrivals, arrival, requests):
    arrivals.put(arrival)
    requests.delete_created_before(arrival.created + SECOND, 10)
    assert arrivals.get(arrival.request_id, arrival.browser) is None


def test_an_arrival_while_its_request_goes_is_no_error(arrivals, arrival, requests, at_once):
    put, _ = at_once(
        lambda: arrivals.put(arrival), lambda: requests.delete_created_before(arrival.created + SECOND, 10)
    )
    assert put is None
    requests.delete_created_before(arrival.created + SECOND, 10)
    assert arrivals.get(arrival.request_id, arrival.browser) is None
