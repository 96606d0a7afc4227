"""Whether a PDF can be signed, and why not, asked in the isolated process (decision 21)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec

from gateway.formats.isolated import Refused
from gateway.formats.pades.appearance import Stamp
from gateway.formats.pades.documents import TIME_STAMP, entry, is_encrypted
from gateway.formats.pades.form import Form, SignatureField
from gateway.formats.pades.writing import SignatureText, revision

_NO_CHANGES, _DEFAULT = 1, 2


def check(
    reader: PdfFileReader,
    text: SignatureText,
    container: int,
    *,
    multiple_signatures: bool,
    stamp: Stamp | None = None,
) -> None:
    """
    Refuse a document that must not be signed, or that cannot be: the revision is made once, and thrown away.

    Raises:
        Refused: With the reason.

    """
    if is_encrypted(reader):
        raise Refused("is encrypted")
    _check_pages(reader)
    signatures = Form(reader).signatures()
    if not multiple_signatures and any(entry(one.value, "/SubFilter") != TIME_STAMP for one in signatures):
        raise Refused("is already signed; set MultipleSignatures to co-sign it")
    if _NO_CHANGES in _permissions(reader, signatures):
        raise Refused("is certified: no changes allowed (DocMDP P=1)")
    if any(_locks(one, text.name) for one in signatures):
        raise Refused("has a signature that locks all form fields, so no signature can be added")
    revision(reader, text, container, permitted(reader, stamp))


def permitted(reader: PdfFileReader, stamp: Stamp | None) -> Stamp | None:
    """
    *stamp* where the document allows it, and None where the signature must stay unseen to spoil nothing.

    A certified document allows no new visible field: readers would take it for a change of the page. Raises ``Refused``
    where a signature locks the field that is to be signed in.
    """
    if stamp is None:
        return None
    signatures = Form(reader).signatures()
    field = stamp.wanted.field
    if field is not None:
        if any(_locks(one, field) for one in signatures):
            raise Refused("has a signature that locks the field of the visible signature")
        return replace(stamp, follows_others=bool(signatures))
    nothing = not stamp.lines and stamp.wanted.picture is None
    return None if nothing or any(True for _ in _permissions(reader, signatures)) else stamp


def _check_pages(reader: PdfFileReader) -> None:
    pages = reader.root["/Pages"]
    if not isinstance(pages, generic.DictionaryObject):
        raise Refused("has no pages")
    kids, count = entry(pages, "/Kids"), entry(pages, "/Count")
    some = isinstance(kids, generic.ArrayObject) and len(kids) > 0
    if not some or not isinstance(count, generic.NumberObject) or count <= 0:
        raise Refused("has no pages")


def _permissions(reader: PdfFileReader, signatures: list[SignatureField]) -> Iterator[int]:
    """What the certification allows, and what signatures with a document lock allow (ISO 32000-2 § 12.8.2.2)."""
    permissions = entry(reader.root, "/Perms")
    if isinstance(permissions, generic.DictionaryObject):
        yield from _of_references(entry(permissions, "/DocMDP"))
    for one in signatures:
        yield from _of_references(one.value)
        lock = entry(one.field, "/Lock")
        if isinstance(lock, generic.DictionaryObject) and "/P" in lock:
            yield int(lock["/P"])


def _of_references(signature: object) -> Iterator[int]:
    for method, parameters in _transforms(signature):
        if method == "/DocMDP" or (method == "/FieldMDP" and "/P" in parameters):
            yield int(parameters["/P"]) if "/P" in parameters else _DEFAULT


def _locks(signature: SignatureField, name: str) -> bool:
    """Whether a new field called *name* is locked by this signature."""
    return any(
        method == "/FieldMDP" and FieldMDPSpec.from_pdf_object(parameters).is_locked(name)
        for method, parameters in _transforms(signature.value)
    )


def _transforms(signature: object) -> Iterator[tuple[str, generic.DictionaryObject]]:
    """The transform methods of a signature's references with their parameters."""
    references = entry(signature, "/Reference") if isinstance(signature, generic.DictionaryObject) else None
    for item in references if isinstance(references, generic.ArrayObject) else ():
        reference = item.get_object()
        if isinstance(reference, generic.DictionaryObject):
            parameters = entry(reference, "/TransformParams")
            if isinstance(parameters, generic.DictionaryObject):
                yield str(entry(reference, "/TransformMethod")), parameters
