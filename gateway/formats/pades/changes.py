"""
What was done to a PDF after a signature, judged in the isolated process (ISO 32000-2 § 12.8.2, EN 319 142-1 § 5.4).

pyHanko's difference analysis decides; beside it stands what it is silent about. Whoever calls this must take a failure
for "undetermined", never for "unmodified".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    DocInfoRule,
    FormUpdatingRule,
    MetadataUpdateRule,
    ModificationLevel,
    ReferenceUpdate,
    StandardDiffPolicy,
    WhitelistRule,
)
from pyhanko.sign.diff_analysis.constants import ACROFORM_EXEMPT_STRICT_COMPARISON
from pyhanko.sign.diff_analysis.rules.form_field_rules import (
    DSSCompareRule,
    GenericFieldModificationRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
)
from pyhanko.sign.diff_analysis.rules_api import Context
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from gateway.formats.pades.bookkeeping import (
    LateWidgetRule,
    LibraryMarkRule,
    StructureTreeRule,
    UnchangedInfoRule,
    UnchangedMetadataRule,
)
from gateway.formats.pades.documents import TIME_STAMP, entry
from gateway.formats.pades.form import Form, SignatureField

_TAIL = 64 * 1024
_BLANK = b"\0\t\n\x0c\r "
_TRAILER = re.compile(rb"[\0\t\n\x0c\r ]*(?:trailer[\0\t\n\x0c\r ]*)?(?=<<)")  # pyHanko may have read the word
# A comment may stand there, as some libraries sign their work, but none that looks like an object.
_BETWEEN = rb"(?:[\0\t\n\x0c\r ]|%(?![^\r\n]* obj)[^\r\n]{0,200}[\r\n])*"
_ENDING = re.compile(_BETWEEN + rb"(?:endobj)?" + _BETWEEN + rb"startxref\s+\d+\s+%%EOF")
_FILLING = (MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE)
_STORE = ("/Root", "/DSS")
_ELSEWHERE = ("/P", "/Parent", "/Kids")  # kids are fields or widgets of their own, and asked so
_EMBEDDED = "/AdditionalStreams"


def modified_after(
    reader: PdfFileReader, found: SignatureField, contents: bytes, others: Sequence[SignatureField]
) -> bool | None:
    """
    Whether what follows a signature is more than it allows; None where that cannot be told.

    Time-stamps and validation data are always allowed, further signatures unless it says "no changes" (DocMDP P=1),
    and filling in other fields only where it says so (P=2 or 3). *others* are all signatures of the document. Raises
    whatever pyHanko raises for odd documents.
    """
    if found.reference is None:
        return None
    signed = _Signed(reader, found, found.reference, contents)
    if signed.extent == SignatureCoverageLevel.ENTIRE_FILE:
        return False
    if signed.extent < SignatureCoverageLevel.ENTIRE_REVISION or _has_more_than_revisions(reader, _end(signed)):
        return True
    _forget_lost_streams(reader)
    if _fills_gaps(reader, signed.signed_revision):
        return True
    result = signed.evaluate_modifications(_POLICY)
    allowed = signed.docmdp_level
    if not isinstance(result, DiffResult) or result.modification_level == ModificationLevel.OTHER:
        # Annotations that P=3 allows are beyond the analysis.
        return None if allowed == MDPPerm.ANNOTATE else True
    if allowed is not None and result.modification_level.value > allowed.value:
        return True
    if allowed == MDPPerm.NO_CHANGES and _signed_later(reader, signed, others):
        return True
    if not reader.strict:
        # Leniency replaces what it cannot read by nothing; that nothing changed is then not proved.
        return None
    return allowed not in _FILLING and bool(_filled(reader, result, signed.signed_revision))


class _Signed(EmbeddedPdfSignature):
    """pyHanko's view of a signature without its reading of the CMS, which is ours."""

    def __init__(
        self, reader: PdfFileReader, found: SignatureField, reference: generic.Reference, contents: bytes
    ) -> None:
        self.reader = reader
        self.sig_field = found.field
        self.sig_object = found.value
        self.byte_range = found.value.raw_get("/ByteRange")
        self.pkcs7_content = contents
        self.signed_revision = _revision_of(reader, reference)
        self._docmdp = self._fieldmdp = None
        self._docmdp_queried = self._fieldmdp_queried = False
        self.extent = self.evaluate_signature_coverage()
        self.coverage = self.extent  # type: ignore[assignment]  # declared as None there


def _revision_of(reader: PdfFileReader, reference: generic.Reference) -> int:
    """
    The revision to which a signature belongs.

    A linearized document (ISO 32000-2 annex F) is one revision in two parts, of which the later one stands first in
    the file; whether both are covered is checked as for any other.
    """
    revision = int(reader.xrefs.get_last_change(reference))
    if revision == 0 and reader.xrefs.total_revisions > 1:
        parts = [reader.xrefs.get_xref_container_info(number) for number in (0, 1)]
        if parts[1].end_location <= parts[0].start_location:
            return 1
    return revision


class _SecurityStoreRule(WhitelistRule):
    """
    Objects of the document security store may be added, replaced and dropped: they are evidence, and never shown.

    Only where they serve as that: an object that was also used elsewhere is not cleared there.
    """

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        root = new.root
        if "/DSS" not in root:
            return
        top = Context.from_absolute(old, RawPdfPath(*_STORE))
        for reference in _below(root.raw_get("/DSS"), new):
            yield ReferenceUpdate(reference, context_checked=top)
            for path in old._get_usages_of_ref(reference):  # noqa: SLF001 - as the policy itself asks
                if tuple(path)[:2] == _STORE:
                    yield ReferenceUpdate(reference, context_checked=Context.from_absolute(old, path))


class _UnusedFreedRule(WhitelistRule):
    """Objects may be dropped that the signed revision had and did not use."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        for reference in new.refs_freed_in_revision():
            if not old._get_usages_of_ref(reference):  # noqa: SLF001 - as the policy itself asks
                yield ReferenceUpdate(reference)


def _below(start: generic.PdfObject, revision: HistoricalResolver) -> Iterator[generic.Reference]:
    """Every reference that can be reached from *start* in a revision, each once."""
    seen: set[tuple[int, int]] = set()
    waiting = [start]
    while waiting:
        item = waiting.pop()
        if isinstance(item, generic.IndirectObject):
            if (item.idnum, item.generation) in seen:
                continue
            seen.add((item.idnum, item.generation))
            yield item.reference
            waiting.append(revision(generic.Reference(item.idnum, item.generation)))
        elif isinstance(item, generic.DictionaryObject):
            waiting.extend(dict.values(item))
        elif isinstance(item, generic.ArrayObject):
            waiting.extend(list.__iter__(item))


_OURS_INSTEAD = (DSSCompareRule, DocInfoRule, MetadataUpdateRule)
_POLICY = StandardDiffPolicy(
    global_rules=[
        *(
            rule
            for rule in DEFAULT_DIFF_POLICY.global_rules
            if not isinstance(getattr(rule, "rule", None), _OURS_INSTEAD)
        ),
        _SecurityStoreRule().as_qualified(ModificationLevel.LTA_UPDATES),
        _UnusedFreedRule().as_qualified(ModificationLevel.LTA_UPDATES),
        UnchangedInfoRule().as_qualified(ModificationLevel.LTA_UPDATES),
        UnchangedMetadataRule().as_qualified(ModificationLevel.LTA_UPDATES),
        LibraryMarkRule().as_qualified(ModificationLevel.LTA_UPDATES),
        StructureTreeRule().as_qualified(ModificationLevel.LTA_UPDATES),
        LateWidgetRule(),
    ],
    form_rule=FormUpdatingRule(
        field_rules=[SigFieldCreationRule(), SigFieldModificationRule(), GenericFieldModificationRule()],
        ignored_acroform_keys=ACROFORM_EXEMPT_STRICT_COMPARISON | {"/SigFlags"},  # advice to writers, shown nowhere
    ),
    reject_object_freeing=False,  # what is freed must be accounted for like any other change
)


def _fills_gaps(reader: PdfFileReader, revision: int) -> bool:
    """
    Whether something is there now to which a signed revision referred in vain.

    pyHanko takes such objects for unused ones, for nothing that changed refers to them.
    """
    later = {
        reference
        for number in range(revision + 1, reader.xrefs.total_revisions)
        for reference in reader.get_historical_resolver(number).explicit_refs_in_revision()
        if reader.xrefs.get_historical_ref(reference, revision) is None
    }
    signed = reader.get_historical_resolver(revision)
    return bool(later) and any(
        generic.Reference(one.idnum, one.generation) in later for one in _below(signed.trailer_view, signed)
    )


def _forget_lost_streams(reader: PdfFileReader) -> None:
    """
    Take what LibreOffice embeds beside a document out of trailers that only seem to name it.

    Signing tools copy the entry with the number of the next object, which nobody defined or which became their
    field. Where a stream ever stood under that number, an office suite may open it, and the entry stays.
    """
    revisions = [reader.get_historical_resolver(number) for number in range(reader.xrefs.total_revisions)]
    for signed in revisions:
        named = entry(signed.trailer_view, _EMBEDDED)
        if not isinstance(named, generic.ArrayObject):
            continue
        references = [item.reference for item in list.__iter__(named) if isinstance(item, generic.IndirectObject)]
        if not any(_is_stream(reader, number, one) for number in range(len(revisions)) for one in references):
            del signed.trailer_view[_EMBEDDED]


def _is_stream(reader: PdfFileReader, revision: int, reference: generic.Reference) -> bool:
    own = generic.Reference(reference.idnum, reference.generation)
    if reader.xrefs.get_historical_ref(own, revision) is None:
        return False
    return isinstance(reader.get_historical_resolver(revision)(own), generic.StreamObject)


def _signed_later(reader: PdfFileReader, signed: _Signed, others: Sequence[SignatureField]) -> bool:
    """Whether a later revision has a signature that is no time-stamp."""
    return any(
        other.reference is not None
        and reader.xrefs.get_last_change(other.reference) > signed.signed_revision
        and entry(other.value, "/SubFilter") != TIME_STAMP
        for other in others
    )


def _end(signed: _Signed) -> int:
    _, _, second, rest = (int(number) for number in signed.byte_range)
    return second + rest


def _filled(reader: PdfFileReader, result: DiffResult, revision: int) -> set[str]:
    """Fields other than signatures that were filled in: pyHanko also names those that are only as they were."""
    form = Form(reader)
    suspected = set(result.changed_form_fields) - form.names()
    now = reader.get_historical_resolver(reader.xrefs.total_revisions - 1)
    met: set[str] = set()
    filled: set[str] = set()
    for name, item, field in form.fields() if suspected else ():
        met.add(name)
        if _is_newer(reader, item, revision) or _is_newer(
            reader, field.raw_get("/Kids") if "/Kids" in field else None, revision
        ):
            filled.add(name)
            continue
        held = (field.raw_get(key) for key in field if key not in _ELSEWHERE)
        if any(_is_newer(reader, one, revision) for part in held for one in _below(part, now)):
            filled.add(name)
    return suspected & filled | suspected - met


def _is_newer(reader: PdfFileReader, item: object, revision: int) -> bool:
    if not isinstance(item, (generic.IndirectObject, generic.Reference)):
        return False
    with suppress(KeyError):  # never written at all
        return bool(reader.xrefs.get_last_change(generic.Reference(item.idnum, item.generation)) > revision)
    return False


def _has_more_than_revisions(reader: PdfFileReader, covered: int) -> bool:
    """
    Whether anything but blanks follows what is covered, or the ending of the last revision where that comes later.

    Objects that no cross-reference names are nothing to most readers, and everything to one that repairs the file.
    """
    last = reader.xrefs.get_xref_container_info(reader.xrefs.total_revisions - 1).end_location
    reader.stream.seek(max(last, covered))
    rest = reader.stream.read(_TAIL + 1)
    if len(rest) > _TAIL:
        return True
    if last > covered:
        trailer = _TRAILER.match(rest)
        if trailer is not None:
            reader.stream.seek(last + trailer.end())
            generic.read_object(reader.stream, generic.TrailerReference(reader))
            rest = reader.stream.read(_TAIL + 1)
        ending = _ENDING.match(rest)
        rest = rest[ending.end() :] if ending is not None else rest
    return bool(rest.strip(_BLANK))
