"""Which documents are refused before anybody is asked to sign them, and with which words."""

from __future__ import annotations

from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec, append_signature_field

from gateway.domain.verdicts import SignatureKind
from gateway.errors import UnsignableDocument


def refusal(engine, document, *, multiple=True) -> str:
    with pytest.raises(UnsignableDocument) as caught:
        engine.inspect(BytesIO(document), multiple_signatures=multiple)
    return caught.value.reason


def encrypted(pdf: bytes, *, user_password: str) -> bytes:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(pdf)))
    writer.encrypt("owner", user_password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("octets", [b"", b"%PD", b"PK\x03\x04 not a PDF", b"\n%PDF-1.7\n", b"<xml/>" * 1000])
def test_what_is_no_pdf_is_said_to_be_none(engine, octets):
    """By its first octets."""
    assert refusal(engine, octets) == "is not a PDF"


def test_a_pdf_that_is_broken_cannot_be_read(engine, pdfs):
    """Cut short, or with its cross-references gone."""
    whole = pdfs.blank()
    for broken in (b"%PDF-1.7\n", whole[:200], whole[:-40], whole.replace(b"startxref\n", b"startxref\n9", 1)):
        assert refusal(engine, broken) == "cannot be read as a PDF"


@pytest.mark.parametrize("user_password", ["", "secret"])
def test_an_encrypted_pdf_is_refused(engine, pdfs, user_password):
    """Whether or not it opens without a password."""
    document = encrypted(pdfs.blank(), user_password=user_password)
    assert refusal(engine, document) == "is encrypted"


def test_preparing_an_encrypted_pdf_is_refused_too(engine, town, pdfs):
    """Should nobody have asked before."""
    with pytest.raises(UnsignableDocument, match="is encrypted"):
        engine.prepare(BytesIO(encrypted(pdfs.blank(), user_password="")), town.signer().parameters())


def test_a_pdf_without_pages_is_refused(engine, pdfs):
    """An empty page tree, one that counts nothing, and none."""
    empty = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"}
    assert refusal(engine, pdfs.raw(empty)) == "has no pages"
    objects = pdfs.page_objects() | {2: b"<</Type/Pages/Kids[3 0 R]/Count 0>>"}
    assert refusal(engine, pdfs.raw(objects)) == "has no pages"
    assert refusal(engine, pdfs.raw({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"[]"})) == "has no pages"
    assert refusal(engine, pdfs.raw({1: b"<</Type/Catalog>>"})) == "cannot be read as a PDF"


@pytest.mark.parametrize("permission", list(MDPPerm))
def test_a_certified_pdf_is_refused_when_it_allows_no_changes(engine, town, pdfs, permission):
    """DocMDP P=1 alone; P=2 and P=3 allow signatures."""
    document = town.stranger_signs(pdfs.blank(), certify=True, docmdp_permissions=permission)
    if permission is MDPPerm.NO_CHANGES:
        assert refusal(engine, document) == "is certified: no changes allowed (DocMDP P=1)"
        return
    engine.inspect(BytesIO(document), multiple_signatures=True)
    verdicts = engine.read(BytesIO(town.signer().sign(engine, document)), None)
    assert [v.modified_after_signing for v in verdicts] == [False, False]


def test_indirect_entries_do_not_hide_a_certification(engine, town, pdfs):
    """The permission counts however it is written down."""
    document = town.stranger_signs(pdfs.blank(), certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    writer = IncrementalPdfFileWriter(BytesIO(document))
    permissions = writer.root["/Perms"]
    writer.root["/Perms"] = writer.add_object(permissions)
    signature = permissions["/DocMDP"]
    (reference,) = signature["/Reference"]
    reference["/TransformParams"]["/P"] = writer.add_object(generic.NumberObject(1))
    signature["/Reference"] = writer.add_object(generic.ArrayObject([writer.add_object(reference)]))
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    assert refusal(engine, out.getvalue()) == "is certified: no changes allowed (DocMDP P=1)"


def test_a_signature_that_locks_the_document_is_as_good_as_a_certification(engine, town, pdfs):
    """ISO 32000-2's lock dictionary, on an approval signature."""
    lock = SigFieldSpec(
        "Locking",
        field_mdp_spec=FieldMDPSpec(FieldMDPAction.ALL),
        doc_mdp_update_value=MDPPerm.NO_CHANGES,
    )
    document = town.stranger_signs(pdfs.blank(), "Locking", new_field_spec=lock)
    assert refusal(engine, document) == "is certified: no changes allowed (DocMDP P=1)"
    writer = IncrementalPdfFileWriter(BytesIO(document))
    signature = writer.root["/AcroForm"]["/Fields"][0]["/V"]
    del signature["/Reference"]
    writer.update_container(signature)
    out = BytesIO()
    writer.write(out)
    assert refusal(engine, out.getvalue()) == "is certified: no changes allowed (DocMDP P=1)"


def test_a_signature_that_locks_all_fields_is_respected(engine, town, pdfs):
    """All of them, or all but named ones; a lock on named fields does not concern ours."""
    locks = {
        "all": (FieldMDPSpec(FieldMDPAction.ALL), True),
        "all but": (FieldMDPSpec(FieldMDPAction.EXCLUDE, ["amount"]), True),
        "named": (FieldMDPSpec(FieldMDPAction.INCLUDE, ["amount"]), False),
    }
    for spec, refused in locks.values():
        document = town.stranger_signs(
            pdfs.form(value="1"), "Locking", new_field_spec=SigFieldSpec("Locking", field_mdp_spec=spec)
        )
        if refused:
            assert "locks all form fields" in refusal(engine, document)
        else:
            out = town.signer().sign(engine, document)
            assert [v.modified_after_signing for v in engine.read(BytesIO(out), None)] == [False, False]


def test_a_signed_pdf_needs_multiple_signatures(engine, town, pdfs, signed):
    """Ours and others' alike; a document time-stamp alone is no signature."""
    for document in (signed, town.stranger_signs(pdfs.blank())):
        reason = refusal(engine, document, multiple=False)
        assert reason == "is already signed; set MultipleSignatures to co-sign it"
        engine.inspect(BytesIO(document), multiple_signatures=True)
    stamped = town.time_stamped(pdfs.blank())
    engine.inspect(BytesIO(stamped), multiple_signatures=False)
    verdicts = engine.read(BytesIO(town.signer().sign(engine, stamped)), None)
    assert [v.kind for v in verdicts] == [SignatureKind.DOCUMENT_TIME_STAMP, SignatureKind.SIGNATURE]


def test_an_empty_signature_field_is_no_signature(engine, town, pdfs):
    """It stays empty, beside ours."""
    writer = IncrementalPdfFileWriter(BytesIO(pdfs.blank()))
    append_signature_field(writer, SigFieldSpec("Place", box=(10, 10, 100, 60)))
    out = BytesIO()
    writer.write(out)
    engine.inspect(BytesIO(out.getvalue()), multiple_signatures=False)
    (verdict,) = engine.read(BytesIO(town.signer().sign(engine, out.getvalue())), None)
    assert verdict.crypto_valid


def test_scripts_and_forms_do_not_hinder_signing(engine, town, pdfs):
    """JavaScript, XFA and optional content are shown to the signer as such, which is another room's work."""
    objects = pdfs.page_objects()
    objects[1] = (
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
        b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(1)>>]>>>>"
        b"/AcroForm<</Fields[]/XFA(<xdp/>)>>/OCProperties<</OCGs[]/D<<>>>>>>"
    )
    document = pdfs.raw(objects)
    engine.inspect(BytesIO(document), multiple_signatures=False)
    (verdict,) = engine.read(BytesIO(town.signer().sign(engine, document)), None)
    assert verdict.crypto_valid
    assert verdict.structure_valid


def test_new_objects_never_replace_old_ones(engine, town, pdfs):
    """Also where the trailer's Size is too small, so that their numbers seem free."""
    objects = pdfs.page_objects() | {4: b"(four)", 5: b"(five)", 6: b"(six)", 7: b"(seven)"}
    for size in (4, -5):
        out = town.signer().sign(engine, pdfs.raw(objects, size=size))
        reader = PdfFileReader(BytesIO(out), strict=False)
        for number, text in ((4, "four"), (5, "five"), (6, "six"), (7, "seven")):
            assert reader.get_object(generic.Reference(number, 0, reader)) == text


def test_object_numbers_beyond_reason_are_refused(engine, pdfs):
    """A Size that leaves no room for ours."""
    document = pdfs.raw(pdfs.page_objects(), size=99_999_999)
    assert refusal(engine, document) == "has object numbers beyond what PDF allows"


def test_a_null_encryption_entry_is_none(engine, town, pdfs):
    """Null and absent are the same in PDF."""
    document = pdfs.raw(pdfs.page_objects(), trailer=b"/Encrypt null")
    engine.inspect(BytesIO(document), multiple_signatures=False)
    (verdict,) = engine.read(BytesIO(town.signer().sign(engine, document)), None)
    assert verdict.crypto_valid
