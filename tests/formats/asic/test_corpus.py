"""Containers that others made, with the outcome that their makers state; skipped where the corpus is not at hand."""

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
    with manifest.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["format"] == "asic"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['id']}-{row['expected']}")
def test_containers_are_judged_as_their_makers_say(reader, row):
    """Good ones are accepted; of bad ones no signature needs to hold, but never do all."""
    with (CORPUS / row["file"]).open("rb") as stream:
        try:
            verdicts = reader.read_file(stream, [])
        except UnreadableSignature:
            verdicts = []
    found = [v.crypto_valid and v.structure_valid is not False for v in verdicts]
    said = "yes" if found and all(found) else "mixed" if any(found) else "no"
    if row["expected"] in ("yes", "mixed"):
        assert said == row["expected"]
    else:
        assert said != "yes"
