"""What an element says in text: one node of it, strictly; base64 in its only spelling."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

from lxml import etree

_BLANKS = b" \t\r\n"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class NotText(Exception):
    """An element does not hold what it should."""


def children(element: etree._Element) -> list[etree._Element]:
    """The elements in *element*, without comments and processing instructions."""
    return [child for child in element if isinstance(child.tag, str)]


def text(element: etree._Element) -> str:
    """
    The text of an element that has nothing else in it.

    A comment in the middle would vanish from the canonical form and cut the text for a careless reader, so it is
    not read at all. Raises ``NotText``.
    """
    if len(element):
        raise NotText
    return element.text or ""


def base64_of(element: etree._Element, limit: int) -> bytes:
    """
    What an element holds in base64, of at most *limit* bytes.

    Blanks may stand anywhere (XML Schema part 2 § 3.2.16); the rest must be the one spelling of these bytes, so that
    no character can be changed without a change of what it says. Raises ``NotText``.
    """
    written = text(element)
    if len(written) > 2 * limit:
        raise NotText
    try:
        return spelt_in_base64(written.encode("ascii").translate(None, _BLANKS), limit)
    except UnicodeEncodeError:
        raise NotText from None


def spelt_in_base64(written: bytes, limit: int) -> bytes:
    """What *written* says, of at most *limit* bytes, in the one spelling without blanks. Raises ``NotText``."""
    try:
        data = binascii.a2b_base64(written, strict_mode=True)
    except ValueError:
        raise NotText from None
    if len(data) > limit or binascii.b2a_base64(data, newline=False) != written:
        raise NotText
    return data


def time_of(element: etree._Element) -> datetime | None:
    """An xsd:dateTime in UTC, taken for UTC where it names no zone; None where it is no time."""
    try:
        return time_in(text(element).strip(" \t\r\n"))
    except NotText:
        return None


def time_in(written: str) -> datetime | None:
    """The same of a text."""
    if not _DATE_TIME.fullmatch(written):
        return None
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
