"""
PNG and JPEG files of an operator, turned into what a PDF holds (``domain.appearance.Picture``).

PNG (ISO/IEC 15948) is decoded here, within bounds that are known before anything is unpacked. A JPEG goes into the PDF
as it is, but for its metadata: a photograph may say where it was taken.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.appearance import PICTURE_PIXELS, Picture

FILE_BYTES = 2 * 1024 * 1024
"""Of a file that is looked at."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_SCAN, _EXIF = 0xDA, 0xE1
_DROPPED = (*range(0xE1, 0xEE), 0xEF, 0xFE)  # all but JFIF's and Adobe's, which decide on colours
_ORIENTATION = 0x0112


def read_picture(data: bytes) -> Picture:
    """A PNG or JPEG file as a ``Picture``. Raises ``ValueError`` with the reason, which begins with ``picture:``."""
    if len(data) > FILE_BYTES:
        raise ValueError(f"picture: the file is larger than {FILE_BYTES} bytes")
    try:
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith(_JPEG):
            return _jpeg(data)
    except (struct.error, IndexError, zlib.error):
        raise ValueError("picture: the file is damaged") from None
    raise ValueError("picture: is neither PNG nor JPEG")


def _require_pixels(width: int, height: int) -> None:
    if width < 1 or height < 1 or width * height > PICTURE_PIXELS:
        raise ValueError(f"picture: has {width} × {height} pixels; {PICTURE_PIXELS} are the most")


# ------------------------------------------------------------------ PNG


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    kind: int

    @property
    def bits(self) -> int:
        """Of a pixel."""
        return self.depth * _CHANNELS[self.kind]

    @property
    def row(self) -> int:
        """Octets of a row."""
        return (self.width * self.bits + 7) // 8


def _png(data: bytes) -> Picture:
    chunks = dict[bytes, bytes]()
    for kind, body in _chunks(data):
        chunks[kind] = chunks.get(kind, b"") + body if kind == b"IDAT" else body
    width, height, depth, kind, _, _, interlaced = struct.unpack(">2I5B", chunks.get(b"IHDR", b""))
    _require_pixels(width, height)
    if depth not in _DEPTHS.get(kind, ()):
        raise ValueError("picture: is a PNG of an unknown kind")
    if interlaced:
        raise ValueError("picture: is an interlaced PNG; save it without interlacing")
    header = _Header(width, height, depth, kind)
    samples = _samples(_unfiltered(header, chunks.get(b"IDAT", b"")), header)
    return _coloured(header, samples, chunks.get(b"PLTE", b""), chunks.get(b"tRNS"))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if struct.unpack_from(">I", data, at + 8 + length)[0] != zlib.crc32(kind + body):
            raise ValueError("picture: the file is damaged")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _unfiltered(header: _Header, packed: bytes) -> list[bytes]:
    """The rows, their filters undone (clause 9)."""
    wanted = header.height * (header.row + 1)
    stream = zlib.decompressobj()
    plain = stream.decompress(packed, wanted)
    if len(plain) != wanted:
        raise ValueError("picture: the file is damaged")
    back = max(1, header.bits // 8)
    above, rows = bytes(header.row), []
    for start in range(0, wanted, header.row + 1):
        row = bytearray(plain[start + 1 : start + 1 + header.row])
        _undo(plain[start], row, above, back)
        above = bytes(row)
        rows.append(above)
    return rows


def _undo(kind: int, row: bytearray, above: bytes, back: int) -> None:
    if kind > 4:
        raise ValueError("picture: the file is damaged")
    for at in range(len(row)) if kind else ():
        left = row[at - back] if at >= back else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[at]
        elif kind == 3:
            guess = (left + above[at]) // 2
        else:
            guess = _paeth(left, above[at], above[at - back] if at >= back else 0)
        row[at] = (row[at] + guess) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def _samples(rows: list[bytes], header: _Header) -> bytes:
    """One octet for each sample: of two the first, of less than one the bits (palette indexes stay as they are)."""
    if header.depth == 8:
        return b"".join(rows)
    if header.depth == 16:
        return b"".join(row[::2] for row in rows)
    depth, most = header.depth, (1 << header.depth) - 1
    scale = 1 if header.kind == 3 else 255 // most
    table = [bytes(((octet >> shift) & most) * scale for shift in range(8 - depth, -1, -depth)) for octet in range(256)]
    return b"".join(b"".join(table[octet] for octet in row)[: header.width] for row in rows)


def _coloured(header: _Header, samples: bytes, palette: bytes, transparent: bytes | None) -> Picture:
    mask: bytes | None = None
    components = 3 if header.kind in (2, 3, 6) else 1
    if header.kind == 3:
        colours = [palette[at : at + 3] for at in range(0, len(palette) - 2, 3)]
        if transparent is not None:
            opacity = transparent.ljust(256, b"\xff")[:256]
            mask = samples.translate(opacity)
        samples = b"".join([colours[index] for index in samples])
    elif header.kind in (4, 6):
        mask = samples[components :: components + 1]
        planes = [samples[plane :: components + 1] for plane in range(components)]
        samples = planes[0] if components == 1 else _woven(planes)
    elif transparent is not None:
        raise ValueError("picture: has a transparent colour; save it with an alpha channel")
    packed_mask = zlib.compress(mask, 9) if mask is not None and mask.count(0xFF) != len(mask) else None
    return Picture(header.width, header.height, components, False, zlib.compress(samples, 9), packed_mask)


def _woven(planes: list[bytes]) -> bytes:
    whole = bytearray(sum(map(len, planes)))
    for number, plane in enumerate(planes):
        whole[number :: len(planes)] = plane
    return bytes(whole)


# ------------------------------------------------------------------ JPEG


def _jpeg(data: bytes) -> Picture:
    kept, frame, at = [data[:2]], None, 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("picture: the file is damaged")
        if data[at + 1] == 0xFF:  # padding
            at += 1
            continue
        kind, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + length]
        if kind in _OTHER_FRAMES:
            raise ValueError("picture: is a JPEG of a kind that PDF does not have")
        if kind in _FRAMES:
            frame = struct.unpack_from(">BHHB", body)
        if kind == _EXIF and _turned(body):
            raise ValueError("picture: is stored turned, as cameras do; save it upright")
        if kind == _SCAN:
            break
        if kind not in _DROPPED:
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    if frame is None or end < at:
        raise ValueError("picture: the file is damaged")
    depth, height, width, components = frame
    _require_pixels(width, height)
    if depth != 8 or components not in (1, 3):
        raise ValueError("picture: is a JPEG that is neither grey nor RGB; save it as RGB")
    return Picture(width, height, components, True, b"".join((*kept, data[at : end + 2])))


def _turned(body: bytes) -> bool:
    """Whether Exif says that the picture is to be turned before it is shown."""
    if not body.startswith(b"Exif\0\0"):
        return False
    tiff = body[6:]
    order = "<" if tiff.startswith(b"II") else ">"
    try:
        start = struct.unpack_from(f"{order}I", tiff, 4)[0]
        for number in range(struct.unpack_from(f"{order}H", tiff, start)[0]):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value not in (0, 1)
    except struct.error:
        pass  # Exif that cannot be read says nothing
    return False
