"""A file that says how a consumer's signatures in PDFs are to be seen."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.domain.appearance import LAST_PAGE, Picture, VisibleSignature
from gateway.errors import ConfigurationError
from gateway.formats.pictures import FILE_BYTES, read_picture

_LARGEST = 64 * 1024
_KINDS: Mapping[str, tuple[type, ...]] = {
    "page": (int, str),
    "x": (int, float),
    "y": (int, float),
    "width": (int, float),
    "height": (int, float),
    "field": (str,),
    "text": (str,),
    "time_zone": (str,),
    "font_size": (int, float),
    "border": (bool,),
    "picture": (str,),
}
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_NAMED_PAGES = {"first": 1, "last": LAST_PAGE}
_BOX = ("page", "x", "y", "width", "height")


def read_appearance(file: Path) -> VisibleSignature:
    """
    The appearance in a TOML file: the members of ``VisibleSignature`` by name.

    *page* is "first", "last" or a number, and *picture* the name of a PNG or JPEG file, from the file's own folder.
    Raises ``ConfigurationError``, which names the file and the member.
    """
    try:
        given = tomllib.loads(_text(file))
        return _appearance(given, file.parent)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # of TOML, of UTF-8, of a member
        raise ConfigurationError(f"{file}: {error}") from None


def _appearance(given: dict[str, Any], folder: Path) -> VisibleSignature:
    for name, value in given.items():
        if name not in _KINDS:
            raise ValueError(f"{name}: is not known; there are {', '.join(_KINDS)}")
        if not isinstance(value, _KINDS[name]) or (isinstance(value, bool) and bool not in _KINDS[name]):
            raise ValueError(f"{name}: is {' or '.join(_WORDS[kind] for kind in _KINDS[name])}")
    _require_place(given)
    if isinstance(given.get("page"), str):
        given["page"] = _NAMED_PAGES.get(given["page"], 0)
    if "picture" in given:
        given["picture"] = _picture(folder / given["picture"])
    return VisibleSignature(**given)


def _require_place(given: Mapping[str, Any]) -> None:
    if "field" in given:
        extra = [name for name in _BOX if name in given]
        if extra:
            raise ValueError(f"{extra[0]}: the field has its own page and box")
        return
    missing = [name for name in _BOX if name not in given]
    if missing:
        raise ValueError(f"{missing[0]}: is missing; either field, or page, x, y, width and height say where")


def _picture(file: Path) -> Picture:
    try:
        with file.open("rb") as stream:
            return read_picture(stream.read(FILE_BYTES + 1))
    except OSError as error:
        raise ValueError(f"picture: {file} cannot be read ({error.strerror})") from None


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        octets = stream.read(_LARGEST + 1)
    if len(octets) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST} bytes")
    return octets.decode("utf-8")
