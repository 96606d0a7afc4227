"""Column types that mean the same on SQLite and on PostgreSQL, and give back exactly what was put in."""

from __future__ import annotations

import base64
import enum
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

V = TypeVar("V")
M = TypeVar("M", bound=enum.Enum)

_ESCAPE = "\x1b"
_UNSTORABLE = re.compile("[\x00\x1b\ud800-\udfff]")
_ESCAPED = re.compile("\x1b([0-9a-f]{4})")


class Moment(TypeDecorator[datetime]):
    """A point in time to the microsecond: UTC-aware outside, also where the database (SQLite) knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raises ``ValueError`` for a datetime without time zone, which could mean anything."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("a moment needs its time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC-aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class _AsText(TypeDecorator[V], Generic[V]):
    """Anything that is kept as text, the same on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: V | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        return None if value is None else self.text_of(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> V | None:  # noqa: ARG002 - SQLAlchemy's
        return None if value is None else self.value_of(value)

    def text_of(self, value: V) -> str:
        """What the row holds."""
        raise NotImplementedError

    def value_of(self, text: str) -> V:
        """What was put in."""
        raise NotImplementedError


class Words(_AsText[str]):
    """
    Text from outside, faithfully, whatever is in it.

    PostgreSQL holds no NUL and neither database a lone surrogate; both are escaped, so that asking for such a text
    finds nothing instead of failing.
    """

    cache_ok = True

    def text_of(self, value: str) -> str:
        """The few characters that cannot be stored, escaped."""
        return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", value)

    def value_of(self, text: str) -> str:
        """As it came."""
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if _ESCAPE in text else text


class Member(_AsText[M]):
    """A member of an enumeration, by its value."""

    cache_ok = True

    def __init__(self, members: type[M]) -> None:
        """*members*: an enumeration with string values."""
        super().__init__()
        self.members = members

    def text_of(self, value: M) -> str:
        """The member's value."""
        return str(value.value)

    def value_of(self, text: str) -> M:
        """Raises ``ValueError`` for a value that this version does not know."""
        return self.members(text)


class BigNumber(_AsText[int]):
    """A whole number of any size, in hexadecimal: certificates' serial numbers have up to 20 octets."""

    cache_ok = True

    def text_of(self, value: int) -> str:
        """In hexadecimal."""
        return f"{value:x}"

    def value_of(self, text: str) -> int:
        """From hexadecimal."""
        return int(text, 16)


class TextMap(_AsText[Mapping[str, str | None]]):
    """Names and texts, as JSON in plain ASCII: nothing in it that a database would have to understand."""

    cache_ok = True

    def text_of(self, value: Mapping[str, str | None]) -> str:
        """A JSON object."""
        return json.dumps(dict(value), separators=(",", ":"))

    def value_of(self, text: str) -> Mapping[str, str | None]:
        """A dictionary of its own for every reader."""
        return dict(json.loads(text))


class TextList(_AsText[tuple[str, ...]]):
    """Texts in order, as JSON."""

    cache_ok = True

    def text_of(self, value: tuple[str, ...]) -> str:
        """A JSON array."""
        return json.dumps(list(value), separators=(",", ":"))

    def value_of(self, text: str) -> tuple[str, ...]:
        """As a tuple."""
        return tuple(json.loads(text))


class BytesList(_AsText[tuple[bytes, ...]]):
    """Some binary values in order, such as a certificate's chain; as JSON with base64."""

    cache_ok = True

    def text_of(self, value: tuple[bytes, ...]) -> str:
        """A JSON array."""
        return json.dumps([base64.b64encode(part).decode() for part in value], separators=(",", ":"))

    def value_of(self, text: str) -> tuple[bytes, ...]:
        """As a tuple."""
        return tuple(base64.b64decode(part) for part in json.loads(text))
