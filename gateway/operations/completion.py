"""From signature values to finished signatures: one concurrent round of time-stamps, then each content on its own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from gateway.domain.contents import ContentDigest, ContentType, DigestAlgorithm, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.requests import ContentProgress, ContentState, SignContent
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.domain.verdicts import SignatureKind
from gateway.errors import AuthorityUnavailable, ServiceBusy, StoredContentMissing, UnreadableSignature
from gateway.formats.api import SignatureEngine
from gateway.storage.api import ContentStore, ContentWriter, RequestRecord
from gateway.timestamps.api import TimeStampingAuthority, TimeStampToken

_MISSING_FOR = timedelta(minutes=10)


class Completion:
    """Turns a request's signed contents into results. Writes finished documents to the content store, rows nowhere."""

    def __init__(
        self,
        contents: ContentStore,
        engines: Mapping[ContentType, SignatureEngine],
        authority: TimeStampingAuthority,
    ) -> None:
        """*authority* is asked once per batch, for all imprints together."""
        self._contents = contents
        self._engines = engines
        self._authority = authority

    @contextmanager
    def content(self, content: ContentDigest | StoredContent) -> Iterator[ContentDigest | BinaryIO]:
        """A content as an engine takes it; a document's stream is closed at the end."""
        if isinstance(content, ContentDigest):
            yield content
            return
        with closing(self._contents.open(content.content_id)) as stream:
            yield stream

    def complete(self, record: RequestRecord, now: datetime) -> list[ContentProgress]:
        """
        Progress of every content that had a value: DONE; TIME_STAMP_MISSING, its value kept for a later try, where the
        authority or the content store is away; or FAILED when the finished signature does not read back as ours
        (decision 22), or its document has been missing for too long.

        A store that is away for a moment looks like one that lost a document. So a document is given up ten minutes
        after the signer's consent, or when half of the time from there to the request's end is over: then it fails
        alone, and the others are delivered.
        """
        engine = self._engines[record.request.content_type]
        unfinished = [
            item for item in record.progress if item.state in (ContentState.SIGNED, ContentState.TIME_STAMP_MISSING)
        ]
        if not unfinished:
            return []
        imprints: list[bytes] = []
        stamped: list[ContentProgress] = []
        failed: list[ContentProgress] = []
        for item in unfinished:
            try:
                imprints.append(engine.imprint(_prepared(item), _value(item)))
                stamped.append(item)
            except UnreadableSignature:
                failed.append(ContentProgress(item.index, ContentState.FAILED, MessageKey.NOT_VALID))
        tokens = self._authority.tokens(imprints, DigestAlgorithm.SHA256, now) if imprints else ()
        given_up = now >= _gives_up(record)
        return failed + [
            _kept(item)
            if isinstance(token, AuthorityUnavailable)
            else self._complete_one(engine, record.request.contents[item.index], item, token, given_up=given_up)
            for item, token in zip(stamped, tokens, strict=True)
        ]

    def _complete_one(
        self,
        engine: SignatureEngine,
        content: SignContent,
        item: ContentProgress,
        token: TimeStampToken,
        *,
        given_up: bool,
    ) -> ContentProgress:
        """*given_up*: a content that is missing now is missing for good."""
        try:
            with self.content(content.content) as source:
                result = self._write(engine, source, item, token)
        except UnreadableSignature:
            return ContentProgress(item.index, ContentState.FAILED, MessageKey.NOT_VALID)
        except ServiceBusy:  # nothing can be stored now
            return _kept(item)
        except StoredContentMissing:
            if not given_up:
                return _kept(item)
            return ContentProgress(item.index, ContentState.FAILED, MessageKey.DOCUMENT_UNSIGNABLE)
        return ContentProgress(item.index, ContentState.DONE, certificate=item.certificate, result=result)

    def _write(
        self,
        engine: SignatureEngine,
        source: ContentDigest | BinaryIO,
        item: ContentProgress,
        token: TimeStampToken,
    ) -> bytes | StoredContent:
        if isinstance(source, ContentDigest):
            out = io.BytesIO()
            engine.complete(source, _prepared(item), _value(item), token.der, out)
            out.seek(0)
            _read_back(engine, out, source.value, item, token)
            return out.getvalue()
        with self._contents.create() as writer:
            engine.complete(source, _prepared(item), _value(item), token.der, _as_stream(writer))
            stored = writer.commit()
        try:
            with closing(self._contents.open(stored.content_id)) as written:
                _read_back(engine, written, None, item, token)
        except BaseException:
            self._contents.delete(stored.content_id)
            raise
        return stored


def _read_back(
    engine: SignatureEngine, signature: BinaryIO, content: bytes | None, item: ContentProgress, token: TimeStampToken
) -> None:
    """Our own reader must find our signature whole, last, under our certificate and with its token."""
    found = [v for v in engine.read(signature, content) if v.kind is SignatureKind.SIGNATURE]
    if not found:
        raise UnreadableSignature("the finished signature was not found")
    ours = found[-1]
    holds = ours.crypto_valid and ours.structure_valid is not False and ours.modified_after_signing is not True
    stamped = any(stamp.token == token.der for stamp in ours.time_stamps)
    if not (holds and stamped and ours.certificate == item.certificate):
        raise UnreadableSignature("the finished signature does not read back as ours")


def _prepared(item: ContentProgress) -> PreparedSignature:
    assert item.prepared_octets is not None
    assert item.prepared_state is not None
    return unpack_state(item.prepared_octets, item.prepared_state)


def pack_state(prepared: PreparedSignature) -> bytes:
    """The engine's state with the name of the signature's digest algorithm before it: what a row keeps."""
    return prepared.data.algorithm.value.encode() + b"\n" + prepared.state


def unpack_state(octets: bytes, packed: bytes) -> PreparedSignature:
    """The opposite of ``pack_state``."""
    algorithm, _, state = packed.partition(b"\n")
    return PreparedSignature(DataToBeSigned(octets, DigestAlgorithm(algorithm.decode())), state)


def _value(item: ContentProgress) -> SignatureValue:
    assert item.value is not None
    return SignatureValue(item.value)


def _gives_up(record: RequestRecord) -> datetime:
    consented = record.pen.consented if record.pen is not None else None
    began = consented or record.request.created
    return began + min(_MISSING_FOR, (record.request.expires - began) / 2)


def _kept(item: ContentProgress) -> ContentProgress:
    return ContentProgress(
        item.index,
        ContentState.TIME_STAMP_MISSING,
        prepared_octets=item.prepared_octets,
        prepared_state=item.prepared_state,
        value=item.value,
        certificate=item.certificate,
    )


def _as_stream(writer: ContentWriter) -> BinaryIO:
    """Engines only write to their sink; a content writer can do that much of a stream."""
    return cast("BinaryIO", writer)
