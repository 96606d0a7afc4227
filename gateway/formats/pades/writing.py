"""
One appended revision with an empty signature (ISO 32000-2 § 12.8, EN 319 142-1), made in the isolated process.

pyHanko's PDF layer resolves the form, the first page and the cross-references, whatever their layout; nothing else of
the document is touched, its metadata neither, and nothing of it is rewritten.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from gateway.formats.isolated import Refused
from gateway.formats.pades.appearance import Stamp
from gateway.formats.pades.stamping import dress, lock_of, new_field, require_empty_field

_HIGHEST_NUMBER = 8_388_607 - 16
"""ISO 32000-1 annex C, with room for ours."""


@dataclass(frozen=True, slots=True)
class SignatureText:
    """What the revision says: the field's *name*, the document's new *identifier*, /M and /Reason."""

    name: str
    identifier: bytes
    moment: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """The octets to append, of which [hole:hole_end] is the hexadecimal Contents with its brackets."""

    octets: bytes
    hole: int
    hole_end: int


class Appended(io.BytesIO):
    """Octets that stand after *base* others: positions are the file's."""

    def __init__(self, base: int, beginning: bytes) -> None:
        super().__init__()
        self._base = base
        self.write(beginning)

    def tell(self) -> int:
        """In the file."""
        return super().tell() + self._base

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """In the file."""
        return super().seek(offset - self._base if whence == os.SEEK_SET else offset, whence) + self._base


class RevisionWriter(IncrementalPdfFileWriter):
    """Leaves the document's PDF version as it is."""

    output_version = (1, 0)  # the least that is asked for, which every document has


def revision(reader: PdfFileReader, text: SignatureText, container: int, stamp: Stamp | None = None) -> Revision:
    """
    An empty signature of *container* octets, in an invisible field on the first page, or seen as *stamp* says.

    Raises ``Refused`` where the document has no place for *stamp*, and whatever pyHanko raises for documents that it
    cannot extend.
    """
    writer = RevisionWriter(reader.stream, prev=reader)
    number_after_all(writer, reader)
    identify(writer, reader, text.identifier)
    steps = _field(writer, text.name, stamp)
    field = next(steps)
    if stamp is not None:
        dress(writer, field, stamp)
    signature = SignatureObject(
        timestamp=text.moment,
        subfilter=SigSeedSubFilter.PADES,
        reason=text.reason,
        bytes_reserved=2 * container,
    )
    steps.send(SigObjSetup(sig_placeholder=signature, mdp_setup=lock_of(field.get_object())))

    size = reader.stream.seek(0, os.SEEK_END)
    reader.stream.seek(size - 1)
    out = Appended(size, b"" if reader.stream.read(1) in b"\r\n" else b"\n")
    writer._write_updated_section(out)  # type: ignore[no-untyped-call]  # noqa: SLF001 - public ways copy it all
    start, end = signature.contents.offsets
    signature.byte_range.fill_offsets(out, start, end, out.tell())
    return Revision(out.getvalue(), start - size, end - size)


def _field(writer: IncrementalPdfFileWriter, name: str, stamp: Stamp | None) -> Generator[Any, Any, None]:
    """The field that is signed in, and the steps of signing in it, which are pyHanko's."""
    existing = stamp.wanted.field if stamp is not None else None
    if existing is not None:
        require_empty_field(writer, existing)
        yield from PdfCMSEmbedder().write_cms(existing, writer, existing_fields_only=True)
    else:
        spec = SigFieldSpec(sig_field_name=name) if stamp is None else new_field(writer, name, stamp)
        yield from PdfCMSEmbedder(new_field_spec=spec).write_cms(name, writer)


def identify(writer: IncrementalPdfFileWriter, reader: PdfFileReader, identifier: bytes) -> None:
    """The changing half of the document's /ID comes from outside, and the lasting half where there was none."""
    given = generic.ByteStringObject(identifier)
    writer._document_id[1] = given  # noqa: SLF001 - pyHanko draws it itself
    if "/ID" not in reader.trailer:
        writer._document_id[0] = given  # noqa: SLF001


def number_after_all(writer: IncrementalPdfFileWriter, reader: PdfFileReader) -> None:
    """New objects must not replace old ones, also where the trailer's /Size is too small."""
    highest = int(reader.trailer["/Size"])
    for number in range(reader.xrefs.total_revisions):
        section = reader.xrefs.get_xref_data(number)
        hybrid = [section.hybrid.xref_data] if section.hybrid is not None else []
        for data in (section, *hybrid):
            for identifiers in (data.standard_xrefs, data.xrefs_in_objstm):
                highest = max(highest, max(identifiers, default=0))
    if highest >= _HIGHEST_NUMBER:
        raise Refused("has object numbers beyond what PDF allows")
    writer._lastobj_id = highest  # noqa: SLF001 - pyHanko believes /Size
