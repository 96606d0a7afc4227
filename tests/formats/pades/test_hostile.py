"""Documents made to hang, exhaust or mislead a reader: they end within the limits, as what they are."""

from __future__ import annotations

import os
import signal
import time
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats.pades.engine import PadesEngine

SECONDS = 1.0


def bomb(levels: int, size: int) -> bytes:
    data = bytes(size)
    for _ in range(levels):
        data = zlib.compress(data, 9)
    return data


def object_stream_bomb() -> bytes:
    """A catalogue in an object stream that inflates without end."""
    data = bomb(2, 1 << 28)
    out = bytearray(b"%PDF-1.5\n")
    held = len(out)
    out += b"2 0 obj\n<</Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]/Length %d>>\nstream\n" % len(data)
    out += data + b"\nendstream\nendobj\n"
    place = len(out)
    rows = b"\x02\x00\x00\x00\x02\x00" + b"\x01" + held.to_bytes(4, "big") + b"\x00"
    out += (
        b"3 0 obj\n<</Type/XRef/Size 4/Root 1 0 R/W[1 4 1]/Index[1 2]/Length %d>>\nstream\n%s\nendstream\nendobj\n"
        % (
            len(rows),
            rows,
        )
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % place)


def xref_loop() -> bytes:
    """Cross-references whose predecessor is themselves, through a second section."""
    out = b"%PDF-1.7\n"
    first = len(out)
    second = first + 200
    section = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    out += (section % (second, first)).ljust(200)
    return out + section % (first, second)


def many_revisions(count: int) -> bytes:
    """A chain of empty revisions."""
    out = bytearray(b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n")
    previous = b""
    for _ in range(count):
        place = len(out)
        out += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 2/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
            previous,
            place,
        )
        previous = b"/Prev %d" % place
    return bytes(out)


def hostile(pdfs) -> dict[str, bytes]:
    page = pdfs.page_objects()

    def with_catalog(entries: bytes, **more: bytes) -> bytes:
        others = {int(number[1:]): body for number, body in more.items()}
        return pdfs.raw(page | {1: b"<</Type/Catalog/Pages 2 0 R%s>>" % entries} | others)

    return {
        "nested arrays": with_catalog(b"/A " + b"[" * 100_000 + b"]" * 100_000),
        "nested dictionaries": with_catalog(b"/A " + b"<</A" * 100_000 + b" 1" + b">>" * 100_000),
        "a reference to itself": pdfs.raw(page | {2: b"2 0 R"}),
        "a page tree that is a circle": pdfs.raw(page | {2: b"<</Type/Pages/Kids[2 0 R]/Count 9>>"}),
        "a comment without end": pdfs.raw(page)[: -len(b"startxref\n0\n%%EOF\n")] + b"%" * 100_000,
        "a catalogue that is a comment": pdfs.raw({1: b"%"})[:-3],
        "a deflate bomb": object_stream_bomb(),
        "a loop of cross-references": xref_loop(),
        "a hexadecimal string without end": pdfs.raw(page | {1: b"<</Type/Catalog/A <" + b"0" * 1_000_000}),
        "many revisions": many_revisions(3000),
        "only the beginning": b"%PDF-1.7\n" + b"0 " * 100_000,
        "only the end": b"%PDF-1.7\nstartxref\n-1\n%%EOF\n",
        "an end far away": b"%PDF-1.7\nstartxref\n99999999999999999999\n%%EOF\n",
    }


NAMES = [
    "nested arrays",
    "nested dictionaries",
    "a reference to itself",
    "a page tree that is a circle",
    "a comment without end",
    "a catalogue that is a comment",
    "a deflate bomb",
    "a loop of cross-references",
    "a hexadecimal string without end",
    "many revisions",
    "only the beginning",
    "only the end",
    "an end far away",
]


@pytest.fixture(scope="module")
def documents(pdfs):
    found = hostile(pdfs)
    assert list(found) == NAMES
    return found


@pytest.mark.parametrize("name", NAMES)
def test_hostile_documents_end_within_the_limits(hasty, town, documents, name):
    """Refused by inspecting and preparing, and either unreadable or without signatures."""
    began = time.monotonic()
    with pytest.raises(UnsignableDocument) as inspected:
        hasty.inspect(BytesIO(documents[name]), multiple_signatures=True)
    with pytest.raises(UnsignableDocument):
        hasty.prepare(BytesIO(documents[name]), town.signer().parameters())
    with suppress(UnreadableSignature):
        assert hasty.read(BytesIO(documents[name]), None) == ()
    assert time.monotonic() - began < 3 * (SECONDS + 1.5)
    assert inspected.value.reason.isprintable()


def endless_ways(pdfs) -> bytes:
    """A form in which every field has the next one as its child twice: 2^40 ways down, in four kilobytes."""
    doubling = {10 + n: b"<</T(f%d)/Kids[%d 0 R %d 0 R]>>" % (n, 11 + n, 11 + n) for n in range(40)}
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[10 0 R]>>>>"}
    end = {50: b"<</T(end)/FT/Sig/V 51 0 R>>", 51: b"<</Type/Sig/Filter/Adobe.PPKLite/Contents<00>>>"}
    return pdfs.raw(pdfs.page_objects() | catalog | doubling | end)


def test_a_form_with_endless_ways_is_walked_once(hasty, pdfs):
    """Its one signature is found, and later changes are not looked for in it: what is no tree is not compared."""
    began = time.monotonic()
    (verdict,) = hasty.read(BytesIO(endless_ways(pdfs)), None)
    assert (verdict.crypto_valid, verdict.structure_valid) == (False, False)
    assert time.monotonic() - began < SECONDS


def circles(pdfs) -> dict[str, bytes]:
    """Forms that lead nowhere."""
    page = pdfs.page_objects()
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields 10 0 R>>>>"}
    return {
        "itself": pdfs.raw(page | catalog | {10: b"[11 0 R]", 11: b"<</T(a)/FT/Sig/Kids[11 0 R]>>"}),
        "its parent": pdfs.raw(
            page | catalog | {10: b"[11 0 R]", 11: b"<</T(a)/Kids[12 0 R]>>", 12: b"<</Kids[11 0 R]>>"}
        ),
        "nothing": pdfs.raw(page | catalog | {10: b"[99 0 R]"}),
        "the list of fields": pdfs.raw(page | catalog | {10: b"[10 0 R]"}),
        "a number": pdfs.raw(page | catalog | {10: b"[7 (seven) null]"}),
        "so deep": pdfs.raw(
            page | catalog | {10: b"[11 0 R]"} | {11 + n: b"<</T(a)/Kids[%d 0 R]>>" % (12 + n) for n in range(300)}
        ),
    }


@pytest.mark.parametrize("name", ["itself", "its parent", "nothing", "the list of fields", "a number", "so deep"])
def test_a_form_that_leads_to_nothing_has_no_signatures(hasty, pdfs, name):
    """However it goes round."""
    assert hasty.read(BytesIO(circles(pdfs)[name]), None) == ()


def test_a_form_with_more_fields_than_are_read_is_refused(engine, pdfs):
    """Without a child's being ended for it."""
    fields = b"<</T(a)>>" * 50_001
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[" + fields + b"]>>>>"}
    with pytest.raises(UnreadableSignature, match="too many form fields"):
        engine.read(BytesIO(pdfs.raw(pdfs.page_objects() | catalog)), None)


def test_after_a_document_that_does_not_end_the_next_one_is_read(hasty, town, pdfs, documents):
    """The process was killed, and another one answers."""
    with pytest.raises(UnsignableDocument, match="cannot be read"):
        hasty.inspect(BytesIO(documents["a deflate bomb"]), multiple_signatures=True)
    hasty.inspect(BytesIO(pdfs.blank()), multiple_signatures=True)
    assert town.signer().sign(hasty, pdfs.blank())


def test_a_document_that_needs_too_much_memory_is_refused(pdfs):
    """By the address space of the process, not of this one."""
    small = PadesEngine(memory_bytes=128 << 20, processes=1)
    arrays = pdfs.raw(pdfs.page_objects() | {1: b"<</Type/Catalog/Pages 2 0 R/A[" + b"(a)" * 600_000 + b"]>>"})
    with pytest.raises(UnsignableDocument, match="needs too much memory"):
        small.inspect(BytesIO(arrays), multiple_signatures=True)
    small.inspect(BytesIO(pdfs.blank()), multiple_signatures=True)


def test_a_process_that_is_killed_from_outside_is_replaced(pdfs, signed):
    """Between two calls; ``test_isolation`` has what happens in the middle of one."""
    own = PadesEngine(processes=1)
    own.read(BytesIO(signed), None)
    (pool,) = own._work._pools.values()
    (child,) = pool.idle
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    assert len(own.read(BytesIO(signed), None)) == 1


MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=MUTATIONS)
def test_any_octets_changed_anywhere_raise_nothing_else(hasty, town, signed, mutations):
    """And no changed document is taken for one that holds and was not modified, unless the change is a blank one."""
    octets = bytearray(signed)
    for place, inserted, removed in mutations:
        # Contents are half of the file; aim beside them as often as at them.
        at = place % len(octets)
        octets[at : at + removed] = inserted
    document = bytes(octets)
    with suppress(UnsignableDocument):
        hasty.inspect(BytesIO(document), multiple_signatures=True)
        town.signer().sign(hasty, document, stamped=False)
    try:
        verdicts = hasty.read(BytesIO(document), None)
    except UnreadableSignature:
        return
    start = document.find(b"/Contents <")
    covered = document[:start] + document[start + 65536 :] if start >= 0 else document
    original_start = signed.find(b"/Contents <")
    if covered != signed[:original_start] + signed[original_start + 65536 :] and len(document) == len(signed):
        assert not any(v.crypto_valid and v.covers_whole_document for v in verdicts)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10**6))
def test_a_document_cut_anywhere_raises_nothing_else(hasty, signed, cut):
    """Every prefix, and every suffix behind a PDF's mark."""
    at = cut % len(signed)
    for document in (signed[:at], b"%PDF-1.7\n" + signed[at:]):
        with suppress(UnreadableSignature):
            assert not any(v.crypto_valid and v.covers_whole_document for v in hasty.read(BytesIO(document), None))
