"""
Revisions that make a signed document last (EN 319 142-1 § 5.4.2 and § 5.4.3), made in the isolated process.

A document security store with certificates and revocation data, without VRI dictionaries (decision 21); and an empty
document time-stamp. Both are appended: nothing that was signed or stamped is touched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from gateway.formats.pades.writing import Appended, Revision, RevisionWriter, identify, number_after_all


def evidence_revision(
    reader: PdfFileReader,
    identifier: bytes,
    certificates: Sequence[bytes],
    ocsp_responses: Sequence[bytes],
    crls: Sequence[bytes],
) -> bytes:
    """
    The octets to append for a store with these beside what the document's store holds already.

    Raises whatever pyHanko raises for documents that it cannot extend.
    """
    writer = _writer(reader, identifier)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(der) for der in certificates],
        ocsps=[asn1_ocsp.OCSPResponse.load(der) for der in ocsp_responses],
        crls=[asn1_crl.CertificateList.load(der) for der in crls],
    )
    out = _appended(reader)
    writer._write_updated_section(out)  # noqa: SLF001 - public ways copy it all
    return out.getvalue()


def stamp_revision(reader: PdfFileReader, name: str, identifier: bytes, container: int) -> Revision:
    """
    An invisible field *name* with an empty document time-stamp of *container* octets.

    Raises whatever pyHanko raises for documents that it cannot extend.
    """
    writer = _writer(reader, identifier)
    embedder = PdfCMSEmbedder(new_field_spec=SigFieldSpec(sig_field_name=name))
    steps = embedder.write_cms(field_name=name, writer=writer)
    next(steps)
    stamp = DocumentTimestamp(bytes_reserved=2 * container)
    steps.send(SigObjSetup(sig_placeholder=stamp))
    out = _appended(reader)
    size = reader.stream.seek(0, os.SEEK_END)
    writer._write_updated_section(out)  # noqa: SLF001 - public ways copy it all
    start, end = stamp.contents.offsets
    stamp.byte_range.fill_offsets(out, start, end, out.tell())
    return Revision(out.getvalue(), start - size, end - size)


def _writer(reader: PdfFileReader, identifier: bytes) -> IncrementalPdfFileWriter:
    writer = RevisionWriter(reader.stream, prev=reader)
    number_after_all(writer, reader)
    identify(writer, reader, identifier)
    return writer


def _appended(reader: PdfFileReader) -> Appended:
    size = reader.stream.seek(0, os.SEEK_END)
    reader.stream.seek(size - 1)
    return Appended(size, b"" if reader.stream.read(1) in b"\r\n" else b"\n")
