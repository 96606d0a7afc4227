"""
What is seen of a signature: an appearance stream with embedded letters (ISO 32000-2 § 12.5.5, § 9.7), in the isolated
process only.

The same parameters and document give the same octets. Text can be extracted as it was written, one character for each.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from gateway.domain.appearance import Picture, VisibleSignature
from gateway.formats.pades.truetype import Font
from gateway.formats.pades.typesetting import LEADING, SetText, fitted

_MARGIN = 4.0
_GAP = 6.0
_PICTURE_SHARE = 0.4
_SMALLEST_TEXT = 8.0
_ASCENT = 0.93  # of the font size: where the first line stands below the upper edge of its text
_TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
_INK, _FRAME = "0.08 g", "0.45 G 0.6 w"
_SYMBOLIC, _STEM = 4, 84  # its characters are named by nothing but its own numbers
_AT_ONCE = 100  # lines of a CMap's block


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    What is drawn: *wanted*'s picture, frame and letters, and its text in *lines*, filled in.

    *follows_others*: the document has signatures already.
    """

    wanted: VisibleSignature
    lines: tuple[str, ...]
    follows_others: bool = False


def drawn(writer: BasePdfFileWriter, stamp: Stamp, width: float, height: float, turned: int) -> generic.IndirectObject:
    """A form of *width* by *height* points that reads upright on a page that is shown *turned* clockwise."""
    wanted, parts = stamp.wanted, []
    resources = generic.DictionaryObject()
    left, inner = _MARGIN, (width - 2 * _MARGIN, height - 2 * _MARGIN)
    if wanted.border:
        parts.append(f"{_FRAME} 0.3 0.3 {width - 0.6:.2f} {height - 0.6:.2f} re S")
    if wanted.picture is not None and min(inner) > 0:
        room = inner[0] * _PICTURE_SHARE if stamp.lines else inner[0]
        wide, high = _scaled(wanted.picture, room, inner[1])
        across = left if stamp.lines else (width - wide) / 2
        parts.append(f"q {wide:.2f} 0 0 {high:.2f} {across:.2f} {(height - high) / 2:.2f} cm /Picture Do Q")
        resources["/XObject"] = _dictionary(Picture=_image(writer, wanted.picture))
        left += wide + _GAP
    if stamp.lines:
        font = Font.installed()
        room = max(_SMALLEST_TEXT, width - left - _MARGIN)
        text = fitted(stamp.lines, font, room, max(_SMALLEST_TEXT, inner[1]), wanted.font_size)
        letters = sorted(set("".join(text.lines)))
        parts.append(_text(text, letters, left, (height + text.height) / 2))
        resources["/Font"] = _dictionary(Letters=_embedded(writer, font, letters))
    form = _stream(
        "\n".join(parts).encode("ascii"),
        Type=pdf_name("/XObject"),
        Subtype=pdf_name("/Form"),
        BBox=_numbers(0, 0, round(width, 2), round(height, 2)),
        Matrix=_numbers(*_TURNS[turned], 0, 0),
        Resources=resources,
    )
    return writer.add_object(form)


def _scaled(picture: Picture, width: float, height: float) -> tuple[float, float]:
    scale = min(width / picture.width, height / picture.height)
    return picture.width * scale, picture.height * scale


def _text(text: SetText, letters: Sequence[str], left: float, top: float) -> str:
    number = {letter: place for place, letter in enumerate(letters, 1)}
    first = top - text.size * _ASCENT
    lines = " T* ".join("<" + "".join(f"{number[one]:04X}" for one in line) + "> Tj" for line in text.lines)
    return f"BT {_INK} /Letters {text.size:g} Tf {text.size * LEADING:.3f} TL {left:.2f} {first:.2f} Td {lines} ET"


def _image(writer: BasePdfFileWriter, picture: Picture) -> generic.IndirectObject:
    colours = "/DeviceGray" if picture.components == 1 else "/DeviceRGB"
    packing = "/DCTDecode" if picture.is_jpeg else "/FlateDecode"
    image = _samples(picture, picture.data, colours, packing)
    if picture.mask is not None:
        image["/SMask"] = writer.add_object(_samples(picture, picture.mask, "/DeviceGray", "/FlateDecode"))
    return writer.add_object(image)


def _samples(picture: Picture, data: bytes, colours: str, packing: str) -> generic.StreamObject:
    return generic.StreamObject(
        _dictionary(
            Type=pdf_name("/XObject"),
            Subtype=pdf_name("/Image"),
            Width=generic.NumberObject(picture.width),
            Height=generic.NumberObject(picture.height),
            BitsPerComponent=generic.NumberObject(8),
            ColorSpace=pdf_name(colours),
            Filter=pdf_name(packing),
        ),
        encoded_data=data,
    )


def _embedded(writer: BasePdfFileWriter, font: Font, letters: Sequence[str]) -> generic.IndirectObject:
    """A composite font whose codes are the places of *letters*, from 1."""
    program = font.cut(letters)
    mark = hashlib.sha256(program).digest()
    name = pdf_name("/" + "".join(chr(65 + octet % 26) for octet in mark[:6]) + "+SourceSansPro-Regular")
    descriptor = _dictionary(
        Type=pdf_name("/FontDescriptor"),
        FontName=name,
        Flags=generic.NumberObject(_SYMBOLIC),
        FontBBox=_numbers(*font.box),
        ItalicAngle=generic.NumberObject(0),
        Ascent=generic.NumberObject(font.ascent),
        Descent=generic.NumberObject(font.descent),
        CapHeight=generic.NumberObject(660),
        StemV=generic.NumberObject(_STEM),
        FontFile2=writer.add_object(_stream(program, Length1=generic.NumberObject(len(program)))),
    )
    widths = _numbers(*(font.width(letter) for letter in letters))
    descendant = _dictionary(
        Type=pdf_name("/Font"),
        Subtype=pdf_name("/CIDFontType2"),
        BaseFont=name,
        CIDSystemInfo=_dictionary(
            Registry=generic.pdf_string("Adobe"),
            Ordering=generic.pdf_string("Identity"),
            Supplement=generic.NumberObject(0),
        ),
        FontDescriptor=writer.add_object(descriptor),
        DW=generic.NumberObject(500),
        W=generic.ArrayObject([generic.NumberObject(1), widths]),
        CIDToGIDMap=pdf_name("/Identity"),
    )
    whole = _dictionary(
        Type=pdf_name("/Font"),
        Subtype=pdf_name("/Type0"),
        BaseFont=name,
        Encoding=pdf_name("/Identity-H"),
        DescendantFonts=generic.ArrayObject([writer.add_object(descendant)]),
        ToUnicode=writer.add_object(_stream(_to_unicode(letters))),
    )
    return writer.add_object(whole)


def _to_unicode(letters: Sequence[str]) -> bytes:
    rows = [f"<{place:04X}> <{letter.encode('utf-16-be').hex().upper()}>" for place, letter in enumerate(letters, 1)]
    blocks = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    mapped = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{mapped}\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _dictionary(**entries: generic.PdfObject) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name(f"/{key}"): value for key, value in entries.items()})


def _stream(data: bytes, **entries: generic.PdfObject) -> generic.StreamObject:
    packed = _dictionary(**entries, Filter=pdf_name("/FlateDecode"))
    return generic.StreamObject(packed, encoded_data=zlib.compress(data, 9))


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject(
        generic.NumberObject(value) if isinstance(value, int) else generic.FloatObject(value) for value in values
    )
