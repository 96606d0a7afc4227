"""
VerifySignatures: conclude on each submitted signature (EN 319 102-1).

Each content goes alone: whatever one of them does, the others get their answers, and each has its time. For every
signature found

1. the format says what the bytes say (``IntegrityVerdict``);
2. its time-stamps are judged, and the earliest valid one settles the time, otherwise it is now;
3. the certificate is judged at that time (``TrustVerdict``), and the policy asked (``PolicyVerdict``);
4. ``domain.conclusions`` says what that comes to.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from typing import BinaryIO

from gateway.audit import audited
from gateway.domain.contents import ContentDigest, ContentType, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.policy import KeyStrength, ValidationPolicy
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind
from gateway.domain.verification import (
    DetachedContent,
    FileFormat,
    SignatureConclusion,
    VerificationContent,
    VerificationRequest,
    VerificationResult,
)
from gateway.errors import InvalidRequest, ServiceBusy, UnreadableSignature
from gateway.formats.api import SignatureEngine, SignatureReader
from gateway.operations.budgets import Budgets
from gateway.operations.concluding import Concluding
from gateway.operations.post_sign_request import check_correlation_ids
from gateway.storage.api import ContentStore
from gateway.timestamps.api import TokenReader
from gateway.trust.api import CertificateJudge

_COVERS_TOLD = 32
_PDF_MARK = b"%PDF-"
_XML_MARKS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\0<")


class VerifySignatures:
    """Validates batches for consumers, and single files for anybody else. Leaves words and the wire to others."""

    def __init__(
        self,
        engines: Mapping[ContentType, SignatureEngine],
        judge: CertificateJudge | None,
        tokens: TokenReader,
        contents: ContentStore,
        policy: ValidationPolicy,
        clock: Callable[[], datetime],
        *,
        describe: Callable[[bytes], str],
        strength: Callable[[bytes], KeyStrength | None],
        readers: Mapping[FileFormat, SignatureReader] | None = None,
        max_contents: int = 1000,
        seconds_each: float | None = None,
        seconds_all: float | None = None,
    ) -> None:
        """
        Wire the operation.

        Args:
            engines: read what consumers send: one for each content type.
            judge: None judges integrity and policy alone: nothing is TOTAL-PASSED then, and ``accepted`` says whether
                all else is well.
            tokens: reads time-stamps.
            contents: where stored signatures lie.
            policy: used where a call names no other.
            clock: the time of validation.
            describe: gives the Subject of a certificate (DER) as the contract shows it, or raises ``ValueError``.
            strength: its key's, None where that cannot be read.
            readers: for files that others made.
            max_contents: bounds one request.
            seconds_each: of one content of a batch; one that takes longer is answered as undetermined.
            seconds_all: of a whole batch.

        """
        self._engines = engines
        self._judge = judge
        self._tokens = tokens
        self._contents = contents
        self._policy = policy
        self._clock = clock
        self._describe = describe
        self._strength = strength
        self._readers = dict(readers or {})
        self._max_contents = max_contents
        self._budgets = Budgets(seconds_each, seconds_all)

    def __call__(self, request: VerificationRequest) -> Sequence[VerificationResult]:
        """
        One result for each content, in order. Stored signatures are let go, however it ends.

        Raises:
            InvalidRequest: A field cannot be accepted; names it, with the content's index.
            ServiceBusy: Too many documents are being read.

        """
        try:
            self._check(request)
            concluding = self._concluding(None)
            alone = [partial(self._alone, concluding, request.content_type, one) for one in request.contents]

            def late(index: int) -> VerificationResult:
                return VerificationResult(request.contents[index].correlation_id, (), MessageKey.OUT_OF_TIME)

            return self._budgets.run(alone, late)
        finally:
            for content in request.contents:
                if isinstance(content.signature, StoredContent):
                    with suppress(Exception):
                        self._contents.delete(content.signature.content_id)

    def verify_one(self, content_type: ContentType, signature: BinaryIO, content: bytes | None) -> VerificationResult:
        """
        Validate one signature as a consumer would send it.

        Args:
            content_type: what was signed.
            signature: XAdES, or a signed PDF; a seekable stream that the caller closes.
            content: the original hash, for hash signatures.

        Never raises for anything in the file: what cannot be read has a result that says so.
        """
        concluding = self._concluding(None)
        return self._guarded(None, lambda: self._verify(concluding, content_type, signature, content))

    def verify_file(
        self,
        file_format: FileFormat,
        signature: BinaryIO,
        contents: Sequence[DetachedContent] = (),
        *,
        as_stated: bool = False,
        policy: ValidationPolicy | None = None,
        certificates: Sequence[bytes] = (),
    ) -> VerificationResult:
        """
        Validate one signature file that anybody made.

        Args:
            file_format: how it is to be read.
            signature: a seekable stream that the caller closes.
            contents: signed data outside the file. What no signature of an XML file covers makes it not valid,
                however good they are: the caller asks about that data.
            as_stated: take digests that references state for granted where their data is outside and was not given.
            policy: instead of the usual one.
            certificates: of signers (DER), for signatures that bring none.

        Never raises for anything in the file: what cannot be read has a result that says so.

        Raises:
            ServiceBusy: Too many documents are being read.

        """
        concluding = self._concluding(policy)

        def verify() -> VerificationResult:
            reader = self._readers[file_format]
            found = list(reader.read_file(signature, contents, as_stated=as_stated, certificates=certificates))
            revisions = file_format is FileFormat.PADES
            concluded = tuple(concluding.conclusions(found, document=True, revisions=revisions))
            result = VerificationResult(None, concluded, _message(concluded))
            if result.valid and file_format is FileFormat.XADES and _leaves_out(contents, found):
                return VerificationResult(None, concluded, MessageKey.OTHER_CONTENT)
            return result

        return self._guarded(None, verify)

    def _concluding(self, policy: ValidationPolicy | None) -> Concluding:
        return Concluding(
            self._judge,
            self._tokens,
            policy or self._policy,
            self._clock(),
            describe=self._describe,
            strength=self._strength,
        )

    def _check(self, request: VerificationRequest) -> None:
        if not request.contents:
            raise InvalidRequest("Contents", "at least one VerificationContent is required")
        if len(request.contents) > self._max_contents:
            raise InvalidRequest("Contents", f"at most {self._max_contents} contents are accepted in a request")
        check_correlation_ids([content.correlation_id for content in request.contents])
        for index, content in enumerate(request.contents):
            if isinstance(content.signature, bytes) and not content.signature:
                raise InvalidRequest(f"Contents[{index}].Signature", "is required")
            if request.content_type is ContentType.HASH and not content.content:
                raise InvalidRequest(f"Contents[{index}].Content", "is required for hashes")

    def _alone(
        self, concluding: Concluding, content_type: ContentType, content: VerificationContent
    ) -> VerificationResult:
        def verify() -> VerificationResult:
            with closing(self._open(content.signature)) as signature:
                return self._verify(concluding, content_type, signature, content.content)

        found = self._guarded(content.correlation_id, verify)
        return VerificationResult(content.correlation_id, found.conclusions, found.message)

    def _open(self, signature: bytes | StoredContent) -> BinaryIO:
        if isinstance(signature, StoredContent):
            return self._contents.open(signature.content_id)
        return io.BytesIO(signature)

    @staticmethod
    def _guarded(correlation_id: str | None, verify: Callable[[], VerificationResult]) -> VerificationResult:
        """The answer of *verify*, or a result that says why there is none; what nobody foresaw is recorded."""
        try:
            return verify()
        except UnreadableSignature:
            return VerificationResult(correlation_id, (), MessageKey.UNREADABLE)
        except ServiceBusy:
            raise  # "try again" is no verdict
        except Exception:
            with suppress(Exception), audited("verify_content"):
                raise
            return VerificationResult(correlation_id, (), MessageKey.UNDETERMINED)

    def _verify(
        self, concluding: Concluding, content_type: ContentType, signature: BinaryIO, content: bytes | None
    ) -> VerificationResult:
        unfit = _unfit(content_type, signature, content)
        if unfit is not None:
            return VerificationResult(None, (), unfit)
        found = list(self._engines[content_type].read(signature, content))
        if not any(entry.kind is SignatureKind.SIGNATURE for entry in found):
            # Document time-stamps alone prove when, and sign nothing.
            return VerificationResult(None, (), MessageKey.NOT_SIGNED)
        document = content_type is ContentType.PDF
        conclusions = tuple(concluding.conclusions(found, document=document, revisions=document))
        return VerificationResult(None, conclusions, _message(conclusions))


def _leaves_out(contents: Sequence[DetachedContent], found: Sequence[IntegrityVerdict]) -> bool:
    """
    Whether something that the caller holds is signed by nobody in an XML file.

    A signature over data of its own says nothing about a file beside it. Every reference to something outside that
    holds found it among *contents*, so it is enough to count; "/" and "#…" are inside.
    """
    outside = {name for entry in found for name in entry.covers if name != "/" and not name.startswith("#")}
    return len(outside) < min(len(contents), _COVERS_TOLD)


def _unfit(content_type: ContentType, signature: BinaryIO, content: bytes | None) -> MessageKey | None:
    """What can be said before anything is read: the wrong kind of file, or no hash."""
    beginning = signature.read(len(_PDF_MARK))
    signature.seek(0)
    if content_type is ContentType.PDF:
        return MessageKey.XML_SENT_AS_PDF if beginning.startswith(_XML_MARKS) else None
    if beginning == _PDF_MARK:
        return MessageKey.PDF_SENT_AS_HASH
    if content is not None:
        try:
            ContentDigest.of(content)
        except ValueError:
            return MessageKey.WRONG_HASH_LENGTH
    return None


def _message(conclusions: Sequence[SignatureConclusion]) -> MessageKey:
    """One message for all of a file's signatures: the reason where only one speaks."""
    signatures = [c for c in conclusions if c.integrity.kind is SignatureKind.SIGNATURE]
    if not signatures:
        return MessageKey.NOT_SIGNED  # document time-stamps alone prove when, and sign nothing
    failing = [c for c in conclusions if not c.accepted]
    if not failing:
        if any(c.message is MessageKey.TRUST_NOT_JUDGED for c in conclusions):
            return MessageKey.TRUST_NOT_JUDGED
        return MessageKey.ALL_VALID if len(signatures) > 1 else MessageKey.VALID
    if len(signatures) == 1:
        return next((c.message for c in failing if c.integrity.kind is SignatureKind.SIGNATURE), failing[0].message)
    return MessageKey.SOME_NOT_VALID
