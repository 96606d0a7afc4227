"""
The common form of a bench: rows with their reference in the same run, printed, written as JSON, put on the page.

A bench is a module beside this one. It offers ``TITLE`` (a line), ``ABOUT`` (paragraphs for the page: what is measured
and against what) and ``measure() -> list[Row]``, which prints nothing and raises or exits where something could not be
measured. ``run.py`` finds it by its name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_DECIMALS = 9
_HEADINGS = ("work", "measured", "reference", "ratio", "reach", "holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One measurement beside its reference.

    Args:
        work: the row's name, as the issue's table has it.
        measured: what our way took, in *unit*.
        unit: of *measured* and *reference_measured*: ms, MB, 1/s …
        reference: what it is compared with, as a named library call.
        reference_measured: what that took in the same run, in *unit*.
        reach: what is to be reached.
        at_least: *reach* is a lower bound (shares, rates); otherwise an upper one.
        absolute: *reach* bounds *measured* itself, in *unit* (memory); otherwise the ratio.
        share: the ratio is written as a plain number and not as a multiple.

    """

    work: str
    measured: float
    unit: str
    reference: str
    reference_measured: float
    reach: float
    at_least: bool = False
    absolute: bool = False
    share: bool = False

    @property
    def ratio(self) -> float:
        """*measured* ÷ *reference_measured*."""
        return self.measured / self.reference_measured

    @property
    def holds(self) -> bool:
        """Whether what was measured is within reach."""
        judged = self.measured if self.absolute else self.ratio
        return judged >= self.reach if self.at_least else judged <= self.reach

    def as_json(self) -> dict[str, object]:
        """The row as it is written to a file."""
        return {
            "work": self.work,
            "measured": _rounded(self.measured),
            "unit": self.unit,
            "reference": self.reference,
            "reference_measured": _rounded(self.reference_measured),
            "ratio": _rounded(self.ratio),
            "reach": self.reach,
            "holds": self.holds,
        }

    def cells(self) -> tuple[str, ...]:
        """The row as it is printed, in the order of the headings."""
        times = "" if self.share else "×"
        reach = f"{self.reach:g} {self.unit}" if self.absolute else f"{times}{self.reach:g}"
        return (
            self.work,
            f"{_short(self.measured)} {self.unit}",
            f"{_short(self.reference_measured)} {self.unit}: {self.reference}",
            f"{times}{_short(self.ratio)}",
            f"{'≥' if self.at_least else '≤'} {reach}",
            "yes" if self.holds else "no",
        )


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """The table on the terminal."""
    table = Table(title=title)
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold", no_wrap=heading in {"ratio", "reach", "holds"})
    for row in rows:
        table.add_row(*row.cells())
    Console().print(table)


def markdown_rows(rows: Sequence[Row]) -> str:
    """The same table for a page."""
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def write_json(path: Path, rows: Sequence[Row | dict[str, object]]) -> None:
    """A list of objects, one for each row; what is an object already is written as it is."""
    objects = [row.as_json() if isinstance(row, Row) else row for row in rows]
    path.write_text(f"{json.dumps(objects, indent=1, ensure_ascii=False)}\n", encoding="utf-8")


def read_json(path: Path) -> list[dict[str, object]]:
    """What ``write_json`` wrote."""
    rows: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _short(number: float) -> str:
    """Three significant digits or more, and no exponent."""
    decimals = 2 - math.floor(math.log10(abs(number))) if number else 0
    return f"{number:.{min(max(decimals, 0), _DECIMALS)}f}"


def _rounded(number: float) -> float:
    """Enough digits that a ratio computed from them is the one that is written."""
    return float(f"{number:.7g}")
