"""Signed PDFs of other projects, with the outcome that these state; skipped where the corpus is not at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gateway.errors import UnreadableSignature

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"


def rows() -> list[dict[str, str]]:
    manifest = CORPUS / "manifest.csv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["format"] == "pades"]


def outcome(engine, path: Path) -> str:
    """``yes``, ``no`` or ``mixed`` over all signatures and time-stamps; ``reject`` where none is found (decision 27)."""
    try:
        with path.open("rb") as document:
            verdicts = engine.read(document, None)
    except UnreadableSignature:
        return "reject"
    holds = {verdict.crypto_valid and verdict.structure_valid is not False for verdict in verdicts}
    return {0: "reject", 1: "yes" if True in holds else "no", 2: "mixed"}[len(holds)]


@pytest.mark.skipif(not rows(), reason="../shared/corpus is not beside this checkout")
def test_we_agree_with_the_projects_that_made_them(engine):
    """On every file: what is said to hold holds, and nothing else does."""
    disagreed = {}
    for row in rows():
        found = outcome(engine, CORPUS / row["file"])
        agreed = found == row["expected"] or (row["expected"] in ("no", "reject") and found != "yes")
        if not agreed:
            disagreed[row["id"]] = (row["expected"], found)
    assert disagreed == {}


@pytest.mark.skipif(not rows(), reason="../shared/corpus is not beside this checkout")
def test_no_file_that_is_said_to_be_modified_passes_for_unmodified(engine):
    """Hide-and-replace attacks, pages behind a signature, forms filled in without permission."""
    told = [row for row in rows() if row["pdf_modified"] == "yes"]
    assert told
    for row in told:
        with (CORPUS / row["file"]).open("rb") as document:
            verdicts = engine.read(document, None)
        assert any(verdict.modified_after_signing is not False for verdict in verdicts), row["id"]


@pytest.mark.skipif(not rows(), reason="../shared/corpus is not beside this checkout")
def test_no_file_that_is_said_to_be_as_it_was_is_called_modified(engine):
    """Later signatures and time-stamps with what their tools write beside them; and what cannot be read is neither."""
    told = [row for row in rows() if row["pdf_modified"] == "no"]
    assert told
    for row in told:
        if outcome(engine, CORPUS / row["file"]) != "yes":
            continue
        with (CORPUS / row["file"]).open("rb") as document:
            verdicts = engine.read(document, None)
        assert not any(verdict.modified_after_signing for verdict in verdicts), row["id"]
