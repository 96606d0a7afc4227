"""
Attacks on signed PDFs that were published, each made here and none believed.

Universal signature forgery, incremental saving and signature wrapping (Mladenov and others 2019), shadow attacks
(Mainka and others 2021), evil annotations and sneaky signatures (Rohlmann and others 2021).
"""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from gateway.asn1 import der
from gateway.asn1.public_keys import public_key_of
from gateway.domain.verdicts import IntegrityFailure
from gateway.errors import UnreadableSignature
from gateway.formats.pades.algorithms import Scheme, value_holds
from gateway.trust.strength import key_strength

EVIL = b"BT /F1 20 Tf 10 10 Td (Pay 1000000) Tj ET"


def believed(engine, pdf: bytes) -> bool:
    """Whether anybody would be told that this document is as it was signed."""
    try:
        verdicts = engine.read(BytesIO(pdf), None)
    except UnreadableSignature:
        return False
    return bool(verdicts) and all(
        verdict.crypto_valid
        and verdict.structure_valid
        and (verdict.covers_whole_document or verdict.modified_after_signing is False)
        for verdict in verdicts
    )


def revised(pdf: bytes, change) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def raw_revision(pdf: bytes, objects: dict[int, bytes], *, places: dict[int, int] | None = None) -> bytes:
    """*pdf* with a revision written by hand: new objects, and old ones that are said to stand elsewhere."""
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    root = re.findall(rb"/Root (\d+ \d+ R)", pdf)[-1]
    out = bytearray(pdf if pdf.endswith(b"\n") else pdf + b"\n")
    offsets = dict(places or {})
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    place = len(out)
    out += b"xref\n"
    for number, offset in sorted(offsets.items()):
        out += b"%d 1\n%010d 00000 n \n" % (number, offset)
    size = max(int(number) for number in re.findall(rb"/Size (\d+)", pdf))
    size = max(size, *(number + 1 for number in offsets))
    out += b"trailer\n<</Size %d/Root %s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, previous, place)
    return bytes(out)


def contents_of(stream: bytes) -> bytes:
    return b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream)


def written_page(pdfs, **more: bytes) -> bytes:
    """A page with contents, written by hand so that every object's number is known."""
    objects = pdfs.page_objects() | {
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>/Contents 4 0 R>>",
        4: contents_of(b"BT /F1 20 Tf 10 10 Td (Pay 1) Tj ET"),
    }
    return pdfs.raw(objects | {int(number[1:]): body for number, body in more.items()})


@pytest.fixture(scope="module")
def page(engine, town, pdfs):
    """The hand-written page, signed and time-stamped."""
    return town.signer().sign(engine, written_page(pdfs))


def test_what_is_attacked_here_is_believed_before(engine, page, signed):
    """Otherwise the rest would prove nothing."""
    assert believed(engine, page)
    assert believed(engine, signed)


# ---------------------------------------------------------------- universal signature forgery

FORGERIES = {
    "no Contents": (rb"/Contents <[0-9a-f]+>", b""),
    "null Contents": (rb"/Contents <[0-9a-f]+>", b"/Contents null"),
    "empty Contents": (rb"/Contents <[0-9a-f]+>", b"/Contents <>"),
    "zero Contents": (rb"/Contents <[0-9a-f]+>", b"/Contents <00>"),
    "number as Contents": (rb"/Contents <[0-9a-f]+>", b"/Contents 0"),
    "no ByteRange": (rb"/ByteRange \[.*?\]", b""),
    "null ByteRange": (rb"/ByteRange \[.*?\]", b"/ByteRange null"),
    "empty ByteRange": (rb"/ByteRange \[.*?\]", b"/ByteRange []"),
    "zero ByteRange": (rb"/ByteRange \[.*?\]", b"/ByteRange [0 0 0 0]"),
    "negative ByteRange": (rb"/ByteRange \[.*?\]", b"/ByteRange [-1 -1 -1 -1]"),
    "ByteRange of words": (rb"/ByteRange \[.*?\]", b"/ByteRange [/a /b /c /d]"),
    "ByteRange of fractions": (rb"/ByteRange \[.*?\]", b"/ByteRange [0.0 1.5 2.5 3.5]"),
    "number as ByteRange": (rb"/ByteRange \[.*?\]", b"/ByteRange 0"),
    "no SubFilter": (rb"/SubFilter /ETSI.CAdES.detached", b""),
    "unknown SubFilter": (rb"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /adbe.nothing"),
    "signature value only": (rb"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /adbe.x509.rsa_sha1"),
    "a time-stamp by name": (rb"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /ETSI.RFC3161"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_signature_dictionary_without_what_matters_is_no_signature(engine, page, name):
    """Whatever is left out, emptied, or of another kind."""
    pattern, replacement = FORGERIES[name]
    forged, count = re.subn(pattern, replacement, page, count=1, flags=re.DOTALL)
    assert count == 1
    assert not believed(engine, forged.replace(b"(Pay 1)", b"(Pay 9)"))
    assert not believed(engine, forged)


@pytest.mark.parametrize("name", [one for one in FORGERIES if "SubFilter" not in one and "time-stamp" not in one])
def test_a_later_revision_with_a_hollow_signature_is_not_believed(engine, page, name):
    """The same in a dictionary that replaces the good one by an update."""
    start = page.rindex(b"\n", 0, page.rindex(b" 0 obj", 0, page.index(b"/Type /Sig\n"))) + 1
    number = int(page[start:].split()[0])
    body = page[start : page.index(b"endobj", start)].partition(b"obj")[2].strip()
    pattern, replacement = FORGERIES[name]
    hollow = re.sub(pattern, replacement, body, count=1, flags=re.DOTALL)
    assert hollow != body
    assert not believed(engine, raw_revision(page, {number: hollow}))


# ---------------------------------------------------------------- incremental saving


def incremental(page: bytes) -> dict[str, bytes]:
    """Ways to say more after what was signed."""
    evil = contents_of(EVIL)
    start = len(page)
    bare = b"4 0 obj\n" + evil + b"\nendobj\n"
    table = b"xref\n4 1\n%010d 00000 n \n" % start
    trailer = re.findall(rb"trailer\s*(<<.*?>>)\s*startxref", page, re.DOTALL)[-1]
    last = int(re.findall(rb"startxref\s+(\d+)", page)[-1])
    return {
        "a whole revision": raw_revision(page, {4: evil}),
        "objects alone": page + bare,
        "without a cross-reference": page + bare + b"trailer\n" + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % last,
        "without a trailer": page + bare + table + b"startxref\n%d\n%%%%EOF\n" % (start + len(bare)),
        "without an end": raw_revision(page, {4: evil}).removesuffix(b"%%EOF\n"),
        "with an old trailer": page + bare + table + b"trailer\n" + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % (start + len(bare)),
        "a comment in front": page + b"%%EOF % 0 obj\n" + bare,
        "another catalogue": raw_revision(
            page, {90: b"<</Type/Catalog/Pages 91 0 R>>", 91: b"<</Type/Pages/Kids[]/Count 0>>"}
        ).replace(b"/Root 1 0 R/Prev", b"/Root 90 0 R/Prev"),
        "another page tree": raw_revision(page, {2: b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>"}),
        "an action when it opens": raw_revision(
            page, {4: contents_of(b"BT /F1 20 Tf 10 10 Td (Pay 1) Tj ET"), 3: b"<</Type/Page/Parent 2 0 R/AA<<>>>>"}
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "a whole revision", "objects alone", "without a cross-reference", "without a trailer", "without an end",
        "with an old trailer", "a comment in front", "another catalogue", "another page tree",
        "an action when it opens",
    ],
)  # fmt: skip
def test_what_was_saved_after_signing_is_not_believed(engine, page, name):
    """However little of a revision it is."""
    assert not believed(engine, incremental(page)[name])


def test_an_object_that_was_missing_when_it_was_signed_is_missed_afterwards(engine, town, pdfs):
    """The signed page refers in vain; a later revision gives what it refers to."""
    objects = pdfs.page_objects() | {
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>/Contents 80 0 R>>"
    }
    pdf = town.signer().sign(engine, pdfs.raw(objects))
    assert believed(engine, pdf)
    for given in (raw_revision(pdf, {80: contents_of(EVIL)}), town.time_stamped(pdfs.with_store(pdf))):
        (verdict, *_) = engine.read(BytesIO(given), None)
        assert verdict.crypto_valid
        assert verdict.modified_after_signing is (given.find(EVIL) >= 0)


def test_resources_that_a_parent_was_missing_are_a_modification(engine, town, pdfs):
    """The way up is a way too: an inherited entry comes from an object that was not there."""
    objects = pdfs.page_objects() | {3: b"<</Type/Page/Parent 80 0 R/MediaBox[0 0 300 300]>>"}
    pdf = town.signer().sign(engine, pdfs.raw(objects))
    later = raw_revision(pdf, {80: b"<</Type/Pages/Parent 2 0 R/Kids[3 0 R]/Count 1/Rotate 180>>"})
    (verdict,) = engine.read(BytesIO(later), None)
    assert verdict.crypto_valid
    assert verdict.modified_after_signing is not False


def test_a_signature_that_an_update_takes_away_leaves_an_unsigned_document(engine, page):
    """Nothing is said to hold, for nothing is there to be read."""
    stripped = raw_revision(page, {1: b"<</Type/Catalog/Pages 2 0 R>>", 4: contents_of(EVIL)})
    assert engine.read(BytesIO(stripped), None) == ()


# ---------------------------------------------------------------- signature wrapping


def ranged(pdf: bytes) -> tuple[re.Match[bytes], list[int]]:
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\] *", pdf)
    return found, [int(number) for number in found.groups()]


def with_numbers(pdf: bytes, numbers: list[int]) -> bytes:
    found, _ = ranged(pdf)
    text = b"/ByteRange [" + b" ".join(b"%d" % number for number in numbers) + b"]"
    return pdf[: found.start()] + text.ljust(found.end() - found.start()) + pdf[found.end() :]


def wrapped(pdf: bytes) -> dict[str, bytes]:
    """What was signed is moved, and something else stands where it stood."""
    _, (start, length, second, rest) = ranged(pdf)
    tail = pdf[second : second + rest]
    evil = b"\n4 0 obj\n" + contents_of(EVIL) + b"\nendobj\n"
    gap = pdf[length:second]
    closing = b" /Reason (none) >>\nendobj\n"
    return {
        "after the Contents": pdf[:second] + closing + evil + tail,
        "moved with its numbers": with_numbers(
            pdf[:second] + closing + evil + tail, [start, length, second + len(closing + evil), rest]
        ),
        "inside the Contents": with_numbers(
            pdf[:length] + gap[:-1] + b">" + closing + evil + tail, [start, length, second + 1 + len(closing + evil) - 1, rest]
        ),
        "the first part twice": with_numbers(pdf[:length] + gap + evil + pdf, [start, length, len(pdf) + len(evil) + second, rest]),
        "overlapping": with_numbers(pdf, [start, second - 1, second - 1, rest + 1]),
        "a second range": pdf.replace(b"/ByteRange [", b"/ByteRange [0 9 9 9] /ByteRange [", 1),
        "from the middle": with_numbers(pdf, [1, length - 1, second, rest]),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "after the Contents", "moved with its numbers", "inside the Contents", "the first part twice", "overlapping",
        "a second range", "from the middle",
    ],
)  # fmt: skip
def test_what_was_moved_out_of_the_way_is_not_believed(engine, page, name):
    """The range must leave out the Contents and nothing else."""
    assert not believed(engine, wrapped(page)[name])


def test_a_range_around_more_than_the_contents_is_ambiguous_though_the_value_holds(engine, town, pdfs):
    """Signed so by its own signer: what stands in the gap could be exchanged at any time."""
    prepared_gap = b"/Contents <" + b"0" * 200 + b"> /Reason (one)"
    body = b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange [%010d %010d %010d %010d] "
    objects = pdfs.page_objects() | {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]/SigFlags 3>>>>",
        5: b"<</FT/Sig/T(a)/V 6 0 R>>",
        6: body % (0, 0, 0, 0) + prepared_gap + b">>",
    }
    pdf = pdfs.raw(objects)
    hole = pdf.index(b"/Contents <") + len(b"/Contents ")
    end = pdf.index(b"/Reason (one)") + len(b"/Reason (one)")
    placed = pdf.replace(body % (0, 0, 0, 0), body % (0, hole, end, len(pdf) - end))
    (verdict,) = engine.read(BytesIO(placed), None)
    assert verdict.structure_valid is False
    assert verdict.failure in (IntegrityFailure.FORMAT, IntegrityFailure.AMBIGUOUS)


# ---------------------------------------------------------------- shadow attacks


def test_shadow_hide_an_overlay_taken_away_is_a_modification(engine, town, pdfs):
    """An image laid over the real text before signing; the update drops it."""
    overlay = b"<</Type/Annot/Subtype/Stamp/Rect[0 0 300 300]/AP<</N 6 0 R>>>>"
    pdf = town.signer().sign(
        engine,
        written_page(
            pdfs,
            o3=b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>/Contents 4 0 R/Annots[5 0 R]>>",
            o5=overlay,
            o6=b"<</Type/XObject/Subtype/Form/BBox[0 0 300 300]/Length 20>>\nstream\n1 g 0 0 300 300 re f \nendstream",
        ),
    )
    number = max(int(one) for one in re.findall(rb"/Size (\d+)", pdf))
    assert believed(engine, pdf)
    for later in (
        raw_revision(pdf, {6: b"<</Type/XObject/Subtype/Form/BBox[0 0 0 0]/Length 0>>\nstream\n\nendstream"}),
        raw_revision(pdf, {5: overlay.replace(b"[0 0 300 300]", b"[0 0 0 0]")}),
        raw_revision(pdf, {5: b"null"}),
        raw_revision(pdf, {number: b"<<>>", 5: overlay.replace(b"/Rect", b"/F 2/Rect")}),
    ):
        assert not believed(engine, later)


def test_shadow_hide_an_optional_layer_switched_off_is_a_modification(engine, town, pdfs):
    """Optional content that was shown when it was signed."""
    catalog = b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[5 0 R]/D 6 0 R>>>>"
    pdf = town.signer().sign(
        engine, written_page(pdfs, o1=catalog, o5=b"<</Type/OCG/Name(one)>>", o6=b"<</ON[5 0 R]/OFF[]>>")
    )
    assert believed(engine, pdf)
    assert not believed(engine, raw_revision(pdf, {6: b"<</ON[]/OFF[5 0 R]>>"}))


def test_shadow_replace_another_font_or_value_is_a_modification(engine, town, pdfs):
    """What is shown changes without a change of what the page says."""
    form = pdfs.form(value="100")
    pdf = town.signer().sign(engine, form)

    def other_value(writer):
        field = writer.root["/AcroForm"]["/Fields"][0]
        field["/DV"] = generic.pdf_string("900")
        field["/MK"] = generic.DictionaryObject({pdf_name("/CA"): generic.pdf_string("900")})
        writer.update_container(field)

    assert not believed(engine, revised(pdf, other_value))
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding 6 0 R>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>"
    pdf = town.signer().sign(engine, written_page(pdfs, o3=page, o5=font, o6=b"<</Type/Encoding>>"))
    assert believed(engine, pdf)
    assert not believed(engine, raw_revision(pdf, {6: b"<</Type/Encoding/Differences[49/nine]>>"}))
    assert not believed(engine, raw_revision(pdf, {5: font.replace(b"Helvetica", b"Symbol")}))


def test_shadow_hide_and_replace_by_cross_references_alone_is_a_modification(engine, town, pdfs):
    """Both texts were there when it was signed; the update says that the other one is the object."""
    hidden = b"4 0 obj\n" + contents_of(EVIL) + b"\nendobj\n"
    pdf = pdfs.raw(
        pdfs.page_objects()
        | {
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>/Contents 4 0 R>>",
            4: contents_of(b"BT (Pay 1) Tj ET"),
            5: contents_of(hidden),
        }
    )
    signed = town.signer().sign(engine, pdf)
    place = signed.index(hidden)
    assert believed(engine, signed)
    assert not believed(engine, raw_revision(signed, {}, places={4: place}))


# ---------------------------------------------------------------- certified documents


def annotation(subtype: str, **more) -> generic.DictionaryObject:
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name(subtype),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300))),
        }
        | {pdf_name(f"/{key}"): value for key, value in more.items()}
    )


def annotated(pdf: bytes, subtype: str) -> bytes:
    def add(writer):
        page = writer.find_page_for_modification(0)[0]
        form = StreamObject({pdf_name("/Subtype"): pdf_name("/Form")}, stream_data=EVIL)
        looks = generic.DictionaryObject({pdf_name("/N"): writer.add_object(form)})
        writer.register_annotation(page, writer.add_object(annotation(subtype, AP=looks)))

    return revised(pdf, add)


@pytest.mark.parametrize("permission", list(MDPPerm))
@pytest.mark.parametrize("subtype", ["/FreeText", "/Stamp", "/Redact", "/Link", "/Widget"])
def test_evil_annotations_on_certified_documents_are_not_believed(engine, town, pdfs, permission, subtype):
    """Where annotations are permitted it stays undetermined what they hide; elsewhere they are a modification."""
    certified = town.stranger_signs(pdfs.blank(), certify=True, docmdp_permissions=permission)
    assert believed(engine, certified)
    (verdict,) = engine.read(BytesIO(annotated(certified, subtype)), None)
    assert verdict.crypto_valid
    assert verdict.modified_after_signing is (None if permission is MDPPerm.ANNOTATE else True)


def test_a_sneaky_signature_names_its_signer_beside_the_certifier(engine, town, pdfs):
    """Where signatures are permitted, it is the second verdict that has to be trusted."""
    certified = town.stranger_signs(pdfs.blank(), certify=True, docmdp_permissions=MDPPerm.FILL_FORMS)
    visible = SigFieldSpec("Sneaky", box=(0, 0, 300, 300))
    verdicts = engine.read(BytesIO(town.stranger_signs(certified, "Sneaky", new_field_spec=visible)), None)
    assert [verdict.certificate is not None for verdict in verdicts] == [True, True]


@pytest.mark.parametrize("permission", list(MDPPerm))
def test_no_permission_covers_the_page_itself(engine, town, pdfs, permission):
    """Contents, another page, the catalogue's actions."""
    certified = town.stranger_signs(written_page(pdfs), certify=True, docmdp_permissions=permission)
    assert believed(engine, certified)

    def acting(writer):
        script = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("1")}
        writer.root["/OpenAction"] = generic.DictionaryObject(script)
        writer.update_root()

    for later in (
        raw_revision(certified, {4: contents_of(EVIL)}),
        pdfs.with_another_page(certified),
        revised(certified, acting),
    ):
        assert not believed(engine, later)


def test_a_field_that_a_signature_locked_must_stay_as_it_was(engine, town, pdfs):
    """FieldMDP, where filling in would be permitted otherwise."""
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["amount"])
    spec = SigFieldSpec("Locking", field_mdp_spec=lock, doc_mdp_update_value=MDPPerm.FILL_FORMS)
    pdf = town.stranger_signs(pdfs.form(value="100"), "Locking", new_field_spec=spec)
    assert believed(engine, pdf)
    assert not believed(engine, pdfs.filled_in(pdf, "900"))
    other = FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["another"])
    spec = SigFieldSpec("Locking", field_mdp_spec=other, doc_mdp_update_value=MDPPerm.FILL_FORMS)
    free = town.stranger_signs(pdfs.form(value="100"), "Locking", new_field_spec=spec)
    assert believed(engine, pdfs.filled_in(free, "900"))


def test_an_empty_field_of_a_document_certified_against_changes_may_not_be_signed(engine, town, pdfs):
    """Nothing is added then but a value: only the permission says that it is too much."""
    writer = IncrementalPdfFileWriter(BytesIO(pdfs.blank()))
    append_signature_field(writer, SigFieldSpec("Second"))
    prepared = BytesIO()
    writer.write(prepared)
    certified = town.stranger_signs(prepared.getvalue(), certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    assert believed(engine, certified)
    steps = PdfCMSEmbedder().write_cms("Second", IncrementalPdfFileWriter(BytesIO(certified)))
    next(steps)
    steps.send(SigObjSetup(SignatureObject(bytes_reserved=64, subfilter=SigSeedSubFilter.PADES)))
    _, out = steps.send(SigIOSetup("sha256"))
    first, _second = engine.read(BytesIO(out.getvalue()), None)
    assert (first.crypto_valid, first.modified_after_signing) == (True, True)


def test_a_form_that_is_no_tree_leaves_later_changes_undetermined(engine, town, pdfs):
    """What cannot be compared is not unmodified, however little was added."""
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[10 0 R 10 0 R]>>>>", 10: b"<</T(a)/FT/Tx>>"}
    signed = town.signer().sign(engine, pdfs.raw(pdfs.page_objects() | catalog))
    assert believed(engine, signed)
    (verdict,) = engine.read(BytesIO(pdfs.with_store(signed, certs=[town.root.der])), None)
    assert (verdict.crypto_valid, verdict.modified_after_signing) == (True, None)


# ---------------------------------------------------------------- keys and values


def small_key() -> rsa.RSAPrivateKey:
    """Of 512 bits, from primes that anybody can find again."""

    def next_prime(number: int) -> int:
        number |= 1
        while any(pow(base, number - 1, number) != 1 for base in (2, 3, 5, 7, 11, 13)):
            number += 2
        return number

    p, q = next_prime(3 << 254), next_prime(7 << 253)
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def test_a_key_of_512_bits_is_no_crash_and_never_strong(town):
    """It can be broken in hours; whoever loads it says so, or refuses to."""
    try:
        public = small_key().public_key()
        info = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        pytest.skip("this build of cryptography makes no key of 512 bits")
    certificate = town.issuing.cert.public_bytes(serialization.Encoding.DER)
    own = town.issuing.cert.public_key()
    old = own.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    members = [m.encoded for m in next(der.whole(certificate).children()).children()]
    members[members.index(old)] = info
    weak = der.sequence(der.sequence(*members), *(m.encoded for m in list(der.whole(certificate).children())[1:]))
    assert key_strength(weak) is None or key_strength(weak).bits == 512
    key = public_key_of(weak)
    assert key is None or value_holds(key, Scheme("rsa", "sha256"), bytes(64), b"", None) is False
