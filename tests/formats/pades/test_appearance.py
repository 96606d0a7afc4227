"""What is seen of a signature: as pixels, as text that can be extracted, and as nothing that spoils another signature."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import unicodedata
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedValFlags,
    SigSeedValueSpec,
    append_signature_field,
)

from gateway.demo import verifiers
from gateway.domain.appearance import LAST_PAGE, Picture, VisibleSignature
from gateway.errors import UnsignableDocument
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.pades.truetype import Font
from gateway.formats.pades.typesetting import fitted

ROMANIAN = "ăâîșț ĂÂÎȘȚ"
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
RED = Picture(40, 40, 3, False, zlib.compress(bytes((220, 0, 0)) * 1600))
MOMENT = datetime(2026, 11, 24, 22, 30, 5, tzinfo=UTC)
SEEN = VisibleSignature(page=1, x=20, y=30, width=200, height=60, text="{signer}\n{time}\n{reason}", picture=RED)


class Image:
    """A rendered page, one pixel for each point, (0, 0) lower left."""

    def __init__(self, ppm: bytes) -> None:
        _, size, _, pixels = ppm.split(b"\n", 3)
        self.width, self.height = map(int, size.split())
        self._pixels = pixels

    def at(self, x: int, y: int) -> tuple[int, ...]:
        start = 3 * ((self.height - 1 - y) * self.width + x)
        return tuple(self._pixels[start : start + 3])

    def where(self, wanted) -> tuple[int, int, int, int] | None:
        """The box around all pixels of which *wanted* is true."""
        found = [(x, y) for y in range(self.height) for x in range(self.width) if wanted(*self.at(x, y))]
        if not found:
            return None
        across, up = zip(*found, strict=True)
        return min(across), min(up), max(across) + 1, max(up) + 1

    def part(self, left: int, lower: int, right: int, upper: int) -> list[tuple[int, ...]]:
        return [self.at(x, y) for y in range(lower, upper) for x in range(left, right)]


def is_red(red, green, blue):
    return red > 180 and green < 60 and blue < 60


def is_dark(red, green, blue):
    return red < 160 and green < 160 and blue < 160


def is_marked(*colours):
    return min(colours) < 200


def poppler(program, *arguments, pdf):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install poppler-utils")
    places = ["-", "-"] if program == "pdftotext" else ["-"]
    done = subprocess.run([program, *arguments, *places], input=pdf, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"rror" not in done.stderr, done.stderr
    return done.stdout


def rendered(pdf, page=1) -> Image:
    return Image(poppler("pdftoppm", "-r", "72", "-cropbox", "-f", str(page), "-l", str(page), pdf=pdf))


def extracted(pdf) -> str:
    return unicodedata.normalize("NFC", poppler("pdftotext", "-layout", pdf=pdf).decode())


def signed_by(signer, engine, pdf, appearance, reason=None, **more):
    parameters = replace(signer.parameters(reason), appearance=appearance, **more)
    prepared = engine.prepare(BytesIO(pdf), parameters)
    out = BytesIO()
    engine.complete(BytesIO(pdf), prepared, signer.value(prepared.data), None, out)
    return out.getvalue()


def named(signer, name):
    """*signer*, with a certificate that says *name*."""
    other = type(signer)(signer.town, signer.holder)
    other.certificate = replace(signer.certificate, common_name=name)
    return other


def holds(engine, pdf):
    return [
        (v.crypto_valid, v.structure_valid, v.failure, v.modified_after_signing)
        for v in engine.read(BytesIO(pdf), None)
    ] == [(True, True, None, False)] * len(PdfFileReader(BytesIO(pdf)).embedded_signatures)


@pytest.fixture
def page(pdfs):
    def made(extra=b"", *, media=b"0 0 300 400", more=0):
        objects = pdfs.page_objects()
        numbers = [3, *range(10, 10 + more)]
        objects[2] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % n for n in numbers), len(numbers))
        for number in numbers:
            objects[number] = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources<<>>%s>>" % (media, extra)
        return pdfs.raw(objects)

    return made


def with_field(pdf, name="Semnătura", box=(40, 50, 240, 110), **more):
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    append_signature_field(writer, SigFieldSpec(name, box=box, **more))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


# ------------------------------------------------------------------ letters


def test_romanian_and_russian_letters_are_extracted_as_they_were_written(engine, town, page):
    """All of them, small and capital, in a template, a name and a reason; one character for each."""
    appearance = VisibleSignature(1, 10, 10, 280, 200, text=f"Semnătură: {{signer}}\n{RUSSIAN}\nMotivul: {{reason}}")
    out = signed_by(named(town.signer(), "Ștefan Țurcanu"), engine, page(), appearance, ROMANIAN)
    words = " ".join(extracted(out).split())
    assert "Semnătură: Ștefan Țurcanu" in words
    assert f"Motivul: {ROMANIAN}" in words
    assert RUSSIAN in words


def test_letters_with_marks_have_more_ink_than_those_without(engine, town, page):
    """They are drawn, and not only named."""
    ink = {}
    for text in ("aaistAAISTиИе", "ăâîșțĂÂÎȘȚйЙё"):
        appearance = VisibleSignature(1, 10, 10, 280, 40, text=text, font_size=20, border=False)
        image = rendered(signed_by(town.signer(), engine, page(), appearance))
        ink[text] = sum(255 - pixel[0] for pixel in image.part(0, 0, 300, 60))
    plain, marked = ink.values()
    assert 0 < plain * 1.08 < marked


def test_every_letter_has_its_outline_in_the_embedded_font():
    """Parts of composed letters come along, and nothing else of the large font does."""
    font, letters = Font.installed(), sorted(set(ROMANIAN + RUSSIAN) - {" "})
    cut = Font(_with_characters(font.cut(letters)))
    for number, letter in enumerate(letters, 1):
        assert _drawn(cut, number) == _drawn(font, font._glyph(letter)), letter
    assert all(cut._outline(number) for number in range(1, len(letters) + 1))
    assert len(font.cut(letters)) < len(font._data) / 6
    assert all(font.has(letter) for letter in letters)
    assert not font.has("漢")


def _drawn(font: Font, glyph: int) -> list[bytes]:
    """Outlines of a glyph; of a composed one those of its parts, with where they go."""
    outline = font._outline(glyph)
    if struct.unpack_from(">h", outline)[0] >= 0:
        return [outline.rstrip(b"\0")]
    found, at, flags = [outline[:10]], 10, 0x20
    while flags & 0x20:
        flags, part = struct.unpack_from(">2H", outline, at)
        end = at + (8 if flags & 1 else 6) + (2 if flags & 8 else 4 if flags & 0x40 else 8 if flags & 0x80 else 0)
        found += [outline[at + 4 : end], *_drawn(font, part)]
        at = end
    return found


def _with_characters(cut: bytes) -> bytes:
    """A cut font with the smallest table of characters, which PDF does not need and ``Font`` does."""
    count = struct.unpack_from(">H", cut, 4)[0]
    table = struct.pack(">2H", 0, 1) + struct.pack(">2HI", 3, 1, 12) + struct.pack(">7H", 4, 24, 0, 2, 2, 0, 0)
    table += struct.pack(">5H", 0xFFFF, 0, 0xFFFF, 1, 0)
    rows = [struct.unpack_from(">4sIII", cut, 12 + 16 * n) for n in range(count)]
    moved = b"".join(struct.pack(">4sIII", tag, s, start + 16, length) for tag, s, start, length in rows)
    added = struct.pack(">4sIII", b"cmap", 0, len(cut) + 16, len(table))
    head = cut[:4] + struct.pack(">H", count + 1) + cut[6:12]
    return head + moved + added + cut[12 + 16 * count :] + table


def test_letters_that_the_font_lacks_are_marked_as_such(engine, town, page):
    appearance = replace(SEEN, text="{signer}", picture=None)
    out = signed_by(named(town.signer(), "漢字 Ion עברית"), engine, page(), appearance)
    assert "?? Ion ?????" in extracted(out)


# ------------------------------------------------------------------ words


def test_name_moment_and_reason_are_filled_in(engine, town, page):
    """The claimed time in the zone that is asked for, with its distance from UTC."""
    appearance = replace(SEEN, text="De: {signer}\nLa: {time}\nMotiv: {reason}!")
    out = signed_by(named(town.signer(), "Ion"), engine, page(), appearance, "Aprob", signing_time=MOMENT)
    assert [line.strip() for line in extracted(out).split("\n") if line.strip()][:3] == [
        "De: Ion", "La: 25.11.2026 00:30:05 UTC+02:00", "Motiv: Aprob!"]  # fmt: skip
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert signature.self_reported_timestamp == MOMENT


def test_a_line_about_the_reason_is_left_out_where_there_is_none():
    lines = replace(SEEN, text="A {signer}\nMotiv: {reason}\nB", time_zone="UTC").lines("I", MOMENT, None)
    assert lines == ("A I", "B")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ion\u202efdp.exe", "Ion fdp.exe"),
        ("Ion\nPopescu\r\x00\x1b", "Ion Popescu"),
        ("{reason} {time}", "{reason} {time}"),
        (r"(Ion) Tj ET \(", r"(Ion) Tj ET \("),
        ("<b>Ion</b> %PDF endstream", "<b>Ion</b> %PDF endstream"),
        ("S\u0326tefan", "Ștefan"),
        ("I" * 5000, "I" * 199 + "…"),
    ],
)
def test_names_are_shown_and_nothing_else_happens(engine, town, page, name, shown):
    """Markup is text, what turns the writing is gone, and a value is not filled in again."""
    appearance = replace(SEEN, text="{signer}", picture=None, width=270)
    out = signed_by(named(town.signer(), name), engine, page(), appearance, "Because")
    assert appearance.lines(name, MOMENT, "Because") == (shown,)
    assert "".join(shown.split()) in "".join(extracted(out).split())
    assert holds(engine, out)


@pytest.mark.parametrize("length", [3, 60, 190])
def test_nothing_is_drawn_beyond_the_box(engine, town, page, length):
    """Long names are wrapped and made smaller; without spaces too."""
    name = "Ștefăniță-Ioan Ж" * 20
    appearance = VisibleSignature(1, 100, 100, 90, 30, font_size=12)
    out = signed_by(named(town.signer(), name[:length]), engine, page(), appearance, "Ș" * length)
    assert rendered(out).where(is_marked) == (100, 100, 190, 130)  # the frame


def test_smaller_letters_are_preferred_to_a_word_in_two_pieces():
    """A little smaller, that is; what is very long is broken."""
    font = Font.installed()
    assert fitted(["Țurcanu-Știrbei Ștefăniță"], font, 60, 60, 12).lines == ("Țurcanu-Știrbei", "Ștefăniță")
    assert len(fitted(["Ț" * 60], font, 60, 60, 12).lines) > 2


WORDS = st.text(st.sampled_from(ROMANIAN + RUSSIAN + "…Ww漢."), max_size=120)


@given(st.lists(WORDS, min_size=1, max_size=6), st.floats(8, 400), st.floats(8, 200), st.floats(4, 72))
@settings(max_examples=60, deadline=None)
def test_text_fits_into_any_box(lines, width, height, size):
    """Never taller than the box, nor wider unless a single letter is; where all is there, nothing is lost."""
    font = Font.installed()
    made = fitted(lines, font, width, height, size)
    assert made.size <= size
    assert made.height <= height or len(made.lines) == 1
    for line in made.lines:
        assert len(line) <= 1 or sum(map(font.width, line)) * made.size / 1000 <= width + 0.01
    if made.size > 4:
        kept = "".join(one if font.has(one) else "?" for one in "".join(lines))
        assert "".join(made.lines).replace(" ", "") == kept.replace(" ", "")


# ------------------------------------------------------------------ places

VIEWS = {
    "plain": (b"", b"0 0 300 400", (300, 400)),
    "turned 90": (b"/Rotate 90", b"0 0 400 300", (300, 400)),
    "turned 180": (b"/Rotate 180", b"0 0 300 400", (300, 400)),
    "turned -90": (b"/Rotate -90", b"0 0 400 300", (300, 400)),
    "shifted": (b"", b"-100 50 200 450", (300, 400)),
    "corners the other way": (b"", b"300 400 0 0", (300, 400)),
    "cut": (b"/CropBox[50 60 350 460]", b"0 0 500 500", (300, 400)),
    "cut and turned": (b"/Rotate 270/CropBox[50 60 450 360]", b"0 0 500 500", (300, 400)),
    "cut larger than the page": (b"/CropBox[-500 -500 900 900]/Rotate 450", b"0 0 400 300", (300, 400)),
}


@pytest.fixture(scope="module")
def straight():
    """The plain page's picture, which all others must equal."""
    return {}


@pytest.mark.parametrize("view", VIEWS)
def test_the_stamp_reads_upright_where_it_is_wanted_on_any_page(engine, town, page, straight, view):
    """Picture, frame and letters are the same pixels in the same place, however the page lies in its file."""
    extra, media, size = VIEWS[view]
    signer = named(town.signer(), "Ștefan Яблочкин")
    appearance = replace(SEEN, text="{signer}\n{time}")
    out = signed_by(signer, engine, page(extra, media=media), appearance, signing_time=MOMENT)
    image = rendered(out)
    assert (image.width, image.height) == size
    assert image.where(is_marked) == (20, 30, 220, 90)
    left, lower, right, upper = image.where(is_red)
    assert 24 <= left < right <= 20 + 0.45 * 200
    assert 33 <= lower < upper <= 87  # a pixel for smoothing
    assert abs((right - left) - (upper - lower)) <= 1
    letters = [x for x in range(right + 3, 218) for y in range(33, 87) if is_dark(*image.at(x, y))]
    assert letters
    stamp = image.part(20, 30, 220, 90)
    first = straight.setdefault("stamp", stamp)
    unlike = sum(max(abs(a - b) for a, b in zip(p, q, strict=True)) > 96 for p, q in zip(first, stamp, strict=True))
    assert unlike < 0.01 * len(stamp)  # a turned page is smoothed a little differently
    assert "Ștefan Яблочкин" in extracted(out)
    assert holds(engine, out)


def test_points_are_points_where_a_page_has_a_larger_unit(engine, town, page):
    out = signed_by(town.signer(), engine, page(b"/UserUnit 2", media=b"0 0 150 200"), SEEN)
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert [float(one) for one in signature.sig_field["/Rect"]] == [10, 15, 110, 45]
    assert [float(one) for one in signature.sig_field["/AP"]["/N"]["/BBox"]] == [0, 0, 200, 60]


def test_pages_are_counted_from_both_ends(engine, town, page):
    """The first, the last, and one by its number, with the page's own size inherited or not."""
    document = page(more=2)
    for number, place in ((1, 1), (2, 2), (LAST_PAGE, 3)):
        out = signed_by(town.signer(), engine, document, replace(SEEN, page=number))
        marked = [rendered(out, page=one).where(is_red) is not None for one in (1, 2, 3)]
        assert marked == [one == place for one in (1, 2, 3)]


def test_a_box_over_the_edge_is_cut_at_the_edge(engine, town, page):
    out = signed_by(town.signer(), engine, page(), replace(SEEN, x=150, y=370, width=400))
    assert rendered(out).where(is_marked) == (150, 370, 300, 400)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"page": 2}, "has 1 pages, and the visible signature's page is 2"),
        ({"x": 300.0}, "a page of 300 × 400 points, and the visible signature's box"),
        ({"y": 395.0}, "lies outside it"),
        ({"field": "Nowhere"}, "has no signature field of the name that the visible signature's field says"),
    ],
)
def test_a_place_that_the_document_does_not_have_is_said(engine, town, page, changes, said):
    """When it is inspected, and when it is prepared."""
    appearance = replace(SEEN, **changes)
    with pytest.raises(UnsignableDocument, match=re.escape(said)):
        engine.prepare(BytesIO(page()), replace(town.signer().parameters(), appearance=appearance))
    with pytest.raises(UnsignableDocument, match=re.escape(said)):
        engine.inspect(BytesIO(page()), multiple_signatures=True, appearance=appearance)
    engine.inspect(BytesIO(page()), multiple_signatures=True, appearance=SEEN)


# ------------------------------------------------------------------ fields of the document


@pytest.mark.parametrize("turned", [b"", b"/Rotate 90"])
def test_an_empty_field_of_the_document_is_signed_and_filled(engine, town, page, turned):
    """Its place and page are the field's, upright on a turned page too."""
    document = with_field(page(turned), box=(40, 50, 100, 250) if turned else (40, 50, 240, 110))
    out = signed_by(town.signer(), engine, document, VisibleSignature(field="Semnătura", picture=RED))
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert signature.field_name == "Semnătura"
    box = (50, 200, 250, 260) if turned else (40, 50, 240, 110)
    image = rendered(out)
    assert image.where(is_marked) == box
    assert image.where(is_red)[0] < box[0] + 10
    assert holds(engine, out)


def test_a_field_that_is_signed_already_is_said(engine, town, page):
    appearance = VisibleSignature(field="Semnătura")
    first = signed_by(town.signer(), engine, with_field(page()), appearance)
    with pytest.raises(UnsignableDocument, match="signed already in the field"):
        signed_by(town.signer(), engine, first, appearance)


@pytest.mark.parametrize("after", [False, True], ids=["first", "after another"])
def test_a_field_deep_in_a_form_with_a_widget_of_its_own_is_found(engine, town, page, after):
    """By its full name; after another signature it keeps its looks, for a changed widget would spoil that one."""
    document = with_field(page(), "acord.parte.vânzător", combine_annotation=False)
    document = signed_by(town.signer(), engine, document, replace(SEEN, y=200)) if after else document
    out = signed_by(town.signer(), engine, document, VisibleSignature(field="acord.parte.vânzător"))
    assert rendered(out).where(is_marked) == ((20, 200, 220, 260) if after else (40, 50, 240, 110))
    assert PdfFileReader(BytesIO(out)).embedded_signatures[-1].field_name == "acord.parte.vânzător"
    assert holds(engine, out)
    assert verifiers.pyhanko_verdict(out, town.anchors, town.intermediates).accepted


def test_a_field_that_demands_more_than_a_signature_is_said(engine, town, page):
    """Advice is not a demand."""
    for flags, refused in ((SigSeedValFlags.REASONS, True), (SigSeedValFlags(0), False)):
        seeds = SigSeedValueSpec(reasons=["Aprob"], flags=flags)
        document = with_field(page(), seed_value_dict=seeds)
        if refused:
            with pytest.raises(UnsignableDocument, match="demands on the signature"):
                signed_by(town.signer(), engine, document, VisibleSignature(field="Semnătura"))
        else:
            assert holds(engine, signed_by(town.signer(), engine, document, VisibleSignature(field="Semnătura")))


def test_a_text_field_is_no_signature_field(engine, town, pdfs):
    with pytest.raises(UnsignableDocument, match="no signature field of the name"):
        signed_by(town.signer(), engine, pdfs.form(), VisibleSignature(field="amount"))


def test_a_field_in_several_places_is_said(engine, town, pdfs):
    objects = pdfs.page_objects()
    objects[1] = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R]>>>>"
    objects[7] = b"<</FT/Sig/T(x)/Kids[8 0 R 9 0 R]>>"
    objects[8] = objects[9] = b"<</Type/Annot/Subtype/Widget/Rect[9 9 99 99]/Parent 7 0 R/P 3 0 R>>"
    with pytest.raises(UnsignableDocument, match="in several places"):
        signed_by(town.signer(), engine, pdfs.raw(objects), VisibleSignature(field="x"))


def test_a_locked_field_is_said(engine, town, page):
    """The first signature locked it."""
    first = with_field(with_field(page(), "A", field_mdp_spec=FieldMDPSpec(FieldMDPAction.INCLUDE, ["B"])), "B")
    out = signed_by(town.signer(), engine, first, VisibleSignature(field="A"))
    with pytest.raises(UnsignableDocument, match="locks the field of the visible signature"):
        signed_by(town.signer(), engine, out, VisibleSignature(field="B"))


def test_a_field_without_a_place_is_said(engine, town, page):
    with pytest.raises(UnsignableDocument, match="not to be seen"):
        signed_by(town.signer(), engine, with_field(page(), box=None), VisibleSignature(field="Semnătura"))


def test_what_the_fields_author_wants_locked_is_locked(engine, town, page):
    """The signature says so, and a later signature is refused where it would break the lock."""
    lock = FieldMDPSpec(FieldMDPAction.ALL)
    document = with_field(page(), field_mdp_spec=lock)
    out = signed_by(town.signer(), engine, document, VisibleSignature(field="Semnătura"))
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert signature.fieldmdp == lock
    with pytest.raises(UnsignableDocument, match="locks all form fields"):
        engine.inspect(BytesIO(out), multiple_signatures=True, appearance=SEEN)


# ------------------------------------------------------------------ nothing is spoiled


def test_co_signers_are_seen_beside_each_other_and_all_hold(engine, town, page, needs):
    """Four with the same box, one of them in a field of the document; all verifiers accept all."""
    needs("pdfsig", "openssl")
    document = with_field(page(), box=(20, 300, 220, 360))
    for number, name in enumerate(("Ana", "Борис", "Ștefan", "Țvetana")):
        appearance = VisibleSignature(field="Semnătura") if number == 1 else SEEN
        document = signed_by(named(town.signer(), name), engine, document, appearance)
        assert holds(engine, document)
    fields = [one.sig_field for one in PdfFileReader(BytesIO(document)).embedded_signatures]
    boxes = [tuple(float(one) for one in field["/Rect"]) for field in fields]
    assert boxes == [(20, 30, 220, 90), (20, 300, 220, 360), (20, 94, 220, 154), (20, 158, 220, 218)]
    words = extracted(document)
    assert all(name in words for name in ("Ana", "Борис", "Ștefan", "Țvetana"))
    answers = verifiers.pdf_verdicts(document, town.anchors, town.intermediates)
    assert {a.name: a.accepted for a in answers} == {"pyHanko": True, "pdfsig": True, "openssl cms": True}


def test_a_stamp_after_a_strangers_signature_leaves_it_whole(engine, town, pdfs):
    for document in (pdfs.form(value="1"), pdfs.blank(object_streams=True)):
        out = signed_by(town.signer(), engine, town.stranger_signs(document), replace(SEEN, x=50, y=100))
        assert holds(engine, out)
        assert verifiers.pyhanko_verdict(out, town.anchors, town.intermediates).accepted


def test_a_visible_signature_is_time_stamped_and_kept_like_any_other(engine, town, page, pdfs):
    """Its own time-stamp, validation data and a document time-stamp after it; then a co-signer."""
    signer = town.signer()
    prepared = engine.prepare(BytesIO(page()), replace(signer.parameters(), appearance=SEEN))
    value, out = signer.value(prepared.data), BytesIO()
    engine.complete(BytesIO(page()), prepared, value, town.token_of(engine.imprint(prepared, value)), out)
    lasting = town.time_stamped(pdfs.with_store(out.getvalue(), certs=[town.root.der]))
    document = signed_by(signer, engine, lasting, SEEN)
    first, *rest = engine.read(BytesIO(document), None)
    assert (len(first.time_stamps), len(rest)) == (1, 2)
    assert [one.modified_after_signing for one in (first, *rest)] == [False] * 3
    for one in PdfFileReader(BytesIO(document)).embedded_signatures:
        one.compute_integrity_info()
        assert one.summarise_integrity_info()["docmdp_ok"], one.field_name


@pytest.mark.parametrize("level", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_a_certified_document_gets_an_unseen_signature(engine, town, page, level):
    """A new visible field would be a change of the page; an empty field that it has is there to be signed."""
    certified = {"certify": True, "docmdp_permissions": level}
    plain = town.stranger_signs(page(), **certified)
    out = signed_by(town.signer(), engine, plain, SEEN)
    assert rendered(out).where(is_marked) is None
    filled = signed_by(
        town.signer(), engine, town.stranger_signs(with_field(page()), **certified), VisibleSignature(field="Semnătura")
    )
    assert rendered(filled).where(is_marked) == (40, 50, 240, 110)
    for made in (out, filled):
        assert holds(engine, made)
        assert verifiers.pyhanko_verdict(made, town.anchors, town.intermediates).accepted


def test_a_changed_stamp_is_a_changed_document(engine, town, page):
    out = bytearray(signed_by(town.signer(), engine, page(), SEEN))
    at = out.index(b"/Rect", out.index(b"/Sig"))
    at = out.index(b"20", at)
    out[at : at + 2] = b"21"
    (verdict,) = engine.read(BytesIO(bytes(out)), None)
    assert not (verdict.crypto_valid and verdict.structure_valid)


def test_the_same_parameters_make_the_same_octets_and_any_engine_completes_them(engine, town, page):
    signer, document = town.signer("rsa-2048"), page()
    parameters = replace(signer.parameters("Motiv"), appearance=SEEN)
    prepared = engine.prepare(BytesIO(document), parameters)
    other = PadesEngine(processes=1)
    assert other.prepare(BytesIO(document), parameters) == prepared
    out = BytesIO()
    other.complete(BytesIO(document), prepared, signer.value(prepared.data), None, out)
    assert holds(engine, out.getvalue())


def test_an_appearance_travels_as_text():
    for appearance in (SEEN, VisibleSignature(field="Câmp.1"), replace(SEEN, picture=replace(RED, mask=b"m"))):
        assert VisibleSignature.from_fields(appearance.to_fields()) == appearance
    assert SEEN.sha256 != replace(SEEN, picture=replace(RED, mask=b"m")).sha256 != replace(SEEN, x=21).sha256


def test_nothing_to_say_is_nothing_to_see(engine, town, page):
    """A template of the reason alone, without a reason."""
    out = signed_by(town.signer(), engine, page(), replace(SEEN, text="{reason}", picture=None))
    assert rendered(out).where(is_marked) is None


def test_a_hostile_neighbour_is_no_obstacle(engine, town, pdfs):
    """Annotations that lead nowhere or back to themselves, and rectangles that are none."""
    objects = pdfs.page_objects()
    objects[3] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 400]/Resources<<>>/Annots[9 0 R 8 0 R 7 0 R]>>"
    objects[8] = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(x)/Rect[0 0 (a) 9]/Parent 8 0 R>>"
    objects[7] = b"<</Type/Annot/Subtype/Widget/T(y)/Rect[0 0 1 9]/Parent 7 0 R>>"
    out = signed_by(town.signer(), engine, pdfs.raw(objects), SEEN)
    (signature,) = PdfFileReader(BytesIO(out), strict=False).embedded_signatures
    assert [float(one) for one in signature.sig_field["/Rect"]] == [20, 30, 220, 90]


def test_a_page_without_room_gets_its_stamp_where_it_is_wanted(engine, town, pdfs):
    """However many signature fields it has: the search for another place ends soon."""
    objects = pdfs.page_objects()
    numbers = range(10, 3010)
    listed = b" ".join(b"%d 0 R" % number for number in numbers)
    objects[3] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 14000 14000]/Resources<<>>/Annots[%s]>>" % listed
    objects |= dict.fromkeys(numbers, b"<</Type/Annot/Subtype/Widget/FT/Sig/Rect[0 0 14000 14000]>>")
    appearance = VisibleSignature(1, 20, 30, 12, 12)
    out = signed_by(town.signer(), engine, pdfs.raw(objects), appearance)
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert [float(one) for one in signature.sig_field["/Rect"]] == [20, 30, 32, 42]


@pytest.mark.parametrize(
    ("changes", "named_member"),
    [
        ({"page": 0}, "page"),
        ({"x": -1.0}, "x"),
        ({"y": float("nan")}, "y"),
        ({"width": 3.0}, "width"),
        ({"height": float("inf")}, "height"),
        ({"field": ""}, "field"),
        ({"text": "{name}"}, "text"),
        ({"text": "{signer"}, "text"),
        ({"text": "}{"}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": " ", "picture": None}, "text"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"font_size": 3.0}, "font_size"),
    ],
)
def test_what_makes_no_sense_is_named(changes, named_member):
    with pytest.raises(ValueError, match=f"^{named_member}: "):
        replace(SEEN, **changes)


def test_the_picture_is_seen_through_where_it_is_transparent(engine, town, page):
    """Left half opaque, right half not; a picture alone stands in the middle of its box."""
    mask = zlib.compress((b"\xff" * 20 + b"\0" * 20) * 40)
    appearance = replace(SEEN, text="", picture=replace(RED, mask=mask), border=False)
    left, lower, right, upper = rendered(signed_by(town.signer(), engine, page(), appearance)).where(is_red)
    assert (left, lower, upper) == pytest.approx((94, 34, 86), abs=1)
    assert right == pytest.approx(120, abs=1)


def test_the_field_says_in_words_what_is_seen(engine, town, page):
    """For those who do not see it."""
    out = signed_by(named(town.signer(), "Ștefan"), engine, page(), SEEN, "Aprob", signing_time=MOMENT)
    (signature,) = PdfFileReader(BytesIO(out)).embedded_signatures
    assert signature.sig_field["/TU"] == "Ștefan, 25.11.2026 00:30:05 UTC+02:00, Aprob"
    flags = int(signature.sig_field["/F"])
    assert flags & 0b100  # printed too
    assert isinstance(signature.sig_field["/AP"]["/N"], generic.StreamObject)
    assert pdf_name("/FontFile2") in signature.sig_field["/AP"]["/N"]["/Resources"]["/Font"]["/Letters"][
        "/DescendantFonts"][0].get_object()["/FontDescriptor"]  # fmt: skip
