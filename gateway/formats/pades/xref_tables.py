"""
Cross-reference tables read quickly (ISO 32000-1 § 7.5.4): by column, where pyHanko makes objects of every line.

A document of 85 000 objects costs pyHanko a fifth of a second to open. Only a plain table is read here, of one section
that starts at object 0, with lines of 20 octets; whatever is otherwise is left to pyHanko, with its own idea of errors.
Used by the isolated process alone, after ``xref_streams`` was installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from pyhanko.pdf_utils import xref

_LINE = 20
_HEAD = re.compile(rb"\s{0,8}0\s{1,8}(\d{1,7})\s{0,8}?(?:\r\n|\n|\r)")
_FREE = re.compile(rb"\d{10} \d{5} f(?: \n| \r|\r\n)")
_LINES = re.compile(rb"(?:\d{10} 0{5} n(?: \n| \r|\r\n))*")
_TAIL = re.compile(rb"\s{0,8}trailer\s{0,8}(?=<<)")
_FEWEST, _AROUND = 64, 64
_MOST = 8_388_607  # ISO 32000-1 annex C


class _Table(NamedTuple):
    """The places of the objects from number 1 on, all in use and of generation 0."""

    places: list[int]


_slow_table = xref.parse_xref_table
_slow_process = xref.XRefSectionData.process_entries


def install() -> None:
    """Have pyHanko use it, in this process."""
    global _slow_process  # noqa: PLW0603 - whatever reads the other kinds now
    _slow_process = xref.XRefSectionData.process_entries
    xref.parse_xref_table = _lines  # type: ignore[assignment]  # the only reader of what it gives is below
    xref.XRefSectionData.process_entries = _process  # type: ignore[method-assign, assignment]


def _lines(stream: IO[bytes], strict: bool) -> _Table | Iterator[xref.XRefEntry]:
    start = stream.tell()
    found = _table(stream)
    if found is not None:
        return found
    stream.seek(start)
    return _slow_table(stream, strict)


def _table(stream: IO[bytes]) -> _Table | None:
    """The table, with *stream* left at its trailer's dictionary; None where it is not plain."""
    start = stream.tell()
    head = _HEAD.match(stream.read(_AROUND))
    count = int(head.group(1)) if head else 0
    if head is None or not _FEWEST <= count <= _MOST:
        return None
    stream.seek(start + head.end())
    data = stream.read(_LINE * count)
    after = stream.tell()
    tail = _TAIL.match(stream.read(_AROUND))
    if tail is None or len(data) != _LINE * count or not _FREE.fullmatch(data, 0, _LINE):
        return None
    if not _LINES.fullmatch(data, _LINE):
        return None
    stream.seek(after + tail.end())
    return _Table([int(data[at : at + 10]) for at in range(_LINE, len(data), _LINE)])


def _process(section: xref.XRefSectionData, entries: Any, strict: bool) -> int:
    if not isinstance(entries, _Table):
        return int(_slow_process(section, entries, strict))
    numbers = range(1, len(entries.places) + 1)
    section.standard_xrefs.update(zip(numbers, ((0, place) for place in entries.places), strict=True))
    section.explicit_refs_in_revision.update((number, 0) for number in numbers)
    return len(entries.places)
