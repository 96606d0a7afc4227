"""
DER by hand (X.690), for hot paths where an object model costs more than the signature: time-stamps and CMS.

Writers join bytes and never fail; readers take hostile bytes, are strict about lengths, and raise ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, UTF8_STRING = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    """An element: *tag* (one byte), the length in its shortest form, and *parts* joined."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + body


def explicit(number: int, *parts: bytes) -> bytes:
    """A constructed context tag, ``[number] EXPLICIT``, or an IMPLICIT one around an element's children."""
    return tlv(0xA0 | number, *parts)


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of whole elements."""
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """A SET OF: elements in ascending order of their encodings (X.690 § 11.6)."""
    return tlv(SET, *sorted(parts))


def integer(number: int) -> bytes:
    """An INTEGER, two's complement in its shortest form."""
    bits = number.bit_length() if number >= 0 else (-number - 1).bit_length()
    return tlv(INTEGER, number.to_bytes(bits // 8 + 1, signed=True))


def octet_string(data: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, data)


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        remaining = arc >> 7
        while remaining:
            groups.append(0x80 | remaining & 0x7F)
            remaining >>= 7
        out += bytes(reversed(groups))
    return tlv(OID, bytes(out))


def generalized_time(moment: datetime) -> bytes:
    """A GeneralizedTime in UTC with whole seconds."""
    return tlv(GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


class Element(NamedTuple):
    """An element inside *data*: it stands at [start:end], its content at [content:end]."""

    data: bytes
    tag: int
    start: int
    content: int
    end: int

    @property
    def encoded(self) -> bytes:
        """Tag, length and content."""
        return self.data[self.start : self.end]

    @property
    def body(self) -> bytes:
        """The content alone."""
        return self.data[self.content : self.end]

    def children(self) -> Iterator[Element]:
        """The elements inside a constructed one. Raises ``ValueError``."""
        return elements(self.data, self.content, self.end)

    def members(self) -> list[Element]:
        """The same at once, in less time; for what is not long. Raises ``ValueError``."""
        return list_of(self.data, self.content, self.end)


def read(data: bytes, start: int = 0, limit: int | None = None) -> Element:
    """
    The element at *start*, which must end by *limit*.

    Raises:
        ValueError: Cut short, a length that is not in its shortest form, or a tag of more than one byte.

    """
    limit = len(data) if limit is None else limit
    if start + 2 > limit:
        raise ValueError("DER: cut short")
    tag, size = data[start], data[start + 1]
    content = start + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("DER: long tags are not read")
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or content + count > limit:
            raise ValueError("DER: not a definite length")
        size = int.from_bytes(data[content : content + count])
        if size < 0x80 or size.bit_length() <= 8 * (count - 1):
            raise ValueError("DER: length not in its shortest form")
        content += count
    if content + size > limit:
        raise ValueError("DER: cut short")
    return Element(data, tag, start, content, content + size)


def elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """The elements that stand one after another in data[start:end]. Raises ``ValueError``."""
    while start < end:
        element = read(data, start, end)
        yield element
        start = element.end


def list_of(data: bytes, start: int, end: int) -> list[Element]:
    """As ``elements``, at once. Raises ``ValueError``."""
    found = []
    while start < end:
        # Almost everything is short and says so in one octet; all else, and all that is wrong, is left to ``read``.
        if start + 1 < end and (size := data[start + 1]) < 0x80 and data[start] & 0x1F != 0x1F:
            content = start + 2
            stop = content + size
            if stop <= end:
                found.append(_element((data, data[start], start, content, stop)))
                start = stop
                continue
        element = read(data, start, end)
        found.append(element)
        start = element.end
    return found


_element = partial(tuple.__new__, Element)
"""An ``Element`` of five values, without the cost of naming them."""


def whole(data: bytes, tag: int | None = None) -> Element:
    """The one element that *data* is, with *tag* where given. Raises ``ValueError``."""
    element = read(data)
    if element.end != len(data) or (tag is not None and element.tag != tag):
        raise ValueError("DER: not the expected element")
    return element


def read_integer(element: Element) -> int:
    """The value of an INTEGER. Raises ``ValueError``."""
    body = element.body
    if element.tag != INTEGER or not body:
        raise ValueError("DER: not an INTEGER")
    if len(body) > 1 and (body[0], body[1] & 0x80) in ((0x00, 0), (0xFF, 0x80)):
        raise ValueError("DER: INTEGER not in its shortest form")
    return int.from_bytes(body, signed=True)


def read_oid(element: Element) -> str:
    """An OBJECT IDENTIFIER in dotted form. Raises ``ValueError``."""
    if element.tag != OID or element.end - element.content > _LONGEST_OID:
        raise ValueError("DER: not an OBJECT IDENTIFIER")
    return _dotted(element.body)


_LONGEST_OID = 64


@lru_cache(maxsize=512)
def _dotted(body: bytes) -> str:
    if not body or body[-1] & 0x80:
        raise ValueError("DER: not an OBJECT IDENTIFIER")
    arcs: list[int] = []
    value = 0
    for byte in body:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def read_generalized_time(element: Element) -> datetime:
    """A GeneralizedTime in UTC; a fraction of a second is kept to the microsecond. Raises ``ValueError``."""
    text = element.body.decode("ascii", "strict") if element.tag == GENERALIZED_TIME else ""
    whole_part, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or len(whole_part) != 14 or not whole_part.isdigit():
        raise ValueError("DER: not a GeneralizedTime in UTC")
    if "." in text and not (fraction.isdigit() and fraction.isascii()):
        raise ValueError("DER: not a GeneralizedTime in UTC")
    month, day, hour, minute, second = (int(whole_part[i : i + 2]) for i in range(4, 14, 2))
    moment = datetime(int(whole_part[:4]), month, day, hour, minute, second, tzinfo=UTC)
    return moment.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else moment
