"""
Cross-reference streams read quickly (ISO 32000-1 § 7.5.8): by column, where pyHanko makes objects of every field.

A document of 85 000 objects in object streams costs pyHanko a third of a second to open. Whatever is not plain is left
to pyHanko, with its own idea of errors. Used by the isolated process alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, pairwise, repeat
from typing import Any, NamedTuple

from pyhanko.pdf_utils import generic, xref
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import pair_iter

_WIDEST = 8
_MOST_ROWS = 8_388_607  # ISO 32000-1 annex C
_MOST_GENERATIONS = 0xFFFF
_FREE, _IN_USE, _COMPRESSED = 0, 1, 2
_FORMATS = {1: "B", 2: "H", 3: "BH", 4: "I", 8: "Q"}
_MASKS = {kind: bytes(int(byte == kind) for byte in range(256)) for kind in (_FREE, _IN_USE, _COMPRESSED)}
_slow_rows = xref.parse_xref_stream
_slow_process = xref.XRefSectionData.process_entries


class _Columns(NamedTuple):
    """The rows of one stream: what they are, object numbers, and the two fields that depend on the kind."""

    kinds: bytes
    numbers: Sequence[int]
    second: Sequence[int]
    third: Sequence[int]


class _Places(dict[int, Any]):
    """Numbers to places in object streams, made into pyHanko's own kind when they are asked for."""

    def __getitem__(self, number: int) -> xref.ObjStreamRef:
        return xref.ObjStreamRef(*super().__getitem__(number))


def install() -> None:
    """Have pyHanko use it, in this process."""
    xref.parse_xref_stream = _rows  # type: ignore[assignment]  # the only other reader of what it gives is below
    xref.XRefSectionData.process_entries = _process  # type: ignore[method-assign, assignment]


def _rows(stream: generic.StreamObject, strict: bool = True) -> _Columns | Iterator[xref.XRefEntry]:
    found = _columns(stream)
    return found if found is not None else _slow_rows(stream, strict)


def _process(section: xref.XRefSectionData, entries: Any, strict: bool) -> int:
    if not isinstance(entries, _Columns):
        return int(_slow_process(section, entries, strict))
    for kind, number, second, third in zip(*entries, strict=True):
        if kind == _COMPRESSED or number == 0:
            continue
        if kind == _IN_USE:
            section.standard_xrefs[number] = (third, second)
            section.explicit_refs_in_revision.add((number, third))
        else:
            section.freed[number] = third
            section.explicit_refs_in_revision.add((number, third - 1))
    mask = entries.kinds.translate(_MASKS[_COMPRESSED])
    numbers, streams, places = (list(compress(column, mask)) for column in entries[1:])
    held = _Places(section.xrefs_in_objstm)
    held.update(zip(numbers, zip(streams, places, strict=True), strict=True))
    section.xrefs_in_objstm = held
    section.obj_streams_used.update(streams)
    section.explicit_refs_in_revision.update(zip(numbers, repeat(0), strict=False))
    return max(entries.numbers, default=0)


def _columns(stream: generic.StreamObject) -> _Columns | None:
    """The rows, or None where they are not plain."""
    widths = _numbers(stream.get("/W"))
    index = _numbers(stream.get("/Index", [0, stream.get("/Size")]))
    if widths is None or index is None or len(widths) != 3 or widths[0] != 1 or len(index) % 2:
        return None
    sections = [range(start, start + size) for start, size in pair_iter(index)]
    rows = sum(len(section) for section in sections)
    if rows > _MOST_ROWS or any(one.stop > other.start for one, other in pairwise(sections)):
        return None
    expected = sum(widths) * rows
    data = bytes(stream.read_data(DecodePurpose.XREF_STREAM, expected_size=expected))
    if len(data) != expected or max(widths) > _WIDEST:
        return None
    numbers = [*chain(*sections)]
    kinds = data[:: sum(widths)]
    second = _column(data, widths, 1)
    third = _column(data, widths, 2)
    return _checked(_Columns(kinds, numbers, second, third)) if second is not None and third is not None else None


def _checked(found: _Columns) -> _Columns | None:
    """Rows of known kinds, with generations that are in bounds, and without an object 0 that is compressed."""
    if found.kinds.translate(None, bytes((_FREE, _IN_USE, _COMPRESSED))):
        return None
    mask = found.kinds.translate(_MASKS[_COMPRESSED])
    others = compress(found.third, (not one for one in mask))
    if max(others, default=0) > _MOST_GENERATIONS or max(found.second, default=0) >= 1 << 63:
        return None
    return None if mask[:1] == b"\1" and found.numbers[0] == 0 else found


def _column(data: bytes, widths: Sequence[int], position: int) -> list[int] | None:
    before, width, after = sum(widths[:position]), widths[position], sum(widths[position + 1 :])
    if width == 0:
        return [0] * (len(data) // sum(widths))
    form = _FORMATS.get(width)
    if form is None:
        return None
    rows = struct.iter_unpack(f">{before}x{form}{after}x", data)
    if width == 3:
        return [high << 16 | low for high, low in rows]
    return [value for (value,) in rows]


def _numbers(given: Iterable[Any] | None) -> list[int] | None:
    if given is None:
        return None
    found = list(given)
    plain = all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in found)
    return [int(one) for one in found] if plain else None
