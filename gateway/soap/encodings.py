"""The text of a message, whatever it was encoded in: UTF-8 or UTF-16 (RFC 7303 § 3, Basic Profile 1.1 R1012)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from gateway.soap.faults import MessageRefused

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_SNIFFED = 256
_UTF8 = {"utf-8", "utf8"}
_UTF16 = {"utf-16", "utf16", "utf-16le", "utf-16be"}


def as_utf8(pieces: Iterable[bytes], charset: str | None) -> Iterator[bytes]:
    """
    The same text in UTF-8, whatever the XML declaration says.

    A byte order mark decides, then the header, then the declaration (RFC 7303 § 3). The parser is told the encoding,
    so that a declaration inside the text cannot make it read the text otherwise than we did.

    Raises:
        MessageRefused: the text is in another encoding, or is not valid UTF-16. UTF-8 is left to the parser.

    """
    rest = iter(pieces)
    beginning = b""
    for piece in rest:
        beginning += piece
        if len(beginning) >= _SNIFFED:
            break
    encoding = _encoding(beginning, charset)
    if not beginning:
        return
    if encoding == "utf-8":
        yield beginning.removeprefix(codecs.BOM_UTF8)
        yield from rest
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(beginning).removeprefix("\ufeff").encode()
        for piece in rest:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise MessageRefused("The request is not valid UTF-16") from None


def _encoding(beginning: bytes, charset: str | None) -> str:
    """The codec of the text: UTF-8 or one of the two UTF-16 (Basic Profile 1.1, R1012)."""
    if beginning.startswith((codecs.BOM_UTF16_LE, b"<\0")):
        return "utf-16-le"
    if beginning.startswith((codecs.BOM_UTF16_BE, b"\0<")):
        return "utf-16-be"
    if beginning.startswith(codecs.BOM_UTF8):
        return "utf-8"
    declared = _DECLARED.match(beginning)
    stated = charset if charset is not None else (declared.group(1).decode() if declared else "utf-8")
    if stated.lower() in _UTF8:
        return "utf-8"
    if stated.lower() in _UTF16:
        return "utf-16-be" if stated.lower().endswith("be") else "utf-16-le"
    raise MessageRefused("The request must be in UTF-8 or UTF-16")
