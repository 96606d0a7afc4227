"""BER is read within bounds and rewritten as DER; what is DER already stays byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.asn1.ber import BerReader, definite, is_der

VALUES = st.recursive(
    st.one_of(st.binary(max_size=20).map(der.octet_string), st.integers(-(2**70), 2**70).map(der.integer)),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: der.sequence(*parts)),
    max_leaves=12,
)


def indefinite(encoded):
    """The same value with every length left open."""
    element = der.whole(encoded)
    if element.tag == der.OCTET_STRING:
        half = len(element.body) // 2
        pieces = der.octet_string(element.body[:half]) + der.octet_string(element.body[half:])
        return bytes((der.OCTET_STRING | 0x20, 0x80)) + pieces + b"\0\0"
    if not element.tag & 0x20:
        return encoded
    inside = b"".join(indefinite(child.encoded) for child in element.children())
    return bytes((element.tag, 0x80)) + inside + b"\0\0"


@given(VALUES)
def test_open_lengths_and_pieces_become_the_der_that_was_meant(encoded):
    assert definite(indefinite(encoded)) == encoded
    assert definite(encoded) == encoded
    assert is_der(encoded)


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_raise_value_error(data):
    try:
        rewritten = definite(data)
    except ValueError:
        return
    assert BerReader().read(rewritten).end == len(rewritten)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * 40 + b"\0\0" * 40,  # deeper than anybody needs
        b"\x04\x80\0\0",  # a primitive without length
        b"\x30\x80\x02\x01\x01",  # never closed
        b"\x30\x03\x02\x01",  # cut short
        b"\x02\x01\x01\x00",  # something behind it
        b"\x1f\x01\x00",  # long tag
    ],
)
def test_what_is_no_ber_is_refused(data):
    with pytest.raises(ValueError, match="BER"):
        definite(data)


def test_a_reader_stops_after_so_many_elements():
    many = der.sequence(*[der.tlv(der.NULL)] * 100)
    reader = BerReader(budget=50)
    with pytest.raises(ValueError, match="too much"):
        list(reader.children(reader.read(many)))
