"""
A TrueType font read and cut down to a few characters (OpenType 1.9: cmap, loca, glyf, hmtx), for embedding in a PDF.

For one trusted font that comes with a package of ours, not for fonts from outside. The cut font numbers its glyphs as
the PDF does, from 1, one for each character, so that text is extracted as it was written.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from importlib import resources

_KEPT = ("cvt ", "fpgm", "prep")
_WORDS, _SCALE, _MORE, _TWO_SCALES, _FOUR_SCALES = 0x01, 0x08, 0x20, 0x40, 0x80
_CHECKSUM = 0xB1B0AFBA


class Font:
    """Characters, widths and outlines of one font with 1000 units per em."""

    def __init__(self, data: bytes) -> None:
        """*data*: the font file. Raises ``ValueError`` where its em is not 1000 units, which PDF's widths are in."""
        self._data = data
        count = struct.unpack_from(">H", data, 4)[0]
        rows = (struct.unpack_from(">4sIII", data, 12 + 16 * number) for number in range(count))
        self._tables = {tag.decode("latin-1"): data[start : start + length] for tag, _, start, length in rows}
        units = struct.unpack_from(">H", self._tables["head"], 18)[0]
        if units != 1000:
            raise ValueError(f"the font has {units} units per em instead of 1000")
        self.box: tuple[int, int, int, int] = struct.unpack_from(">4h", self._tables["head"], 36)
        self.ascent, self.descent = struct.unpack_from(">2h", self._tables["hhea"], 4)
        self._metrics = struct.unpack_from(">H", self._tables["hhea"], 34)[0]
        self._glyphs = struct.unpack_from(">H", self._tables["maxp"], 4)[0]
        long = struct.unpack_from(">h", self._tables["head"], 50)[0]
        offsets = struct.unpack_from(f">{self._glyphs + 1}{'I' if long else 'H'}", self._tables["loca"])
        self._offsets = offsets if long else tuple(2 * one for one in offsets)
        self._characters = _segments(self._tables["cmap"])
        self._found: dict[str, int] = {}

    @classmethod
    def installed(cls) -> Font:
        """Source Sans Pro (SIL OFL 1.1), of the package font-source-sans-pro."""
        files = resources.files("font_source_sans_pro")
        return cls(files.joinpath("files", "SourceSansPro-Regular.ttf").read_bytes())

    def has(self, character: str) -> bool:
        """Whether there is a glyph for it."""
        return self._glyph(character) != 0

    def width(self, character: str) -> int:
        """In thousandths of the font size."""
        return self._metric(self._glyph(character))[0]

    def cut(self, characters: Sequence[str]) -> bytes:
        """A font file with these alone: glyph 0 for what is missing, then one for each character in order."""
        numbers = [0, *(self._glyph(character) for character in characters)]
        outlines: list[bytes] = []
        parts: dict[int, int] = {}
        place = 0
        while place < len(numbers):  # parts of composed letters are appended while we go
            outlines.append(self._remapped(self._outline(numbers[place]), numbers, parts))
            place += 1
        return self._assembled(numbers, outlines)

    def _glyph(self, character: str) -> int:
        if character not in self._found:
            self._found[character] = self._mapped(ord(character))
        return self._found[character]

    def _mapped(self, code: int) -> int:
        for first, last, delta, indirect in self._characters:
            if first <= code <= last:
                if indirect is None:
                    return (code + delta) & 0xFFFF
                found = indirect[code - first]
                return (found + delta) & 0xFFFF if found else 0
        return 0

    def _metric(self, glyph: int) -> tuple[int, int]:
        """Advance and left side bearing."""
        table = self._tables["hmtx"]
        if glyph < self._metrics:
            width, bearing = struct.unpack_from(">Hh", table, 4 * glyph)
            return width, bearing
        width = struct.unpack_from(">H", table, 4 * (self._metrics - 1))[0]
        return width, struct.unpack_from(">h", table, 4 * self._metrics + 2 * (glyph - self._metrics))[0]

    def _outline(self, glyph: int) -> bytes:
        return self._tables["glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    @staticmethod
    def _remapped(outline: bytes, numbers: list[int], parts: dict[int, int]) -> bytes:
        """A composed glyph with its parts' new numbers; parts that are met first get one."""
        if not outline or struct.unpack_from(">h", outline)[0] >= 0:
            return outline
        made, at, more = bytearray(outline), 10, True
        while more:
            flags, part = struct.unpack_from(">2H", made, at)
            if part not in parts:
                parts[part] = len(numbers)
                numbers.append(part)
            struct.pack_into(">H", made, at + 2, parts[part])
            at += 8 if flags & _WORDS else 6
            at += 2 if flags & _SCALE else 4 if flags & _TWO_SCALES else 8 if flags & _FOUR_SCALES else 0
            more = bool(flags & _MORE)
        return bytes(made)

    def _assembled(self, numbers: list[int], outlines: list[bytes]) -> bytes:
        padded = [outline + bytes(-len(outline) % 4) for outline in outlines]
        starts = [0]
        for outline in padded:
            starts.append(starts[-1] + len(outline))
        head, hhea, maxp = (bytearray(self._tables[tag]) for tag in ("head", "hhea", "maxp"))
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">h", head, 50, 1)
        struct.pack_into(">H", hhea, 34, len(numbers))
        struct.pack_into(">H", maxp, 4, len(numbers))
        tables = {tag: self._tables[tag] for tag in _KEPT if tag in self._tables}
        tables |= {
            "head": bytes(head),
            "hhea": bytes(hhea),
            "maxp": bytes(maxp),
            "hmtx": b"".join(struct.pack(">Hh", *self._metric(number)) for number in numbers),
            "loca": struct.pack(f">{len(starts)}I", *starts),
            "glyf": b"".join(padded),
        }
        return _file(tables)


def _segments(table: bytes) -> list[tuple[int, int, int, tuple[int, ...] | None]]:
    """The Unicode ranges of a cmap's format 4: first, last, delta, and glyphs where the range lists them."""
    count = struct.unpack_from(">H", table, 2)[0]
    for number in range(count):
        platform, _, start = struct.unpack_from(">2HI", table, 4 + 8 * number)
        if platform in (0, 3) and struct.unpack_from(">H", table, start)[0] == 4:
            return _format_4(table, start)
    raise ValueError("the font has no characters of the Basic Multilingual Plane")


def _format_4(table: bytes, start: int) -> list[tuple[int, int, int, tuple[int, ...] | None]]:
    count = struct.unpack_from(">H", table, start + 6)[0] // 2
    lasts = struct.unpack_from(f">{count}H", table, start + 14)
    firsts = struct.unpack_from(f">{count}H", table, start + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", table, start + 16 + 4 * count)
    place = start + 16 + 6 * count
    found: list[tuple[int, int, int, tuple[int, ...] | None]] = []
    for number, (first, last, delta) in enumerate(zip(firsts, lasts, deltas, strict=True)):
        if first == 0xFFFF:
            continue
        offset = struct.unpack_from(">H", table, place + 2 * number)[0]
        listed = None
        if offset:
            listed = struct.unpack_from(f">{last - first + 1}H", table, place + 2 * number + offset)
        found.append((first, last, delta, listed))
    return found


def _file(tables: dict[str, bytes]) -> bytes:
    """Tables in a file, with the checksums that the format wants."""
    power = 1 << (len(tables).bit_length() - 1)
    head = struct.pack(
        ">IHHHH", 0x00010000, len(tables), 16 * power, power.bit_length() - 1, 16 * (len(tables) - power)
    )
    start = len(head) + 16 * len(tables)
    rows, bodies, adjust = [], [], 0
    for tag, body in sorted(tables.items()):
        if tag == "head":
            adjust = start + 8
        rows.append(struct.pack(">4sIII", tag.encode("latin-1"), _sum(body), start, len(body)))
        bodies.append(body + bytes(-len(body) % 4))
        start += len(bodies[-1])
    made = bytearray(b"".join((head, *rows, *bodies)))
    struct.pack_into(">I", made, adjust, (_CHECKSUM - _sum(made)) & 0xFFFFFFFF)
    return bytes(made)


def _sum(octets: bytes | bytearray) -> int:
    whole = bytes(octets) + bytes(-len(octets) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(whole) // 4}I", whole)
    return sum(words) & 0xFFFFFFFF
