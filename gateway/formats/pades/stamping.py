"""A visible signature's field, in the isolated process only: a new one on a page, or an empty one that is there."""

from __future__ import annotations

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import get_single_field_annot
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import FormFillingError
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec, enumerate_sig_fields
from pyhanko.sign.signers.cms_embedder import SigMDPSetup

from gateway.formats.isolated import Refused
from gateway.formats.pades.appearance import Stamp, drawn
from gateway.formats.pades.documents import entry
from gateway.formats.pades.placing import View, page_number, place_for, rectangle, view_of

_UNSEEN = 0x02 | 0x20  # Hidden, NoView (ISO 32000-2 table 167)
_UNKNOWN_PAGE = View((0.0, 0.0, 1.0, 1.0), 0, 1.0)


def new_field(writer: IncrementalPdfFileWriter, name: str, stamp: Stamp) -> SigFieldSpec:
    """A field called *name* where *stamp* is wanted. Raises ``Refused`` where the document has no such place."""
    number = page_number(writer, stamp.wanted)
    page = writer.find_page_for_modification(number)[0].get_object()
    view = view_of(page)
    return SigFieldSpec(
        sig_field_name=name,
        on_page=number,
        box=view.to_page(place_for(page, view, stamp.wanted)),  # type: ignore[arg-type]  # reals are as good
        readable_field_name=", ".join(line for line in stamp.lines if line) or None,
    )


def require_empty_field(writer: IncrementalPdfFileWriter, name: str) -> None:
    """Raises ``Refused`` where the document has no empty signature field of this full name, or one that asks more."""
    try:
        found = next(iter(enumerate_sig_fields(writer, with_name=name)), None)
    except FormFillingError:  # it is a field of another kind
        found = None
    if found is None:
        raise Refused("has no signature field of the name that the visible signature's field says")
    _, value, reference = found
    if value is not None:
        raise Refused("is signed already in the field of the visible signature")
    seeds = entry(reference.get_object(), "/SV")
    demands = entry(seeds, "/Ff") if isinstance(seeds, generic.DictionaryObject) else None
    if isinstance(demands, generic.NumberObject) and int(demands) != 0:
        raise Refused("has demands on the signature in the field of the visible signature (seed values)")


def dress(writer: IncrementalPdfFileWriter, reference: generic.IndirectObject, stamp: Stamp) -> None:
    """
    Draw *stamp* for the field, where that spoils no other signature.

    A field that has its widget apart keeps the looks it has once the document is signed: pyHanko's difference analysis,
    and with it ours, takes a changed widget for a changed page. Raises ``Refused`` where the field has no place to be
    seen in.
    """
    field = reference.get_object()
    try:
        widget = get_single_field_annot(field)
    except FormFillingError:
        raise Refused("shows the field of the visible signature in several places") from None
    box, flags = rectangle(widget), entry(widget, "/F")
    if box is None or (isinstance(flags, generic.NumberObject) and int(flags) & _UNSEEN):
        raise Refused("has a field for the visible signature that is not to be seen")
    if widget is not field and stamp.follows_others:
        return
    page = entry(widget, "/P")
    view = view_of(page) if isinstance(page, generic.DictionaryObject) else _UNKNOWN_PAGE
    left, lower, right, upper = view.to_seen(box)
    form = drawn(writer, stamp, right - left, upper - lower, view.turned)
    widget["/AP"] = generic.DictionaryObject({pdf_name("/N"): form})
    if "/AS" in widget:
        del widget["/AS"]
    writer.update_container(widget)


def lock_of(field: generic.DictionaryObject) -> SigMDPSetup | None:
    """What the author of a field wants locked once it is signed (ISO 32000-2 table 236)."""
    lock = entry(field, "/Lock")
    if not isinstance(lock, generic.DictionaryObject):
        return None
    level = entry(lock, "/P")
    permissions = MDPPerm(int(level)) if isinstance(level, generic.NumberObject) else None
    return SigMDPSetup("sha256", field_lock=FieldMDPSpec.from_pdf_object(lock), docmdp_perms=permissions)
