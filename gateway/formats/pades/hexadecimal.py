"""
Hexadecimal strings read quickly: a signature's Contents takes pyHanko 25 ms digit by digit, and here 0.1.

Used by the isolated process alone, in which pyHanko's own function is replaced by this one.
"""

from __future__ import annotations

import binascii
import os
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfStreamError

_FIRST_PIECE = 256
_LARGEST_PIECE = 64 * 1024
_BLANKS = b" \n\r\t\0\x0c"


def read_hexadecimal(stream: BinaryIO) -> generic.ByteStringObject | generic.TextStringObject:
    """
    The string whose ``<`` stands next in *stream*, which is left after its ``>`` (ISO 32000-1 § 7.3.4.3).

    Raises:
        PdfStreamError: Cut short, or other than hexadecimal digits.

    """
    stream.read(1)
    found: list[bytes] = []
    size = _FIRST_PIECE
    while True:
        piece = stream.read(size)
        end = piece.find(b">")
        if end >= 0:
            found.append(piece[:end])
            stream.seek(end + 1 - len(piece), os.SEEK_CUR)
            break
        if not piece:
            raise PdfStreamError("a hexadecimal string is cut short")
        found.append(piece)
        size = min(2 * size, _LARGEST_PIECE)
    digits = b"".join(found).translate(None, _BLANKS)
    try:
        return generic.pdf_string(binascii.unhexlify(digits + b"0" * (len(digits) % 2)))
    except binascii.Error:
        raise PdfStreamError("not a hexadecimal string") from None


def install() -> None:
    """Have pyHanko use it, in this process."""
    generic.read_hex_string_from_stream = read_hexadecimal
