"""DER is written in its one form and read strictly, whatever the bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der


@given(st.integers(-(2**2100), 2**2100))
def test_integers_are_written_as_another_library_writes_them(number):
    written = der.integer(number)
    assert written == core.Integer(number).dump()
    assert der.read_integer(der.whole(written)) == number


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**70), max_size=6))
def test_object_identifiers_go_there_and_back(first, second, rest):
    dotted = ".".join(map(str, (first, second, *rest)))
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()
    assert der.read_oid(der.whole(der.oid(dotted))) == dotted


_ELEMENTS = st.lists(
    st.binary(max_size=40)
    | st.builds(der.octet_string, st.binary(max_size=300))
    | st.builds(der.integer, st.integers()),
    max_size=5,
).map(b"".join)


@given(_ELEMENTS, st.integers(0, 3), st.integers(0, 3))
def test_elements_are_the_same_one_by_one_and_at_once(data, before, after):
    """Or both refuse them, for the same reason."""

    def outcome(read):
        try:
            return list(read(data, before, len(data) - after))
        except ValueError as problem:
            return str(problem)

    assert outcome(der.list_of) == outcome(der.elements)


@given(st.binary(min_size=1, max_size=70))
def test_an_object_identifier_is_refused_each_time(body):
    """What is remembered of identifiers is never of bad ones, nor of very long ones."""
    element = der.whole(der.tlv(der.OID, body))
    if body[-1] & 0x80 or len(body) > 64:
        for _ in range(2):
            with pytest.raises(ValueError, match="OBJECT IDENTIFIER"):
                der.read_oid(element)
    else:
        assert der.read_oid(element) == der.read_oid(element)


@given(st.binary(max_size=70_000))
def test_lengths_take_their_shortest_form(data):
    assert der.octet_string(data) == core.OctetString(data).dump()


def test_a_set_of_is_sorted():
    assert der.set_of(der.integer(2), der.integer(1)) == bytes.fromhex("3106020101020102")


def test_times_keep_their_fraction_when_read():
    moment = datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC)
    assert der.read_generalized_time(der.whole(der.generalized_time(moment))) == moment
    fraction = der.tlv(der.GENERALIZED_TIME, b"20261124120001.25Z")
    assert der.read_generalized_time(der.whole(fraction)) == moment.replace(microsecond=250_000)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "02",
        "0202",
        "028101",  # a long form for a short length
        "0280",  # indefinite
        "02820001",  # leading zero in the length
        "1f8101",  # long tag
        "020101ff",  # something follows
        "0284ffffffff",
    ],
)
def test_what_is_not_der_is_refused(data):
    with pytest.raises(ValueError, match="DER"):
        der.whole(bytes.fromhex(data))


@pytest.mark.parametrize("text", ["20261124120001", "20261324120001Z", "20261124120001.Z", "2026112412000１Z"])
def test_odd_times_are_refused(text):
    with pytest.raises(ValueError, match=r"DER|month|ascii"):
        der.read_generalized_time(der.whole(der.tlv(der.GENERALIZED_TIME, text.encode())))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_raise_value_error(data):
    try:
        pending = [der.read(data)]
        while pending:
            element = pending.pop()
            if element.tag & 0x20:
                pending.extend(element.children())
    except ValueError:
        pass
