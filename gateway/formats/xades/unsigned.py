"""
What was added to a signature later: time-stamps, certificates, revocation data (EN 319 132-1 § 5.3 and § 5.4).

None of it is signed, so all of it is only handed on: tokens with the octets that they must cover, the rest as bytes to
be judged elsewhere. Counter-signatures are signatures of their own and looked at no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from lxml import etree

from gateway.domain.verdicts import TimeStampFound, TimeStampKind
from gateway.formats.xades.certificates import MAX_CERTIFICATES, certificates_in
from gateway.formats.xades.covering import Covered, tags
from gateway.formats.xades.names import ds
from gateway.formats.xades.structure import Parts
from gateway.formats.xades.texts import NotText, base64_of

_MAX_TOKENS = 32
_MAX_REVOCATION_VALUES = 64
LARGEST_TOKEN = 1024 * 1024
_LARGEST_REVOCATION_VALUE = 6 * 1024 * 1024
_UNREADABLE = b""


_SIGNATURE_PROPERTIES = tags("UnsignedSignatureProperties")
_DATA_PROPERTIES = tags("SignedDataObjectProperties")
_COUNTER_SIGNATURE = tags("CounterSignature")
_TOKEN = tags("EncapsulatedTimeStamp")
_CERTIFICATE = tags("EncapsulatedX509Certificate")
_OCSP = tags("EncapsulatedOCSPValue")
_CRL = tags("EncapsulatedCRLValue")
_KINDS: dict[str, tuple[TimeStampKind, Callable[[Covered, etree._Element], bytes | None]]] = {
    tag: (kind, covered)
    for names, kind, covered in (
        (tags("AllDataObjectsTimeStamp"), TimeStampKind.CONTENT, Covered.data),
        (tags("IndividualDataObjectsTimeStamp"), TimeStampKind.CONTENT, Covered.included_data),
        (tags("SignatureTimeStamp"), TimeStampKind.SIGNATURE, Covered.value),
        (tags("SigAndRefsTimeStamp", "SigAndRefsTimeStampV2"), TimeStampKind.SIGNATURE, Covered.value_and_references),
        (tags("RefsOnlyTimeStamp", "RefsOnlyTimeStampV2"), TimeStampKind.REFERENCES, Covered.references_only),
        (tags("ArchiveTimeStamp"), TimeStampKind.ARCHIVE, Covered.everything_before),
    )
    for tag in names
}


@dataclass(frozen=True, slots=True)
class Added:
    """Everything of use among the unsigned properties, each certificate and value once."""

    time_stamps: tuple[TimeStampFound, ...] = ()
    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


def added_to(parts: Parts, covered: Covered) -> Added:
    """What UnsignedProperties hold, and content time-stamps; what is beyond bounds or cannot be read is left out."""
    properties = list(_signature_properties(parts))
    certificates: dict[bytes, None] = {}
    ocsp_responses: dict[bytes, None] = {}
    crls: dict[bytes, None] = {}
    for place in properties:
        certificates.update(dict.fromkeys(certificates_in(place, *_CERTIFICATE)))
        ocsp_responses.update(dict.fromkeys(_values(place, _OCSP)))
        crls.update(dict.fromkeys(_values(place, _CRL)))
    stamped = (place for place in (*_data_properties(parts), *properties) if place.tag in _KINDS)
    stamps = (found for place in stamped for found in _time_stamps(place, covered))
    return Added(
        time_stamps=tuple(islice(stamps, _MAX_TOKENS)),
        certificates=tuple(certificates)[:MAX_CERTIFICATES],
        ocsp_responses=tuple(ocsp_responses)[:_MAX_REVOCATION_VALUES],
        crls=tuple(crls)[:_MAX_REVOCATION_VALUES],
    )


def _signature_properties(parts: Parts) -> Iterator[etree._Element]:
    unsigned = parts.unsigned
    for group in () if unsigned is None else unsigned.iterchildren(*_SIGNATURE_PROPERTIES):
        for place in group.iterchildren("*"):
            if place.tag not in _COUNTER_SIGNATURE and next(place.iter(ds("Signature")), None) is None:
                yield place


def _data_properties(parts: Parts) -> Iterator[etree._Element]:
    signed = parts.signed
    for group in () if signed is None else signed.iterchildren(*_DATA_PROPERTIES):
        yield from group.iterchildren("*")


def _time_stamps(place: etree._Element, covered: Covered) -> Iterator[TimeStampFound]:
    """
    Each token of one time-stamp property.

    One that cannot be decoded is handed on as no token at all, which a reader of tokens refuses: left out, a spoiled
    time-stamp would look like none.
    """
    kind, octets_of = _KINDS[str(place.tag)]
    octets = octets_of(covered, place)
    for element in place.iterchildren(*_TOKEN):
        try:
            token = base64_of(element, LARGEST_TOKEN)
        except NotText:
            token = _UNREADABLE
        yield TimeStampFound(token, octets, kind)


def _values(place: etree._Element, tags: tuple[str, ...]) -> Iterator[bytes]:
    for element in place.iter(*tags):
        try:
            yield base64_of(element, _LARGEST_REVOCATION_VALUE)
        except NotText:
            continue
