"""PostSignRequest: accept and keep a request; give its id."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest, ContentId, ContentType, DigestAlgorithm, StoredContent
from gateway.domain.parties import NO_LIMITS, Consumer, ConsumerId, ConsumerLimits, DelegatorType, ExpectedSigner
from gateway.domain.requests import RequestId, SignContent, SignRequest
from gateway.errors import InvalidRequest, UnsignableDocument
from gateway.formats.api import SignatureEngine
from gateway.storage.api import ContentStore, RequestStore

IDENTIFIER_DIGITS = 13
"""Length of a Moldovan personal identifier (IDNP)."""


@dataclass(frozen=True, slots=True)
class PostedContent:
    """A SignContent as it came: *content* in memory when small, stored when large, None when absent."""

    content: bytes | StoredContent | None
    correlation_id: str | None = None
    multiple_signatures: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class PostedExpectedSigner:
    """An ExpectedSigner as it came."""

    personal_identifier: str | None = None
    delegator_type: DelegatorType = DelegatorType.NONE
    delegator_id: str | None = None
    delegated_role_id: int = 0


@dataclass(frozen=True, slots=True)
class PostedRequest:
    """A SignRequest as it came, translated and not yet checked."""

    content_type: ContentType
    contents: Sequence[PostedContent]
    short_description: str | None
    description: str | None = None
    signature_reason: str | None = None
    expected_signer: PostedExpectedSigner | None = None


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """
    Sizes in bytes; see docs/configuration.md for each setting. *consumer*: of a consumer that has no word of its own on
    it; *inspecting*: looking into all documents of a request.
    """

    contents: int = 1000
    document_bytes: int = 100_000_000
    batch_bytes: int = 500_000_000
    lifetime: timedelta = field(default=timedelta(hours=1))
    sha1_contents: bool = True
    moldovan_identifiers: bool = True
    consumer: ConsumerLimits = NO_LIMITS
    inspecting: timedelta = field(default=timedelta(seconds=60))


_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class PostSignRequest:
    """
    Checks every field rule of the contract, keeps the request, answers its id.

    Leaves authentication and the wire to ``soap``. Contents that came with a refused request are deleted again.
    """

    def __init__(
        self,
        requests: RequestStore,
        contents: ContentStore,
        engines: Mapping[ContentType, SignatureEngine],
        limits: RequestLimits,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
        appearance_of: Callable[[ConsumerId], VisibleSignature | None] = lambda _: None,
    ) -> None:
        """
        Keep what is given.

        Args:
            new_id: gives 128 random bits as 32 hexadecimal digits.
            monotonic: gives seconds that never go back.
            appearance_of: how a consumer wants signatures in its PDFs to be seen; without it they are not.

        """
        self._requests = requests
        self._contents = contents
        self._engines = engines
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._monotonic = monotonic
        self._appearance_of = appearance_of

    def __call__(self, consumer: Consumer, posted: PostedRequest) -> RequestId:
        """
        Keep *posted* for *consumer* in one transaction and give its id.

        Raises:
            InvalidRequest: A field cannot be accepted, or the consumer has as much here as it may; names the field,
                with the content's index.

        """
        written = [c.content.content_id for c in posted.contents if isinstance(c.content, StoredContent)]
        try:
            request = self._accept(consumer, posted, written)
        except BaseException:
            for content_id in written:
                self._contents.delete(content_id)
            raise
        # Not within: where only the answer of a commit was lost, a row claims these contents. Else nobody does, and
        # maintenance finds them.
        try:
            self._requests.add(request, self._limits_of(consumer))
        except InvalidRequest:  # said before anything was written
            for content_id in written:
                self._contents.delete(content_id)
            raise
        return request.id

    def _limits_of(self, consumer: Consumer) -> ConsumerLimits:
        return consumer.limits.over(self._limits.consumer)

    def _accept(self, consumer: Consumer, posted: PostedRequest, written: list[ContentId]) -> SignRequest:
        short = _text("ShortContentDescription", posted.short_description, 90)
        if short is None:
            raise InvalidRequest("ShortContentDescription", "is required")
        description = _text("ContentDescription", posted.description, 512)
        reason = _text("SignatureReason", posted.signature_reason, 255)
        expected = self._expected_signer(posted)
        self._check_batch(posted.contents)
        now = self._clock()
        if posted.content_type is not ContentType.HASH:
            self._check_consumer(consumer, posted.contents, now)
        contents = tuple(self._each(consumer, posted, written))
        return SignRequest(
            id=RequestId(self._new_id()),
            consumer_id=consumer.id,
            content_type=posted.content_type,
            contents=contents,
            short_description=short,
            description=description or short,
            signature_reason=reason,
            expected_signer=expected,
            created=now,
            expires=now + self._limits.lifetime,
        )

    def _check_batch(self, contents: Sequence[PostedContent]) -> None:
        """Counts, sizes and correlation ids, before any document is opened."""
        if not contents:
            raise InvalidRequest("Contents", "at least one SignContent is required")
        if len(contents) > self._limits.contents:
            raise InvalidRequest("Contents", f"at most {self._limits.contents} contents are accepted in a request")
        check_correlation_ids([content.correlation_id for content in contents])
        total = 0
        for index, content in enumerate(contents):
            _text(f"Contents[{index}].Name", content.name, 256)
            size = _size(content.content)
            total += size
            if size > self._limits.document_bytes:
                raise InvalidRequest(
                    f"Contents[{index}].Content", f"is larger than {self._limits.document_bytes} bytes"
                )
        if total > self._limits.batch_bytes:
            raise InvalidRequest("Contents", f"together are larger than {self._limits.batch_bytes} bytes")

    def _check_consumer(self, consumer: Consumer, contents: Sequence[PostedContent], now: datetime) -> None:
        """Before work is put into documents; hashes are no work, and are counted when they are kept."""
        limits = self._limits_of(consumer)
        total = sum(_size(content.content) for content in contents)
        if limits.request_bytes is not None and total > limits.request_bytes:
            raise InvalidRequest(
                "Contents", f"together are larger than the {limits.request_bytes} bytes that this system may post"
            )
        if limits != NO_LIMITS:
            self._requests.refuse_excess(consumer.id, now, limits, total)

    def _each(self, consumer: Consumer, posted: PostedRequest, written: list[ContentId]) -> Iterator[SignContent]:
        """All contents, while there is time: each document alone may take as long as its reading is given."""
        appearance = self._appearance_of(consumer.id) if posted.content_type is ContentType.PDF else None
        until = self._monotonic() + self._limits.inspecting.total_seconds()
        for index, content in enumerate(posted.contents):
            if index and self._monotonic() > until:
                raise InvalidRequest(
                    f"Contents[{index}].Content",
                    f"was not looked into: the documents before it took {self._limits.inspecting.total_seconds():g} "
                    "seconds, all that one request may take; post fewer together",
                )
            yield self._content(index, posted.content_type, content, written, appearance)

    def _content(
        self,
        index: int,
        content_type: ContentType,
        posted: PostedContent,
        written: list[ContentId],
        appearance: VisibleSignature | None,
    ) -> SignContent:
        field_name = f"Contents[{index}].Content"
        if posted.content is None or _size(posted.content) == 0:
            raise InvalidRequest(field_name, "is required")
        kept: ContentDigest | StoredContent
        if content_type is ContentType.HASH:
            kept = self._digest(field_name, posted.content)
        else:
            kept = self._document(field_name, posted, written, appearance)
        return SignContent(
            index=index,
            correlation_id=posted.correlation_id or None,
            name=posted.name or None,
            content=kept,
            multiple_signatures=posted.multiple_signatures and content_type is ContentType.PDF,
        )

    def _digest(self, field_name: str, content: bytes | StoredContent) -> ContentDigest:
        if isinstance(content, StoredContent):
            raise InvalidRequest(field_name, "a hash must have 20, 32, 48 or 64 bytes")
        try:
            digest = ContentDigest.of(content)
        except ValueError as error:
            raise InvalidRequest(field_name, str(error)) from None
        if digest.algorithm is DigestAlgorithm.SHA512 and _HEXADECIMAL.issuperset(content):
            # SHA-256 so written has as many octets as SHA-512 and would be signed as such; by chance nothing looks so.
            raise InvalidRequest(field_name, "is a hash written in hexadecimal: send its octets")
        if digest.algorithm is DigestAlgorithm.SHA1 and not self._limits.sha1_contents:
            raise InvalidRequest(field_name, "SHA-1 hashes are not accepted here")
        return digest

    def _document(
        self, field_name: str, posted: PostedContent, written: list[ContentId], appearance: VisibleSignature | None
    ) -> StoredContent:
        stored = posted.content
        if isinstance(stored, bytes):
            with self._contents.create() as writer:
                for piece in iter(io.BytesIO(stored).read, b""):
                    writer.write(piece)
                stored = writer.commit()
            written.append(stored.content_id)
        assert stored is not None
        with closing(self._contents.open(stored.content_id)) as document:
            try:
                engine = self._engines[ContentType.PDF]
                engine.inspect(document, multiple_signatures=posted.multiple_signatures, appearance=appearance)
            except UnsignableDocument as error:
                raise InvalidRequest(field_name, error.reason) from None
        return stored

    def _expected_signer(self, posted: PostedRequest) -> ExpectedSigner | None:
        given = posted.expected_signer
        if given is None:
            return None
        if given.delegator_type is not DelegatorType.NONE:
            raise InvalidRequest("ExpectedSigner.DelegatorType", "delegation is not configured here; use None")
        if given.delegator_id:
            raise InvalidRequest("ExpectedSigner.DelegatorID", "is accepted with a DelegatorType only")
        if given.delegated_role_id:
            raise InvalidRequest("ExpectedSigner.DelegatedRoleID", "is accepted with a DelegatorType only")
        identifier = _text("ExpectedSigner.ID", given.personal_identifier, 64)
        if identifier is None:
            if posted.content_type is ContentType.HASH:
                raise InvalidRequest("ExpectedSigner.ID", "is required for hashes when ExpectedSigner is given")
            return None
        digits = len(identifier) == IDENTIFIER_DIGITS and identifier.isascii() and identifier.isdigit()
        if self._limits.moldovan_identifiers and not digits:
            raise InvalidRequest("ExpectedSigner.ID", f"must have {IDENTIFIER_DIGITS} digits")
        return ExpectedSigner(identifier)


def check_correlation_ids(correlation_ids: Sequence[str | None]) -> None:
    """Refuse correlation ids that are too long or occur twice; absent and empty ones may repeat."""
    seen: dict[str, int] = {}
    for index, correlation_id in enumerate(correlation_ids):
        _text(f"Contents[{index}].CorrelationID", correlation_id, 36)
        if correlation_id:
            first = seen.setdefault(correlation_id, index)
            if first != index:
                raise InvalidRequest(
                    f"Contents[{index}].CorrelationID", f"must be unique; it is the same as in Contents[{first}]"
                )


def _text(field_name: str, value: str | None, limit: int) -> str | None:
    """*value* within *limit* characters, with blank text as absent."""
    if value is None or not value.strip():
        return None
    if len(value) > limit:
        raise InvalidRequest(field_name, f"has {len(value)} characters; at most {limit} are accepted")
    return value


def _size(content: bytes | StoredContent | None) -> int:
    if content is None:
        return 0
    return content.length if isinstance(content, StoredContent) else len(content)
