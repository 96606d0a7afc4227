"""
VerifySignatures: conclude on each submitted signature (EN 319 102-1).

Each content goes alone: whatever one of them does, the others get their answers. For every signature found

1. the format says what the bytes say (``IntegrityVerdict``);
2. its time-stamps are judged, and the earliest valid one settles the time, otherwise it is now;
3. the certificate is judged at that time (``TrustVerdict``), and the policy asked (``PolicyVerdict``);
4. ``domain.conclusions`` says what that comes to.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import BinaryIO

from gateway.audit import audited
from gateway.domain.conclusions import conclude
from gateway.domain.contents import ContentDigest, ContentType, DigestAlgorithm, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.policy import Acceptance, KeyStrength, ValidationPolicy, policy_verdict
from gateway.domain.verdicts import (
    IntegrityVerdict,
    SignatureKind,
    TimeStampFound,
    TimeStampVerdict,
    Trust,
    TrustVerdict,
)
from gateway.domain.verification import (
    SignatureConclusion,
    VerificationContent,
    VerificationRequest,
    VerificationResult,
)
from gateway.errors import InvalidRequest, ServiceBusy, UnreadableSignature
from gateway.formats.api import SignatureEngine
from gateway.operations.post_sign_request import check_correlation_ids
from gateway.storage.api import ContentStore
from gateway.timestamps.api import TokenReader, TokenReading
from gateway.trust.api import CertificateJudge, Purpose

_PDF_MARK = b"%PDF-"
_CLOCK_SKEW = timedelta(minutes=5)
_TOKENS = 16
"""Time-stamps of one signature that are judged, at most; what more there is proves nothing more."""


class VerifySignatures:
    """Validates batches for consumers, and single files for the command line. Leaves words and the wire to others."""

    def __init__(
        self,
        engines: Mapping[ContentType, SignatureEngine],
        judge: CertificateJudge,
        tokens: TokenReader,
        contents: ContentStore,
        policy: ValidationPolicy,
        clock: Callable[[], datetime],
        *,
        describe: Callable[[bytes], str],
        strength: Callable[[bytes], KeyStrength | None],
        max_contents: int = 1000,
    ) -> None:
        """
        Wire the operation.

        *describe* gives the Subject of a certificate (DER) as the contract shows it, or raises ``ValueError``;
        *strength* its key's, None where that cannot be read. *max_contents* bounds one request.
        """
        self._engines = engines
        self._judge = judge
        self._tokens = tokens
        self._contents = contents
        self._policy = policy
        self._clock = clock
        self._describe = describe
        self._strength = strength
        self._max_contents = max_contents

    def __call__(self, request: VerificationRequest) -> Sequence[VerificationResult]:
        """
        One result for each content, in order. Stored signatures are let go, however it ends.

        Raises:
            InvalidRequest: A field cannot be accepted; names it, with the content's index.
            ServiceBusy: Too many documents are being read.

        """
        try:
            self._check(request)
            return [self._alone(request.content_type, content) for content in request.contents]
        finally:
            for content in request.contents:
                if isinstance(content.signature, StoredContent):
                    with suppress(Exception):
                        self._contents.delete(content.signature.content_id)

    def verify_one(self, content_type: ContentType, signature: BinaryIO, content: bytes | None) -> VerificationResult:
        """
        Validate one signature file.

        Args:
            content_type: what was signed.
            signature: XAdES, or a signed PDF; a seekable stream that the caller closes.
            content: the original hash, for hash signatures.

        Never raises for anything in the file: what cannot be read has a result that says so.
        """
        return self._guarded(None, lambda: self._verify(content_type, signature, content))

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

    def _alone(self, content_type: ContentType, content: VerificationContent) -> VerificationResult:
        def verify() -> VerificationResult:
            with closing(self._open(content.signature)) as signature:
                return self._verify(content_type, signature, content.content)

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

    def _verify(self, content_type: ContentType, signature: BinaryIO, content: bytes | None) -> VerificationResult:
        if content_type is ContentType.HASH:
            refused = _unfit_hash(signature, content)
            if refused is not None:
                return VerificationResult(None, (), refused)
        found = list(self._engines[content_type].read(signature, content))
        if not any(entry.kind is SignatureKind.SIGNATURE for entry in found):
            # Document time-stamps alone prove when, and sign nothing.
            return VerificationResult(None, (), MessageKey.NOT_SIGNED)
        conclusions = tuple(self._conclusions(content_type, found))
        return VerificationResult(None, conclusions, _message(conclusions))

    def _conclusions(self, content_type: ContentType, found: list[IntegrityVerdict]) -> list[SignatureConclusion]:
        """Conclusions in document order, found from the last entry back: later time-stamps prove earlier entries."""
        now = self._clock()
        stamps: dict[int, TimeStampVerdict] = {}
        later: TimeStampVerdict | None = None
        proofs: list[TimeStampVerdict | None] = [None] * len(found)
        for index in range(len(found) - 1, -1, -1):
            proofs[index] = later
            if found[index].kind is SignatureKind.DOCUMENT_TIME_STAMP:
                stamps[index] = self._document_time_stamp(found[index], later, now)
                later = stamps[index] if stamps[index].valid else later
        concluded = []
        earlier: datetime | None = None
        for index, integrity in enumerate(found):
            if index in stamps:
                concluded.append(self._time_stamp_conclusion(integrity, stamps[index]))
                if stamps[index].valid:
                    earlier = stamps[index].gen_time
            else:
                document = content_type is ContentType.PDF
                concluded.append(self._conclusion(integrity, proofs[index], earlier, now, document=document))
        return concluded

    def _conclusion(
        self,
        integrity: IntegrityVerdict,
        later: TimeStampVerdict | None,
        earlier: datetime | None,
        now: datetime,
        *,
        document: bool,
    ) -> SignatureConclusion:
        """
        Conclude on one signature.

        *later* is a document time-stamp over it; *earlier* the time of one that it covers, so that it was signed after.
        """
        subject = self._subject(integrity)
        if not integrity.crypto_valid or integrity.certificate is None:
            return conclude(integrity, (), None, None, subject, document=document)
        proved_by_later = later.gen_time if later is not None else None
        stamps = [self._time_stamp(f, integrity, proved_by_later, now) for f in integrity.time_stamps[:_TOKENS]]
        if later is not None:
            stamps.append(later)
        proved = [stamp.gen_time for stamp in stamps if stamp.valid and stamp.gen_time is not None]
        proved_at = min(proved, default=None)
        trust = self._trust(integrity, proved_at or now, now)
        before = None
        if earlier is not None and trust.trust in (Trust.REVOKED, Trust.EXPIRED):
            before = self._trust(integrity, earlier, now)
        policy = policy_verdict(
            self._policy,
            integrity,
            time_stamps=stamps,
            key=self._strength(integrity.certificate),
            proved_at=proved_at,
            now=now,
        )
        return conclude(integrity, stamps, trust, policy, subject, trust_before_signing=before, document=document)

    def _time_stamp_conclusion(self, integrity: IntegrityVerdict, stamp: TimeStampVerdict) -> SignatureConclusion:
        return conclude(integrity, (stamp,), stamp.trust, None, self._subject(integrity), document=True)

    def _trust(self, integrity: IntegrityVerdict, at: datetime, now: datetime) -> TrustVerdict:
        assert integrity.certificate is not None
        return self._judge.judge(
            integrity.certificate,
            Purpose.SIGNING,
            at=at,
            now=now,
            others=integrity.other_certificates,
            ocsp_responses=integrity.embedded_ocsp_responses,
            crls=integrity.embedded_crls,
        )

    def _document_time_stamp(
        self, integrity: IntegrityVerdict, later: TimeStampVerdict | None, now: datetime
    ) -> TimeStampVerdict:
        if not integrity.crypto_valid or integrity.structure_valid is not True or not integrity.time_stamps:
            return TimeStampVerdict(valid=False, gen_time=None, digest=None, trust=None, detail="does not hold")
        proved_by_later = later.gen_time if later is not None else None
        return self._time_stamp(integrity.time_stamps[0], integrity, proved_by_later, now)

    def _time_stamp(
        self, found: TimeStampFound, integrity: IntegrityVerdict, proved_by_later: datetime | None, now: datetime
    ) -> TimeStampVerdict:
        """
        Judge one token: imprint, signature, time, algorithms, then its authority.

        The authority is judged when the token is proved to have existed: by a later time-stamp, else now; under a
        policy that lets a token outlive its authority's certificate, at the token's own time.
        """
        try:
            reading = self._tokens.read(found.token)
        except UnreadableSignature:
            return TimeStampVerdict(valid=False, gen_time=None, digest=None, trust=None, detail="not readable")
        digest = _digest(reading.imprint_algorithm)
        broken = self._broken(reading, found.covered, now)
        if broken is not None or reading.certificate is None:
            return TimeStampVerdict(False, reading.gen_time, digest, None, broken or "without certificate")
        own_time = self._policy.expired_authorities
        trust = self._judge.judge(
            reading.certificate,
            Purpose.TIME_STAMPING,
            at=reading.gen_time if own_time else (proved_by_later or now),
            now=now,
            others=(*reading.other_certificates, *integrity.other_certificates),
            ocsp_responses=integrity.embedded_ocsp_responses,
            crls=integrity.embedded_crls,
        )
        return TimeStampVerdict(trust.trust is Trust.GOOD, reading.gen_time, digest, trust, trust.detail)

    def _broken(self, reading: TokenReading, covered: bytes | None, now: datetime) -> str | None:
        """Why the token proves nothing whoever signed it; None where it holds."""
        if covered is None or not _imprint_holds(reading, covered):
            return "imprint of something else"
        if not reading.signature_valid:
            return "signature does not hold"
        if reading.gen_time > now + _CLOCK_SKEW:
            return "time lies in the future"
        judged = [self._policy.token_digest(algorithm) for algorithm in reading.digest_algorithms]
        judged.append(self._policy.digest(reading.imprint_algorithm, reading.gen_time))
        return "weak algorithm" if Acceptance.REFUSED in judged else None

    def _subject(self, integrity: IntegrityVerdict) -> str | None:
        if integrity.certificate is None:
            return None
        try:
            return self._describe(integrity.certificate)
        except ValueError:
            return None


def _unfit_hash(signature: BinaryIO, content: bytes | None) -> MessageKey | None:
    """What can be said of a hash signature before it is read."""
    beginning = signature.read(len(_PDF_MARK))
    signature.seek(0)
    if beginning == _PDF_MARK:
        return MessageKey.PDF_SENT_AS_HASH
    if content is not None:
        try:
            ContentDigest.of(content)
        except ValueError:
            return MessageKey.WRONG_HASH_LENGTH
    return None


def _message(conclusions: Sequence[SignatureConclusion]) -> MessageKey:
    """One message for all of a content's signatures: the reason where only one speaks."""
    signatures = [c for c in conclusions if c.integrity.kind is SignatureKind.SIGNATURE]
    failing = [c for c in conclusions if c.sub_indication is not None]
    if not failing:
        return MessageKey.VALID if len(signatures) == 1 else MessageKey.ALL_VALID
    if len(signatures) == 1:
        return next((c.message for c in failing if c.integrity.kind is SignatureKind.SIGNATURE), failing[0].message)
    return MessageKey.SOME_NOT_VALID


def _imprint_holds(reading: TokenReading, covered: bytes) -> bool:
    """Whether the token is over *covered*, which an engine gives as octets, or as their digest where it streams."""
    try:
        expected = hashlib.new(reading.imprint_algorithm, covered).digest()
    except (ValueError, TypeError):
        return False
    return hmac.compare_digest(reading.imprint, expected) or hmac.compare_digest(reading.imprint, covered)


def _digest(name: str) -> DigestAlgorithm | str:
    try:
        return DigestAlgorithm(name)
    except ValueError:
        return name
