"""How a consumer wants its signatures to be seen in PDFs: where, with which words, and with which picture."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LAST_PAGE = -1
DEFAULT_TEXT = "{signer}\n{time}\n{reason}"
PICTURE_PIXELS = 1_000_000
PICTURE_BYTES = 512 * 1024
"""Of a picture as it goes into every signed document."""

_FARTHEST = 14_400.0  # a page's largest side in points (ISO 32000-1 annex C)
_SMALLEST = 12.0
_MOST_PAGES = 1_000_000
_LONGEST_TEXT = 500
_LONGEST_VALUE = 200
_LETTERS = (4.0, 72.0)
_WORDS = ("signer", "time", "reason")
_PLACE = re.compile(r"\{([^{}]*)\}")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """
    An image, *width* by *height* pixels, ready for a PDF.

    *data* is a JPEG file where *is_jpeg*, and otherwise 8-bit samples, row by row, zlib-compressed; of one *component*
    (grey) or three (RGB). *mask* is the opacity of each pixel, zlib-compressed too.
    """

    width: int
    height: int
    components: int
    is_jpeg: bool
    data: bytes
    mask: bytes | None = None

    def __post_init__(self) -> None:
        """Raises ``ValueError`` beyond bounds."""
        if self.width < 1 or self.height < 1 or self.width * self.height > PICTURE_PIXELS:
            raise ValueError(f"picture: has {self.width} × {self.height} pixels; {PICTURE_PIXELS} are the most")
        if len(self.data) + len(self.mask or b"") > PICTURE_BYTES:
            raise ValueError(
                f"picture: would take {len(self.data) + len(self.mask or b'')} bytes of every document; "
                f"{PICTURE_BYTES} are the most"
            )
        if self.components not in (1, 3):
            raise ValueError("picture: is neither grey nor RGB")


@dataclass(frozen=True, slots=True)
class VisibleSignature:
    """
    What is drawn for a signature, and where. Lengths are in points (1/72 inch) on the page as it is shown, upright.

    Args:
        page: from 1, or ``LAST_PAGE``.
        x: from the left edge of the page's visible part to the box's.
        y: from the lower edge of the page's visible part to the box's.
        width: of the box.
        height: of the box.
        field: the full name of an empty signature field to sign in; page and box are then the field's.
        text: a template: ``{signer}``, ``{time}`` and ``{reason}`` are filled in. A line that mentions the reason is
            left out where there is none.
        time_zone: an IANA name, for ``{time}``.
        font_size: in points; smaller letters are taken where the text would not fit.
        border: whether the box has a thin frame.
        picture: stands left of the text, or alone.

    """

    page: int = 1
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    field: str | None = None
    text: str = DEFAULT_TEXT
    time_zone: str = "Europe/Chisinau"
    font_size: float = 9.0
    border: bool = True
    picture: Picture | None = None

    def __post_init__(self) -> None:
        """Raises ``ValueError``, which begins with the member's name."""
        if self.page != LAST_PAGE and not 1 <= self.page <= _MOST_PAGES:
            raise ValueError('page: is "first", "last" or a number from 1')
        if self.field is None:
            self._check_box()
        elif not 1 <= len(self.field) <= _LONGEST_TEXT:
            raise ValueError(f"field: a name has 1 to {_LONGEST_TEXT} characters")
        self._check_text()
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"time_zone: {self.time_zone!r} is not known") from None
        if not _LETTERS[0] <= self.font_size <= _LETTERS[1]:
            raise ValueError(f"font_size: is {_LETTERS[0]:g} to {_LETTERS[1]:g} points")

    def _check_box(self) -> None:
        for name in ("x", "y"):
            if not 0 <= getattr(self, name) <= _FARTHEST:
                raise ValueError(f"{name}: is 0 to {_FARTHEST:g} points")
        for name in ("width", "height"):
            length = getattr(self, name)
            if not (math.isfinite(length) and _SMALLEST <= length <= _FARTHEST):
                raise ValueError(f"{name}: is {_SMALLEST:g} to {_FARTHEST:g} points")

    def _check_text(self) -> None:
        if len(self.text) > _LONGEST_TEXT:
            raise ValueError(f"text: has {len(self.text)} characters; {_LONGEST_TEXT} are the most")
        unknown = [name for name in _PLACE.findall(self.text) if name not in _WORDS]
        if unknown or "{" in _PLACE.sub("", self.text) or "}" in _PLACE.sub("", self.text):
            raise ValueError("text: braces hold signer, time or reason and nothing else")
        if not self.text.strip() and self.picture is None:
            raise ValueError("text: there must be a text or a picture")

    def lines(self, signer: str, moment: datetime, reason: str | None) -> tuple[str, ...]:
        """The text, filled in; *moment* is the claimed signing time. What cannot be seen is not in it."""
        given = _shown(reason or "")
        values = {"signer": _shown(signer), "time": _time_text(moment, self.time_zone), "reason": given}
        lines = [
            _shown(_PLACE.sub(lambda found: values[found[1]], line), _LONGEST_TEXT + 3 * _LONGEST_VALUE)
            for line in self.text.strip("\n").split("\n")
            if given or "{reason}" not in line
        ]
        return tuple(lines) if any(lines) else ()

    def to_fields(self) -> dict[str, Any]:
        """As JSON can carry it; ``from_fields`` gives it back."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "picture"}
        if self.picture is not None:
            fields["picture"] = _picture_fields(self.picture)
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> VisibleSignature:
        """Raises ``ValueError``, ``TypeError`` or ``KeyError`` for what ``to_fields`` did not make."""
        picture = fields.get("picture")
        rest = {name: value for name, value in fields.items() if name != "picture"}
        return cls(**rest, picture=_picture(picture) if picture is not None else None)

    @property
    def sha256(self) -> bytes:
        """Of all that it says, the picture's octets among it."""
        canonical = json.dumps(self.to_fields(), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()


def _picture_fields(picture: Picture) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "components": picture.components,
        "is_jpeg": picture.is_jpeg,
        "data": base64.b64encode(picture.data).decode(),
        "mask": base64.b64encode(picture.mask).decode() if picture.mask is not None else None,
    }


def _picture(fields: Mapping[str, Any]) -> Picture:
    mask = fields["mask"]
    return Picture(
        fields["width"],
        fields["height"],
        fields["components"],
        fields["is_jpeg"],
        base64.b64decode(fields["data"]),
        base64.b64decode(mask) if mask is not None else None,
    )


def _time_text(moment: datetime, zone: str) -> str:
    """24.11.2026 19:05:33 UTC+02:00, which means the same to everybody."""
    local = moment.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%d.%m.%Y %H:%M:%S} UTC{offset[:3]}:{offset[3:5]}"


def _shown(text: str, most: int = _LONGEST_VALUE) -> str:
    """*text* composed, in one line and within bounds; what cannot be seen, or turns the writing, becomes a space."""
    composed = unicodedata.normalize("NFC", text[: 4 * most])
    seen = "".join(" " if unicodedata.category(one) in _INVISIBLE else one for one in composed)
    line = " ".join(seen.split())
    return line if len(line) <= most else line[: most - 1] + "…"
