"""Cross-reference tables are read as by pyHanko, and plain ones at once."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import xref

from gateway.formats.pades import xref_tables
from gateway.formats.pades.xref_tables import Table

slow_table, slow_process = xref_tables._slow_table, xref.XRefSectionData.process_entries


def table(places, *, first=b"0000000000 65535 f \n", end=b" \n", start=0, after=b"trailer\n", generation=0):
    lines = b"".join(b"%010d %05d n%s" % (place, generation, end) for place in places)
    return b"\n%d %d\n%s%s%s<</Size 1>>" % (start, len(places) + 1, first, lines, after)


def by_pyhanko(data, strict):
    stream, section = io.BytesIO(data), xref.XRefSectionData()
    highest = slow_process(section, slow_table(stream, strict), strict)
    return vars(section), highest, stream.tell()


def by_us(data, strict):
    stream, section = io.BytesIO(data), xref.XRefSectionData()
    found = xref_tables.lines(stream, strict)
    if isinstance(found, Table):
        return vars(section), xref_tables.taken(section, found), stream.tell()
    return vars(section), slow_process(section, found, strict), stream.tell()


@given(
    st.lists(st.integers(0, 9_999_999_999), min_size=1, max_size=200),
    st.sampled_from([b" \n", b" \r", b"\r\n", b"\n"]),
    st.sampled_from([0, 1, 7]),
    st.sampled_from([b"trailer\n", b"\ntrailer ", b"trailer", b"300 1\n0000000009 00000 n \ntrailer\n"]),
    st.sampled_from([0, 1, 65535]),
    st.booleans(),
)
def test_tables_are_read_as_by_pyhanko(places, end, start, after, generation, strict):
    data = table(places, end=end, start=start, after=after, generation=generation)
    assert by_us(data, strict) == by_pyhanko(data, strict)


def test_a_plain_table_is_read_at_once():
    assert isinstance(xref_tables.lines(io.BytesIO(table(range(100))), strict=True), Table)


@pytest.mark.parametrize(
    "changed",
    [
        {"start": 1},
        {"generation": 1},
        {"end": b"\n"},
        {"first": b"0000000000 99999 f \n"},
        {"after": b"trailer\v"},
        {"after": b"200 0\ntrailer\n"},
    ],
)
def test_what_is_not_plain_is_left_to_pyhanko(changed):
    stream = io.BytesIO(table(range(100), **changed))
    assert not isinstance(xref_tables.lines(stream, strict=True), Table)
    assert stream.tell() == 0
