"""
The octets that the time-stamps of a signature must cover (EN 319 132-1 § 5.2.8, § 5.3, § 5.5.2 and annex A.1.5).

None wherever they cannot be computed: a token over octets that nobody knows proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lxml import etree

from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.names import XADES_141, XADES_NAMESPACES, ds
from gateway.formats.xades.references import References
from gateway.formats.xades.structure import Parts, Reference
from gateway.formats.xades.texts import children
from gateway.formats.xades.transforms import NotTransformable, Selection, needs_xpath, octets_of

_MOST_INCLUDED = 256
_SPACES = (*XADES_NAMESPACES, XADES_141)


def tags(*names: str) -> tuple[str, ...]:
    """The properties *names* in every version of XAdES."""
    return tuple(f"{{{namespace}}}{name}" for name in names for namespace in _SPACES)


_INCLUDES = tags("Include", "HashDataInfo")
_QUALIFYING = tags("QualifyingProperties")
_REFERENCES_IN_ORDER = (
    tags("CompleteCertificateRefs", "CompleteCertificateRefsV2"),
    tags("CompleteRevocationRefs"),
    tags("AttributeCertificateRefs", "AttributeCertificateRefsV2"),
    tags("AttributeRevocationRefs"),
)
_SIGNATURE_TIME_STAMP = tags("SignatureTimeStamp")


_Things = Callable[[], Iterable[Any]]
"""References and elements."""


class _Unknown(Exception):
    """Octets that cannot be computed."""


class Covered:
    """What the time-stamps of one signature cover. Each question is answered by octets, or None."""

    def __init__(self, parts: Parts, references: References, external: Sequence[Reference]) -> None:
        """*external*: the signature's references to anything outside, those of its manifests too."""
        self._parts = parts
        self._references = references
        self._alone = len(external) == 1

    def value(self, place: etree._Element) -> bytes | None:
        """Of a SignatureTimeStamp: the signature's value."""
        return self._joined(place, lambda: [self._parts.value_element], must_have=self._parts.value_element)

    def value_and_references(self, place: etree._Element) -> bytes | None:
        """Of a SigAndRefsTimeStamp: the value, its time-stamps, references to certificates and revocation data."""
        wanted = (_SIGNATURE_TIME_STAMP, *_REFERENCES_IN_ORDER)
        value = self._parts.value_element
        return self._joined(place, lambda: [value, *_chosen(place, wanted)], must_have=value)

    def references_only(self, place: etree._Element) -> bytes | None:
        """Of a RefsOnlyTimeStamp."""
        return self._joined(place, lambda: _chosen(place, _REFERENCES_IN_ORDER), must_have=None)

    def data(self, place: etree._Element) -> bytes | None:
        """Of an AllDataObjectsTimeStamp: what is signed, but for the properties."""
        properties = self._parts.signed
        owner = self._references.document.ids.owner
        wanted = [r for r in self._parts.references if not r.target or owner(r.target) is not properties]
        return self._joined(place, lambda: wanted, must_have=None)

    def included_data(self, place: etree._Element) -> bytes | None:
        """Of an IndividualDataObjectsTimeStamp: what it lists."""
        if next(place.iterchildren(*_INCLUDES), None) is None:
            return None
        return self._joined(place, list, must_have=None)

    def everything_before(self, place: etree._Element) -> bytes | None:
        """Of an ArchiveTimeStamp: data, signature, the unsigned properties before it, other objects."""
        return self._joined(place, lambda: self._archived(place), must_have=self._parts.value_element)

    def _archived(self, place: etree._Element) -> list[Reference | etree._Element]:
        parts = self._parts
        before = [p for p in place.itersiblings(preceding=True) if isinstance(p.tag, str)]
        before.reverse()
        others = [thing for thing in parts.objects if next(thing.iterchildren(*_QUALIFYING), None) is None]
        key_info = [] if parts.key_info is None else [parts.key_info]
        return [*parts.references, parts.signed_info, parts.value_element, *key_info, *before, *others]

    def _joined(self, place: etree._Element, implied: _Things, *, must_have: etree._Element | None) -> bytes | None:
        """
        What *place* lists, or what is *implied* where it lists nothing, canonicalised by its own algorithm.

        C14N 1.0 where it names none (§ 4.5). A list that leaves out what such a time-stamp is for is none.
        """
        methods = place.findall(ds("CanonicalizationMethod"))
        if len(methods) > 1:
            return None
        method = methods[0] if methods else None
        try:
            listed = list(place.iterchildren(*_INCLUDES))
            if not listed:
                return b"".join([self._octets(thing, method) for thing in implied()])
            return self._included(listed, method, must_have)
        except (_Unknown, NotTransformable, NotCanonicalisable):
            return None

    def _included(
        self, listed: list[etree._Element], method: etree._Element | None, must_have: etree._Element | None
    ) -> bytes:
        """Explicitly listed things (annex A.1.5.2, and HashDataInfo of XAdES 1.1.1 and 1.2.2)."""
        if len(listed) > _MOST_INCLUDED:
            raise _Unknown
        owners, pieces = [], []
        for include in listed:
            uri = include.get("URI") or include.get("uri") or ""
            owner = self._references.document.ids.owner(uri[1:]) if uri.startswith("#") else None
            if owner is None:
                raise _Unknown
            owners.append(owner)
            reference = next((r for r in self._parts.references if r.element is owner), None)
            transforms = [t for group in include.iterchildren(ds("Transforms")) for t in children(group)]
            if needs_xpath(transforms):
                raise _Unknown
            if transforms:
                pieces.append(octets_of(Selection(owner, whole=False, comments=True), transforms, None))
            elif reference is not None and include.get("referencedData", "true") in ("true", "1"):
                pieces.append(self._octets(reference, method))
            else:
                pieces.append(self._octets(owner, method))
        if must_have is not None and not any(owner is must_have for owner in owners):
            raise _Unknown
        return b"".join(pieces)

    def _octets(self, thing: Reference | etree._Element, method: etree._Element | None) -> bytes:
        if isinstance(thing, Reference):
            octets = self._references.octets(self._parts, thing, alone=self._alone, method=method)
        else:
            octets = canonical(thing, method)
        if not self._references.budget.can_spend(len(octets)):
            raise _Unknown
        return octets


def _chosen(place: etree._Element, kinds: Sequence[tuple[str, ...]]) -> Iterator[etree._Element]:
    """
    The properties beside *place* of these kinds.

    In the order of the kinds; a time-stamp of the second version covers those before it as they stand (§ A.1.5.1).
    """
    if str(place.tag).endswith("V2"):
        before = [p for p in place.itersiblings(preceding=True) if isinstance(p.tag, str)]
        yield from (p for p in reversed(before) if any(p.tag in kind for kind in kinds))
        return
    around = place.getparent()
    for kind in kinds:
        yield from () if around is None else around.iterchildren(*kind)
