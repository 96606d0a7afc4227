"""One address is slowed down before it can lock somebody else's key; addresses are never kept readable."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.storage.sql import SqlAddressThrottle
from gateway.storage.tables import address_tries

WINDOW = timedelta(minutes=10)
MOMENT = timedelta(microseconds=1)
KEY = b"k" * 32


@pytest.fixture
def throttle(database):
    return SqlAddressThrottle(database, tries=3, window=WINDOW, key=KEY)


def rows(database):
    with database.connect() as connection:
        return connection.execute(select(address_tries)).all()


def tries(throttle, address, now, count=5):
    return [throttle.allow(address, now) for _ in range(count)]


def test_an_address_may_go_on_so_often_within_a_window(throttle, now):
    assert tries(throttle, "192.0.2.1", now) == [True, True, True, False, False]
    assert throttle.allow("192.0.2.1", now + WINDOW - MOMENT) is False
    assert tries(throttle, "192.0.2.1", now + WINDOW) == [True, True, True, False, False]


def test_other_addresses_are_not_held_up(throttle, now):
    tries(throttle, "192.0.2.1", now)
    assert throttle.allow("192.0.2.2", now) is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.1", " 192.0.2.1 "),
        ("fe80::1%eth0", "fe80::1%eth1"),
    ],
)
def test_spellings_and_neighbours_of_one_address_are_one(throttle, now, first, second):
    tries(throttle, first, now)
    assert throttle.allow(second, now) is False


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("", "unix"),
        ("a\0", "b\ud800"),
    ],
)
def test_other_networks_are_others(throttle, now, first, second):
    tries(throttle, first, now)
    assert throttle.allow(second, now) is True


def test_addresses_are_kept_hashed_under_a_key(throttle, database, now):
    throttle.allow("192.0.2.1", now)
    other = SqlAddressThrottle(database, tries=3, window=WINDOW, key=b"other" * 8)
    other.allow("192.0.2.1", now)
    kept = rows(database)
    assert len(kept) == 2
    assert {len(row.address) for row in kept} == {32}
    assert not any(b"192.0" in row.address for row in kept)


def test_what_is_past_its_window_is_dropped(throttle, database, now):
    for host in range(130):
        throttle.allow(f"192.0.2.{host}", now)
    assert len(rows(database)) == 130
    throttle.allow("198.51.100.1", now + WINDOW)
    assert len(rows(database)) == 31
    throttle.allow("198.51.100.1", now + WINDOW)
    assert len(rows(database)) == 1


def test_a_clock_that_was_far_ahead_holds_nobody_up(throttle, now):
    tries(throttle, "192.0.2.1", now + 100 * WINDOW)
    assert throttle.allow("192.0.2.1", now) is True


def test_a_refused_address_does_not_prolong_its_window(throttle, database, now):
    tries(throttle, "192.0.2.1", now, count=100)
    assert [(row.tries, row.since) for row in rows(database)] == [(4, now)]


def test_tries_at_once_are_counted_exactly(throttle, at_once, now):
    for host in range(40):
        throttle.allow(f"198.51.100.{host}", now - WINDOW)
    allowed = at_once(*[lambda: throttle.allow("192.0.2.1", now)] * 8)
    assert sorted(allowed) == [False] * 5 + [True] * 3


def test_many_addresses_at_once_do_not_wait_for_each_other(throttle, at_once, now):
    """Everybody returns at the moment when everybody's row is due to be dropped."""
    for moment in (now, now + WINDOW, now + 2 * WINDOW):
        allowed = at_once(*(lambda host=host, at=moment: throttle.allow(f"192.0.2.{host}", at) for host in range(8)))
        assert allowed == [True] * 8


def test_tries_at_one_thing_are_counted_apart(throttle, now):
    assert [throttle.allow("192.0.2.1", now, "key 1") for _ in range(4)] == [True, True, True, False]
    assert throttle.allow("192.0.2.1", now, "key 2") is True
    assert throttle.allow("192.0.2.1", now) is True


def test_a_good_end_starts_counting_anew_for_that_thing_alone(throttle, now):
    for about in ("key 1", "key 2"):
        for _ in range(4):
            throttle.allow("192.0.2.1", now, about)
    throttle.forgive("192.0.2.1", "key 1")
    assert throttle.allow("192.0.2.1", now, "key 1") is True
    assert throttle.allow("192.0.2.1", now, "key 2") is False
