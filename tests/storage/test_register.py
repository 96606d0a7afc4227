"""The register knows every certificate we issued, and ends each for good only once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.storage.api import IssuedCertificate
from gateway.storage.sql import SqlCertificateRegister

OURS, THEIRS = b"o" * 32, b"t" * 32
LARGEST = 2**159 - 1
MINUTE = timedelta(minutes=1)


@pytest.fixture
def register(database):
    return SqlCertificateRegister(database)


@pytest.fixture
def issued(register, now):
    certificate = IssuedCertificate(OURS, LARGEST, b"\x30\x00", now)
    register.add(certificate)
    return certificate


def test_a_certificate_is_found_by_issuer_and_serial(register, issued):
    assert register.get(OURS, LARGEST) == issued
    assert register.get(THEIRS, LARGEST) is None
    assert register.get(OURS, LARGEST - 1) is None


def test_a_serial_is_issued_once(register, issued):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        register.add(replace(issued, der=b"other"))
    register.add(replace(issued, issuer_key_hash=THEIRS))
    assert register.get(OURS, LARGEST) == issued


def test_an_end_for_good_stands(register, issued, now):
    assert register.revoke(OURS, LARGEST, now, 1) is True
    assert register.revoke(OURS, LARGEST, now + MINUTE, 4) is False
    assert register.revoke(OURS, LARGEST, now + MINUTE, 6) is False
    assert register.resume(OURS, LARGEST) is False
    assert register.get(OURS, LARGEST) == replace(issued, revoked=now, reason=1)


def test_an_end_without_a_stated_reason_stands_too(register, issued, now):
    assert register.revoke(OURS, LARGEST, now, 0) is True
    assert register.resume(OURS, LARGEST) is False
    assert register.revoke(OURS, LARGEST, now, 1) is False


def test_a_hold_is_lifted_or_becomes_final(register, issued, now):
    assert register.resume(OURS, LARGEST) is False
    assert register.revoke(OURS, LARGEST, now, 6) is True
    assert register.resume(OURS, LARGEST) is True
    assert register.get(OURS, LARGEST) == issued
    assert register.revoke(OURS, LARGEST, now, 6) is True
    assert register.revoke(OURS, LARGEST, now + MINUTE, 1) is True
    assert register.get(OURS, LARGEST) == replace(issued, revoked=now + MINUTE, reason=1)


def test_what_was_never_issued_cannot_end(register, issued, now):
    assert register.revoke(THEIRS, LARGEST, now, 1) is False
    assert register.resume(OURS, 1) is False
    assert register.get(OURS, LARGEST) == issued


def test_all_that_ended_are_given_for_a_crl(register, issued, now):
    others = [
        replace(issued, serial=serial, revoked=now + serial * MINUTE, reason=6 if serial == 2 else 1)
        for serial in (3, 1, 2)
    ]
    for other in (*others, replace(others[0], issuer_key_hash=THEIRS)):
        register.add(other)
    assert list(register.revoked(OURS)) == sorted(others, key=lambda c: c.serial)
    register.resume(OURS, 2)
    assert [c.serial for c in register.revoked(OURS)] == [1, 3]
    register.revoke(OURS, LARGEST, now, 4)
    assert [c.serial for c in register.revoked(OURS)] == [LARGEST, 1, 3]


def test_of_ends_at_once_one_takes_effect(register, issued, at_once, now):
    ended = at_once(*(lambda i=i: register.revoke(OURS, LARGEST, now + i * MINUTE, 1) for i in range(8)))
    assert sorted(ended, key=str) == [False] * 7 + [True], ended
    assert register.get(OURS, LARGEST).revoked == now + ended.index(True) * MINUTE
