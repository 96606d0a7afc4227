"""Three ways of reading that are quicker than pyHanko's come to the same, or leave it to pyHanko."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import DictionaryObject, NumberObject, pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.pdf_utils.xref import XRefSectionData

from gateway.formats.pades.documents import with_reader
from gateway.formats.pades.hexadecimal import read_hexadecimal
from gateway.formats.pades.xref_streams import _process, _rows, _slow_process, _slow_rows

ORIGINAL = generic.read_hex_string_from_stream
assert ORIGINAL is not read_hexadecimal


def outcome(read, octets: bytes):
    """What was read and where the stream stands then, or that it failed."""
    stream = BytesIO(octets)
    try:
        found = read(stream)
    except PdfError:
        return "failed"
    return type(found), found.original_bytes, stream.tell()


@given(st.text("0123456789abcdefABCDEF \n\r\t\0\f", max_size=600), st.binary(max_size=4))
def test_hexadecimal_strings_are_read_as_by_pyhanko(digits, rest):
    """Any case, blanks, an odd number of digits, and what follows."""
    octets = b"<" + digits.encode() + b">" + rest
    assert outcome(read_hexadecimal, octets) == outcome(ORIGINAL, octets) != "failed"


@given(st.binary(max_size=40))
def test_what_is_no_hexadecimal_string_fails_as_by_pyhanko(body):
    """But for comments, which cannot stand in one."""
    octets = b"<" + body.replace(b"%", b"")
    assert outcome(read_hexadecimal, octets) == outcome(ORIGINAL, octets)


def held_in_streams(count: int, *, per_stream: int = 7) -> bytes:
    """A document with so many numbers in object streams."""
    writer = PdfFileWriter(stream_xrefs=True)
    page = PageObject(contents=writer.add_object(generic.StreamObject(stream_data=b"q Q")), media_box=(0, 0, 9, 9))
    writer.insert_page(page)
    references = []
    for number in range(count):
        if number % per_stream == 0:
            held = writer.prepare_object_stream(compress=False)
        item = DictionaryObject({pdf_name("/Number"): NumberObject(number)})
        references.append(writer.add_object(item, obj_stream=held))
    writer.root["/Held"] = generic.ArrayObject(references)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def numbers(reader) -> list[int]:
    return [int(item.get_object()["/Number"]) for item in list.__iter__(reader.root["/Held"])]


@pytest.fixture
def read_numbers(tmp_path):
    """Our reader's and pyHanko's, in this order, with what each fails as."""

    def read(pdf: bytes):
        path = tmp_path / "held.pdf"
        path.write_bytes(pdf)
        with path.open("rb") as file:
            try:
                ours = with_reader(file.fileno(), numbers)
            except Exception:  # noqa: BLE001 - compared with pyHanko's own failure
                ours = "failed"
        theirs: object = "failed"
        for strict in (False, True):
            try:
                theirs = numbers(PdfFileReader(BytesIO(pdf), strict=strict))
            except Exception:  # noqa: BLE001 - as above
                continue
        return ours, theirs

    return read


def test_objects_in_streams_are_read_as_by_pyhanko(read_numbers):
    """Every one of them, from several streams."""
    ours, theirs = read_numbers(held_in_streams(50))
    assert ours == theirs == list(range(50))


def test_odd_object_streams_are_left_to_pyhanko(read_numbers):
    """A directory whose numbers are others, or none, or which is cut short."""
    good = held_in_streams(3)
    start = good.index(b"stream", good.index(b"/ObjStm")) + len(b"stream\n")
    directory = good[start : good.index(b"<<", start)]
    first, place, second, *_ = directory.split()
    changes = (
        directory.replace(first, second, 1),
        directory.replace(second, first, 1),
        directory.replace(b" " + place + b" ", b" x ", 1),
        directory.replace(b" ", b"9", 2),
    )
    for changed in changes:
        assert len(changed) == len(directory)
        assert changed != directory
        ours, theirs = read_numbers(good[:start] + changed + good[start + len(directory) :])
        assert ours == theirs


ROW = st.tuples(st.sampled_from([0, 1, 1, 2, 2, 2, 3, 255]), st.integers(0, 2**64 - 1), st.integers(0, 2**17))
GOOD_ROW = st.tuples(st.sampled_from([0, 1, 2]), st.integers(0, 2**16 - 1), st.integers(0, 200))


def cross_references(rows, widths, index, tail=b"") -> generic.StreamObject:
    """A stream of so many rows, each field cut to its width."""
    data = b"".join(
        (value % 256**width).to_bytes(width, "big") if width else b""
        for row in rows
        for value, width in zip(row, widths, strict=True)
    )
    numbers = generic.ArrayObject(map(NumberObject, widths))
    entries = {pdf_name("/W"): numbers, pdf_name("/Size"): NumberObject(len(rows))}
    if index is not None:
        entries[pdf_name("/Index")] = generic.ArrayObject(map(NumberObject, index))
    return generic.StreamObject(DictionaryObject(entries), stream_data=data + tail)


def learned(rows, process, stream, *, strict):
    """Everything that pyHanko knows afterwards, or that it failed."""
    section = XRefSectionData()
    try:
        highest = process(section, rows(stream, strict), strict)
    except (PdfError, AssertionError):
        return "failed"
    places = {number: section.xrefs_in_objstm[number] for number in section.xrefs_in_objstm}
    return (
        highest, section.standard_xrefs, places, section.freed, section.obj_streams_used,
        section.explicit_refs_in_revision,
    )  # fmt: skip


@given(
    st.lists(GOOD_ROW, max_size=20) | st.lists(ROW, max_size=20),
    st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 4)),
    st.integers(0, 12),
    st.sampled_from([b"", b"", b"\0", b"more"]),
    st.booleans(),
)
def test_cross_reference_streams_are_read_as_by_pyhanko(rows, widths, gap, tail, strict):
    """Any widths, kinds, and numbers; with one section, or two and a gap; with too much in them."""
    half = len(rows) // 2
    for index in (None, [gap, half, gap + half + gap, len(rows) - half], [gap, half, 0, len(rows) - half]):
        stream = cross_references(rows, widths, index, tail)
        ours = learned(_rows, _process, stream, strict=strict)
        assert ours == learned(_slow_rows, _slow_process, stream, strict=strict)


def test_plain_cross_references_are_read_by_column():
    """Otherwise nothing would be quicker; and a stream that promises more rows than it has is none of those."""
    rows = [(0, 0, 65535), (1, 17, 0), (2, 5, 3)]
    assert type(_rows(cross_references(rows, (1, 4, 2), None))).__name__ == "_Columns"
    assert type(_rows(cross_references(rows, (1, 3, 2), [4, 3]))).__name__ == "_Columns"
    assert type(_rows(cross_references(rows, (1, 4, 2), [0, 3_000_000]))).__name__ == "generator"
