"""
Signed files taken apart for verifiers that want their pieces: small, strict, and independent of ``formats``.

The engines must not help to judge their own work, so nothing of theirs is used here.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms
from lxml import etree

DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
CONTENT_URI = "content"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"

_LARGEST_XML = 4 * 1024 * 1024
_LARGEST_PDF = 256 * 1024 * 1024
_MOST_SIGNATURES = 64
_BYTE_RANGE = re.compile(
    rb"/ByteRange\s{0,8}\[\s{0,8}(\d{1,12})\s{1,64}(\d{1,12})\s{1,64}(\d{1,12})\s{1,64}(\d{1,12})\s{0,64}\]"
)
_HEX = re.compile(rb"<[0-9A-Fa-f]*>")
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


class NotAsExpected(ValueError):
    """A signed file does not have the plain shape that is read here; the text says what, never content."""


@dataclass(frozen=True, slots=True)
class TimeStampPart:
    """One RFC 3161 token (DER) and the octets that it must attest."""

    token: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class PdfSignaturePart:
    """One PDF signature: its CMS (DER), the octets it covers, and whether these reach the end of the file."""

    cms: bytes
    covered: bytes
    reaches_end: bool
    is_time_stamp: bool


def detached_signature(xades: bytes) -> etree._Element:
    """
    The root ``ds:Signature`` of a detached XAdES over one content named ``content``.

    Two references and no more: the content, untransformed, and SignedProperties. So a verifier that follows URIs can
    be handed the content and nothing else was signed in its stead. SHA-1 may occur as the content's digest only.

    Raises:
        NotAsExpected: Any other shape, a DTD, or more than 4 MiB.

    """
    if len(xades) > _LARGEST_XML:
        raise NotAsExpected("larger than expected")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xades, parser)
    except etree.XMLSyntaxError:
        raise NotAsExpected("not well-formed") from None
    document: Any = root.getroottree().docinfo  # its stubs lack doctype
    if document.doctype or root.tag != f"{DS}Signature":
        raise NotAsExpected("not a bare ds:Signature")
    references = root.findall(f"{DS}SignedInfo/{DS}Reference")
    contents = [r for r in references if r.get("URI") == CONTENT_URI and r.find(f"{DS}Transforms") is None]
    properties = [r for r in references if r.get("Type") == SIGNED_PROPERTIES and r.get("URI", "").startswith("#")]
    if len(references) != 2 or len(contents) != 1 or len(properties) != 1:
        raise NotAsExpected("references are not content and SignedProperties")
    if SHA1 in (m.get("Algorithm") for m in root.iter(f"{DS}DigestMethod") if m.getparent() is not contents[0]):
        raise NotAsExpected("SHA-1 outside the content's digest")
    if any(m.get("Algorithm", "").endswith("sha1") for m in root.iter(f"{DS}SignatureMethod")):
        raise NotAsExpected("SHA-1 in the signature's own digest")
    return root


def content_digest_is_sha1(signature: etree._Element) -> bool:
    """Whether the content of a ``detached_signature`` is named by SHA-1."""
    method = signature.find(f"{DS}SignedInfo/{DS}Reference[@URI='{CONTENT_URI}']/{DS}DigestMethod")
    return method is not None and method.get("Algorithm") == SHA1


def xades_time_stamps(xades: bytes) -> list[TimeStampPart]:
    """
    Signature time-stamps with the canonical SignatureValue that they cover (EN 319 132-1 § 5.3).

    Raises:
        NotAsExpected: As ``detached_signature``, or an unknown canonicalisation or bad base64.

    """
    signature = detached_signature(xades)
    value = signature.find(f"{DS}SignatureValue")
    if value is None:
        raise NotAsExpected("no SignatureValue")
    parts: list[TimeStampPart] = []
    for stamp in signature.iter(f"{XADES}SignatureTimeStamp"):
        method = stamp.find(f"{DS}CanonicalizationMethod")
        algorithm = _INCLUSIVE if method is None else method.get("Algorithm")
        if algorithm not in (_EXCLUSIVE, _INCLUSIVE):
            raise NotAsExpected("unknown canonicalisation of a time-stamp")
        data = etree.tostring(value, method="c14n", exclusive=algorithm == _EXCLUSIVE, with_tail=False)
        parts.extend(TimeStampPart(_base64(token.text), data) for token in stamp.iter(f"{XADES}EncapsulatedTimeStamp"))
    return parts


def _base64(text: str | None) -> bytes:
    try:
        return b64decode("".join((text or "").split()), validate=True)
    except ValueError:
        raise NotAsExpected("bad base64") from None


def pdf_signatures(pdf: bytes) -> list[PdfSignaturePart]:
    """
    Every signature and document time-stamp in file order, found by its ByteRange (ISO 32000-1 § 12.8.1).

    Each range must start at 0 and leave out exactly the hexadecimal Contents; after the DER only zeros may follow.

    Raises:
        NotAsExpected: Any other shape.

    """
    if len(pdf) > _LARGEST_PDF:
        raise NotAsExpected("larger than expected")
    found = list(_BYTE_RANGE.finditer(pdf))
    if len(found) > _MOST_SIGNATURES or len(found) != pdf.count(b"/ByteRange"):
        raise NotAsExpected("ByteRange of an unexpected shape")
    return [_pdf_signature(pdf, *(int(number) for number in match.groups())) for match in found]


def _pdf_signature(pdf: bytes, start: int, length: int, resume: int, rest: int) -> PdfSignaturePart:
    if start != 0 or not length < resume or resume + rest > len(pdf):
        raise NotAsExpected("ByteRange does not fit the file")
    hexadecimal = pdf[length:resume]
    if not _HEX.fullmatch(hexadecimal) or len(hexadecimal) % 2:
        raise NotAsExpected("ByteRange leaves out more than Contents")
    container = bytes.fromhex(hexadecimal[1:-1].decode("ascii"))
    der = container[: _der_length(container)]
    if container[len(der) :].strip(b"\0"):
        raise NotAsExpected("something follows the CMS in Contents")
    return PdfSignaturePart(
        cms=der,
        covered=pdf[:length] + pdf[resume : resume + rest],
        reaches_end=resume + rest == len(pdf),
        is_time_stamp=_is_time_stamp(der),
    )


def _der_length(data: bytes) -> int:
    """Length in bytes of the DER SEQUENCE at the start of *data*, header included (X.690 § 8.1.3)."""
    if len(data) < 2 or data[0] != 0x30:
        raise NotAsExpected("Contents is no DER SEQUENCE")
    if data[1] < 0x80:
        total = 2 + data[1]
    else:
        size = data[1] & 0x7F
        if not 1 <= size <= 4:
            raise NotAsExpected("Contents is no DER SEQUENCE")
        total = 2 + size + int.from_bytes(data[2 : 2 + size], "big")
    if total > len(data):
        raise NotAsExpected("Contents is cut short")
    return total


@contextmanager
def _reading_asn1() -> Iterator[None]:
    """asn1crypto reads lazily and complains in several ways, wherever a value is touched first."""
    try:
        yield
    except NotAsExpected:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise NotAsExpected("not a CMS signature") from None


def _signed_data(der: bytes) -> cms.SignedData:
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data" or len(info["content"]["signer_infos"]) != 1:
        raise NotAsExpected("not a CMS signature by one signer")
    return info["content"]


def _is_time_stamp(der: bytes) -> bool:
    with _reading_asn1():
        return bool(_signed_data(der)["encap_content_info"]["content_type"].native == "tst_info")


def cms_time_stamps(der: bytes) -> list[TimeStampPart]:
    """
    Signature time-stamps of a CMS signature with the signature value that they cover (EN 319 122-1 § 5.3).

    Raises:
        NotAsExpected: Not a SignedData by one signer.

    """
    with _reading_asn1():
        signer = _signed_data(der)["signer_infos"][0]
        value = signer["signature"].native
        return [
            TimeStampPart(token.dump(), value)
            for attribute in signer["unsigned_attrs"] or ()
            if attribute["type"].native == "signature_time_stamp_token"
            for token in attribute["values"]
        ]
