"""What signing tools change beside a signature, and the same entries used to change what is shown or read."""

from __future__ import annotations

from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec


def changed(pdf: bytes, change) -> bytes:
    """*pdf* with a later revision in which *change* did what it does to a writer."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def modified(engine, pdf) -> bool | None:
    """Of the first signature that holds, which does not reach the end."""
    verdict = next(one for one in engine.read(BytesIO(pdf), None) if one.crypto_valid)
    assert verdict.structure_valid
    assert verdict.covers_whole_document is False
    return verdict.modified_after_signing


def dictionary(**entries) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name("/" + key): value for key, value in entries.items()})


def test_the_mark_of_a_library_is_no_modification(engine, signed):
    """And nothing beside it passes with it."""

    def mark(writer, **more):
        pages = writer.root["/Pages"]
        pages["/ITXT"] = generic.pdf_string("5.0.0")
        pages.update({pdf_name("/" + key): value for key, value in more.items()})
        writer.update_container(pages)

    assert modified(engine, changed(signed, mark)) is False
    assert modified(engine, changed(signed, lambda w: mark(w, Rotate=generic.NumberObject(90)))) is True
    assert modified(engine, changed(signed, lambda w: mark(w, Other=generic.pdf_string("words")))) is True


def test_advice_to_writers_in_the_form_is_no_modification(engine, signed):
    """SigFlags come and go with tools; a form of another kind does not."""

    def change(writer, key, value):
        form = writer.root["/AcroForm"]
        form[key] = value
        writer.update_container(form)

    assert modified(engine, changed(signed, lambda w: change(w, "/SigFlags", generic.NumberObject(1)))) is False
    assert modified(engine, changed(signed, lambda w: change(w, "/XFA", generic.pdf_string("<x/>")))) is True


def test_odd_metadata_that_nobody_touched_are_no_modification(engine, town, pdfs):
    """They are not asked to be well formed; new ones are."""
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R/Metadata 4 0 R>>", 4: b"<</Length 5>>stream\n<odd \nendstream"}
    pdf = town.signer().sign(engine, pdfs.raw(pdfs.page_objects() | catalog))
    assert modified(engine, town.signer().sign(engine, pdf)) is False
    place, previous = len(pdf), int(pdf.rsplit(b"startxref", 1)[1].split()[0])
    written = b"4 0 obj\n<</Length 6>>stream\n<odder\nendstream\nendobj\n"
    written += b"xref\n4 1\n%010d 00000 n \ntrailer\n<</Size 100/Root 1 0 R/Prev %d>>\n" % (place, previous)
    ending = b"startxref\n%d\n%%%%EOF\n" % (place + written.index(b"xref"))
    assert modified(engine, pdf + written + ending) is True


def tagged(pdfs) -> bytes:
    """A page with one paragraph in its structure tree."""
    return pdfs.raw(
        pdfs.page_objects()
        | {
            1: b"<</Type/Catalog/Pages 2 0 R/StructTreeRoot 4 0 R/MarkInfo<</Marked true>>>>",
            4: b"<</Type/StructTreeRoot/K 5 0 R/ParentTree 7 0 R/ParentTreeNextKey 1>>",
            5: b"<</Type/StructElem/S/Document/P 4 0 R/K[6 0 R]>>",
            6: b"<</Type/StructElem/S/P/P 5 0 R/Pg 3 0 R/K 0>>",
            7: b"<</Nums[0[6 0 R]]>>",
        }
    )


def element_added(writer, *, first: bool = False, alone: bool = False, points_at_page: bool = False, **more) -> None:
    """The last signature's widget gets an element of its own, as iText writes it."""
    root = writer.root["/StructTreeRoot"]
    document, tree = root["/K"], root["/ParentTree"]
    widget = writer.root["/AcroForm"]["/Fields"].raw_get(-1)
    page = writer.root["/Pages"]["/Kids"].raw_get(0)
    holding = dictionary(Type=pdf_name("/OBJR"), Obj=page if points_at_page else widget)
    element = dictionary(S=pdf_name("/Form"), P=root.raw_get("/K"), Pg=page, K=holding, **more)
    added = writer.add_object(element)
    kids = document["/K"]
    kids.insert(0, added) if first else kids.append(added)
    if alone:
        document["/K"] = generic.ArrayObject([added])
    writer.update_container(document)
    numbers = [*list.__iter__(tree["/Nums"]), generic.NumberObject(1), added]
    root["/ParentTree"] = writer.add_object(dictionary(Nums=generic.ArrayObject(numbers)))
    root["/ParentTreeNextKey"] = generic.NumberObject(2)
    writer.update_container(root)


@pytest.fixture
def twice(engine, town, pdfs) -> bytes:
    """A tagged document with two signatures, of which the second is visible and not in the tree."""
    pdf = town.signer().sign(engine, tagged(pdfs))
    return town.stranger_signs(pdf, "Visible", new_field_spec=SigFieldSpec("Visible", box=(10, 10, 100, 60)))


def test_a_signature_in_the_structure_tree_is_no_modification(engine, twice):
    """Its element comes after what was there, and leads to its widget."""
    assert modified(engine, changed(twice, element_added)) is False


@pytest.mark.parametrize(
    "more",
    [
        {"first": True},
        {"alone": True},
        {"points_at_page": True},
        {"ActualText": generic.pdf_string("read this instead")},
        {"Alt": generic.pdf_string("or this")},
    ],
)
def test_other_elements_in_the_structure_tree_are_a_modification(engine, twice, more):
    """Another order, the paragraph gone, another thing, or words of its own, which screen readers would read."""
    assert modified(engine, changed(twice, lambda writer: element_added(writer, **more))) is True


def test_what_the_structure_tree_had_must_stay(engine, twice):
    """The paragraph that its place on the page led to is another one."""

    def redirect(writer):
        element_added(writer)
        tree = writer.root["/StructTreeRoot"]["/ParentTree"]
        tree["/Nums"][1] = generic.ArrayObject([tree["/Nums"].raw_get(3)])

    assert modified(engine, changed(twice, redirect)) is True


def empty_field(pdfs, *, listed: bool, kind: bytes = b"/Sig") -> bytes:
    annotations = b"/Annots[5 0 R]" if listed else b"/Annots[]"
    return pdfs.raw(
        pdfs.page_objects()
        | {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 5 0 R]/SigFlags 3>>>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>%s>>" % annotations,
            4: b"<</FT/Sig/T(early)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R>>",
            5: b"<</FT%s/T(late)/Type/Annot/Subtype/Widget/Rect[10 10 90 60]/P 3 0 R>>" % kind,
        }
    )


def listing(writer) -> None:
    """The page names the widget of the second field."""
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Annots"] = generic.ArrayObject([writer.root["/AcroForm"]["/Fields"].raw_get(1)])
    writer.update_container(page)


def test_a_widget_is_listed_on_its_page_when_it_is_signed_only(engine, town, pdfs):
    """An empty field that was in the form already shows nothing by itself."""
    pdf = town.stranger_signs(empty_field(pdfs, listed=False), "early")
    assert modified(engine, changed(pdf, listing)) is True
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    listing(writer)
    field = writer.root["/AcroForm"]["/Fields"][1]
    value = dictionary(Type=pdf_name("/Sig"), SubFilter=pdf_name("/ETSI.CAdES.detached"))
    value["/Filter"] = pdf_name("/Adobe.PPKLite")
    field["/V"] = writer.add_object(value)
    writer.update_container(field)
    out = BytesIO()
    writer.write(out)
    assert modified(engine, out.getvalue()) is False


def test_a_lost_document_beside_the_pdf_is_no_modification_until_there_is_one(engine, town, pdfs):
    """Its number went to something else; a stream under it may be opened by an office suite."""
    signed = town.signer().sign(engine, pdfs.raw(pdfs.page_objects(), trailer=b"/AdditionalStreams[/odt 40 0 R]"))

    def fill(writer, item):
        writer.objects[(0, 40)] = item
        writer._lastobj_id = 40

    assert modified(engine, town.time_stamped(signed)) is False
    assert modified(engine, changed(signed, lambda w: fill(w, StreamObject(stream_data=b"forged")))) is not False
