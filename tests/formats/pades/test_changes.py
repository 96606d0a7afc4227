"""What was done to a document after a signature, and games with what a signature covers."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp

from gateway.demo.signed_parts import pdf_signatures
from gateway.domain.verdicts import IntegrityFailure, SignatureKind
from gateway.errors import UnreadableSignature
from gateway.formats.pades.reading import DocumentReader, FoundSignature, SecurityStore


def changed(pdf: bytes, change) -> bytes:
    """*pdf* with a later revision in which *change* did what it does to a writer."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def first(engine, pdf):
    return engine.read(BytesIO(pdf), None)[0]


def modified(engine, pdf) -> bool | None:
    """Of the first signature, which always holds here and does not reach the end."""
    verdict = first(engine, pdf)
    assert verdict.crypto_valid
    assert verdict.structure_valid
    assert verdict.covers_whole_document is False
    return verdict.modified_after_signing


def test_an_appended_page_is_a_modification(engine, pdfs, signed):
    """The signature holds over what it covers, and what follows is told."""
    assert modified(engine, pdfs.with_another_page(signed)) is True


def test_other_contents_of_a_page_are_a_modification(engine, signed):
    """Replaced by a later revision of the same object."""

    def replace_contents(writer):
        page = writer.find_page_for_modification(0)[0].get_object()
        page["/Contents"] = writer.add_object(StreamObject(stream_data=b"0 0 9 9 re f"))
        writer.update_container(page)

    assert modified(engine, changed(signed, replace_contents)) is True


def test_an_annotation_over_the_page_is_a_modification(engine, signed):
    """A stamp that covers what was signed."""

    def stamp(writer):
        page = writer.find_page_for_modification(0)[0]
        annotation = generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/Stamp"),
                pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300))),
            }
        )
        writer.register_annotation(page, writer.add_object(annotation))

    assert modified(engine, changed(signed, stamp)) is True


def test_further_signatures_and_time_stamps_are_no_modification(engine, town, pdfs, signed):
    """Ours, a stranger's visible one, a document time-stamp, and validation data, in their order."""
    pdf = town.signer("rsa-2048").sign(engine, signed)
    visible = SigFieldSpec("Visible", box=(10, 10, 100, 60))
    pdf = town.stranger_signs(pdf, "Visible", new_field_spec=visible)
    pdf = pdfs.with_store(pdf, certs=[town.root.der])
    pdf = town.time_stamped(pdf)
    verdicts = engine.read(BytesIO(pdf), None)
    assert [v.kind for v in verdicts] == [SignatureKind.SIGNATURE] * 3 + [SignatureKind.DOCUMENT_TIME_STAMP]
    assert all(v.crypto_valid and v.structure_valid for v in verdicts)
    assert [v.modified_after_signing for v in verdicts] == [False] * 4
    assert [v.covers_whole_document for v in verdicts] == [False] * 3 + [True]


def test_validation_data_may_be_replaced(engine, town, pdfs, signed):
    """A store with its entries per signature, and another in its place, as renewals write it."""
    pdf = pdfs.with_store(signed, certs=[town.root.der], vri=bytes(20))
    pdf = pdfs.with_store(town.time_stamped(pdf), certs=[town.tsa.der], vri=b"\1" * 20)
    verdicts = engine.read(BytesIO(pdf), None)
    assert [v.modified_after_signing for v in verdicts] == [False, False]

    def replace_entry(writer):
        (entry,) = writer.root["/DSS"]["/VRI"].values()
        entry.get_object()["/TU"] = generic.pdf_string("D:20260101000000Z")
        writer.update_container(entry.get_object())

    verdicts = engine.read(BytesIO(changed(pdf, replace_entry)), None)
    assert [v.modified_after_signing for v in verdicts] == [False, False]


def test_the_security_store_is_no_cover_for_a_page(engine, town, pdfs, signed):
    """An object of the page that a store names as well is still an object of the page."""

    def smuggle(writer):
        page = writer.find_page_for_modification(0)[0].get_object()
        contents = page.raw_get("/Contents")
        writer.objects[(0, contents.idnum)] = StreamObject(stream_data=b"0 0 9 9 re f")
        writer.root["/DSS"] = writer.add_object(
            generic.DictionaryObject({pdf_name("/Certs"): generic.ArrayObject([contents])})
        )
        writer.update_root()

    assert modified(engine, changed(signed, smuggle)) is True


def test_filling_in_a_form_needs_a_permission(engine, town, pdfs):
    """Allowed where the signature says so (DocMDP P=2), a modification where it says nothing, forbidden by P=1."""
    form = pdfs.form(value="100")
    plain = town.signer().sign(engine, form)
    assert modified(engine, pdfs.filled_in(plain, "900")) is True
    for permission, expected in ((MDPPerm.FILL_FORMS, False), (MDPPerm.NO_CHANGES, True)):
        certified = town.stranger_signs(form, certify=True, docmdp_permissions=permission)
        assert modified(engine, pdfs.filled_in(certified, "900")) is expected


def test_after_no_changes_only_evidence_may_follow(engine, town, pdfs):
    """A document time-stamp and validation data; a signature, or a time-stamp that shows, is a change."""
    certified = town.stranger_signs(pdfs.blank(), certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    evidence = town.time_stamped(pdfs.with_store(certified, certs=[town.root.der]))
    assert modified(engine, evidence) is False
    assert modified(engine, town.signer().sign(engine, certified)) is True
    writer = IncrementalPdfFileWriter(BytesIO(certified))
    steps = PdfCMSEmbedder(SigFieldSpec("Visible", box=(10, 10, 100, 60))).write_cms("Visible", writer)
    next(steps)
    steps.send(SigObjSetup(DocumentTimestamp(bytes_reserved=64)))
    _, out = steps.send(SigIOSetup("sha256"))
    assert modified(engine, out.getvalue()) is True


def test_octets_after_the_last_revision_are_told(engine, signed):
    """Blanks are nothing; anything else is not an update that could be judged as allowed."""
    assert modified(engine, signed + b"\n\r\n \0") is False
    for rest in (b"% and more", b"\n7 0 obj (hidden) endobj\n", b"X"):
        assert modified(engine, signed + rest) is True


def test_what_nobody_could_judge_is_undetermined(engine, town, pdfs):
    """A document that can be read leniently only, where something follows."""
    objects = pdfs.page_objects() | {4: b"(four)", 5: b"(five)"}
    document = pdfs.raw(objects, size=4)
    pdf = town.signer().sign(engine, town.signer().sign(engine, document))
    verdicts = engine.read(BytesIO(pdf), None)
    assert [v.crypto_valid for v in verdicts] == [True, True]
    assert [v.modified_after_signing for v in verdicts] == [None, False]


def byte_range(pdf: bytes):
    return re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\] *", pdf)


def with_range(pdf: bytes, *numbers: int) -> bytes:
    """The range in *pdf* with other numbers, in the same room."""
    found = byte_range(pdf)
    text = b"/ByteRange [" + b" ".join(b"%d" % number for number in numbers) + b"]"
    return pdf[: found.start()] + text.ljust(found.end() - found.start()) + pdf[found.end() :]


def ranges(pdf: bytes) -> dict[str, list[int]]:
    start, length, second, rest = (int(number) for number in byte_range(pdf).groups())
    return {
        "not from the beginning": [1, length - 1, second, rest],
        "beyond the end": [start, length, second, rest + 1],
        "far beyond the end": [start, length, second, 10**11],
        "negative": [start, length, second, -1],
        "backwards": [start, second, length, rest],
        "a hole too wide": [start, length - 2, second, rest],
        "a hole too narrow": [start, length + 2, second - 2, rest],
        "a hole elsewhere": [start, 10, second - length + 10, len(pdf) - (second - length + 10)],
        "no hole": [start, length, length, len(pdf) - length],
        "three numbers": [start, length, second],
        "six numbers": [start, length, second, rest, len(pdf), 0],
        "nothing": [],
    }


@pytest.mark.parametrize("game", ranges(b"/ByteRange [0 5 9 12] "))
def test_games_with_the_byte_range_are_ambiguous(engine, signed, game):
    """Whatever else holds."""
    verdict = first(engine, with_range(signed, *ranges(signed)[game]))
    assert verdict.crypto_valid is False
    assert verdict.structure_valid is False


def test_a_range_that_is_cut_short_does_not_reach_the_end(engine, signed):
    """And leaves its own cross-references outside, so that what it says of the document is not covered."""
    _, length, second, rest = (int(number) for number in byte_range(signed).groups())
    verdict = first(engine, with_range(signed, 0, length, second, rest - 30))
    assert verdict.crypto_valid is False
    assert verdict.covers_whole_document is False
    assert verdict.modified_after_signing is True


def test_a_copy_of_the_signature_in_a_later_revision_is_a_modification(engine, signed):
    """The same range and Contents in a new dictionary: what was signed is clear, and that more was added too."""

    def copied(writer):
        field = writer.root["/AcroForm"]["/Fields"][0]
        dictionary = field["/V"]
        twin = generic.DictionaryObject({key: dictionary.raw_get(key) for key in dictionary})
        twin["/M"] = generic.pdf_string("D:19990101000000Z")
        field["/V"] = writer.add_object(twin)
        writer.update_container(field)

    verdict = first(engine, changed(signed, copied))
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)
    assert verdict.modified_after_signing is True
    assert verdict.claimed_signing_time is None


def test_contents_that_differ_from_the_hole_are_ambiguous(engine, signed):
    """In padding, where the value does not notice."""

    def padded(writer):
        field = writer.root["/AcroForm"]["/Fields"][0]
        dictionary = field["/V"]
        twin = generic.DictionaryObject({key: dictionary.raw_get(key) for key in dictionary})
        twin["/Contents"] = generic.ByteStringObject(dictionary["/Contents"].original_bytes[:-1] + b"\1")
        field["/V"] = writer.add_object(twin)
        writer.update_container(field)

    verdict = first(engine, changed(signed, padded))
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, False)
    assert verdict.failure is IntegrityFailure.AMBIGUOUS


def test_a_copy_counts_as_a_modification_whatever_the_analysis_came_to(signed):
    """Where its dictionary stands says enough."""
    (part,) = pdf_signatures(signed)
    numbers = tuple(int(number) for number in byte_range(signed).groups())
    contents = bytes.fromhex(signed[numbers[1] + 1 : numbers[2] - 1].decode())
    assert contents.startswith(part.cms)
    document = signed + b"more"
    span = (len(signed), len(document))
    found = FoundSignature("/ETSI.CAdES.detached", numbers, span, None, contents, None)
    reader = DocumentReader(BytesIO(document), len(document), SecurityStore(), 1 << 30)
    (verdict,) = reader.verdicts([found])
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.modified_after_signing) == (True, True, True)


def test_signatures_over_more_than_can_be_hashed_are_not_judged(signed):
    """Many signatures over a large document are bounded in all; of none is said that it does not hold."""
    numbers = tuple(int(number) for number in byte_range(signed).groups())
    contents = bytes.fromhex(signed[numbers[1] + 1 : numbers[2] - 1].decode())
    found = FoundSignature("/ETSI.CAdES.detached", numbers, (0, len(signed)), None, contents, None)
    reader = DocumentReader(BytesIO(signed), len(signed), SecurityStore(), 100)
    with pytest.raises(UnreadableSignature, match="more signatures than are read"):
        reader.verdicts([found])


def test_contents_that_are_not_in_the_hole_are_ambiguous(engine, town, pdfs):
    """A dictionary inside what is covered, with Contents of its own, points at another signature's hole."""
    room = (0, 1111111111, 2222222222, 3333333333)

    def add_decoy(writer):
        decoy = {
            "/Type": pdf_name("/Sig"),
            "/SubFilter": pdf_name("/ETSI.CAdES.detached"),
            "/ByteRange": generic.ArrayObject(map(generic.NumberObject, room)),
            "/Contents": generic.ByteStringObject(b"\x30\x00"),
        }
        field = {
            "/FT": pdf_name("/Sig"),
            "/T": generic.pdf_string("decoy"),
            "/V": writer.add_object(generic.DictionaryObject(decoy)),
        }
        fields = generic.ArrayObject([writer.add_object(generic.DictionaryObject(field))])
        writer.root["/AcroForm"] = generic.DictionaryObject({pdf_name("/Fields"): fields})
        writer.update_root()

    pdf = town.signer().sign(engine, changed(pdfs.blank(), add_decoy))
    _, own = re.finditer(rb"/ByteRange \[(.*?)\]", pdf)
    numbers = b"[ %s ]" % own[1]
    placeholder = b"[ %d %d %d %d ]" % room
    assert pdf.count(placeholder) == 1
    decoy, real = engine.read(BytesIO(pdf.replace(placeholder, numbers.ljust(len(placeholder)))), None)
    assert (decoy.crypto_valid, decoy.structure_valid) == (False, False)
    assert real.failure is IntegrityFailure.DIGEST


def test_an_analysis_that_takes_too_long_leaves_it_undetermined(hasty, town, pdfs):
    """A document with more ways to an object than can be counted is still read, and the last signature known."""
    ways = {10 + n: b"[%d 0 R %d 0 R]" % (11 + n, 11 + n) for n in range(40)} | {50: b"(end)"}
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/Ways 10 0 R>>"}
    pdf = town.signer().sign(hasty, pdfs.raw(pdfs.page_objects() | catalog | ways))
    pdf = town.signer().sign(hasty, pdf)
    verdicts = hasty.read(BytesIO(pdf), None)
    assert [v.crypto_valid and v.structure_valid for v in verdicts] == [True, True]
    assert [v.modified_after_signing for v in verdicts] == [None, False]
