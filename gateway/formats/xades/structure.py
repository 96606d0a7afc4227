"""
A ds:Signature taken apart, and whether it is clear what it covers (XML Signature § 4, EN 319 132-1 § 4.4).

Attackers move and double elements so that one is verified and another is read. So everything is found at its one
place, by position and never by search; an Id that matters is unique in the document; SignedProperties lie in this
very signature and are referenced exactly once, as what they are; a reference reaches this signature's own parts, the
content outside, or an element of the document that is where a signed element may be. ``placing`` has that last rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.errors import UnreadableSignature
from gateway.formats.xades.names import (
    XADES_NAMESPACES,
    XML_SCOPE,
    ds,
)
from gateway.formats.xades.texts import NotText, base64_of, children

LARGEST_VALUE = 4096
LARGEST_DIGEST = 64
_ID_NAMES = frozenset({"Id", "ID", "id", f"{XML_SCOPE}id"})
_BY_POINTER = re.compile(r"""#xpointer\(id\((?P<quote>['"])(?P<name>[^'"()]+)(?P=quote)\)\)""")
_PROPERTIES = tuple(f"{{{namespace}}}QualifyingProperties" for namespace in XADES_NAMESPACES)
COUNTER_SIGNATURES = tuple(f"{{{namespace}}}CounterSignature" for namespace in XADES_NAMESPACES)


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many signatures are read in a document, and how many references in each, in all and to the document."""

    signatures: int
    references: int
    same_document: int


FEW = Amounts(32, 64, 8)
"""For signatures over hashes."""

MANY = Amounts(128, 2048, 512)
"""For files."""


@dataclass(frozen=True, slots=True)
class Reference:
    """
    A ds:Reference. *target* is the Id that a same-document URI names, "" for the whole document, None for an external
    reference; *keeps_comments* says how it was named (XML Signature § 4.4.3.3).
    """

    element: etree._Element
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
    """
    A signature's elements at their places; *stray* says that there were others.

    *signed* and *unsigned* are SignedProperties and UnsignedProperties, where there is exactly one.
    """

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
    signed: etree._Element | None
    unsigned: etree._Element | None
    stray: bool

    @property
    def external(self) -> list[Reference]:
        """The references to contents outside."""
        return [reference for reference in self.references if reference.external]

    @property
    def counter_signed(self) -> bool:
        """Whether it stands where counter-signatures do (EN 319 132-1 § 5.2.7)."""
        around = self.element.getparent()
        return around is not None and around.tag in COUNTER_SIGNATURES

    @property
    def namespace(self) -> str | None:
        """The XAdES namespace used, None without qualifying properties."""
        return namespace_of(self.qualifying[0]) if self.qualifying else None


class Ids:
    """Every Id in a document and whose it is; *repeated* are those of several elements."""

    def __init__(self, root: etree._Element) -> None:
        self._owners: defaultdict[str, list[etree._Element]] = defaultdict(list)
        for element in root.iter("*"):
            for name, value in element.items():
                if name in _ID_NAMES:
                    owners = self._owners[str(value)]
                    if not owners or owners[-1] is not element:  # it may call itself the same twice
                        owners.append(element)
        self.repeated = frozenset(name for name, owners in self._owners.items() if len(owners) > 1)

    def owner(self, name: str) -> etree._Element | None:
        """The first element with this Id."""
        owners = self._owners.get(name)
        return owners[0] if owners else None

    def unique(self, name: str) -> bool:
        """Whether no two elements have it."""
        return name not in self.repeated


def ids_of(element: etree._Element) -> set[str]:
    """The Ids that an element has, under any of the names in use."""
    return {str(value) for name, value in element.items() if name in _ID_NAMES}


def signatures(root: etree._Element, *, nested: bool, amounts: Amounts = FEW) -> list[etree._Element]:
    """
    The signatures of a document in its order, those in other signatures only where *nested*.

    Raises:
        UnreadableSignature: More than are read.

    """
    tag = ds("Signature")
    found = [s for s in root.iter(tag) if nested or next(s.iterancestors(tag), None) is None]
    if len(found) > amounts.signatures:
        raise UnreadableSignature("too many signatures")
    return found


def take_apart(signature: etree._Element, amounts: Amounts = FEW) -> Parts:
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
    qualifying = tuple(child for thing in objects for child in children(thing) if child.tag in _PROPERTIES)
    parts = children(signed_info)
    if [part.tag for part in parts[:2]] != [ds("CanonicalizationMethod"), ds("SignatureMethod")] or len(parts) < 3:
        raise UnreadableSignature("not a ds:SignedInfo of the usual shape")
    try:
        value = base64_of(value_element, LARGEST_VALUE)
        references = tuple(references_in(parts[2:], amounts))
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
        qualifying=qualifying,
        signed=_only(qualifying, "SignedProperties"),
        unsigned=_only(qualifying, "UnsignedProperties"),
        stray=len(objects) != len(rest),
    )


def _only(qualifying: tuple[etree._Element, ...], name: str) -> etree._Element | None:
    if len(qualifying) != 1:
        return None
    found = list(qualifying[0].iterchildren(f"{{{namespace_of(qualifying[0])}}}{name}"))
    return found[0] if len(found) == 1 else None


def namespace_of(element: etree._Element) -> str | None:
    """Of the element's name."""
    space, closing, _ = str(element.tag).rpartition("}")
    return space[1:] if closing else None


def references_in(elements: list[etree._Element], amounts: Amounts) -> Iterator[Reference]:
    """The references that *elements* must be. Raises ``UnreadableSignature``, ``NotText``."""
    if len(elements) > amounts.references:
        raise UnreadableSignature("too many references")
    same_document = 0
    for element in elements:
        if element.tag != ds("Reference"):
            raise UnreadableSignature("not a ds:SignedInfo of the usual shape")
        reference = read_reference(element)
        same_document += not reference.external
        if same_document > amounts.same_document:
            raise UnreadableSignature("too many references")
        yield reference


def read_reference(element: etree._Element) -> Reference:
    """A ds:Reference. Raises ``UnreadableSignature``, ``NotText``."""
    given = children(element)
    transforms: tuple[etree._Element, ...] = ()
    if given and given[0].tag == ds("Transforms"):
        transforms = tuple(children(given.pop(0)))
    if [part.tag for part in given] != [ds("DigestMethod"), ds("DigestValue")]:
        raise UnreadableSignature("not a ds:Reference of the usual shape")
    uri = element.get("URI")
    target, keeps_comments = _target(uri)
    return Reference(
        element=element,
        uri=uri,
        type=element.get("Type", ""),
        target=target,
        keeps_comments=keeps_comments,
        transforms=transforms,
        digest_method=given[0].get("Algorithm", ""),
        digest=base64_of(given[1], LARGEST_DIGEST),
    )


def _target(uri: str | None) -> tuple[str | None, bool]:
    if uri is None or not (uri == "" or uri.startswith("#")):
        return None, False
    if uri == "":
        return "", False
    if not uri.startswith("#xpointer("):
        return uri[1:], False
    pointer = _BY_POINTER.fullmatch(uri)
    if pointer is not None:
        return pointer["name"], True
    return ("", True) if uri == "#xpointer(/)" else (uri, False)  # no other pointer names anything
