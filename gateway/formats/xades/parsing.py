"""
Hostile XML into a tree, within bounds.

A first pass with expat builds nothing and stops at the first thing that is not wanted: a DOCTYPE (before any entity
in it is read), an unusual encoding, or too much of anything. What is bounded is what later work is proportional to:
canonicalising is elements times namespaces in scope, and names stay in libxml2's dictionary as long as the thread
lives. Only then is the tree built, by a parser that loads nothing and replaces no entity.
"""

from __future__ import annotations

from typing import Any, BinaryIO
from xml.parsers import expat  # its one use: to stop before anything is built

from lxml import etree

from gateway.errors import UnreadableSignature

MAX_BYTES = 8 * 1024 * 1024
_MAX_ELEMENTS = 20_000
_MAX_NODES = 60_000
_MAX_DEPTH = 100
_MAX_ATTRIBUTES = 64
_MAX_NAMESPACES_IN_SCOPE = 32
_MAX_VOCABULARY = 64 * 1024
_ENCODINGS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "utf-16"})


def read_bounded(stream: BinaryIO) -> bytes:
    """The whole of *stream*, which may have at most ``MAX_BYTES``. Raises ``UnreadableSignature``."""
    data = b""
    while piece := stream.read(MAX_BYTES + 1 - len(data)):
        data += piece
        if len(data) > MAX_BYTES:
            raise UnreadableSignature(f"larger than {MAX_BYTES} bytes")
    return data


def parse(data: bytes) -> etree._Element:
    """
    The root of an XML document without DTD.

    Raises:
        UnreadableSignature: Not well-formed, with a DTD, or beyond the bounds of this module.

    """
    _Bounds().check(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        collect_ids=False,
        recover=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise UnreadableSignature("not well-formed XML with namespaces") from None
    document: Any = root.getroottree().docinfo  # its stubs lack doctype
    if document.doctype or document.internalDTD is not None or document.externalDTD is not None:
        raise UnreadableSignature("a document type declaration")
    return root


class _Bounds:
    """One pass over a document that counts and refuses; it keeps nothing but the names it met."""

    def __init__(self) -> None:
        self._elements = 0
        self._nodes = 0
        self._namespaces = [0]
        self._names: set[str] = set()
        self._vocabulary = 0

    def check(self, data: bytes) -> None:
        """Raises ``UnreadableSignature``."""
        parser = expat.ParserCreate()
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

    @staticmethod
    def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise UnreadableSignature("an encoding that is not read")

    @staticmethod
    def _doctype(_name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        raise UnreadableSignature("a document type declaration")

    def _start(self, name: str, attributes: list[str]) -> None:
        self._elements += 1
        if self._elements > _MAX_ELEMENTS:
            raise UnreadableSignature("too many elements")
        self._node()
        if len(self._namespaces) > _MAX_DEPTH:
            raise UnreadableSignature("nested too deeply")
        if len(attributes) > 2 * _MAX_ATTRIBUTES:
            raise UnreadableSignature("too many attributes")
        self._learn(name)
        scope = self._namespaces[-1]
        for position in range(0, len(attributes), 2):
            attribute = attributes[position]
            self._learn(attribute)
            if attribute.startswith("xmlns"):
                self._learn(attributes[position + 1])
                scope += 1
        if scope > _MAX_NAMESPACES_IN_SCOPE:
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
        if self._nodes > _MAX_NODES:
            raise UnreadableSignature("too many nodes")

    def _learn(self, name: str) -> None:
        if name in self._names:
            return
        self._names.add(name)
        self._vocabulary += len(name)
        if self._vocabulary > _MAX_VOCABULARY:
            raise UnreadableSignature("too many names")
