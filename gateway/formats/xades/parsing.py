"""
Hostile XML into a tree, within bounds.

A first pass with expat builds nothing and stops at the first thing that is not wanted: a DOCTYPE (before any entity
in it is read), an unusual encoding, or too much of anything. What is bounded is what later work is proportional to:
canonicalising is elements times namespaces in scope, and names stay in libxml2's dictionary as long as the thread
lives. Only then is the tree built, by a parser that loads nothing and replaces no entity.

A short document with few names and values cannot have much of anything, and goes without the first pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.parsers import expat  # its one use: to stop before anything is built

from lxml import etree

from gateway.errors import UnreadableSignature


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of anything a document may have; *vocabulary* in characters of names and namespaces, each once."""

    size: int
    elements: int
    nodes: int
    depth: int
    attributes: int
    namespaces_in_scope: int
    vocabulary: int


HASH_SIGNATURES = Bounds(8 * 1024 * 1024, 20_000, 60_000, 100, 64, 32, 64 * 1024)
"""For signatures over hashes, which hold no data."""

FILES = Bounds(32 * 1024 * 1024, 200_000, 600_000, 200, 256, 64, 512 * 1024)
"""For files, which may hold what is signed."""

MAX_BYTES = HASH_SIGNATURES.size

_NATIVE = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "utf-16"})
_SINGLE_BYTE = re.compile(r"(?:iso-8859-(?:2|3|4|5|7|9|10|13|14|15|16)|windows-125[0-8])", re.ASCII)
_DECLARATION = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_SHORT = 32 * 1024
_FEW_ATTRIBUTES = 160
_FEW_NAMESPACES = 16
_UTF8 = re.compile(
    rb"""<\?xml version=["']1\.0["'](?: encoding=["'][Uu][Tt][Ff]-8["'])?(?: standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_HUGE = 9 * 1024 * 1024  # libxml2 reads no longer text without being told


def read_bounded(stream: BinaryIO, size: int = MAX_BYTES) -> bytes:
    """The whole of *stream*, which may have at most *size* octets. Raises ``UnreadableSignature``."""
    data = b""
    while piece := stream.read(size + 1 - len(data)):
        data += piece
        if len(data) > size:
            raise UnreadableSignature(f"larger than {size} bytes")
    return data


def parse(data: bytes, bounds: Bounds = HASH_SIGNATURES) -> etree._Element:
    """
    The root of an XML document without DTD.

    Raises:
        UnreadableSignature: Not well-formed, with a DTD, or beyond *bounds*.

    """
    data, recoded = _recoded(data)
    if recoded or not _is_modest(data):
        _Counting(bounds).check(data, recoded=recoded)
    return built(data, recoded=recoded)


def again(data: bytes) -> etree._Element:
    """The root of a document that ``parse`` accepted, as another tree."""
    data, recoded = _recoded(data)
    return built(data, recoded=recoded)


def built(data: bytes, *, recoded: bool) -> etree._Element:
    """The tree, without counting. Raises ``UnreadableSignature``."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=len(data) > _HUGE,
        collect_ids=False,
        recover=False,
        encoding="utf-8" if recoded else None,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise UnreadableSignature("not well-formed XML with namespaces") from None
    document: Any = root.getroottree().docinfo  # its stubs lack doctype
    if document.doctype or document.internalDTD is not None or document.externalDTD is not None:
        raise UnreadableSignature("a document type declaration")
    return root


def _is_modest(data: bytes) -> bool:
    """
    Whether a document is short, in UTF-8, without DTD, and within all bounds by what its octets can hold at most.

    Each attribute and namespace takes an equals sign; libxml2 itself goes no deeper than 256 elements.
    """
    if len(data) > _SHORT or b"<!DOCTYPE" in data or b"\0" in data or not data.startswith(b"<"):
        return False
    if data.startswith(b"<?xml") and _UTF8.match(data) is None:
        return False
    return data.count(b"=") <= _FEW_ATTRIBUTES and data.count(b"xmlns") <= _FEW_NAMESPACES


def _recoded(data: bytes) -> tuple[bytes, bool]:
    """
    *data* in UTF-8 where it says that it is in an encoding of one byte for each character, and whether that was so.

    Both parsers then see the same characters, whatever tables they have. Canonical XML is UTF-8 anyway.
    """
    declared = _DECLARATION.match(data, 0, 400)
    name = declared[1].decode("ascii").lower() if declared else ""
    if not _SINGLE_BYTE.fullmatch(name):
        return data, False
    try:
        return data.decode(name.replace("windows-", "cp")).encode("utf-8"), True
    except (UnicodeDecodeError, LookupError):
        raise UnreadableSignature("not in the encoding that it names") from None


class _Counting:
    """One pass over a document that counts and refuses; it keeps nothing but the names it met."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._elements = 0
        self._nodes = 0
        self._namespaces = [0]
        self._names: set[str] = set()
        self._vocabulary = 0
        self._recoded = False

    def check(self, data: bytes, *, recoded: bool) -> None:
        """Raises ``UnreadableSignature``."""
        self._recoded = recoded
        parser = expat.ParserCreate("utf-8" if recoded else None)
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.ProcessingInstructionHandler = self._instruction
        parser.CommentHandler = self._comment
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, ValueError):
            raise UnreadableSignature("not well-formed XML") from None

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and not self._recoded and encoding.lower() not in _NATIVE:
            raise UnreadableSignature("an encoding that is not read")

    @staticmethod
    def _doctype(_name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        raise UnreadableSignature("a document type declaration")

    def _start(self, name: str, attributes: list[str]) -> None:
        bounds = self._bounds
        self._elements += 1
        if self._elements > bounds.elements:
            raise UnreadableSignature("too many elements")
        self._nodes += 1
        if self._nodes > bounds.nodes:
            raise UnreadableSignature("too many nodes")
        if len(self._namespaces) > bounds.depth:
            raise UnreadableSignature("nested too deeply")
        if name not in self._names:
            self._learn(name)
        scope = self._namespaces[-1]
        if not attributes:
            self._namespaces.append(scope)
            return
        if len(attributes) > 2 * bounds.attributes:
            raise UnreadableSignature("too many attributes")
        for position in range(0, len(attributes), 2):
            attribute = attributes[position]
            if attribute not in self._names:
                self._learn(attribute)
            if attribute.startswith("xmlns"):
                self._learn(attributes[position + 1])
                scope += 1
        if scope > bounds.namespaces_in_scope:
            raise UnreadableSignature("too many namespaces")
        self._namespaces.append(scope)

    def _end(self, _name: str) -> None:
        self._namespaces.pop()

    def _instruction(self, target: str, _data: str) -> None:
        self._learn(target)
        self._node()

    def _comment(self, _text: str) -> None:
        self._node()

    def _node(self) -> None:
        self._nodes += 1
        if self._nodes > self._bounds.nodes:
            raise UnreadableSignature("too many nodes")

    def _learn(self, name: str) -> None:
        if name in self._names:
            return
        self._names.add(name)
        self._vocabulary += len(name)
        if self._vocabulary > self._bounds.vocabulary:
            raise UnreadableSignature("too many names")
