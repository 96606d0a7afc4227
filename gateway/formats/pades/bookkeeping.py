"""
What signing tools change beside the signature, cleared where it shows nothing: rules for ``changes``.

The structure tree of a tagged document names a new signature's widget, a page lists the widget of a field that was
already there, metadata and the marks of libraries follow. Each rule compares both states and clears only what differs
in nothing else; what it does not clear stays a modification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import IndirectObjectExpected
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.diff_analysis import (
    DocInfoRule,
    MetadataUpdateRule,
    ModificationLevel,
    QualifiedWhitelistRule,
    ReferenceUpdate,
    WhitelistRule,
)

from gateway.formats.pades.documents import entry
from gateway.formats.pades.form import Form

_MARKS = frozenset({"/ITXT", "/LastModified"})  # a library's version, and a date: shown nowhere
_ELEMENT = frozenset({"/Type", "/S", "/P", "/Pg", "/K"})
_OBJECT = frozenset({"/Type", "/Obj", "/Pg"})
_NODE = frozenset({"/Nums", "/Kids", "/Limits"})
_ROOT = frozenset({"/K", "/ParentTree", "/ParentTreeNextKey"})
_DEEPEST = 16


class LibraryMarkRule(WhitelistRule):
    """Dictionaries that differ from before in marks alone."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Each such dictionary; streams are left alone."""
        for reference, before, after in _replaced(old, new):
            differing = _differing(before, after)
            if differing and differing <= _MARKS and all(_is_text(entry(after, key)) for key in differing):
                yield ReferenceUpdate(reference)


class UnchangedInfoRule(DocInfoRule):
    """Document information, where it was changed at all; an unchanged one that a trailer names again needs no leave."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """What pyHanko's rule clears."""
        try:
            reference = new.trailer_view.get_value_as_reference("/Info", optional=True)
        except IndirectObjectExpected:
            return
        if reference is not None and reference in new.explicit_refs_in_revision():
            yield from super().apply(old, new)


class UnchangedMetadataRule(MetadataUpdateRule):
    """Metadata, where they were changed at all; what the signed revision had is not asked to be well formed."""

    def __init__(self) -> None:
        """With pyHanko's check of the syntax."""
        super().__init__()  # type: ignore[no-untyped-call]  # a gap of pyHanko

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """What pyHanko's rule clears."""
        raw = new.root.raw_get("/Metadata") if "/Metadata" in new.root else None
        if isinstance(raw, generic.IndirectObject) and raw.reference in new.explicit_refs_in_revision():
            yield from super().apply(old, new)


class StructureTreeRule(WhitelistRule):
    """
    Elements for signature widgets, appended to the structure tree (ISO 32000-2 § 14.7).

    Everything that the tree had must still be there as it was; a new element says nothing but which widget it holds.
    """

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """The new elements, their parents, and the tree that leads from widgets to them."""
        if "/StructTreeRoot" not in old.root or "/StructTreeRoot" not in new.root:
            return
        widgets = set(_signature_widgets(new))
        elements = {
            reference
            for reference in new.explicit_refs_in_revision()
            if old.is_ref_unassignable(reference) and _is_element(new, new(reference), widgets)
        }
        if not elements:
            return
        yield from map(ReferenceUpdate, elements)
        top = old.root.raw_get("/StructTreeRoot")
        for reference, before, after in _replaced(old, new):
            differing = _differing(before, after)
            is_top = isinstance(top, generic.IndirectObject) and top.reference == reference
            may_differ = _ROOT if is_top else frozenset({"/K"}) if _has_parent(before) else frozenset()
            if not differing or not differing <= may_differ:
                continue
            if not _appended(_kids(old, before), _kids(new, after), elements):
                continue
            if "/ParentTree" not in differing or _tree_keeps(old, new, before, after, elements):
                yield ReferenceUpdate(reference)
        yield from self._parent_tree(old, new, elements)

    def _parent_tree(
        self, old: HistoricalResolver, new: HistoricalResolver, elements: set[generic.Reference]
    ) -> Iterator[ReferenceUpdate]:
        """Nodes and lists of the parent tree that this revision wrote, where the tree keeps what it had."""
        before, after = old.root["/StructTreeRoot"], new.root["/StructTreeRoot"]
        if not isinstance(before, generic.DictionaryObject) or not isinstance(after, generic.DictionaryObject):
            return
        if not _tree_keeps(old, new, before, after, elements):
            return
        for reference in _tree_references(new, after.raw_get("/ParentTree")):
            if old.is_ref_unassignable(reference):
                yield ReferenceUpdate(reference)
                continue
            earlier, later = old(reference), new(reference)
            if _is_plain(earlier) and _is_plain(later) and _differing(earlier, later) <= _NODE:
                yield ReferenceUpdate(reference)


class LateWidgetRule(QualifiedWhitelistRule):
    """The widget of a signature field that was there empty, put on its page when the field is signed."""

    def apply_qualified(
        self, old: HistoricalResolver, new: HistoricalResolver
    ) -> Iterable[tuple[ModificationLevel, ReferenceUpdate]]:
        """Pages that differ in this alone, with their lists of annotations."""
        before = _signature_widgets(old)
        late = {
            reference: visible
            for reference, (signed, visible) in _signature_widgets(new).items()
            if signed and reference in before and not before[reference][0]
        }
        if not late:
            return
        for reference, earlier, later in _replaced(old, new):
            if not _is_name(earlier, "/Type", "/Page") or _differing(earlier, later) != {"/Annots"}:
                continue
            had, has = _list(old, earlier, "/Annots"), _list(new, later, "/Annots")
            if has[: len(had)] != had or not all(_key(one) in late for one in has[len(had) :]):
                continue
            seen = any(late[cast("generic.Reference", _key(one))] for one in has[len(had) :])
            level = ModificationLevel.ANNOTATIONS if seen else ModificationLevel.LTA_UPDATES
            yield level, ReferenceUpdate(reference)
            listed = later.raw_get("/Annots")
            if isinstance(listed, generic.IndirectObject) and old.is_ref_unassignable(listed.reference):
                yield level, ReferenceUpdate(listed.reference)


def _replaced(
    old: HistoricalResolver, new: HistoricalResolver
) -> Iterator[tuple[generic.Reference, generic.DictionaryObject, generic.DictionaryObject]]:
    """Dictionaries, not streams, that a revision wrote again, as they were and are."""
    for reference in new.explicit_refs_in_revision():
        if old.is_ref_unassignable(reference):
            continue
        before, after = old(reference), new(reference)
        if _is_plain(before) and _is_plain(after):
            yield reference, before, after


def _is_plain(item: object) -> bool:
    return isinstance(item, generic.DictionaryObject) and not isinstance(item, generic.StreamObject)


def _differing(before: generic.DictionaryObject, after: generic.DictionaryObject) -> set[str]:
    return {
        str(key)
        for key in {*before.keys(), *after.keys()}
        if key not in before or key not in after or before.raw_get(key) != after.raw_get(key)
    }


def _is_name(holder: generic.DictionaryObject, key: str, name: str) -> bool:
    found = entry(holder, key)
    return isinstance(found, generic.NameObject) and str(found) == name


def _is_text(item: object) -> bool:
    return isinstance(item, (generic.TextStringObject, generic.ByteStringObject))


def _signature_widgets(revision: HistoricalResolver) -> dict[generic.Reference, tuple[bool, bool]]:
    """Signature fields and their widgets: whether signed, and whether they take room on a page."""
    return Form(cast("PdfFileReader", revision)).signature_widgets()


def _key(item: object) -> generic.Reference | None:
    return generic.Reference(item.idnum, item.generation) if isinstance(item, generic.IndirectObject) else None


def _resolved(revision: HistoricalResolver, item: object) -> object:
    key = _key(item)
    return revision(key) if key is not None else item


def _list(revision: HistoricalResolver, holder: generic.DictionaryObject, key: str) -> list[object]:
    """What an array under *key* holds, references as such; nothing where there is none."""
    found = _resolved(revision, holder.raw_get(key)) if key in holder else None
    return list(list.__iter__(found)) if isinstance(found, generic.ArrayObject) else []


def _kids(revision: HistoricalResolver, element: generic.DictionaryObject) -> list[object]:
    """The kids of a structure element, of which a single one may stand alone."""
    if "/K" not in element:
        return []
    raw = element.raw_get("/K")
    found = _resolved(revision, raw)
    return list(list.__iter__(found)) if isinstance(found, generic.ArrayObject) else [raw]


def _has_parent(element: generic.DictionaryObject) -> bool:
    return "/S" in element and "/P" in element


def _appended(had: list[object], has: list[object], elements: set[generic.Reference]) -> bool:
    return has[: len(had)] == had and all(_key(one) in elements for one in has[len(had) :])


def _is_element(revision: HistoricalResolver, item: object, widgets: set[generic.Reference]) -> bool:
    """Whether it is a structure element that holds a signature's widget and says nothing else."""
    if not isinstance(item, generic.DictionaryObject) or not _is_plain(item) or not set(item.keys()) <= _ELEMENT:
        return False
    kids = [_resolved(revision, kid) for kid in _kids(revision, item)]
    return _is_name(item, "/S", "/Form") and len(kids) == 1 and _names_widget(kids[0], widgets)


def _names_widget(item: object, widgets: set[generic.Reference]) -> bool:
    if not isinstance(item, generic.DictionaryObject) or not set(item.keys()) <= _OBJECT or "/Obj" not in item:
        return False
    return _is_name(item, "/Type", "/OBJR") and _key(item.raw_get("/Obj")) in widgets


def _tree_keeps(
    old: HistoricalResolver,
    new: HistoricalResolver,
    before: generic.DictionaryObject,
    after: generic.DictionaryObject,
    elements: set[generic.Reference],
) -> bool:
    """Whether a parent tree leads where it led, and beyond that to *elements* alone."""
    if "/ParentTree" not in before or "/ParentTree" not in after:
        return False
    had = dict(_numbers(old, before.raw_get("/ParentTree")))
    has = dict(_numbers(new, after.raw_get("/ParentTree")))
    if any(number not in has or _shallow(new, has[number]) != _shallow(old, had[number]) for number in had):
        return False
    return all(_key(has[number]) in elements for number in has.keys() - had.keys())


def _shallow(revision: HistoricalResolver, item: object) -> object:
    """A list of elements by its items, a single element by its reference."""
    found = _resolved(revision, item)
    return list(list.__iter__(found)) if isinstance(found, generic.ArrayObject) else item


def _numbers(revision: HistoricalResolver, node: object, depth: int = 0) -> Iterator[tuple[int, object]]:
    """A number tree's entries (ISO 32000-2 § 7.9.7). Raises ``ValueError`` for one too deep."""
    if depth > _DEEPEST:
        raise ValueError("number tree too deep")
    found = _resolved(revision, node)
    if not isinstance(found, generic.DictionaryObject):
        return
    listed = _list(revision, found, "/Nums")
    yield from ((int(str(number)), value) for number, value in zip(listed[::2], listed[1::2], strict=True))
    for kid in _list(revision, found, "/Kids"):
        yield from _numbers(revision, kid, depth + 1)


def _tree_references(revision: HistoricalResolver, node: object, depth: int = 0) -> Iterator[generic.Reference]:
    """The nodes of a number tree and the lists that it leads to, as far as they are objects of their own."""
    found = _resolved(revision, node)
    if depth > _DEEPEST or not isinstance(found, generic.DictionaryObject):
        return
    key = _key(node)
    if key is not None:
        yield key
    for value in _list(revision, found, "/Nums")[1::2]:
        reference = _key(value)
        if reference is not None and isinstance(revision(reference), generic.ArrayObject):
            yield reference
    for kid in _list(revision, found, "/Kids"):
        yield from _tree_references(revision, kid, depth + 1)
