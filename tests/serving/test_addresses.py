"""Connections are counted by who they come from, and a proxy's are not."""

from __future__ import annotations

import pytest

from gateway.serving.addresses import AddressCount


def test_one_too_many_is_refused_until_another_leaves():
    count = AddressCount(2)
    first, second = count.enter(("192.0.2.1", 1)), count.enter(("192.0.2.1", 2))
    assert count.enter(("192.0.2.1", 3)) is None
    assert count.enter(("192.0.2.2", 3))
    count.leave(first)
    assert count.enter(("192.0.2.1", 4)) == second


def test_an_ipv6_network_counts_as_one_and_a_mapped_address_as_itself():
    count = AddressCount(1)
    assert count.enter(("2001:db8::1", 1, 0, 0))
    assert count.enter(("2001:db8::2", 1, 0, 0)) is None
    assert count.enter(("2001:db8:0:1::2", 1, 0, 0))
    assert count.enter(("::ffff:192.0.2.1", 1, 0, 0))
    assert count.enter(("192.0.2.1", 1)) is None
    assert count.enter(("fe80::1%eth0", 1, 0, 2))


def test_the_exempt_and_those_without_an_address_are_not_counted():
    count = AddressCount(1, ("10.0.0.0/8", "::1"))
    for address in [("10.1.2.3", 1), ("::1", 1, 0, 0), "", b"", None]:
        for _ in range(5):
            key = count.enter(address)
            assert key == ""
            count.leave(key)


def test_no_limit_counts_nobody():
    assert [AddressCount(0).enter(("192.0.2.1", 1)) for _ in range(3)] == [""] * 3


def test_what_is_no_network_is_said():
    with pytest.raises(ValueError, match="everybody"):
        AddressCount(1, ("everybody",))
