"""
The body of a message read by the contract, as it arrives: what is known is kept, in order; what is not is skipped.

The outcome is a small tree with contract elements only, in which each base64 member is a reference to its decoded
bytes. References are random for each call, so that no caller can write one. No attribute of the caller's reaches the
tree but a true ``xsi:nil``, so nothing behind this module can meet ``href``, ``xsi:type`` or an entity.

Faults name members as ``operations`` does: ``Contents[0].CorrelationID``.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from gateway.errors import InvalidRequest
from gateway.soap.batches import Batch
from gateway.soap.binary import Binary, BinaryReader
from gateway.soap.contract import NAMESPACE
from gateway.soap.deposits import Deposits
from gateway.soap.limits import SoapLimits
from gateway.soap.shapes import Kind, Shape

XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema"
_ENCODING_NAMESPACE = "http://schemas.xmlsoap.org/soap/encoding/"
_XOP_NAMESPACE = "http://www.w3.org/2004/08/xop/include"
_NIL = f"{{{XSI_NAMESPACE}}}nil"
_TYPE = f"{{{XSI_NAMESPACE}}}type"
_HARMLESS = {
    f"{{{XSI_NAMESPACE}}}schemaLocation",
    f"{{{XSI_NAMESPACE}}}noNamespaceSchemaLocation",
    "{http://schemas.xmlsoap.org/soap/envelope/}encodingStyle",
}
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_XML_SPACE = " \t\r\n"
_NIL_AND_FULL = "is nil (xsi:nil) and must be empty"
_HASH_MEMBERS = {("VerificationContent", "Content")}
"""Binary members that hold a hash or nothing: a document there has no meaning."""

PrefixOf = Callable[[str], str | None]
"""The namespace that a prefix stands for where the reader is now."""


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """The body's one element, cleaned, and what its references stand for: bytes, or the items of an array."""

    operation: str
    body: Any
    values: Mapping[str, Binary | Batch]


@dataclass(slots=True)
class Level:
    """An element that is open."""

    shape: Shape
    element: Any
    path: str
    nil: bool
    seen: set[str] = field(default_factory=set)
    last: int = -1
    items: int = 0
    text: list[str] = field(default_factory=list)
    binary: BinaryReader | None = None


class BodyReader:
    """
    Reads one operation's element. Driven by ``envelope``, which bounds depth, elements and attributes.

    In strict mode unknown elements and attributes and missing required members are faults; otherwise they are passed
    over as WCF does, and the operation says what it misses. A known member that comes out of order, twice or without
    its namespace is a fault in both: a WCF server would lose it without a word.
    """

    def __init__(self, operation: Shape, deposits: Deposits, limits: SoapLimits, *, strict: bool) -> None:
        self._deposits = deposits
        self._limits = limits
        self._strict = strict
        self._token = secrets.token_hex(16)
        self._values: dict[str, Binary | Batch] = {}
        self._text_left = limits.text
        self._skipped = 0
        self._root = etree.Element(f"{{{NAMESPACE}}}{operation.name}")
        self._levels = [Level(operation, self._root, "", nil=False)]
        self._operation = operation

    def start(self, namespace: str, name: str, attributes: Mapping[str, str], namespace_of: PrefixOf) -> None:
        """An element below the operation's own begins."""
        if self._skipped:
            self._skipped += 1
            return
        parent = self._levels[-1]
        if not parent.shape.has_members:
            mtom = namespace == _XOP_NAMESPACE
            reason = (
                "must hold its base64 in place; MTOM is not spoken here"
                if mtom
                else "must hold a value and no elements"
            )
            raise InvalidRequest(parent.path, reason)
        if parent.nil:
            raise InvalidRequest(_name(parent), _NIL_AND_FULL)
        shape = parent.shape.members.get(name)
        if shape is None or namespace != NAMESPACE:
            self._unknown(parent, namespace, name, known=shape is not None)
            self._skipped = 1
            return
        path = self._place(parent, shape)
        nil = self._attributes(path, shape, attributes, namespace_of)
        element = etree.SubElement(parent.element, f"{{{NAMESPACE}}}{name}")
        level = Level(shape, element, path, nil)
        if nil:
            element.set(_NIL, "true")
        elif shape.kind is Kind.BINARY:
            level.binary = BinaryReader(
                path,
                self._deposits,
                memory=self._limits.memory,
                limit=self._limits.document,
                hash_only=(parent.shape.name, name) in _HASH_MEMBERS,
            )
        self._levels.append(level)

    def data(self, text: str) -> None:
        """Text, possibly in several pieces."""
        if self._skipped:
            return
        level = self._levels[-1]
        if level.nil or level.shape.has_members:
            if text.strip(_XML_SPACE):
                reason = _NIL_AND_FULL if level.nil else "must hold elements and no text"
                raise InvalidRequest(_name(level), reason)
        elif level.binary is not None:
            level.binary.feed(text)
        else:
            self._text_left -= len(text)
            if self._text_left < 0:
                raise InvalidRequest(
                    level.path, f"is too long: the texts of a request have at most {self._limits.text} characters"
                )
            level.text.append(text)

    def end(self) -> None:
        """The innermost element ends."""
        if self._skipped:
            self._skipped -= 1
            return
        level = self._levels.pop()
        if level.nil:
            return
        if level.shape.has_members:
            self._complete(level)
        elif level.binary is not None:
            level.element.text = self._refer(level.binary.finish())
        else:
            level.element.text = _value(level.path, level.shape, "".join(level.text))

    def take(self, batch: Batch) -> bool:
        """
        Accept all items of the array that has just begun; False where each has to come by itself.

        That they are not too many, and none of them too large, is the batch's own promise.
        """
        if self._skipped or not self._levels:
            return False
        level = self._levels[-1]
        if level.nil or level.items or level.shape.members.get(batch.item.name) is not batch.item:
            return False
        if batch.characters > self._text_left:
            return False
        level.items = batch.length
        self._text_left -= batch.characters
        level.element.text = self._refer(batch)
        return True

    def message(self) -> ReadMessage:
        """What was read; once the operation's element has ended."""
        return ReadMessage(self._operation.name, self._root, self._values)

    def _refer(self, value: Binary | Batch) -> str:
        reference = f"{self._token}-{len(self._values)}"
        self._values[reference] = value
        return reference

    def _unknown(self, parent: Level, namespace: str, name: str, *, known: bool) -> None:
        """Whether an element that is not the contract's may be passed over."""
        if known and not namespace:
            reason = f"is sent without a namespace; elements of this contract are qualified by {NAMESPACE}"
            raise InvalidRequest(_below(parent.path, name), reason)
        if self._strict:
            raise InvalidRequest(_name(parent), f"holds the unknown element {name[:64]}")

    def _place(self, parent: Level, shape: Shape) -> str:
        """The path of a member that comes now; refuses it where it may not come now."""
        if parent.shape.kind is Kind.ARRAY:
            index, parent.items = parent.items, parent.items + 1
            if parent.items > self._limits.contents:
                raise InvalidRequest(parent.path, f"at most {self._limits.contents} contents are accepted in a request")
            return f"{parent.path}[{index}]"
        path = _below(parent.path, shape.name)
        if shape.name in parent.seen:
            raise InvalidRequest(path, "occurs more than once")
        if shape.position < parent.last:
            order = ", ".join(parent.shape.members)
            raise InvalidRequest(path, f"is out of order; the order is {order}")
        parent.seen.add(shape.name)
        parent.last = shape.position
        # The wrapper's own parameter does not appear in the names of its members.
        return "" if parent.shape is self._operation and shape.has_members else path

    def _attributes(self, path: str, shape: Shape, attributes: Mapping[str, str], namespace_of: PrefixOf) -> bool:
        """Whether the element is nil; refuses attributes that would change what it means."""
        nil = False
        for name, value in attributes.items():
            if name == _NIL:
                nil = _BOOLEANS.get(value.strip(_XML_SPACE), "") == "true"
                if value.strip(_XML_SPACE) not in _BOOLEANS:
                    raise InvalidRequest(path or shape.name, "has an xsi:nil that is neither true nor false")
            elif name == _TYPE:
                self._check_type(path or shape.name, shape, value, namespace_of)
            elif name == "href":
                raise InvalidRequest(path or shape.name, "is a reference (href); values are sent in place")
            elif self._strict and name not in _HARMLESS:
                raise InvalidRequest(path or shape.name, f"has the unknown attribute {_local(name)[:64]}")
        if nil and not shape.nillable:
            raise InvalidRequest(path, "must not be nil")
        return nil

    def _check_type(self, path: str, shape: Shape, value: str, namespace_of: PrefixOf) -> None:
        """A stated type must be the contract's; for values WCF hardly looks, and neither do we unless strict."""
        prefix, _, local = value.strip(_XML_SPACE).rpartition(":")
        namespace = namespace_of(prefix)
        plain = shape.kind in (Kind.TEXT, Kind.BINARY, Kind.BOOLEAN, Kind.INTEGER)
        expected = XSD_NAMESPACE if plain else NAMESPACE
        if namespace == expected and local == shape.type_name:
            return
        if not self._strict and not shape.has_members and namespace in (XSD_NAMESPACE, _ENCODING_NAMESPACE):
            return
        raise InvalidRequest(path, f"states another xsi:type than {shape.type_name} of {expected}")

    def _complete(self, level: Level) -> None:
        for member in level.shape.members.values():
            # Structures and texts that are missing are the operation's question, which knows when they may be.
            if member.required and member.name not in level.seen and (self._strict or not member.nillable):
                raise InvalidRequest(_below(level.path, member.name), "is required")


def _value(path: str, shape: Shape, text: str) -> str:
    """The text of a plain value, in one of its forms."""
    if shape.kind is Kind.BOOLEAN:
        value = _BOOLEANS.get(text.strip(_XML_SPACE))
        if value is None:
            raise InvalidRequest(path, "must be true or false")
        return value
    if shape.kind is Kind.INTEGER:
        digits = text.strip(_XML_SPACE)
        if not _INTEGER.fullmatch(digits) or not -(2**31) <= int(digits) < 2**31:
            raise InvalidRequest(path, "must be a whole number of 32 bits")
        return str(int(digits))
    if shape.kind is Kind.ENUMERATION and text not in shape.values:
        raise InvalidRequest(path, f"must be one of {', '.join(shape.values)}")
    return text


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _name(level: Level) -> str:
    return level.path or level.shape.name
