"""Lines of text fitted into a box: wrapped at words, in smaller letters where there are many, never beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.formats.pades.truetype import Font

LEADING = 1.22
"""From one line to the next, in font sizes."""

_SMALLEST = 4.0
_STEP = 0.5
_STILL_LARGE = 0.6
_UNKNOWN = "?"
_CUT = "…"


@dataclass(frozen=True, slots=True)
class SetText:
    """*lines* that fit, in letters of *size* points."""

    lines: tuple[str, ...]
    size: float

    @property
    def height(self) -> float:
        """In points."""
        return len(self.lines) * self.size * LEADING


def fitted(lines: Sequence[str], font: Font, width: float, height: float, size: float) -> SetText:
    """
    *lines* in the largest letters up to *size* with which they fit into *width* by *height* points.

    Somewhat smaller letters are preferred to a word in two pieces. Where even the smallest are too large, lines are
    left out at the end, and the last one says so.
    """
    known = [_known(line, font) for line in lines]
    words = [word for line in known for word in line.split(" ")]
    widest = max(_width(word, font) for word in words)
    for smaller in _sizes(size, max(_SMALLEST, size * _STILL_LARGE)):
        made = _set(known, font, width, smaller)
        if made.height <= height and widest * smaller <= 1000 * width:
            return made
    for smaller in _sizes(size, _SMALLEST):
        made = _set(known, font, width, smaller)
        if made.height <= height:
            return made
    kept = list(made.lines[: max(1, int(height / (made.size * LEADING)))])
    kept[-1] = _shortened(kept[-1], 1000 * width / made.size, lambda text: _width(text, font))
    return SetText(tuple(kept), made.size)


def _sizes(largest: float, smallest: float) -> Iterator[float]:
    while largest > smallest:
        yield largest
        largest -= _STEP
    yield smallest


def _set(lines: Sequence[str], font: Font, width: float, size: float) -> SetText:
    limit = 1000 * width / size
    return SetText(
        tuple(part for line in lines for part in _wrapped(line, limit, lambda text: _width(text, font))), size
    )


def _known(line: str, font: Font) -> str:
    return "".join(one if font.has(one) else _UNKNOWN for one in line)


def _width(text: str, font: Font) -> int:
    return sum(font.width(one) for one in text)


def _wrapped(line: str, limit: float, width: Callable[[str], int]) -> list[str]:
    """Broken between words, and within those that are wider than a line."""
    found, current = [], ""
    for word in line.split(" "):
        longer = f"{current} {word}" if current else word
        if width(longer) <= limit:
            current = longer
            continue
        if current:
            found.append(current)
        current = word
        while width(current) > limit and len(current) > 1:
            end = _fitting(current, limit, width)
            found.append(current[:end])
            current = current[end:]
    return [*found, current]


def _fitting(text: str, limit: float, width: Callable[[str], int]) -> int:
    """How many characters fit, at least one."""
    end = 1
    while end < len(text) and width(text[: end + 1]) <= limit:
        end += 1
    return end


def _shortened(line: str, limit: float, width: Callable[[str], int]) -> str:
    while line and width(line + _CUT) > limit:
        line = line[:-1]
    return line.rstrip() + _CUT
