"""What a PDF says about its signatures, found in the isolated process. Nothing is verified: octets are handed out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import read_object_header
from pyhanko.sign.validation.pdf_embedded import extract_contents

from gateway.formats.isolated import Answer, Refused
from gateway.formats.pades.changes import modified_after
from gateway.formats.pades.documents import SignatureField, entry, is_encrypted, signature_fields

_MIB = 1024 * 1024
_LARGEST_CONTENTS = 8 * _MIB
_LARGEST_CONTENTS_IN_ALL = 64 * _MIB
# What is read of each kind: so many, of so many octets together.
_STORE = (
    ("/Certs", DecodePurpose.CERTIFICATE, 256, 4 * _MIB),
    ("/OCSPs", DecodePurpose.OCSP_RESPONSE, 256, 8 * _MIB),
    ("/CRLs", DecodePurpose.CRL, 64, 32 * _MIB),
)


def survey(reader: PdfFileReader) -> tuple[Answer, list[SignatureField]]:
    """
    Every signature as *fields* with its Contents as a blob, then the document security store's blobs.

    Raises:
        Refused: Encrypted, or too many signatures, or too large ones.

    """
    if is_encrypted(reader) and not _opens_without_password(reader):
        raise Refused("is encrypted")
    found = list(signature_fields(reader))
    contents = [_contents(one) for one in found]
    if sum(len(octets) for octets in contents) > _LARGEST_CONTENTS_IN_ALL:
        raise Refused("has signatures that are too large")
    store = [_stored(reader, *kind) for kind in _STORE]
    fields = {
        "signatures": [_described(reader, one) for one in found],
        "store": [len(kind) for kind in store],
    }
    blobs = (*contents, *(blob for kind in store for blob in kind))
    return Answer(fields, blobs), found


def comparisons(reader: PdfFileReader, found: list[SignatureField], contents: list[bytes]) -> Iterator[Answer]:
    """For each signature by its index, whether the document was modified after it: True, False, or null."""
    for index, (one, octets) in enumerate(zip(found, contents, strict=True)):
        modified = None
        with suppress(Exception):
            modified = modified_after(reader, one, octets, found)
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
    }


def _text(dictionary: generic.DictionaryObject, key: str) -> str:
    value: object = None
    with suppress(Exception):
        value = entry(dictionary, key)
    return str(value)[:64]


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


def _date(signature: generic.DictionaryObject) -> str | None:
    with suppress(Exception):
        moment = generic.parse_pdf_date(str(signature["/M"]), strict=False)
        return str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat())
    return None


def _stored(reader: PdfFileReader, key: str, purpose: DecodePurpose, most: int, room: int) -> list[bytes]:
    """One kind of what the document security store holds (EN 319 142-1 § 5.4.2); what cannot be read is left out."""
    octets: list[bytes] = []
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
                octets.append(data)
    return octets
