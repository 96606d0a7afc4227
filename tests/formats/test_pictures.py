"""Pictures of an operator: PNG is decoded as others decode it, JPEG loses its metadata, and anything else is refused."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.formats.pictures import FILE_BYTES, read_picture

PAGE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 60 50]/Resources<<>>/Contents 4 0 R>>endobj "
    b"4 0 obj<</Length 84>>stream\n.9 .2 .1 rg 5 5 m 50 8 30 60 55 45 c f .1 .3 .8 rg 20 10 m 40 40 l 50 12 l f q Q q Q\n"
    b"endstream endobj trailer<</Root 1 0 R>>"
)


def drawn(*options):
    """A page as poppler draws it."""
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed: apt-get install poppler-utils")
    command = ["pdftoppm", "-r", "72", *options, "-"]
    return subprocess.run(command, input=PAGE, capture_output=True, timeout=60, check=True).stdout


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, kind, rows, *, interlaced=0, more=b""):
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, kind, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_png_has_the_pixels_that_its_maker_drew():
    """Whatever filters its writer chose."""
    _, size, _, pixels = drawn().split(b"\n", 3)
    picture = read_picture(drawn("-png"))
    assert (picture.width, picture.height) == tuple(map(int, size.split())) == (60, 50)
    assert (picture.components, picture.is_jpeg, picture.mask) == (3, False, None)
    assert zlib.decompress(picture.data) == pixels
    assert len(set(pixels)) > 5


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_is_undone(kind):
    """Rows that were filtered as the standard says (clause 9.2), by another way than ours."""
    rows = [bytes((7 * x * y + 13 * x + y) % 256 for x in range(12)) for y in range(5)]
    filtered = b""
    for number, row in enumerate(rows):
        above = rows[number - 1] if number else bytes(12)
        filtered += bytes([kind])
        for x in range(12):
            a, b, c = (row[x - 3] if x > 2 else 0), above[x], (above[x - 3] if x > 2 else 0)
            nearest = min((abs(a + b - c - one), place, one) for place, one in enumerate((a, b, c)))[2]
            filtered += bytes([(row[x] - (0, a, b, (a + b) // 2, nearest)[kind]) % 256])
    assert zlib.decompress(read_picture(png(4, 5, 8, 2, filtered)).data) == b"".join(rows)


@pytest.mark.parametrize(
    ("depth", "kind", "rows", "more", "samples", "mask"),
    [
        (1, 0, b"\0\x40", b"", b"\0\xff", None),
        (2, 0, b"\0\x60", b"", b"\x55\xaa", None),
        (4, 0, b"\0\x1f", b"", b"\x11\xff", None),
        (8, 0, b"\0\x05\x06", b"", b"\x05\x06", None),
        (16, 0, b"\0\x05\x00\x06\xff", b"", b"\x05\x06", None),
        (8, 4, b"\0\x05\x80\x06\xff", b"", b"\x05\x06", b"\x80\xff"),
        (8, 6, b"\0abc\x01def\x02", b"", b"abcdef", b"\x01\x02"),
        (8, 6, b"\0abc\xffdef\xff", b"", b"abcdef", None),
        (16, 6, b"\0a.b.c.\x01.d.e.f.\x02.", b"", b"abcdef", b"\x01\x02"),
        (8, 3, b"\0\x01\x00", chunk(b"PLTE", b"abcdef"), b"defabc", None),
        (1, 3, b"\0\x40", chunk(b"PLTE", b"abcdef") + chunk(b"tRNS", b"\x09"), b"abcdef", b"\x09\xff"),
    ],
)
def test_every_kind_of_png_is_understood(depth, kind, rows, more, samples, mask):
    """Two pixels of each: grey, colours, palette; with and without opacity."""
    picture = read_picture(png(2, 1, depth, kind, rows, more=more))
    assert zlib.decompress(picture.data) == samples
    assert (zlib.decompress(picture.mask) if picture.mask else None) == mask
    assert picture.components == (3 if kind in (2, 3, 6) else 1)


def test_a_jpeg_goes_on_without_its_metadata():
    original = drawn("-jpeg")
    comment = b"\xff\xfe" + struct.pack(">H", 8) + b"secret"
    place = b"\xff\xe1" + struct.pack(">H", 14) + b"Exif\0\0" + b"nowhere"[:6]
    picture = read_picture(original[:2] + comment + place + original[2:] + b"after the end")
    assert (picture.width, picture.height, picture.components, picture.is_jpeg) == (60, 50, 3, True)
    assert b"secret" not in picture.data
    assert b"Exif" not in picture.data
    assert b"after" not in picture.data
    assert read_picture(picture.data) == picture


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_jpeg_that_is_stored_turned_is_refused(order):
    original = drawn("-jpeg")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    for turned, refused in ((6, True), (1, False)):
        tiff = mark + struct.pack(f"{order}IHHHIHH", 8, 1, 0x0112, 3, 1, turned, 0)
        exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
        document = original[:2] + exif + original[2:]
        if refused:
            with pytest.raises(ValueError, match="stored turned"):
                read_picture(document)
        else:
            assert read_picture(document).width == 60


HUGE = png(2000, 501, 8, 0, b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "neither PNG nor JPEG"),
        (b"GIF89a", "neither PNG nor JPEG"),
        (HUGE, "has 2000 × 501 pixels; 1000000 are the most"),
        (png(0, 5, 8, 0, b""), "has 0 × 5 pixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(FILE_BYTES), "larger than"),
        (png(1, 1, 8, 0, b"\0\0", interlaced=1), "interlaced"),
        (png(1, 1, 3, 0, b"\0\0"), "unknown kind"),
        (png(1, 1, 8, 0, b"\0\0", more=chunk(b"tRNS", b"\0\0")), "transparent colour"),
        (png(9, 9, 8, 0, b"\0" * 50), "damaged"),
        (png(1, 1, 8, 0, b"\x05\0"), "damaged"),
        (png(1, 1, 8, 3, b"\0\x07", more=chunk(b"PLTE", b"abc")), "damaged"),
        (png(1, 1, 8, 0, b"\0\0")[:-6], "damaged"),
        (png(1, 1, 8, 0, b"\0\0").replace(b"IDAT", b"IDAX"), "damaged"),
        (b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xda\x00\x02\xff\xd9", "pixels"),
        (
            b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x04\x01\x11\x00\xff\xda\x00\x02\xff\xd9",
            "neither grey nor RGB",
        ),
        (b"\xff\xd8\xff\xc3\x00\x0b", "of a kind that PDF does not have"),
        (b"\xff\xd8\xff\xda\x00\x02\xff\xd9", "damaged"),
        (b"\xff\xd8\xff\xe0\xff\xff", "damaged"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(data, said):
    with pytest.raises(ValueError, match=f"^picture: .*{said}"):
        read_picture(data)


def test_a_picture_that_would_burden_every_document_is_refused():
    source = random.Random(7)
    noise = b"".join(b"\0" + source.randbytes(999) for _ in range(999))
    with pytest.raises(ValueError, match=r"picture: would take .* bytes of every document"):
        read_picture(png(999, 999, 8, 0, noise))


def test_a_small_file_is_not_unpacked_into_a_large_one():
    """A megabyte of packed zeros for one pixel: only what the header promises is unpacked."""
    with pytest.raises(ValueError, match="damaged"):
        read_picture(png(3, 3, 8, 0, bytes(11)))
    assert read_picture(png(3, 3, 8, 0, bytes(50_000_000))).width == 3


GOOD = png(3, 2, 8, 6, (b"\0" + bytes(range(12))) * 2)


@given(st.binary(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 8))
@settings(max_examples=150, deadline=None)
def test_damage_is_refused_and_nothing_else(junk, place, length):
    for base in (
        GOOD,
        b"\xff\xd8\xff\xe0\x00\x02\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xda\x00\x02\xff\xd9",
    ):
        said = "picture: nothing"
        try:
            read_picture(base[:place] + junk + base[place + length :])
        except ValueError as refused:
            said = str(refused)
        assert said.startswith("picture: ")
