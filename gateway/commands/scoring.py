"""
How a manifest's answers agree with what its rows expect: by format and reliability, and every difference.

A row is read as good where it has at least one signature or document time-stamp and for each ``crypto_valid`` and no
structure that is false; trust and policy are not asked. Expected ``yes`` is good; ``no`` and ``reject`` are bad;
``mixed`` wants at least one that holds and one that does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from gateway.commands.common import console
from gateway.commands.manifest_rows import ManifestRow
from gateway.errors import ConfigurationError

_EXPECTED = ("yes", "no", "reject", "mixed")


def holds(signature: Mapping[str, Any]) -> bool:
    """Whether one entry counts as holding."""
    return bool(signature["crypto_valid"]) and signature["structure_valid"] is not False


def reading_of(facts: Mapping[str, Any]) -> str:
    """What was read: ``yes``, ``no`` or ``mixed``."""
    found = {holds(signature) for signature in facts["signatures"]}
    if found == {True, False}:
        return "mixed"
    return "yes" if found == {True} else "no"


def agrees(expected: str, facts: Mapping[str, Any]) -> bool:
    """Whether the reading is the expected one; a mixture is a refusal to whoever expects ``no``."""
    reading = reading_of(facts)
    return reading == expected if expected in ("yes", "mixed") else reading != "yes"


def print_score(rows: Sequence[ManifestRow], found: Sequence[Mapping[str, Any]]) -> None:
    """
    Print the tables and the differences.

    Raises:
        ConfigurationError: The manifest has no column ``expected``.

    """
    if not any("expected" in row.whole for row in rows):
        raise ConfigurationError("--compare: the manifest has no column expected")
    counts: Counter[tuple[str, str, str, bool]] = Counter()
    differences = []
    for row, facts in zip(rows, found, strict=True):
        expected = row.whole.get("expected", "")
        if expected not in _EXPECTED:
            continue
        right = agrees(expected, facts)
        side = "good" if expected == "yes" else expected if expected == "mixed" else "bad"
        for reliability in (row.whole.get("reliability") or "-", "all"):
            counts[row.whole.get("format") or "-", reliability, side, right] += 1
        if not right:
            differences.append((row, facts))
    console.print(_table(counts))
    for row, facts in differences:
        console.print(_difference(row, facts), markup=False, soft_wrap=True)


def _table(counts: Counter[tuple[str, str, str, bool]]) -> Table:
    table = Table("format", "reliability", "good accepted", "bad refused", "mixed told apart")
    for file_format, reliability in sorted({(f, r) for f, r, _, _ in counts}):
        shares = []
        for side in ("good", "bad", "mixed"):
            right = counts[file_format, reliability, side, True]
            whole = right + counts[file_format, reliability, side, False]
            shares.append(f"{right} of {whole} ({100 * right / whole:.1f} %)" if whole else "")
        table.add_row(file_format, reliability, *shares)
    return table


def _difference(row: ManifestRow, facts: Mapping[str, Any]) -> str:
    entries = [
        f"{one['kind']} crypto={one['crypto_valid']} structure={one['structure_valid']} {','.join(one['reasons'])}"
        for one in facts["signatures"]
    ]
    said = "; ".join(entries) or ",".join(facts["reasons"])
    attack = " ATTACK" if row.whole.get("attack") == "1" else ""
    return (
        f"{row.identifier} {row.whole.get('format', '')}{attack} expected {row.whole['expected']}"
        f" ({row.whole.get('reliability', '')}), read {reading_of(facts)}: {said}"
    )
