"""
Validation data put into finished signatures: level LT (EN 319 132-1 § 5.4 and § 5.5.1).

The file is never written anew: new properties are spliced between octets that stay as they are, so that whatever was
signed or time-stamped stays so. An archive time-stamp (LTA) covers the signed content itself, and nobody who signs a
hash has that: it is refused with this reason.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

from lxml import etree

from gateway.domain.contents import ContentDigest
from gateway.domain.evidence import Evidence, PreparedArchive
from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats.xades.names import DS, XADES, XADES_141
from gateway.formats.xades.parsing import FILES, parse, read_bounded

_SPACE = " "
_SIGNATURE = f"{DS}{_SPACE}Signature"
_PROPERTIES = f"{XADES}{_SPACE}UnsignedSignatureProperties"
_TIME_STAMP = f"{XADES}{_SPACE}SignatureTimeStamp"
_NO_ARCHIVE = (
    "an archive time-stamp of XAdES is over the signed content, and here a hash was signed: the highest level is LT"
)


@dataclass(slots=True)
class _Place:
    """Octet offsets in one signature: after its last time-stamp, and before the end of its unsigned properties."""

    after_time_stamp: int | None = None
    end: int | None = None


class XadesAugmenter:
    """Implements ``SignatureAugmenter`` for XAdES 1.3.2. Stateless."""

    def add_evidence(self, signature: BinaryIO, signer: Evidence, time_stamps: Evidence, out: BinaryIO) -> None:
        """
        See the door. Every signature of the document that has a time-stamp gets what it lacks.

        The time-stamps' data stand right after them (TimeStampValidationData), the signer's at the end.
        """
        data = read_bounded(signature, FILES.size)
        root = parse(data, FILES)
        elements = list(_outer_signatures(root))
        places = _places(data)
        if len(places) != len(elements):
            raise UnreadableSignature("signatures stand in places that cannot be told apart")
        pieces: list[tuple[int, str]] = []
        for element, place in zip(elements, places, strict=True):
            pieces += _additions(element, place, signer, time_stamps)
        if not any(place.after_time_stamp is not None for place in places):
            raise UnreadableSignature("has no signature time-stamp: validation data belong to level T and above")
        _splice(data, pieces, out)

    def prepare_archive(self, signature: BinaryIO, content: ContentDigest | None, token_size: int) -> PreparedArchive:
        """Always raises ``UnsignableDocument``: see the module."""
        del signature, content, token_size
        _refuse_archive()

    def complete_archive(self, signature: BinaryIO, prepared: PreparedArchive, token: bytes, out: BinaryIO) -> None:
        """Always raises ``UnsignableDocument``: see the module."""
        del signature, prepared, token, out
        _refuse_archive()


def _refuse_archive() -> NoReturn:
    raise UnsignableDocument(_NO_ARCHIVE)


def _outer_signatures(root: etree._Element) -> Iterator[etree._Element]:
    """Signatures in document order, without those that stand inside another (counter-signatures)."""
    tag = f"{{{DS}}}Signature"
    for element in root.iter(tag):
        if not any(ancestor.tag == tag for ancestor in element.iterancestors()):
            yield element


def _places(data: bytes) -> list[_Place]:
    """Where things may be put in, for each outer signature in document order. Raises ``UnreadableSignature``."""
    found: list[_Place] = []
    inside: list[str] = []
    parser = expat.ParserCreate(namespace_separator=_SPACE)

    def start(name: str, _attributes: Any) -> None:
        if name == _SIGNATURE and _SIGNATURE not in inside:
            found.append(_Place())
        inside.append(name)

    def end(name: str) -> None:
        inside.pop()
        # Only the outer signature's own: what stands deeper belongs to a counter-signature.
        if inside.count(_SIGNATURE) != 1:
            return
        if name == _PROPERTIES:
            found[-1].end = parser.CurrentByteIndex
        elif name == _TIME_STAMP and inside[-1] == _PROPERTIES:
            found[-1].after_time_stamp = data.index(b">", parser.CurrentByteIndex) + 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError):
        raise UnreadableSignature("is in an encoding into which nothing can be put") from None
    for place in found:
        for offset in (place.end, place.after_time_stamp):
            if offset is not None and data[offset - 1 : offset + 2].count(0):
                raise UnreadableSignature("is in an encoding into which nothing can be put")
    return found


def _additions(
    element: etree._Element, place: _Place, signer: Evidence, time_stamps: Evidence
) -> Iterator[tuple[int, str]]:
    """What one signature lacks, and where it goes; nothing where it has no time-stamp."""
    if place.after_time_stamp is None or place.end is None:
        return
    there = _present(element)
    has_values = any(
        element.find(f".//{{{XADES}}}{name}") is not None for name in ("CertificateValues", "RevocationValues")
    )
    own = Evidence() if has_values else signer.without(there)
    late = (time_stamps.with_(signer) if has_values else time_stamps).without(there).without(own)
    if late != Evidence():
        yield place.after_time_stamp, _time_stamp_data(late)
    if own != Evidence():
        yield place.end, _values(own)


def _present(element: etree._Element) -> Evidence:
    """Everything of the kind that a signature carries already, wherever it stands."""
    certificates = (f"{{{DS}}}X509Certificate", f"{{{XADES}}}EncapsulatedX509Certificate")
    return Evidence(
        tuple(_decoded(element.iter(*certificates))),
        tuple(_decoded(element.iter(f"{{{XADES}}}EncapsulatedOCSPValue"))),
        tuple(_decoded(element.iter(f"{{{XADES}}}EncapsulatedCRLValue"))),
    )


def _decoded(elements: Iterable[etree._Element]) -> Iterator[bytes]:
    for element in elements:
        try:
            yield b64decode("".join((element.text or "").split()), validate=True)
        except (NotBase64, ValueError):
            continue


def _time_stamp_data(evidence: Evidence) -> str:
    return (
        f'<xades141:TimeStampValidationData xmlns:xades141="{XADES_141}">{_values(evidence)}'
        "</xades141:TimeStampValidationData>"
    )


def _values(evidence: Evidence) -> str:
    """CertificateValues and RevocationValues; only base64 enters, so nothing needs escaping."""
    parts = []
    if evidence.certificates:
        inner = "".join(_encapsulated("X509Certificate", one) for one in evidence.certificates)
        parts.append(f'<xades:CertificateValues xmlns:xades="{XADES}">{inner}</xades:CertificateValues>')
    if evidence.crls or evidence.ocsp_responses:
        inner = _group("CRL", evidence.crls) + _group("OCSP", evidence.ocsp_responses)
        parts.append(f'<xades:RevocationValues xmlns:xades="{XADES}">{inner}</xades:RevocationValues>')
    return "".join(parts)


def _group(kind: str, values: tuple[bytes, ...]) -> str:
    inner = "".join(_encapsulated(f"{kind}Value", one) for one in values)
    return f"<xades:{kind}Values>{inner}</xades:{kind}Values>" if values else ""


def _encapsulated(kind: str, der: bytes) -> str:
    return f"<xades:Encapsulated{kind}>{b64encode(der).decode()}</xades:Encapsulated{kind}>"


def _splice(data: bytes, pieces: list[tuple[int, str]], out: BinaryIO) -> None:
    written = 0
    for offset, text in sorted(pieces, key=lambda piece: piece[0]):
        out.write(data[written:offset])
        out.write(text.encode("ascii"))
        written = offset
    out.write(data[written:])
