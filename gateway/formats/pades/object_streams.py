"""
Objects in object streams read quickly (ISO 32000-1 § 7.5.7): each stream's directory is parsed once.

pyHanko reads it anew for every object, so that a document of some ten thousand objects takes minutes to compare.
Whatever is not plain is left to pyHanko, with its own idea of errors.
"""

from __future__ import annotations

from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader

_KEPT = 64 * 1024 * 1024


class ObjectStreams:
    """The decoded object streams of one document; together at most 64 MiB are kept."""

    def __init__(self, reader: PdfFileReader) -> None:
        """*reader* of the document."""
        self._reader = reader
        self._known: dict[int, tuple[bytes, list[int], list[int]] | None] = {}
        self._room = _KEPT

    def read(self, number: int, stream: int, index: int) -> generic.PdfObject | None:
        """The object *number*, which stands at *index* of object stream *stream*; None where that is not plain."""
        if stream not in self._known:
            self._learn(stream)
        found = self._known.get(stream)
        if found is None:
            return None
        data, numbers, places = found
        if index >= len(numbers) or numbers[index] != number or numbers.index(number) != index:
            return None
        octets = BytesIO(data)
        octets.seek(places[index])
        item = generic.read_object(octets, generic.Reference(number, 0, self._reader))
        return None if isinstance(item, (generic.StreamObject, generic.IndirectObject)) else item

    def _learn(self, stream: int) -> None:
        self._known[stream] = None
        held = generic.Reference(stream, 0, self._reader).get_object()
        if not isinstance(held, generic.StreamObject) or held["/Type"] != "/ObjStm":
            return
        data = bytes(held.read_data(DecodePurpose.OBJECT_STREAM))
        first, count = int(held["/First"]), int(held["/N"])
        directory = data[:first].split()
        if not 0 <= 2 * count <= len(directory) or not all(entry.isdigit() for entry in directory[: 2 * count]):
            return
        entries = [int(entry) for entry in directory[: 2 * count]]
        self._room -= len(data)
        if self._room < 0:
            self._known.clear()
            self._room = _KEPT - len(data)
        self._known[stream] = (data, entries[::2], [first + offset for offset in entries[1::2]])
