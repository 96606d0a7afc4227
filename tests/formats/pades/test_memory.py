"""Large documents are signed and read in pieces, here and in the process that parses them."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

import pytest

from gateway.formats.pades.engine import PadesEngine

MEGABYTES = 60


@pytest.fixture(scope="module")
def large(pdfs, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.pdf"
    path.write_bytes(pdfs.blank(padding=MEGABYTES << 20))
    return path


def test_a_large_document_is_never_held_in_memory(town, large, tmp_path):
    """A few pieces of a mebibyte here; in the process not even as much address space as the document is long."""
    frugal = PadesEngine(memory_bytes=110 << 20, processes=1)
    signer = town.signer()
    signed = tmp_path / "signed.pdf"
    tracemalloc.start()
    try:
        with large.open("rb") as document:
            frugal.inspect(document, multiple_signatures=False)
            prepared = frugal.prepare(document, signer.parameters())
            value = signer.value(prepared.data)
            with signed.open("wb") as out:
                frugal.complete(document, prepared, value, None, out)
        with signed.open("rb") as document:
            (verdict,) = frugal.read(document, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert verdict.crypto_valid
    assert verdict.covers_whole_document
    assert signed.stat().st_size > MEGABYTES << 20
    assert peak < 8 << 20


def test_what_is_remembered_of_a_large_document_is_small(engine, town, large):
    """The revision without the room for the signature, and the certificates."""
    signer = town.signer()
    with large.open("rb") as document:
        prepared = engine.prepare(document, signer.parameters())
    assert len(prepared.state) < 8192
    assert len(prepared.data.octets) < 512


def test_a_document_in_memory_is_lent_without_a_second_copy_here(engine, pdfs):
    """Through a file without a name."""
    document = BytesIO(pdfs.blank(padding=8 << 20))
    engine.inspect(document, multiple_signatures=False)
    tracemalloc.start()
    try:
        engine.inspect(document, multiple_signatures=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
