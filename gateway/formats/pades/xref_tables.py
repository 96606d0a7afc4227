"""
Cross-reference tables read quickly (ISO 32000-1 § 7.5.4): by column, where pyHanko makes objects of every line.

A document of 85 000 objects costs pyHanko a fifth of a second to open. Only a plain table is read here, of one section
that starts at object 0, with lines of 20 octets; whatever is otherwise is left to pyHanko, with its own idea of errors.
Used by the isolated process alone, after ``xref_streams`` was installed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from itertools import repeat
from typing import IO, Any, NamedTuple

from pyhanko.pdf_utils import xref

_LINE = 20
_HEAD = re.compile(rb"[ \t\r\n]{0,8}0[ \t\r\n]{1,8}(\d{1,7})[ \t]{0,8}(?:\r\n|\n|\r)")
_FREE = re.compile(rb"\d{10} (?:65535|00000) f(?: \n| \r|\r\n)")
_ENDS = (b" \n", b" \r", b"\r\n")
_TAIL = re.compile(rb"[ \t\r\n]{0,8}trailer[ \t\r\n]{0,8}(?=<<)")
_FIXED = (b" ", b"0", b"0", b"0", b"0", b"0", b" ", b"n")
_FEWEST, _AROUND = 64, 64
_MOST = 8_388_607  # ISO 32000-1 annex C


class Table(NamedTuple):
    """The places of the objects from number 1 on, all in use and of generation 0."""

    places: array[int]


_slow_table = xref.parse_xref_table


def install() -> None:
    """Have pyHanko use it, in this process."""
    process = xref.XRefSectionData.process_entries

    def quicker(section: xref.XRefSectionData, entries: Any, strict: bool) -> int:
        return taken(section, entries) if isinstance(entries, Table) else int(process(section, entries, strict))

    xref.parse_xref_table = lines  # type: ignore[assignment]  # the only reader of what it gives is the other
    xref.XRefSectionData.process_entries = quicker  # type: ignore[method-assign, assignment]


def lines(stream: IO[bytes], strict: bool) -> Table | Iterator[xref.XRefEntry]:
    """What ``xref.parse_xref_table`` gives, or a table at once."""
    start = stream.tell()
    found = _table(stream)
    if found is not None:
        return found
    stream.seek(start)
    return _slow_table(stream, strict)


def _table(stream: IO[bytes]) -> Table | None:
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
    if not _is_plain(data):
        return None
    stream.seek(after + tail.end())
    return Table(array("Q", (int(data[at : at + 10]) for at in range(_LINE, len(data), _LINE))))


def _is_plain(data: bytes) -> bool:
    """Whether each line but the first is a place, generation 0 and "n"; looked at by column, which takes no memory."""
    columns = [data[_LINE + at :: _LINE] for at in range(_LINE)]
    count = len(columns[0])
    fixed = all(column == expected * count for column, expected in zip(columns[10:18], _FIXED, strict=True))
    ends = any(columns[18] == end[:1] * count and columns[19] == end[1:] * count for end in _ENDS)
    return fixed and ends and all(column.isdigit() for column in columns[:10])


def taken(section: xref.XRefSectionData, table: Table) -> int:
    """Put *table* into *section*, as pyHanko does line by line; the highest object number."""
    numbers = [*range(1, len(table.places) + 1)]  # the same objects in both, to save memory
    section.standard_xrefs.update(zip(numbers, ((0, place) for place in table.places), strict=True))
    section.explicit_refs_in_revision.update(zip(numbers, repeat(0), strict=False))
    return len(table.places)
