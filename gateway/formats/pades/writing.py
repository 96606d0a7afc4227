"""
One appended revision with an empty signature (ISO 32000-2 § 12.8, EN 319 142-1), made in the isolated process.

pyHanko's PDF layer resolves the form, the first page and the cross-references, whatever their layout; nothing else of
the document is touched, its metadata neither, and nothing of it is rewritten.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from datetime import datetime

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from gateway.formats.isolated import Refused

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


class _Appended(io.BytesIO):
    """Octets that stand after *base* others: positions are the file's."""

    def __init__(self, base: int, beginning: bytes) -> None:
        super().__init__()
        self._base = base
        self.write(beginning)

    def tell(self) -> int:
        return super().tell() + self._base

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(offset - self._base if whence == os.SEEK_SET else offset, whence) + self._base


class _RevisionWriter(IncrementalPdfFileWriter):
    """Leaves the document's PDF version as it is."""

    output_version = (1, 0)  # the least that is asked for, which every document has


def revision(reader: PdfFileReader, text: SignatureText, container: int) -> Revision:
    """
    An invisible signature field on the first page with an empty signature of *container* octets.

    Raises whatever pyHanko raises for documents that it cannot extend.
    """
    writer = _RevisionWriter(reader.stream, prev=reader)
    _number_after_all(writer, reader)
    _identify(writer, reader, text.identifier)
    embedder = PdfCMSEmbedder(new_field_spec=SigFieldSpec(sig_field_name=text.name))
    steps = embedder.write_cms(field_name=text.name, writer=writer)
    next(steps)
    signature = SignatureObject(
        timestamp=text.moment,
        subfilter=SigSeedSubFilter.PADES,
        reason=text.reason,
        bytes_reserved=2 * container,
    )
    steps.send(SigObjSetup(sig_placeholder=signature))

    size = reader.stream.seek(0, os.SEEK_END)
    reader.stream.seek(size - 1)
    out = _Appended(size, b"" if reader.stream.read(1) in b"\r\n" else b"\n")
    writer._write_updated_section(out)  # type: ignore[no-untyped-call]  # noqa: SLF001 - public ways copy it all
    start, end = signature.contents.offsets
    signature.byte_range.fill_offsets(out, start, end, out.tell())
    return Revision(out.getvalue(), start - size, end - size)


def _identify(writer: IncrementalPdfFileWriter, reader: PdfFileReader, identifier: bytes) -> None:
    """The changing half of the document's /ID comes from outside, and the lasting half where there was none."""
    given = generic.ByteStringObject(identifier)
    writer._document_id[1] = given  # noqa: SLF001 - pyHanko draws it itself
    if "/ID" not in reader.trailer:
        writer._document_id[0] = given  # noqa: SLF001


def _number_after_all(writer: IncrementalPdfFileWriter, reader: PdfFileReader) -> None:
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
