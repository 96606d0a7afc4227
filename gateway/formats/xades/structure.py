"""
A ds:Signature taken apart, and whether it is clear what it covers (XML Signature § 4, EN 319 132-1 § 4.4).

Attackers move and double elements so that one is verified and another is read. So everything is found at its one
place, by position and never by search; an Id that matters is unique in the document; SignedProperties lie in this
very signature and are referenced exactly once, as what they are; a reference reaches nothing but this signature's own
parts or the content outside.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.errors import UnreadableSignature
from gateway.formats.xades.names import (
    DS,
    MANIFEST_TYPE,
    SIGNED_PROPERTIES_TYPES,
    XADES_NAMESPACES,
    XADES_TYPES_PREFIX,
    XML_SCOPE,
    ds,
)
from gateway.formats.xades.texts import NotText, base64_of, children

_MAX_SIGNATURES = 32
_MAX_REFERENCES = 64
_MAX_SAME_DOCUMENT = 8
_LARGEST_VALUE = 4096
_LARGEST_DIGEST = 64
_ID_NAMES = frozenset({"Id", "ID", "id", f"{XML_SCOPE}id"})
_BY_POINTER = re.compile(r"""#xpointer\(id\((?P<quote>['"])(?P<name>[^'"()]+)(?P=quote)\)\)""")
_PROPERTIES = tuple(f"{{{namespace}}}QualifyingProperties" for namespace in XADES_NAMESPACES)
_PROPERTIES_ELSEWHERE = tuple(f"{{{namespace}}}QualifyingPropertiesReference" for namespace in XADES_NAMESPACES)
_OWN_NAMESPACES = frozenset({DS, *XADES_NAMESPACES})
_SIGNED = tuple(f"{{{namespace}}}SignedProperties" for namespace in XADES_NAMESPACES)


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A ds:Reference. *target* is the Id that a same-document URI names, "" for the whole document, None for an external
    reference; *keeps_comments* says how it was named (XML Signature § 4.4.3.3).
    """

    uri: str | None
    type: str
    target: str | None
    keeps_comments: bool
    transforms: tuple[etree._Element, ...]
    digest_method: str
    digest: bytes

    @property
    def external(self) -> bool:
        """Whether it is to something outside the document: the content."""
        return self.target is None


@dataclass(frozen=True, slots=True)
class Parts:
    """A signature's elements at their places; *stray* says that there were others."""

    element: etree._Element
    signed_info: etree._Element
    canonicalization: etree._Element
    method: etree._Element
    references: tuple[Reference, ...]
    value_element: etree._Element
    value: bytes
    key_info: etree._Element | None
    objects: tuple[etree._Element, ...]
    qualifying: tuple[etree._Element, ...]
    stray: bool

    @property
    def external(self) -> list[Reference]:
        """The references to contents outside."""
        return [reference for reference in self.references if reference.external]

    @property
    def namespace(self) -> str | None:
        """The XAdES namespace used, None without qualifying properties."""
        return etree.QName(self.qualifying[0]).namespace if self.qualifying else None

    def properties(self, name: str) -> etree._Element | None:
        """SignedProperties or UnsignedProperties, where there is exactly one."""
        if len(self.qualifying) != 1:
            return None
        found = self.qualifying[0].findall(f"{{{self.namespace}}}{name}")
        return found[0] if len(found) == 1 else None


class Ids:
    """Every Id in a document and whose it is."""

    def __init__(self, root: etree._Element) -> None:
        self._owners: defaultdict[str, list[etree._Element]] = defaultdict(list)
        for element in root.iter("*"):
            for name in ids_of(element):
                self._owners[name].append(element)

    def owner(self, name: str) -> etree._Element | None:
        """The first element with this Id."""
        owners = self._owners.get(name)
        return owners[0] if owners else None

    def unique(self, name: str) -> bool:
        """Whether no two elements have it."""
        return len(self._owners.get(name, ())) <= 1


def ids_of(element: etree._Element) -> set[str]:
    """The Ids that an element has, under any of the names in use."""
    return {str(value) for name, value in element.items() if name in _ID_NAMES}


def signatures(root: etree._Element) -> list[etree._Element]:
    """The signatures of a document that stand in no other, in document order. Raises ``UnreadableSignature``."""
    found = [s for s in root.iter(ds("Signature")) if not any(a.tag == ds("Signature") for a in s.iterancestors())]
    if not found:
        raise UnreadableSignature("no ds:Signature")
    if len(found) > _MAX_SIGNATURES:
        raise UnreadableSignature("too many signatures")
    return found


def take_apart(signature: etree._Element) -> Parts:
    """
    The parts of a ds:Signature, in the order of its schema.

    Raises:
        UnreadableSignature: Something that every signature has is missing or cannot be read.

    """
    given = children(signature)
    if [child.tag for child in given[:2]] != [ds("SignedInfo"), ds("SignatureValue")]:
        raise UnreadableSignature("not a ds:Signature of the usual shape")
    signed_info, value_element, *rest = given
    key_info = rest.pop(0) if rest and rest[0].tag == ds("KeyInfo") else None
    objects = tuple(child for child in rest if child.tag == ds("Object"))
    parts = children(signed_info)
    if [part.tag for part in parts[:2]] != [ds("CanonicalizationMethod"), ds("SignatureMethod")] or len(parts) < 3:
        raise UnreadableSignature("not a ds:SignedInfo of the usual shape")
    try:
        value = base64_of(value_element, _LARGEST_VALUE)
        references = tuple(_references(parts[2:]))
    except NotText:
        raise UnreadableSignature("base64 of a value or digest cannot be read") from None
    return Parts(
        element=signature,
        signed_info=signed_info,
        canonicalization=parts[0],
        method=parts[1],
        references=references,
        value_element=value_element,
        value=value,
        key_info=key_info,
        objects=objects,
        qualifying=tuple(child for thing in objects for child in children(thing) if child.tag in _PROPERTIES),
        stray=len(objects) != len(rest),
    )


def _references(elements: list[etree._Element]) -> Iterator[Reference]:
    if len(elements) > _MAX_REFERENCES:
        raise UnreadableSignature("too many references")
    same_document = 0
    for element in elements:
        if element.tag != ds("Reference"):
            raise UnreadableSignature("not a ds:SignedInfo of the usual shape")
        reference = _reference(element)
        same_document += not reference.external
        if same_document > _MAX_SAME_DOCUMENT:
            raise UnreadableSignature("too many references")
        yield reference


def _reference(element: etree._Element) -> Reference:
    given = children(element)
    transforms: tuple[etree._Element, ...] = ()
    if given and given[0].tag == ds("Transforms"):
        transforms = tuple(children(given.pop(0)))
    if [part.tag for part in given] != [ds("DigestMethod"), ds("DigestValue")]:
        raise UnreadableSignature("not a ds:Reference of the usual shape")
    uri = element.get("URI")
    target, keeps_comments = _target(uri)
    return Reference(
        uri=uri,
        type=element.get("Type", ""),
        target=target,
        keeps_comments=keeps_comments,
        transforms=transforms,
        digest_method=given[0].get("Algorithm", ""),
        digest=base64_of(given[1], _LARGEST_DIGEST),
    )


def _target(uri: str | None) -> tuple[str | None, bool]:
    if uri is None or not (uri == "" or uri.startswith("#")):
        return None, False
    pointer = _BY_POINTER.fullmatch(uri)
    if pointer is not None:
        return pointer["name"], True
    if uri == "" or uri.startswith("#xpointer("):
        return "", False
    return uri[1:], False


def judge(parts: Parts, ids: Ids) -> bool | None:
    """
    Whether it is clear what the signature covers: False where it is ambiguous, None where that cannot be told here.

    None: no signed properties at all, properties elsewhere, a manifest (whose references are nobody's here), or another
    number of contents than one. Another ds:Signature inside this one is a counter-signature among its unsigned
    properties, or out of place. Says nothing about whether anything holds.
    """
    own = _outside_unsigned(parts)
    if parts.stray or not _ids_are_clear(parts, own, ids) or sum(e.tag == ds("Signature") for e in own) > 1:
        return False
    findings = [_judge_target(parts, reference, ids) for reference in parts.references]
    findings.append(_judge_signed_properties(parts, own, ids))
    if False in findings:
        return False
    return None if None in findings or len(parts.external) != 1 else True


def _judge_signed_properties(parts: Parts, own: list[etree._Element], ids: Ids) -> bool | None:
    """SignedProperties: one, in this signature's own qualifying properties, referenced once and as what they are."""
    referring = [r for r in parts.references if r.type.startswith(XADES_TYPES_PREFIX)]
    signed = sum(element.tag in _SIGNED for element in own)
    if not signed and not referring:
        return None
    elsewhere = any(element.tag in _PROPERTIES_ELSEWHERE for element in own)
    if elsewhere and not signed:
        return None
    properties = parts.properties("SignedProperties")
    qualifying = sum(element.tag in _PROPERTIES for element in own)
    if properties is None or signed != 1 or qualifying != 1 or len(referring) != 1:
        return False
    own_id = parts.element.get("Id")
    if own_id is None or parts.qualifying[0].get("Target") != f"#{own_id}":
        return False
    pointing = [r for r in parts.references if r.target and ids.owner(r.target) is properties]
    if pointing != referring or referring[0].type not in SIGNED_PROPERTIES_TYPES:
        return False
    return None if elsewhere else True


def _outside_unsigned(parts: Parts) -> list[etree._Element]:
    """Every element of the signature but those of its own UnsignedProperties, which anybody may add to."""
    unsigned = parts.properties("UnsignedProperties")
    below: set[etree._Element] = set() if unsigned is None else set(unsigned.iter("*"))
    return [element for element in parts.element.iter("*") if element not in below]


def _ids_are_clear(parts: Parts, own: list[etree._Element], ids: Ids) -> bool:
    """
    Whether no Id that matters is anybody else's as well.

    Those inside UnsignedProperties matter only where they repeat one outside: nothing that is signed points there.
    """
    if not all(ids.unique(reference.target) for reference in parts.references if reference.target):
        return False
    return all(ids.unique(name) for element in own for name in ids_of(element))


def _judge_target(parts: Parts, reference: Reference, ids: Ids) -> bool | None:
    """
    A reference is to own KeyInfo, SignedProperties, or something in an own ds:Object beside the qualifying properties.

    Parts of a signature that stand elsewhere were moved there. Other elements of the document may be signed in their
    own right, which is not judged here, and so may a manifest, whose references core validation never compares.
    """
    if reference.external:
        return True
    if not reference.target:
        return None
    owner = ids.owner(reference.target)
    if owner is None:
        return True  # it does not hold, and nothing is mistaken for it
    if owner is parts.key_info or owner is parts.properties("SignedProperties"):
        return True
    if reference.type == MANIFEST_TYPE:
        return None if owner.tag == ds("Manifest") and _is_in_own_object(parts, owner) else False
    if _is_in_own_object(parts, owner):
        lineage = [owner, *owner.iterancestors()]
        qualified = next(owner.iter(*_PROPERTIES), None) is not None or any(e.tag in _PROPERTIES for e in lineage)
        return not qualified
    return False if etree.QName(owner).namespace in _OWN_NAMESPACES else None


def _is_in_own_object(parts: Parts, element: etree._Element) -> bool:
    return any(place is thing for thing in (element, *element.iterancestors()) for place in parts.objects)
