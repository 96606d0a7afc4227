"""What a PDF says about its signatures, found in the isolated process. Nothing is verified: octets are handed out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from itertools import chain
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import read_object_header
from pyhanko.sign.validation.pdf_embedded import extract_contents

from gateway.formats.isolated import Answer, Refused
from gateway.formats.pades.changes import modified_after
from gateway.formats.pades.deadline import OutOfTime, within
from gateway.formats.pades.documents import entry, is_encrypted
from gateway.formats.pades.form import Form, SignatureField

_MIB = 1024 * 1024
_LARGEST_CONTENTS = 8 * _MIB
_LARGEST_CONTENTS_IN_ALL = 64 * _MIB
_MOST_CERTIFICATES = 32
_COMPARED_AT_MOST = 10.0
_LARGE = 64 * 1024
_BEFORE_DATA = 4096
_PROBED = 64
# What is read of each kind: so many, of so many octets together.
_STORE = (
    ("/Certs", DecodePurpose.CERTIFICATE, 256, 4 * _MIB),
    ("/OCSPs", DecodePurpose.OCSP_RESPONSE, 256, 8 * _MIB),
    ("/CRLs", DecodePurpose.CRL, 64, 32 * _MIB),
)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A document's signatures with their Contents, and the answer that tells of them."""

    reader: PdfFileReader
    form: Form
    found: list[SignatureField]
    contents: list[bytes]
    answer: Answer


def survey(reader: PdfFileReader) -> Surveyed:
    """
    Every signature as *fields*; its Contents and certificates as blobs, then the document security store's.

    Raises:
        Refused: Encrypted, or too many signatures, or too large ones.

    """
    if is_encrypted(reader) and not _opens_without_password(reader):
        raise Refused("is encrypted")
    form = Form(reader)
    found = form.signatures()
    contents = [_contents(one) for one in found]
    if sum(len(octets) for octets in contents) > _LARGEST_CONTENTS_IN_ALL:
        raise Refused("has signatures that are too large")
    certificates = [_certificates(one.value) for one in found]
    store = [_stored(reader, *kind) for kind in _STORE]
    fields = {
        "signatures": [
            _described(reader, one) | {"certificates": len(own)} for one, own in zip(found, certificates, strict=True)
        ],
        "store": [[one.place for one in kind] for kind in store],
        "has_store": _has(reader.root, "/DSS"),
    }
    stored = (one.octets for one in chain(*store) if one.place is None)
    blobs = (*contents, *chain(*certificates), *stored)
    return Surveyed(reader, form, found, contents, Answer(fields, blobs))


def comparisons(surveyed: Surveyed) -> Iterator[Answer]:
    """
    For each signature by its index, whether the document was modified after it: True, False, or null.

    Null for all that come after ten seconds: the references between a document's objects may form more paths than
    anybody can follow. A form that is no tree is not compared at all.
    """
    deadline = time.monotonic() + _COMPARED_AT_MOST
    for index, (one, octets) in enumerate(zip(surveyed.found, surveyed.contents, strict=True)):
        modified = None
        with suppress(Exception, OutOfTime), within(deadline - time.monotonic()):
            if surveyed.form.is_tree:
                modified = modified_after(surveyed.reader, one, octets, surveyed.found)
        yield Answer({"index": index, "modified": modified})


def _opens_without_password(reader: PdfFileReader) -> bool:
    from pyhanko.pdf_utils.crypt import AuthStatus  # noqa: PLC0415 - rarely needed

    return bool(reader.decrypt("").status != AuthStatus.FAILED)


def _contents(one: SignatureField) -> bytes:
    octets = b""
    with suppress(Exception):
        octets = bytes(extract_contents(one.value))
    return octets if len(octets) <= _LARGEST_CONTENTS else b""


def _described(reader: PdfFileReader, one: SignatureField) -> dict[str, Any]:
    return {
        "sub_filter": _text(one.value, "/SubFilter"),
        "byte_range": _byte_range(one.value),
        "span": _span(reader, one.reference),
        "date": _date(one.value),
        "has_filter": _has(one.value, "/Filter"),
        "has_reason": _has(one.value, "/Reason"),
        "covers_store": _covers_store(reader, one.reference),
    }


def _text(dictionary: generic.DictionaryObject, key: str) -> str:
    value: object = None
    with suppress(Exception):
        value = entry(dictionary, key)
    return str(value)[:64]


def _has(dictionary: generic.DictionaryObject, key: str) -> bool:
    """Whether there is such an entry that can be read."""
    with suppress(Exception):
        return entry(dictionary, key) is not None
    return False


def _byte_range(signature: generic.DictionaryObject) -> list[int] | None:
    """The four numbers where they stand as such; anything else is not a range that could be relied on."""
    with suppress(Exception):
        raw = signature.raw_get("/ByteRange")
        if isinstance(raw, generic.ArrayObject) and all(type(n) is generic.NumberObject for n in list.__iter__(raw)):
            return [int(number) for number in raw]
    return None


def _span(reader: PdfFileReader, reference: generic.Reference | None) -> list[int] | None:
    """Where the signature dictionary's object stands in the file; None in an object stream."""
    if reference is None:
        return None
    with suppress(Exception):
        place = reader.xrefs[reference]
        if isinstance(place, int):
            reader.stream.seek(place)
            read_object_header(reader.stream, strict=reader.strict)
            generic.read_object(reader.stream, reference)
            return [place, reader.stream.tell()]
    return None


def _covers_store(reader: PdfFileReader, reference: generic.Reference | None) -> bool:
    """Whether there was a document security store in the revision that a signature belongs to."""
    if reference is not None:
        with suppress(Exception):
            return "/DSS" in reader.get_historical_root(reader.xrefs.get_last_change(reference))
    return False


def _certificates(signature: generic.DictionaryObject) -> list[bytes]:
    """The Cert entry: one certificate, or several of which the first is the signer's."""
    octets: list[bytes] = []
    with suppress(Exception):
        given = signature["/Cert"]
        for item in list.__iter__(given) if isinstance(given, generic.ArrayObject) else [given]:
            text = item.get_object()
            if isinstance(text, (generic.ByteStringObject, generic.TextStringObject)):
                octets.append(bytes(text.original_bytes))
    return octets[:_MOST_CERTIFICATES] if sum(map(len, octets)) <= _MIB else []


def _date(signature: generic.DictionaryObject) -> str | None:
    with suppress(Exception):
        moment = generic.parse_pdf_date(str(signature["/M"]), strict=False)
        return str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat())
    return None


@dataclass(frozen=True, slots=True)
class _Stored:
    """One item of the store: *octets*, and their *place* (offset and length) where they stand so in the file."""

    octets: bytes
    place: tuple[int, int] | None


def _stored(reader: PdfFileReader, key: str, purpose: DecodePurpose, most: int, room: int) -> list[_Stored]:
    """One kind of what the document security store holds (EN 319 142-1 § 5.4.2); what cannot be read is left out."""
    octets: list[_Stored] = []
    with suppress(Exception):
        entries = reader.root["/DSS"][key]
        for item in list.__iter__(entries):
            if len(octets) == most:
                break
            with suppress(Exception):
                data = bytes(item.get_object().read_data(purpose))
                room -= len(data)
                if room < 0:
                    break
                octets.append(_Stored(data, _place(reader, item, data)))
    return octets


def _place(reader: PdfFileReader, item: generic.PdfObject, data: bytes) -> tuple[int, int] | None:
    """Where a large stream without filters stands: whoever has the file need not be sent it. None where it does not."""
    if len(data) < _LARGE or not isinstance(item, generic.IndirectObject):
        return None
    with suppress(Exception):
        start = reader.xrefs[item.reference]
        if isinstance(start, int):
            reader.stream.seek(start)
            beginning = reader.stream.read(_BEFORE_DATA + _PROBED)
            offset = start + beginning.index(data[:_PROBED], beginning.index(b"stream"))
            reader.stream.seek(offset + len(data) - _PROBED)
            if reader.stream.read(_PROBED) == data[-_PROBED:]:  # pyHanko has read what is between
                return offset, len(data)
    return None
