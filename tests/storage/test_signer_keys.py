"""Signers' keys are kept sealed; PIN attempts are counted before they are tried, exactly, and lock the key."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from gateway.errors import KeyLocked
from gateway.storage.api import SignerKey
from gateway.storage.sql import SqlSignerKeyStore

MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def keys(database):
    return SqlSignerKeyStore(database)


@pytest.fixture
def key(keys, now):
    key = SignerKey("key 1", "2000000000007", b"\x30\x00der", (b"issuer", b"\x00root"), b"\x00sealed\xff", now)
    keys.add(key)
    return key


def test_a_key_is_found_as_it_was_kept(keys, key):
    assert keys.get("key 1") == key
    assert keys.get("key 2") is None
    blocked = replace(key, id="key 2", chain=(), blocked=True)
    keys.add(blocked)
    assert keys.get("key 2") == blocked


def test_a_persons_keys_are_given_newest_first(keys, key, now):
    newer = replace(key, id="a", created=now + MINUTE)
    older = replace(key, id="z", created=now - MINUTE)
    for other in (older, newer, replace(key, id="b", personal_identifier="2000000000008")):
        keys.add(other)
    assert list(keys.of_person("2000000000007")) == [newer, key, older]


@pytest.mark.parametrize("identifier", ["", "2000000000009", "2000000000007\0", "\udfff", "%"])
def test_others_have_none(keys, key, identifier):
    assert list(keys.of_person(identifier)) == []


def test_five_attempts_lock_the_key_for_fifteen_minutes(keys, key, now):
    assert [keys.begin_attempt("key 1", now) for _ in range(5)] == [4, 3, 2, 1, 0]
    until = now + 15 * MINUTE
    for moment in (now, until - MOMENT):
        assert keys.locked_until("key 1", moment) == until
        with pytest.raises(KeyLocked) as locked:
            keys.begin_attempt("key 1", moment)
        assert locked.value.until == until
    assert keys.locked_until("key 1", until) is None
    assert keys.begin_attempt("key 1", until) == 4


def test_locks_double_with_every_further_five(keys, key, now):
    lasted = []
    for _ in range(6):
        for _ in range(5):
            keys.begin_attempt("key 1", now)
        until = keys.locked_until("key 1", now)
        lasted.append((until - now) / MINUTE)
        now = until
    assert lasted == [15, 30, 60, 120, 240, 480]


def test_a_lock_never_outgrows_the_calendar(keys, key, now):
    lasted = []
    for _ in range(40):
        for _ in range(5):
            keys.begin_attempt("key 1", now)
        until = keys.locked_until("key 1", now)
        lasted.append(until - now)
        now = until
    assert lasted == sorted(lasted)
    assert lasted[-1] == 15 * MINUTE * 2**15


def test_an_attempt_that_was_refused_is_not_counted(keys, key, now):
    for _ in range(5):
        keys.begin_attempt("key 1", now)
    for _ in range(20):
        with pytest.raises(KeyLocked):
            keys.begin_attempt("key 1", now)
    assert keys.begin_attempt("key 1", now + 15 * MINUTE) == 4
    assert keys.locked_until("key 1", now + 15 * MINUTE) is None


def test_the_right_pin_begins_anew_and_lifts_the_lock(keys, key, now):
    for _ in range(5):
        keys.begin_attempt("key 1", now)
    keys.attempt_succeeded("key 1")
    assert keys.locked_until("key 1", now) is None
    assert [keys.begin_attempt("key 1", now) for _ in range(5)] == [4, 3, 2, 1, 0]
    assert keys.locked_until("key 1", now) == now + 15 * MINUTE


def test_every_key_is_counted_for_itself(keys, key, now):
    keys.add(replace(key, id="key 2"))
    for _ in range(5):
        keys.begin_attempt("key 1", now)
    assert keys.locked_until("key 2", now) is None
    assert keys.begin_attempt("key 2", now) == 4


def test_attempts_at_once_are_counted_exactly(keys, key, at_once, now):
    """Eight threads guess at once: five get their try, and nobody a sixth."""
    counted = at_once(*[lambda: keys.begin_attempt("key 1", now)] * 8)
    remaining = sorted(result for result in counted if isinstance(result, int))
    locked = [result for result in counted if isinstance(result, KeyLocked)]
    assert (remaining, len(locked)) == ([0, 1, 2, 3, 4], 3), counted
    assert {error.until for error in locked} == {now + 15 * MINUTE}


def test_a_lock_that_is_lifted_at_that_moment_counts_the_attempt(keys, key, database, now):
    """Between the refused attempt and the question until when, the right PIN was entered elsewhere."""
    for _ in range(5):
        keys.begin_attempt("key 1", now)
    lifted = []

    @event.listens_for(database, "before_cursor_execute")
    def lift(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT") and not lifted:
            lifted.append(True)
            cursor.execute("UPDATE signer_keys SET attempts = 0, locked_until = NULL")

    try:
        assert keys.begin_attempt("key 1", now) == 4
    finally:
        event.remove(database, "before_cursor_execute", lift)
    assert lifted


def test_attempts_at_no_key_are_a_mistake_of_the_caller(keys, key, now):
    with pytest.raises(LookupError):
        keys.begin_attempt("key 2", now)
    assert keys.locked_until("key 2", now) is None


@pytest.mark.parametrize("before", range(10))
def test_an_attempt_that_could_not_be_made_is_taken_back_with_its_lock(keys, key, now, before):
    """Whatever was counted before it, and whether or not it brought a lock."""
    moment = now
    for _ in range(before):
        keys.begin_attempt("key 1", moment)
        moment = keys.locked_until("key 1", moment) or moment
    left = keys.begin_attempt("key 1", moment)
    for _ in range(12):
        keys.attempt_void("key 1")
        assert keys.locked_until("key 1", moment) is None
        assert keys.begin_attempt("key 1", moment) == left


def test_there_is_nothing_to_take_back_of_a_key_without_attempts(keys, key, now):
    keys.attempt_void("key 1")
    keys.attempt_void("key 2")
    assert [keys.begin_attempt("key 1", now) for _ in range(5)] == [4, 3, 2, 1, 0]
