"""
Where on a page a visible signature goes, in the isolated process only.

People think of a page as they see it: turned (/Rotate), cut (/CropBox), and measured in points. Here such a place
becomes a rectangle of the page's own coordinates (ISO 32000-2 § 7.7.3.3, § 8.3.2, § 12.5.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from gateway.domain.appearance import LAST_PAGE, VisibleSignature
from gateway.formats.isolated import Refused
from gateway.formats.pades.documents import entry

Box = tuple[float, float, float, float]
"""Left, lower, right, upper."""

_LETTER: Box = (0.0, 0.0, 612.0, 792.0)  # what readers take where a page has no MediaBox
_SMALLEST = 8.0
_APART = 4.0
_DEEPEST = 64
_MOST_ANNOTATIONS = 5000  # beyond these, signatures on the page are not looked for
_MOST_NEIGHBOURS = 200
_MOST_PLACES = 500
_QUARTERS = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class View:
    """How a page is shown: the visible *box* of its coordinates, turned clockwise, *unit* points for each of them."""

    box: Box
    turned: int
    unit: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as seen, in points."""
        width, height = (self.box[2] - self.box[0]) * self.unit, (self.box[3] - self.box[1]) * self.unit
        return (height, width) if self.turned in (90, 270) else (width, height)

    def to_page(self, seen: Box) -> Box:
        """A rectangle as seen (points from the lower left corner) in the page's coordinates."""
        corners = [self._point(seen[0] / self.unit, seen[1] / self.unit)]
        corners.append(self._point(seen[2] / self.unit, seen[3] / self.unit))
        (a, b), (c, d) = corners
        return min(a, c), min(b, d), max(a, c), max(b, d)

    def to_seen(self, box: Box) -> Box:
        """The other way round."""
        left, lower, right, upper = self.box
        a, b, c, d = box
        seen = {
            0: (a - left, b - lower, c - left, d - lower),
            90: (b - lower, right - c, d - lower, right - a),
            180: (right - c, upper - d, right - a, upper - b),
            270: (upper - d, a - left, upper - b, c - left),
        }[self.turned]
        return seen[0] * self.unit, seen[1] * self.unit, seen[2] * self.unit, seen[3] * self.unit

    def _point(self, across: float, up: float) -> tuple[float, float]:
        left, lower, right, upper = self.box
        return {
            0: (left + across, lower + up),
            90: (right - up, lower + across),
            180: (right - across, upper - up),
            270: (left + up, upper - across),
        }[self.turned]


def page_number(writer: BasePdfFileWriter, wanted: VisibleSignature) -> int:
    """The page from 0. Raises ``Refused`` where the document does not have it."""
    count = int(writer.root["/Pages"]["/Count"])
    if wanted.page == LAST_PAGE:
        return count - 1
    if wanted.page > count:
        raise Refused(f"has {count} pages, and the visible signature's page is {wanted.page}")
    return wanted.page - 1


def view_of(page: generic.DictionaryObject) -> View:
    """How *page* is shown; what is missing or makes no sense is as readers take it."""
    media = _box(_inherited(page, "/MediaBox")) or _LETTER
    crop = _box(_inherited(page, "/CropBox"))
    box = (_common(media, crop) if crop is not None else None) or media
    turned, unit = _number(_inherited(page, "/Rotate")), _number(entry(page, "/UserUnit"))
    quarter = int(turned) % 360 if turned is not None else 0
    return View(box, quarter if quarter in _QUARTERS else 0, unit if unit is not None and unit > 0 else 1.0)


def place_for(page: generic.DictionaryObject, view: View, wanted: VisibleSignature) -> Box:
    """
    The box that is wanted, as seen, cut at the page's edges, and moved where another signature stands already.

    Raises ``Refused`` where it lies outside the page.
    """
    width, height = view.size
    box = _common((0.0, 0.0, width, height), (wanted.x, wanted.y, wanted.x + wanted.width, wanted.y + wanted.height))
    if box is None or box[2] - box[0] < _SMALLEST or box[3] - box[1] < _SMALLEST:
        raise Refused(
            f"has a page of {width:.0f} × {height:.0f} points, and the visible signature's box (x, y, width, height) "
            "lies outside it"
        )
    taken = [view.to_seen(one) for one in islice(_signatures_on(page), _MOST_NEIGHBOURS)]
    places = islice(_places(box, width, height), _MOST_PLACES)
    return next((one for one in places if not any(_overlap(one, other) for other in taken)), box)


def rectangle(widget: generic.DictionaryObject) -> Box | None:
    """The rectangle of an annotation; None without area."""
    return _box(entry(widget, "/Rect"))


def _places(box: Box, width: float, height: float) -> Iterator[Box]:
    """*box*, then those above, below and beside it that lie on the page."""
    wide, high = box[2] - box[0], box[3] - box[1]
    across = _steps(box[0], wide, width)
    for left in across:
        for lower in _steps(box[1], high, height):
            yield left, lower, left + wide, lower + high


def _steps(start: float, length: float, end: float) -> list[float]:
    """*start*, and where else a *length* has room before *end* or after 0, in steps of itself."""
    step = length + _APART
    on = [start + number * step for number in range(1, int((end - start - length) // step) + 1)]
    back = [start - number * step for number in range(1, int(start // step) + 1)]
    return [start, *on, *back]


def _signatures_on(page: generic.DictionaryObject) -> Iterator[Box]:
    """The rectangles of visible signature fields."""
    annotations = entry(page, "/Annots")
    if not isinstance(annotations, generic.ArrayObject):
        return
    for item in islice(list.__iter__(annotations), _MOST_ANNOTATIONS):
        widget = item.get_object()
        if isinstance(widget, generic.DictionaryObject) and str(_inherited(widget, "/FT")) == "/Sig":
            box = rectangle(widget)
            if box is not None:
                yield box


def _overlap(one: Box, other: Box) -> bool:
    return _common(one, other) is not None


def _common(one: Box, other: Box) -> Box | None:
    box = max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
    return box if box[0] < box[2] and box[1] < box[3] else None


def _inherited(node: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    at: object = node
    for _ in range(_DEEPEST):
        if not isinstance(at, generic.DictionaryObject):
            return None
        found = entry(at, key)
        if found is not None:
            return found
        at = entry(at, "/Parent")
    return None


def _box(found: object) -> Box | None:
    """Four numbers in any order of corners, with an area."""
    if not isinstance(found, generic.ArrayObject) or len(found) != 4:
        return None
    numbers = [_number(item.get_object()) for item in list.__iter__(found)]
    known = [one for one in numbers if one is not None]
    if len(known) != 4:
        return None
    a, b, c, d = known
    return (min(a, c), min(b, d), max(a, c), max(b, d)) if a != c and b != d else None


def _number(found: object) -> float | None:
    if not isinstance(found, generic.NumberObject | generic.FloatObject):
        return None
    value = float(found)
    return value if math.isfinite(value) else None
