"""
A trusted list's XML into values (ETSI TS 119 612, versions 5 and 6), whatever its size in one pass.

A service that cannot be read is left out: a list of a hundred providers is not lost for one. What bears on whether a
certificate is qualified and is not understood is marked, so that nothing is concluded from it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from lxml import etree

from gateway.trust.list_signature import TSL, ListRefused
from gateway.trust.listed import Criteria, ListedService, ListPointer, Qualifiers, ServicePeriod, TrustedList

_SIE = "{http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#}"
_MORE = "{http://uri.etsi.org/02231/v2/additionaltypes#}"
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_XML_LIST = "application/vnd.etsi.tsl+xml"
_VERSIONS = frozenset({5, 6})
_TYPE_PREFIX = "http://uri.etsi.org/TrstSvc/Svctype/"
_LIST_OF_LISTS = ("EUlistofthelists", "listofthelists")
_SERVICES = 20_000
_POINTERS = 200
_CERTIFICATES = 64
_PERIODS = 64
_DEPTH = 8


def read_list(root: etree._Element) -> TrustedList:
    """
    Read a list whose signature was checked.

    Raises:
        ListRefused: Another version, or the scheme's own particulars are missing.

    """
    try:
        scheme = _one(root, f"{TSL}SchemeInformation")
        if int(_text(scheme, f"{TSL}TSLVersionIdentifier")) not in _VERSIONS:
            raise ListRefused("version of the list is neither 5 nor 6")
        following = scheme.findtext(f"{TSL}NextUpdate/{TSL}dateTime")
        return TrustedList(
            territory=_text(scheme, f"{TSL}SchemeTerritory"),
            sequence=int(_text(scheme, f"{TSL}TSLSequenceNumber")),
            issued=_time(_text(scheme, f"{TSL}ListIssueDateTime")),
            next_update=_time(following) if following else None,
            services=tuple(_services(root)),
            pointers=tuple(_pointers(scheme)),
        )
    except (ValueError, OverflowError) as error:
        raise ListRefused(f"list is not readable ({type(error).__name__})") from None


def _services(root: etree._Element) -> Iterator[ListedService]:
    path = f"{TSL}TrustServiceProviderList/{TSL}TrustServiceProvider/{TSL}TSPServices/{TSL}TSPService"
    for count, element in enumerate(root.iterfind(path)):
        if count == _SERVICES:
            raise ListRefused("list of too many services")
        try:
            service = _service(element)
        except (ValueError, OverflowError):
            continue
        if service.certificates and service.periods:
            yield service


def _service(element: etree._Element) -> ListedService:
    present = _one(element, f"{TSL}ServiceInformation")
    history = element.findall(f"{TSL}ServiceHistory/{TSL}ServiceHistoryInstance")[:_PERIODS]
    statuses = sorted([present, *history], key=_since, reverse=True)
    periods = []
    until: datetime | None = None
    for status in statuses:
        periods.append(_period(status, until))
        until = periods[-1].since
    # Past instances name the same key, mostly without its certificate (TS 119 612 § 5.6.3).
    return ListedService(_certificates(present.find(f"{TSL}ServiceDigitalIdentity")), tuple(periods))


def _since(status: etree._Element) -> datetime:
    return _time(_text(status, f"{TSL}StatusStartingTime"))


def _period(element: etree._Element, until: datetime | None) -> ServicePeriod:
    kinds: set[str] = set()
    qualifiers: list[Qualifiers] = []
    unreadable = False
    for extension in element.iterfind(f"{TSL}ServiceInformationExtensions/{TSL}Extension"):
        known = False
        for uri in extension.iterfind(f"{TSL}AdditionalServiceInformation/{TSL}URI"):
            kinds.add(_last(uri.text or ""))
            known = True
        for one in extension.iterfind(f"{_SIE}Qualifications/{_SIE}QualificationElement"):
            qualifiers.append(_qualifiers(one))
            known = True
        known = known or extension.find(f"{TSL}ExpiredCertsRevocationInfo") is not None
        unreadable = unreadable or (not known and extension.get("Critical", "").strip() in ("true", "1"))
    return ServicePeriod(
        type=_text(element, f"{TSL}ServiceTypeIdentifier").removeprefix(_TYPE_PREFIX),
        status=_last(_text(element, f"{TSL}ServiceStatus")).lower(),
        since=_since(element),
        until=until,
        kinds=frozenset(kinds),
        qualifiers=tuple(qualifiers),
        unreadable=unreadable,
    )


def _qualifiers(element: etree._Element) -> Qualifiers:
    names = {_last(q.get("uri", "")) for q in element.iterfind(f"{_SIE}Qualifiers/{_SIE}Qualifier")}
    return Qualifiers(frozenset(names), _criteria(_one(element, f"{_SIE}CriteriaList"), 0))


def _criteria(element: etree._Element, depth: int) -> Criteria:
    if depth == _DEPTH:
        raise ValueError("criteria too deep")
    usages: list[tuple[tuple[str, bool], ...]] = []
    policies: list[tuple[str, ...]] = []
    purposes: list[tuple[str, ...]] = []
    attributes: list[tuple[str, ...]] = []
    inner: list[Criteria] = []
    combine = element.get("assert", "")
    unreadable = combine not in ("all", "atLeastOne", "none")
    for child in element.iterchildren(tag=etree.Element):
        if child.tag == f"{_SIE}KeyUsage":
            bits = child.iterfind(f"{_SIE}KeyUsageBit")
            usages.append(tuple((bit.get("name", ""), (bit.text or "").strip() in ("true", "1")) for bit in bits))
        elif child.tag == f"{_SIE}PolicySet":
            policies.append(_identifiers(child, f"{_SIE}PolicyIdentifier/{_XADES}Identifier"))
        elif child.tag == f"{_SIE}CriteriaList":
            inner.append(_criteria(child, depth + 1))
        elif child.tag == f"{_SIE}otherCriteriaList":
            for other in child.iterchildren(tag=etree.Element):
                if other.tag == f"{_MORE}ExtendedKeyUsage":
                    purposes.append(_identifiers(other, f"{_MORE}KeyPurposeId/{_XADES}Identifier"))
                elif other.tag == f"{_MORE}CertSubjectDNAttribute":
                    attributes.append(_identifiers(other, f"{_MORE}AttributeOID/{_XADES}Identifier"))
                else:
                    unreadable = True
        elif child.tag != f"{_SIE}Description":
            unreadable = True
    return Criteria(
        combine, tuple(usages), tuple(policies), tuple(purposes), tuple(attributes), tuple(inner), unreadable
    )


def _identifiers(element: etree._Element, path: str) -> tuple[str, ...]:
    return tuple((found.text or "").strip().lower().removeprefix("urn:oid:") for found in element.iterfind(path))


def _pointers(scheme: etree._Element) -> Iterator[ListPointer]:
    """Lists in XML that are no lists of lists themselves; what else is pointed at is for people."""
    for pointer in scheme.findall(f"{TSL}PointersToOtherTSL/{TSL}OtherTSLPointer")[:_POINTERS]:
        said = {child.tag: (child.text or "").strip() for child in pointer.iter(tag=etree.Element)}
        url = said.get(f"{TSL}TSLLocation")
        if said.get(f"{_MORE}MimeType") != _XML_LIST or not url:
            continue
        if said.get(f"{TSL}TSLType", "").endswith(_LIST_OF_LISTS):
            continue
        yield ListPointer(url, said.get(f"{TSL}SchemeTerritory", ""), _certificates(pointer))


def _certificates(element: etree._Element | None) -> tuple[bytes, ...]:
    """Every certificate that can be read below *element*."""
    found: dict[bytes, None] = {}
    for text in [] if element is None else list(element.iter(f"{TSL}X509Certificate"))[:_CERTIFICATES]:
        try:
            der = base64.b64decode("".join((text.text or "").split()), validate=True)
            x509.load_der_x509_certificate(der)
        except (ValueError, binascii.Error):
            continue
        found[der] = None
    return tuple(found)


def _one(element: etree._Element, path: str) -> etree._Element:
    found = element.find(path)
    if found is None:
        raise ValueError("an element is missing")
    return found


def _text(element: etree._Element, path: str) -> str:
    return (_one(element, path).text or "").strip()


def _last(uri: str) -> str:
    return uri.strip().rstrip("/").rpartition("/")[2]


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
