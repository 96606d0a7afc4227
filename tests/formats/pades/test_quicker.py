"""Two ways of reading that are quicker than pyHanko's come to the same, or leave it to pyHanko."""

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

from gateway.formats.pades.documents import with_reader
from gateway.formats.pades.hexadecimal import read_hexadecimal

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
