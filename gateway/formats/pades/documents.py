"""PDFs opened with pyHanko, in the isolated process only: strictly where that works, and what everybody asks first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef
from pyhanko.sign.fields import SigSeedSubFilter

from gateway.formats.isolated import Refused, opened
from gateway.formats.pades.object_streams import ObjectStreams

TIME_STAMP = SigSeedSubFilter.ETSI_RFC3161.value
"""The SubFilter of document time-stamps."""

_MARK = b"%PDF-"

R = TypeVar("R")


def with_reader(descriptor: int, work: Callable[[PdfFileReader], R]) -> R:
    """
    What *work* makes of the document: read strictly, and again leniently when that fails.

    Many documents in use break a rule that does not matter here; what cannot be read leniently either is refused.

    Raises:
        Refused: Not a PDF, or not readable, or refused by *work*.

    """
    try:
        return _guarded(descriptor, work, strict=True)
    except _Unreadable:
        pass  # and nothing of the first attempt is kept in memory
    try:
        return _guarded(descriptor, work, strict=False)
    except _Unreadable:
        raise Refused("cannot be read as a PDF") from None


class _Unreadable(Exception):
    """pyHanko broke, in one of many ways."""


def _guarded(descriptor: int, work: Callable[[PdfFileReader], R], *, strict: bool) -> R:
    try:
        return work(_open(descriptor, strict=strict))
    except (Refused, MemoryError):
        raise
    except SystemError:
        raise MemoryError from None  # so C code fails that does not look where memory ran out
    except Exception:  # noqa: BLE001 - odd documents break it in many ways; none is an answer
        raise _Unreadable from None


def _open(descriptor: int, *, strict: bool) -> PdfFileReader:
    stream = opened(descriptor)
    if stream.read(len(_MARK)) != _MARK:
        raise Refused("is not a PDF")
    return _Reader(stream, strict=strict)


class _Reader(PdfFileReader):
    """
    pyHanko's reader, quicker with object streams.

    A null counts as absent in the trailer too, and a reference to nothing is null (ISO 32000-2 § 7.3.10), which pyHanko
    refuses when it is strict; what that would let pass is looked for in ``changes``.
    """

    def __init__(self, stream: IO[bytes], *, strict: bool) -> None:
        self._object_streams = ObjectStreams(self)
        super().__init__(stream, strict=strict)

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        found: generic.PdfObject | None = None
        with suppress(ValueError, TypeError, KeyError, PdfError):  # which pyHanko then meets, and names
            found = self._object_streams.read(idnum, stmnum, idx)
        if found is None:
            found = super()._get_object_from_stream(idnum, stmnum, idx)  # type: ignore[no-untyped-call]  # a gap of pyHanko
        return found

    def _read_object(
        self,
        ref: generic.Reference,
        marker: int | ObjStreamRef | None,
        never_decrypt: bool = False,
        as_metadata_stream: bool = False,
    ) -> Any:
        if marker is not None:
            return super()._read_object(ref, marker, never_decrypt, as_metadata_stream)
        nothing = generic.NullObject()
        nothing.container_ref = ref
        return nothing

    @property
    def encrypt_dict(self) -> generic.DictionaryObject | None:
        if not is_encrypted(self):
            return None
        return super().encrypt_dict


def is_encrypted(reader: PdfFileReader) -> bool:
    """Whether the document has an encryption dictionary, whatever its password."""
    return "/Encrypt" in reader.trailer and not isinstance(reader.trailer.raw_get("/Encrypt"), generic.NullObject)


def entry(dictionary: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    """The object that a dictionary has under *key*, behind any reference; None without one, or for null."""
    try:
        found: generic.PdfObject = dictionary[key]
    except KeyError:
        return None
    return found
