"""
A batch of contents taken from a message's text in one go, where it is written as serializers write it.

A message of a thousand hashes has thousands of small elements and hardly any bytes, and a Python function called for
each of them costs ten times what parsing costs. The items of ``Contents`` are therefore first looked at as text: where
all of them are spelled plainly (known members in their order, no attribute but a true ``xsi:nil``, no comments, no
CDATA, base64 without a flaw), one regular expression takes them apart by columns, and the reader is given the columns
in the place of the items. What comes before and after them is read as any message is, and says whether their prefixes
mean what they have to. Anything else at all, a mistake included, is left to the reader, which has the words for it:
what is taken here is exactly what it would have read.

The expressions never go back over a text (possessive quantifiers), so their time grows with its length alone.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import unescape

from gateway.soap.limits import SoapLimits
from gateway.soap.shapes import Kind, Shape

_PREFIX = "[A-Za-z_][A-Za-z0-9_.-]{0,63}+"
_SPACES = " \t\r\n"
_SPACE = f"[{_SPACES}]*+"
# Letters that stand for themselves: not what ends a text, nor what XML forbids or turns into something else.
_LETTERS = "[^<&>\x00-\x1f\ufffe\uffff]*+"
_FORMS = {
    Kind.TEXT: f"{_LETTERS}(?:&(?:amp|lt|gt|quot|apos);{_LETTERS})*+",
    Kind.BINARY: f"[A-Za-z0-9+/{_SPACES}]*+(?:={_SPACE}){{0,2}}",
    Kind.BOOLEAN: "true|false|0|1",
}
_NIL = f' {_PREFIX}:nil="(?:true|1)"'
_KINDS_OF_ITEMS = 64
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, None: None}
_ENTITIES = {"&quot;": '"', "&apos;": "'"}
_REFERENCES = 2000
"""References (``&amp;``) of a message that is looked at: far from what the reader allows, so that neither counts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """
    The items of an array by member: each column has a value for each item, None where it is absent or nil.

    There are no more than may be accepted, and their bytes are few enough to stay in memory.

    Args:
        item: the items' shape.
        columns: values by member name: text, bytes, or a boolean.
        length: how many items.
        elements: how many elements they were written with.
        characters: of their texts together.
        prefixes: what has to stand for the contract's namespace where they were.
        nil_prefixes: what has to stand for the namespace of ``xsi:nil`` there.

    """

    item: Shape
    columns: Mapping[str, Sequence[Any]]
    length: int
    elements: int
    characters: int
    prefixes: frozenset[str]
    nil_prefixes: frozenset[str]


@dataclass(frozen=True, slots=True)
class CutMessage:
    """A message in three: up to its first item, the items as text and as columns, and from behind the last."""

    before: bytes
    text: bytes
    batch: Batch
    after: bytes


class BatchCutter:
    """Finds the batch of a message, of whatever operation; keeps nothing of a message. Safe for threads."""

    def __init__(self, operations: Mapping[str, Shape], limits: SoapLimits) -> None:
        arrays = [array for shape in operations.values() for array in _arrays(shape)]
        items = [item for array in arrays for item in array.members.values()]
        self._spellings = {item.name.encode(): _Spelling(item, limits) for item in items}
        named = "|".join({array.name for array in arrays})
        first = "|".join(item.name for item in items)
        self._beginning = re.compile(
            f"<((?:{_PREFIX}:)?+(?:{named}))(?:[{_SPACES}][^<>]*+)?+>(?={_SPACE}<(?:{_PREFIX}:)?+({first})>)".encode()
        )

    def cut(self, message: bytes) -> CutMessage | None:
        """
        *message* (UTF-8) in three, or None where nothing of it can be taken at once.

        What is said of the items holds only where the element that ``before`` ends with has just begun.
        """
        beginning = self._beginning.search(message)
        if beginning is None or (b"!" in message and b"<!" in message) or message.count(b"&") > _REFERENCES:
            return None
        begin = beginning.end()
        end = message.find(b"</%b>" % beginning[1], begin)
        text = message[begin:end]
        try:
            batch = self._spellings[beginning[2]].read(text.decode()) if end >= 0 else None
        except ValueError:
            return None
        return CutMessage(message[:begin], text, batch, message[end:]) if batch is not None else None


class _Spelling:
    """
    How items of one shape are written plainly.

    As a rule all items of a message are written alike, so the first one tells what to look for; where they differ in
    which members they have, a wider expression reads them.
    """

    def __init__(self, item: Shape, limits: SoapLimits) -> None:
        self._item = item
        self._members = list(item.members.values())
        self._contents = limits.contents
        self._largest = min(limits.memory, limits.document)
        any_prefix = f"((?:{_PREFIX}:)?+)"
        self._any = _expression(item, any_prefix, "\\1", "".join(map(_any_form, self._members)))
        self._alike = lru_cache(_KINDS_OF_ITEMS)(self._alike_to)

    def read(self, text: str) -> Batch | None:
        """The items that *text* consists of; None or ``ValueError`` where there is anything else in it."""
        text = text.lstrip(_SPACES)
        first = self._any.match(text)
        if first is None:
            return None
        return self._read_alike(text, *first.groups()) or self._read_any(text)

    def _read_alike(self, text: str, prefix: str, *forms: str | None) -> Batch | None:
        """Items that are all written as the first one, whose groups these are."""
        texts, closings = forms[::2], forms[1::2]
        written = tuple(closed if value is None else True for value, closed in zip(texts, closings, strict=True))
        expression = self._alike(prefix, written)
        width = expression.groups + 1
        pieces = expression.split(text, self._contents + 1)
        length = (len(pieces) - 1) // width
        if length > self._contents or any(pieces[::width]):
            return None
        columns, group = [], 1
        for form in written:
            if form is True:
                columns.append(pieces[group::width])
                group += 1
            else:
                columns.append([_closed(form)] * length)
        elements = length * (1 + len(written) - written.count(None))
        return self._batch(columns, length, elements, {prefix}, set(closings))

    def _alike_to(self, prefix: str, written: tuple[str | bool | None, ...]) -> re.Pattern[str]:
        prefix = re.escape(prefix)
        members = [
            _form(member, prefix, f"({_FORMS[member.kind]})") if form is True else _closed_form(member, prefix, form)
            for member, form in zip(self._members, written, strict=True)
            if form is not None
        ]
        return _expression(self._item, prefix, prefix, "".join(members))

    def _read_any(self, text: str) -> Batch | None:
        """Items that may each have other members."""
        # What lies before the first match, its groups, what lies between it and the next …: all columns at once.
        width = self._any.groups + 1
        pieces = self._any.split(text, self._contents + 1)
        length = (len(pieces) - 1) // width
        if length > self._contents or any(pieces[::width]):
            return None
        columns, closings, elements = [], set(), length
        for group in range(2, width, 2):
            values, closed = pieces[group::width], pieces[group + 1 :: width]
            elements += 2 * length - values.count(None) - closed.count(None)
            columns.append(
                [_closed(form) if value is None else value for value, form in zip(values, closed, strict=True)]
            )
            closings |= set(closed)
        return self._batch(columns, length, elements, set(pieces[1::width]), closings)

    def _batch(
        self, texts: list[list[str | None]], length: int, elements: int, prefixes: set[str], closings: set[str | None]
    ) -> Batch:
        """Raises ``ValueError`` where a value cannot be read."""
        columns: dict[str, Sequence[Any]] = {}
        characters = 0
        for member, values in zip(self._members, texts, strict=True):
            if member.kind is Kind.BINARY:
                columns[member.name] = self._bytes(values)
                continue
            plain = _unescaped(values)
            characters += sum(map(len, filter(None, plain)))
            columns[member.name] = [_BOOLEANS[value] for value in plain] if member.kind is Kind.BOOLEAN else plain
        return Batch(
            item=self._item,
            columns=columns,
            length=length,
            elements=elements,
            characters=characters,
            prefixes=frozenset(prefix.removesuffix(":") for prefix in prefixes),
            nil_prefixes=frozenset(form.strip().partition(":")[0] for form in closings if form),
        )

    def _bytes(self, values: list[str | None]) -> list[bytes | None]:
        """Raises ``ValueError`` where one is no base64, or so large that it would not stay in memory."""
        try:
            decoded = _decoded(values)
        except ValueError:  # perhaps of white space alone
            decoded = _decoded([value and "".join(value.split()) for value in values])
        if max(map(len, filter(None, decoded)), default=0) > self._largest:
            raise ValueError("not for memory")
        return decoded


def _arrays(shape: Shape) -> Iterator[Shape]:
    """The arrays of a structure, however deep, whose items can be spelled plainly."""
    for member in shape.members.values():
        if member.kind is not Kind.ARRAY:
            yield from _arrays(member)
        elif all(held.kind in _FORMS for item in member.members.values() for held in item.members.values()):
            yield member


def _expression(item: Shape, prefix: str, again: str, members: str) -> re.Pattern[str]:
    """An item and the space behind it, so that the next one is looked for at a letter."""
    return re.compile(f"<{prefix}{item.name}>{members}{_SPACE}</{again}{item.name}>{_SPACE}")


def _any_form(member: Shape) -> str:
    """A member of an item that may be written otherwise than others: two groups, its text or how it is closed."""
    closed = f"((?:{_NIL})?+) ?/>" if member.nillable else "(?!)()"
    written = f"{_SPACE}<\\1{member.name}(?:>({_FORMS[member.kind]})</\\1{member.name}>|{closed})"
    return f"(?:{written})" + ("" if member.required else "?+")


def _form(member: Shape, prefix: str, text: str) -> str:
    return f"{_SPACE}<{prefix}{member.name}>{text}</{prefix}{member.name}>"


def _closed_form(member: Shape, prefix: str, form: str | bool | None) -> str:
    return f"{_SPACE}<{prefix}{member.name}{re.escape(str(form))} ?/>"


def _decoded(values: list[str | None]) -> list[bytes | None]:
    """Raises ``ValueError``. That letters are padded to four is not for ``binascii`` to say: it lets AAAA= pass."""
    decode = binascii.a2b_base64
    if any(length & 3 for length in set(map(len, filter(None, values)))):
        raise ValueError("not padded")
    return [value if value is None else decode(value, strict_mode=True) for value in values]


def _closed(form: str | bool | None) -> str | None:
    """The value of an element without a text: empty where it is just closed; none where it is nil or not there."""
    return "" if form == "" else None


def _unescaped(values: list[str | None]) -> list[str | None]:
    if "&" not in "".join(filter(None, values)):
        return values
    return [unescape(value, _ENTITIES) if value else value for value in values]
