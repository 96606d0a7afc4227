"""
What was added to a signature later: time-stamps, certificates, revocation data (EN 319 132-1 § 5.3 and § 5.4).

None of it is signed, so all of it is only handed on: tokens with the octets that they must cover, the rest as bytes to
be judged elsewhere. Counter-signatures are signatures of their own and looked at no further.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.domain.verdicts import TimeStampFound
from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.certificates import MAX_CERTIFICATES, certificates_in
from gateway.formats.xades.names import XADES_141, XADES_NAMESPACES, ds
from gateway.formats.xades.structure import Parts
from gateway.formats.xades.texts import NotText, base64_of

_MAX_TOKENS = 32
_MAX_REVOCATION_VALUES = 64
_LARGEST_TOKEN = 1024 * 1024
_LARGEST_REVOCATION_VALUE = 6 * 1024 * 1024
_UNREADABLE = b""


def _tags(name: str) -> tuple[str, ...]:
    return tuple(f"{{{namespace}}}{name}" for namespace in (*XADES_NAMESPACES, XADES_141))


_SIGNATURE_PROPERTIES = _tags("UnsignedSignatureProperties")
_COUNTER_SIGNATURE = _tags("CounterSignature")
_TIME_STAMP = _tags("SignatureTimeStamp")
_TOKEN = _tags("EncapsulatedTimeStamp")
_CERTIFICATE = _tags("EncapsulatedX509Certificate")
_OCSP = _tags("EncapsulatedOCSPValue")
_CRL = _tags("EncapsulatedCRLValue")


@dataclass(frozen=True, slots=True)
class Added:
    """Everything of use among the unsigned properties, each certificate and value once."""

    time_stamps: tuple[TimeStampFound, ...] = ()
    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


def added_to(parts: Parts) -> Added:
    """What UnsignedProperties hold, within bounds; what is beyond them or cannot be read is left out."""
    properties = list(_signature_properties(parts))
    certificates: dict[bytes, None] = {}
    ocsp_responses: dict[bytes, None] = {}
    crls: dict[bytes, None] = {}
    for place in properties:
        certificates.update(dict.fromkeys(certificates_in(place, *_CERTIFICATE)))
        ocsp_responses.update(dict.fromkeys(_values(place, _OCSP)))
        crls.update(dict.fromkeys(_values(place, _CRL)))
    stamps = [found for place in properties if place.tag in _TIME_STAMP for found in _time_stamps(place, parts)]
    return Added(
        time_stamps=tuple(stamps[:_MAX_TOKENS]),
        certificates=tuple(certificates)[:MAX_CERTIFICATES],
        ocsp_responses=tuple(ocsp_responses)[:_MAX_REVOCATION_VALUES],
        crls=tuple(crls)[:_MAX_REVOCATION_VALUES],
    )


def _signature_properties(parts: Parts) -> Iterator[etree._Element]:
    unsigned = parts.properties("UnsignedProperties")
    for group in () if unsigned is None else unsigned.iterchildren(*_SIGNATURE_PROPERTIES):
        for place in group.iterchildren("*"):
            if place.tag not in _COUNTER_SIGNATURE and next(place.iter(ds("Signature")), None) is None:
                yield place


def _time_stamps(place: etree._Element, parts: Parts) -> Iterator[TimeStampFound]:
    """
    Each token of one SignatureTimeStamp over the canonical SignatureValue: by the time-stamp's own algorithm, or C14N
    1.0 where it names none (§ 5.3, § 4.5).

    A token that cannot be decoded, and one over octets that cannot be told, is handed on as no token at all: a reader
    of tokens refuses it. Handing on other octets would let a token over these prove a time.
    """
    methods = place.findall(ds("CanonicalizationMethod"))
    covered: bytes | None = None
    if len(methods) <= 1:
        try:
            covered = canonical(parts.value_element, methods[0] if methods else None)
        except NotCanonicalisable:
            covered = None
    for element in place.iterchildren(*_TOKEN):
        try:
            token = base64_of(element, _LARGEST_TOKEN)
        except NotText:
            token = _UNREADABLE
        yield TimeStampFound(_UNREADABLE, b"") if covered is None else TimeStampFound(token, covered)


def _values(place: etree._Element, tags: tuple[str, ...]) -> Iterator[bytes]:
    for element in place.iter(*tags):
        try:
            yield base64_of(element, _LARGEST_REVOCATION_VALUE)
        except NotText:
            continue
