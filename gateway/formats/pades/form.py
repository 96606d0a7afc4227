"""
Signatures found in a document's form (ISO 32000-2 § 12.7), in the isolated process only.

A form is a tree by its rules alone: hostile ones share branches or lead back to themselves. Each node is visited once,
and their number is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis.rules.form_field_rules import is_annot_visible

from gateway.formats.isolated import Refused
from gateway.formats.pades.documents import entry

MOST_SIGNATURES = 64
"""Signatures of one document that are looked at; more are refused."""

_MOST_NODES = 50_000
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class SignatureField:
    """
    A filled signature field: its full name, itself, its value, and the object in which that stands.

    *is_own_object*: whether the value is that object, and not a part of the field's.
    """

    name: str
    field: generic.DictionaryObject
    value: generic.DictionaryObject
    reference: generic.Reference | None
    is_own_object: bool = True


@dataclass(frozen=True, slots=True)
class _Node:
    """A field on the way down, with what it inherits."""

    item: generic.PdfObject
    name: str
    kind: object
    depth: int


class Form:
    """The fields of one document. *is_tree* says, after a walk, whether every node was met once."""

    def __init__(self, reader: PdfFileReader) -> None:
        """*reader* of the document."""
        self._reader = reader
        self.is_tree = True

    def signatures(self) -> list[SignatureField]:
        """
        Every signature, each signature dictionary once.

        Raises:
            Refused: More than ``MOST_SIGNATURES``, or a form beyond bounds.

        """
        found: list[SignatureField] = []
        seen: set[generic.Reference] = set()
        for node, field in self._fields():
            signature = _signature(node, field) if node.kind == "/Sig" else None
            if signature is None or (signature.is_own_object and signature.reference in seen):
                continue
            if signature.is_own_object and signature.reference is not None:
                seen.add(signature.reference)
            found.append(signature)
            if len(found) > MOST_SIGNATURES:
                raise Refused(f"has more than {MOST_SIGNATURES} signatures")
        return found

    def names(self) -> set[str]:
        """The full names of signature fields, filled or not. Raises ``Refused``."""
        return {node.name for node, _ in self._fields() if node.kind == "/Sig"}

    def fields(self) -> Iterator[tuple[str, generic.PdfObject, generic.DictionaryObject]]:
        """Every field and widget: its full name, what stands in the form's tree, and itself. Raises ``Refused``."""
        return ((node.name, node.item, field) for node, field in self._fields())

    def signature_widgets(self) -> dict[generic.Reference, tuple[bool, bool]]:
        """Signature fields and their widgets: whether signed, and whether they take room. Raises ``Refused``."""
        found = {}
        for node, field in self._fields():
            if node.kind == "/Sig" and isinstance(node.item, generic.IndirectObject):
                above = entry(field, "/Parent")
                signed = entry(field, "/V") is not None or (
                    isinstance(above, generic.DictionaryObject) and entry(above, "/V") is not None
                )
                own = generic.Reference(node.item.idnum, node.item.generation)
                found[own] = (signed, is_annot_visible(field))
        return found

    def _fields(self) -> Iterator[tuple[_Node, generic.DictionaryObject]]:
        form = entry(self._reader.root, "/AcroForm")
        top = entry(form, "/Fields") if isinstance(form, generic.DictionaryObject) else None
        seen: set[generic.Reference] = set()
        waiting = [_Node(item, "", None, 0) for item in _items(top)]
        visited = 0
        while waiting:
            node = waiting.pop()
            visited += 1
            if visited > _MOST_NODES:
                raise Refused("has too many form fields")
            if isinstance(node.item, generic.IndirectObject):
                if node.item.reference in seen:
                    self.is_tree = False
                    continue
                seen.add(node.item.reference)
            field = _read(node.item)
            if field is None or node.depth > _DEEPEST:
                self.is_tree = False
                continue
            own = _Node(node.item, _name(node.name, field), entry(field, "/FT") or node.kind, node.depth)
            yield own, field
            kids = _items(entry(field, "/Kids"))
            waiting.extend(_Node(kid, own.name, own.kind, own.depth + 1) for kid in kids)


def _items(array: object) -> list[generic.PdfObject]:
    """What an array holds, last first; references as such."""
    return list(list.__iter__(array))[::-1] if isinstance(array, generic.ArrayObject) else []


def _read(item: generic.PdfObject) -> generic.DictionaryObject | None:
    with suppress(PdfError, ValueError):
        found = item.get_object()
        return found if isinstance(found, generic.DictionaryObject) else None
    return None


def _name(above: str, field: generic.DictionaryObject) -> str:
    own = entry(field, "/T")
    if own is None:
        return above
    return f"{above}.{own}" if above else str(own)


def _signature(node: _Node, field: generic.DictionaryObject) -> SignatureField | None:
    """The field's value where that is a dictionary: behind a reference, or in place."""
    if "/V" not in field:
        return None
    raw = field.raw_get("/V")
    value = _read(raw)
    if value is None:
        return None
    if isinstance(raw, generic.IndirectObject):
        return SignatureField(node.name, field, value, raw.reference)
    holder = node.item.reference if isinstance(node.item, generic.IndirectObject) else None
    return SignatureField(node.name, field, value, holder, is_own_object=False)
