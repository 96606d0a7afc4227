"""
What is wrong with a captured message: all of it, where a call ends at the first thing.

The rules are the reader's own (``envelope``, ``members``); here a refusal is noted instead of raised, and reading goes
on behind it. A message is read twice, as strict mode and as compatible mode read it, so no rule is written down again
to tell the two apart; where the form holds, it is also seen whether the operation could be asked at all. What an
operation makes of a well-formed request (lengths of texts, sizes of hashes, whether a PDF can be signed) is not looked
at: that takes the service's settings.

A captured file comes without its Content-Type: its encoding is what its byte order mark or its declaration says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Self

from gateway.audit import AuditRecord
from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.parties import Consumer, ConsumerId
from gateway.errors import GatewayError, InvalidRequest, StoredContentMissing
from gateway.operations.get_sign_response import parse_language
from gateway.soap.answers import BinaryPlaces
from gateway.soap.bodies import RequestBody
from gateway.soap.calls import Call
from gateway.soap.contract import ACTION_PREFIX
from gateway.soap.deposits import Deposits
from gateway.soap.envelope import ReadingRules, Target, parse_into
from gateway.soap.faults import MessageRefused, SoapCode
from gateway.soap.limits import SoapLimits
from gateway.soap.members import BodyReader, Level, PrefixOf
from gateway.soap.protocol import operations_of, soap_server
from gateway.soap.shapes import Kind, Shape
from gateway.soap.translate import posted_request, verification_request
from gateway.storage.api import ContentWriter

FINDINGS = 1000
"""Findings of one message that are listed; reading ends there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One refusal: *member* as faults name it, and whether compatible mode refuses too or strict mode alone."""

    member: str
    reason: str
    compatible: bool


def lint_message(stream: BinaryIO, size: int, *, action: str | None, limits: SoapLimits) -> list[Finding]:
    """
    Everything that strict or compatible mode refuses in a message, in the order in which it is met.

    Args:
        stream: the HTTP body; sought to its beginning and read twice.
        size: its bytes.
        action: the SOAPAction header without quotes; None where it is not known, which is then no finding.
        limits: of one message.

    """
    strict, compatible = (
        _read(stream, size, action, limits, strict=True),
        _read(stream, size, action, limits, strict=False),
    )
    if not compatible:
        compatible = _translate(stream, size, limits)
    return [Finding(member, reason, (member, reason) in compatible) for member, reason in {**strict, **compatible}]


class _Findings(dict[tuple[str, str], None]):
    """Member and reason, each pair once, in order."""

    def note(self, member: str, error: GatewayError) -> None:
        """Add one. Raises ``MessageRefused`` once there are too many."""
        reason = error.reason if isinstance(error, InvalidRequest | MessageRefused) else str(error)
        self[member, reason] = None
        if len(self) >= FINDINGS:
            raise MessageRefused("More is wrong with this message than is listed")


def _read(stream: BinaryIO, size: int, action: str | None, limits: SoapLimits, *, strict: bool) -> _Findings:
    findings = _Findings()
    stream.seek(0)
    body = RequestBody({"wsgi.input": stream, "CONTENT_LENGTH": str(size)}, limits.body)
    operations = operations_of(soap_server(limits, strict=strict).app)
    rules = ReadingRules(operations, limits, strict)
    with _Passing() as deposits:
        try:
            body.check_announced()
            parse_into(_CollectingTarget(action, rules, deposits, findings), body, None)
        except MessageRefused as error:
            findings.setdefault(("Envelope", error.reason))
    return findings


def _translate(stream: BinaryIO, size: int, limits: SoapLimits) -> _Findings:
    """What is refused of a message whose form holds when it is put to an operation: a request that is nil, say."""
    findings = _Findings()
    stream.seek(0)
    body = RequestBody({"wsgi.input": stream, "CONTENT_LENGTH": str(size)}, limits.body)
    with _Passing() as deposits:
        nobody = Consumer(ConsumerId(""), "", "", "")
        record = AuditRecord("lint", "")
        call = Call(nobody, body, None, None, deposits, BinaryPlaces(_Nowhere()), record, _Asking())
        try:
            soap_server(limits, strict=False).answer(call)
        except InvalidRequest as error:
            findings.note(error.field or "request", error)
        except _Understood:
            pass
    return findings


class _Understood(Exception):
    """The operation could be asked."""


class _Asking:
    """``calls.Operations`` that only see whether they could be asked."""

    def post_sign_request(self, _call: Call, request: Any) -> str:
        """As its namesake, up to the operation."""
        posted_request(request)
        raise _Understood

    def get_sign_response(self, _call: Call, _request_id: str | None, language: str | None) -> Any:
        """As its namesake, up to the operation."""
        parse_language("language", language)
        raise _Understood

    def verify_signatures(self, _call: Call, request: Any) -> Any:
        """As its namesake, up to the operation."""
        verification_request(request)
        raise _Understood


class _CollectingTarget(Target):
    """Goes on after refusals that leave no doubt about what follows: headers and the SOAPAction."""

    def __init__(self, action: str | None, rules: ReadingRules, deposits: Deposits, findings: _Findings) -> None:
        super().__init__(action or None, rules, deposits, lambda _operation: None)
        self._findings = findings
        self._action_known = action is not None

    def start(self, tag: str, attributes: Mapping[str, str], nsmap: Mapping[str, str]) -> None:
        """An element begins."""
        try:
            super().start(tag, attributes, nsmap)
        except MessageRefused as error:
            if error.code is not SoapCode.MUST_UNDERSTAND:
                raise
            self._findings.note("Header", error)

    def _begin_operation(self, namespace: str, name: str) -> None:
        if not self._action_known and self._body is None:
            self._action = ACTION_PREFIX + name
        try:
            super()._begin_operation(namespace, name)
        except MessageRefused as error:
            right = ACTION_PREFIX + name
            if self._body is not None or self._action == right or name not in self._rules.operations:
                raise
            self._action = right
            super()._begin_operation(namespace, name)  # raises again where the action was not what is wrong
            self._findings.note("SOAPAction", error)
        shape = self._rules.operations[name]
        self._body = _CollectingReader(shape, self._deposits, self._rules, self._findings)


class _CollectingReader(BodyReader):
    """Notes what its base refuses, and passes over as much as cannot be read because of it."""

    def __init__(self, operation: Shape, deposits: Deposits, rules: ReadingRules, findings: _Findings) -> None:
        super().__init__(operation, deposits, rules.limits, strict=rules.strict)
        self._findings = findings

    def start(self, namespace: str, name: str, attributes: Mapping[str, str], namespace_of: PrefixOf) -> None:
        """An element begins; one that has no place here is passed over whole."""
        try:
            super().start(namespace, name, attributes, namespace_of)
        except InvalidRequest as error:
            self._note(error)
            self._skipped = 1

    def data(self, text: str) -> None:
        """Text; the rest of a value that cannot be read is passed over."""
        try:
            super().data(text)
        except InvalidRequest as error:
            self._note(error)
            if not self._levels[-1].shape.has_members:
                self._levels.pop()
                self._skipped = 1

    def end(self) -> None:
        """The innermost element ends."""
        try:
            super().end()
        except InvalidRequest as error:
            self._note(error)

    def _note(self, error: InvalidRequest) -> None:
        self._findings.note(error.field or "request", error)

    def _place(self, parent: Level, shape: Shape) -> str:
        try:
            return super()._place(parent, shape)
        except InvalidRequest as error:
            if parent.shape.kind is Kind.ARRAY:  # too many items: none of them is read
                raise
            self._note(error)
            parent.seen.add(shape.name)
            return error.field

    def _attributes(self, path: str, shape: Shape, attributes: Mapping[str, str], namespace_of: PrefixOf) -> bool:
        """One by one, so that each is judged."""
        nil = False
        for name, value in attributes.items():
            try:
                nil |= super()._attributes(path, shape, {name: value}, namespace_of)
            except InvalidRequest as error:
                self._findings.note(error.field or shape.name, error)
        return nil

    def _complete(self, level: Level) -> None:
        """Until nothing is missing any more."""
        while True:
            try:
                super()._complete(level)
            except InvalidRequest as error:
                self._note(error)
                level.seen.add(error.field.rpartition(".")[2])
            else:
                return


class _Nowhere:
    """A content store that counts and forgets; both the store and its one writer."""

    def __init__(self) -> None:
        self._length = 0

    def create(self) -> ContentWriter:
        """Another writer."""
        return _Nowhere()

    def open(self, _content_id: ContentId) -> BinaryIO:
        """Nothing is kept."""
        raise StoredContentMissing

    def delete(self, _content_id: ContentId) -> None:
        """Nothing is kept."""

    def older_than(self, _moment: datetime) -> Iterator[ContentId]:
        """Nothing is kept."""
        return iter(())

    def check(self) -> str:
        """It always works."""
        return "nowhere"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        """Nothing is kept."""

    def write(self, data: bytes) -> int:
        """Count."""
        self._length += len(data)
        return len(data)

    def commit(self) -> StoredContent:
        """What a store would answer, but for the hash, which nobody reads here."""
        return StoredContent(ContentId(""), self._length, bytes(32))


class _Passing(Deposits):
    """Deposits of which one may have been given up in the middle."""

    def __init__(self) -> None:
        super().__init__(_Nowhere())

    def begin(self) -> ContentWriter:
        """Start a content; leave the one before where its element was refused."""
        self._abandon()
        return super().begin()
