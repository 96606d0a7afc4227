"""
BER within bounds (X.690 § 8), for what others wrote: read leniently, rewritten as DER, told from DER (§ 10).

Some authorities write lengths that are not said beforehand, and octet strings in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from gateway.asn1 import der

_DEEPEST = 24
_CONSTRUCTED = 0x20
_CONSTRUCTED_UNIVERSAL = (der.SEQUENCE, der.SET, 0x28, 0x2B)  # the latter: EXTERNAL, EMBEDDED PDV


class Node(NamedTuple):
    """An element: it stands at [start:end], its content at [content:content_end]."""

    data: bytes
    tag: int
    start: int
    content: int
    content_end: int
    end: int

    @property
    def encoded(self) -> bytes:
        """Tag, length, content, and its end mark where it has one."""
        return self.data[self.start : self.end]

    @property
    def body(self) -> bytes:
        """The content alone."""
        return self.data[self.content : self.content_end]


class BerReader:
    """Reads elements of one document; *budget* bounds their number, so that nesting cannot make it slow."""

    def __init__(self, budget: int = 200_000) -> None:
        """Elements that are read, at most."""
        self._budget = budget

    def read(self, data: bytes, start: int = 0, limit: int | None = None, depth: int = 0) -> Node:
        """The element at *start*, which must end by *limit*. Raises ``ValueError``."""
        limit = len(data) if limit is None else limit
        self._budget -= 1
        if self._budget < 0 or depth > _DEEPEST:
            raise ValueError("BER: too much")
        if start + 2 > limit:
            raise ValueError("BER: cut short")
        tag, first = data[start], data[start + 1]
        if tag & 0x1F == 0x1F:
            raise ValueError("BER: long tags are not read")
        content = start + 2
        if first == 0x80:
            return self._indefinite(data, tag, start, limit, depth)
        if first & 0x80:
            count = first & 0x7F
            if count > 8 or content + count > limit:
                raise ValueError("BER: cut short")
            size = int.from_bytes(data[content : content + count])
            content += count
        else:
            size = first
        if content + size > limit:
            raise ValueError("BER: cut short")
        return Node(data, tag, start, content, content + size, content + size)

    def _indefinite(self, data: bytes, tag: int, start: int, limit: int, depth: int) -> Node:
        if not tag & _CONSTRUCTED:
            raise ValueError("BER: indefinite length of a primitive element")
        at = start + 2
        while data[at : at + 2] != b"\0\0":
            at = self.read(data, at, limit, depth + 1).end
        if at + 2 > limit:
            raise ValueError("BER: cut short")
        return Node(data, tag, start, start + 2, at, at + 2)

    def children(self, node: Node) -> Iterator[Node]:
        """The elements inside a constructed one. Raises ``ValueError``."""
        if not node.tag & _CONSTRUCTED:
            raise ValueError("BER: not constructed")
        at = node.content
        while at < node.content_end:
            child = self.read(node.data, at, node.content_end)
            yield child
            at = child.end

    def octets(self, node: Node, depth: int = 0) -> bytes:
        """An OCTET STRING's octets, its pieces joined where it is constructed (§ 8.7). Raises ``ValueError``."""
        if node.tag == der.OCTET_STRING:
            return node.body
        if node.tag != der.OCTET_STRING | _CONSTRUCTED or depth > _DEEPEST:
            raise ValueError("BER: not an OCTET STRING")
        return b"".join(self.octets(piece, depth + 1) for piece in self.children(node))


def definite(data: bytes) -> bytes:
    """
    The one element that *data* is, with definite lengths and octet strings in one piece.

    Only what BER adds is rewritten. Everything else stays byte for byte as it is, certificates above all, for their
    hashes are signed.

    Raises:
        ValueError: Cut short, something behind it, too much of it, or a tag of more than one byte.

    """
    reader = BerReader()
    node = reader.read(data)
    if node.end != len(data):
        raise ValueError("BER: more than one element")
    return _rewritten(reader, node, _DEEPEST)


def _rewritten(reader: BerReader, node: Node, depth: int) -> bytes:
    if not node.tag & _CONSTRUCTED:
        return node.encoded
    if depth == 0:
        raise ValueError("BER: too much")
    if node.tag == der.OCTET_STRING | _CONSTRUCTED:
        return der.octet_string(reader.octets(node))
    children = b"".join(_rewritten(reader, child, depth - 1) for child in reader.children(node))
    same = node.end == node.content_end and children == node.body
    return node.encoded if same else der.tlv(node.tag, children)


def is_der(data: bytes, budget: int = 200_000) -> bool:
    """
    Whether *data* is one element in DER all the way down, as far as that shows without knowing its type.

    Definite lengths in their shortest form, SETs in order, TRUE as FF, strings in one piece. What lies beyond *budget*
    elements is not looked at.
    """
    waiting: list[der.Element] = []
    try:
        waiting.append(der.whole(data))
        while waiting and budget > 0:
            budget -= 1
            element = waiting.pop()
            if element.tag == der.BOOLEAN and element.body not in (b"\0", b"\xff"):
                return False
            if not element.tag & _CONSTRUCTED:
                continue
            if element.tag < 0x40 and element.tag not in _CONSTRUCTED_UNIVERSAL:
                return False
            children = list(element.children())
            if element.tag == der.SET and not _ascending(children):
                return False
            waiting.extend(children)
    except ValueError:
        return False
    return True


def _ascending(children: list[der.Element]) -> bool:
    encoded = [child.encoded for child in children]
    return all(one <= other for one, other in pairwise(encoded))
