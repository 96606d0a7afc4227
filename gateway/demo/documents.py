"""The demo's own documents: plain PDFs made here, and one signed beforehand by somebody with other software."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

_A4 = (0, 0, 595, 842)


def letter(title: str, lines: Sequence[str]) -> bytes:
    """A one-page PDF with a heading and *lines*, in Latin-1, in one of the fonts that every reader has."""
    font = generic.DictionaryObject(
        {
            generic.NameObject("/Type"): generic.NameObject("/Font"),
            generic.NameObject("/Subtype"): generic.NameObject("/Type1"),
            generic.NameObject("/BaseFont"): generic.NameObject("/Helvetica"),
            generic.NameObject("/Encoding"): generic.NameObject("/WinAnsiEncoding"),
        }
    )
    drawn = [b"BT /F1 20 Tf 72 760 Td (" + _escaped(title) + b") Tj /F1 12 Tf 0 -40 Td"]
    drawn += [b"(" + _escaped(line) + b") Tj 0 -18 Td" for line in lines]
    writer = PdfFileWriter()
    content = writer.add_object(generic.StreamObject(stream_data=b"\n".join([*drawn, b"ET"])))
    fonts = generic.DictionaryObject({generic.NameObject("/F1"): writer.add_object(font)})
    page = PageObject(contents=content, media_box=_A4)
    page["/Resources"] = generic.DictionaryObject({generic.NameObject("/Font"): fonts})
    writer.insert_page(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def signed_by_a_stranger(pdf: bytes, stranger: tuple[bytes, bytes, tuple[bytes, ...]], timestamper: Any) -> bytes:
    """
    *pdf* as somebody else signed it, PAdES-BASELINE-T, with pyHanko alone.

    *stranger* is private key (PKCS#8 PEM), certificate and issuers (DER); *timestamper* is pyHanko's.
    """
    key_pem, certificate, issuers = stranger
    key = load_pem_private_key(key_pem, None)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        asn1_x509.Certificate.load(certificate),
        asn1_keys.PrivateKeyInfo.load(private),
        SimpleCertificateStore.from_certs([asn1_x509.Certificate.load(der) for der in issuers]),
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Stranger", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, app_build_props=None
    )
    out = signers.PdfSigner(metadata, signer, timestamper=timestamper).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf))
    )
    return bytes(out.getvalue())


def agreement(now: datetime) -> bytes:
    """The demo's first document."""
    day = now.strftime("%d.%m.%Y")
    return letter(
        "TEST agreement", [f"Made by the demo on {day}.", "It binds nobody to anything.", "Amount due: 100 lei"]
    )


def minutes(now: datetime) -> bytes:
    """The demo's second document, which a stranger signs first."""
    day = now.strftime("%d.%m.%Y")
    return letter("TEST minutes of a meeting", [f"Held on {day}, for the demo alone.", "Present: nobody who exists."])


def _escaped(text: str) -> bytes:
    raw = text.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
