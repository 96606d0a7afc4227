"""The door of ``storage``: what is remembered. Every method is one short transaction; SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.parties import NO_LIMITS, Consumer, ConsumerId, ConsumerLimits
from gateway.domain.requests import ContentProgress, Outcome, RequestId, SignRequest
from gateway.domain.sessions import Arrival, SessionId, SigningSession
from gateway.domain.verification_jobs import JobId, JobState, VerificationJob


class ContentWriter(AbstractContextManager["ContentWriter"], Protocol):
    """A content being written; leaving without ``commit`` removes it."""

    def write(self, data: bytes, /) -> int:
        """Append; hashes as it goes."""

    def commit(self) -> StoredContent:
        """Make it durable and immutable (fsync, then rename)."""


class ContentStore(Protocol):
    """Large bytes, written once. A content no row claims is purged by maintenance."""

    def create(self) -> ContentWriter:
        """A new content under a fresh unguessable id."""

    def open(self, content_id: ContentId) -> BinaryIO:
        """A seekable stream; the caller closes it. Raises ``StoredContentMissing``."""

    def delete(self, content_id: ContentId) -> None:
        """Remove; nothing happens where it is gone already."""

    def older_than(self, moment: datetime) -> Iterator[ContentId]:
        """Ids of contents (and abandoned writings) last touched before *moment*."""

    def check(self) -> str:
        """Try to write, and say in a line where. Raises ``ConfigurationError``."""


class ConsumerDirectory(Protocol):
    """Registered information systems."""

    def add(self, consumer: Consumer) -> None:
        """Register. Raises ``ConfigurationError`` where issuer and serial, or the name, are taken."""

    def find(self, issuer: str, serial: str) -> Consumer | None:
        """The consumer of a client certificate, enabled or not."""

    def get(self, consumer_id: ConsumerId) -> Consumer | None:
        """By id."""

    def all(self) -> Sequence[Consumer]:
        """All, by name."""

    def disable(self, name: str) -> bool:
        """Turn off; False where no such name."""

    def enable(self, name: str) -> bool:
        """Turn on again; False where no such name."""

    def limit(self, name: str, limits: ConsumerLimits) -> bool:
        """Put *limits* in place of its own; False where no such name."""

    def show(self, name: str, appearance: VisibleSignature | None) -> bool:
        """Make its signatures in PDFs visible as *appearance* says, or invisible again; False where no such name."""

    def appearance(self, consumer_id: ConsumerId) -> VisibleSignature | None:
        """How its signatures are seen; None where they are not. Kept apart, for it may hold a picture."""

    def renew(self, name: str, issuer: str, serial: str) -> bool:
        """
        Put another certificate in place of its own; all else stays, its requests too. False where no such name.

        Raises ``ConfigurationError`` where the certificate is registered already.
        """


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it stands: what was posted, how it ended, who holds the pen, how far each content is."""

    request: SignRequest
    outcome: Outcome | None
    pen: SigningSession | None
    progress: tuple[ContentProgress, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many requests were forgotten, and the contents that nobody claims any more."""

    requests: int
    contents: tuple[ContentId, ...]


class RequestStore(Protocol):
    """Requests, their sessions, progress and outcome. Every write is guarded and says whether it took effect."""

    def add(self, request: SignRequest, limits: ConsumerLimits = NO_LIMITS) -> None:
        """
        Keep a request and claim its contents in one transaction.

        Raises:
            InvalidRequest: Its consumer would have more than *limits* allow; nothing is kept.

        """

    def refuse_excess(self, consumer_id: ConsumerId, now: datetime, limits: ConsumerLimits, more_bytes: int) -> None:
        """
        Raises ``InvalidRequest`` where one more request with *more_bytes* of documents would be too much for *limits*.
        ``add`` looks again; this one is asked before work is put into a request.
        """

    def get(self, request_id: RequestId) -> RequestRecord:
        """Everything about a request. Raises ``RequestNotFound``."""

    def take_pen(self, session: SigningSession, now: datetime, *, superseding: SessionId | None) -> bool:
        """
        Give *session* the pen where *superseding* holds it now (None: nobody does), no outcome is recorded and the
        request has not expired.
        """

    def update_session(self, session: SigningSession, now: datetime) -> bool:
        """
        Keep instrument, holder, certificate, nonce and memo, while the session holds the pen, no outcome is recorded
        and the request has not expired.
        """

    def keep_memo(
        self, session_id: SessionId, memo: Mapping[str, str], now: datetime, *, consent: bytes | None
    ) -> bool:
        """
        Keep the instrument's notes, under the same conditions.

        With *consent*, the nonce of a consent that was used and signed nothing: it is given back, unless there is
        another by now (False, and nothing is kept).
        """

    def use_consent(self, session_id: SessionId, nonce: bytes, now: datetime) -> bool:
        """Take the consent with *nonce*, once, under the same conditions: sets *consented* and clears the nonce."""

    def save_progress(self, session_id: SessionId, updates: Sequence[ContentProgress], now: datetime) -> bool:
        """
        Keep the given contents' progress, all or none, under the same conditions.

        Never backwards: False where an earlier state, another value over a kept one, or another end would be written.
        """

    def record_outcome(
        self, session_id: SessionId, updates: Sequence[ContentProgress], outcome: Outcome, now: datetime
    ) -> bool:
        """
        The final word, with the last progress, in one transaction: taken only where none is recorded, the request has
        not expired and this session holds the pen; Success only where every content is done.
        """

    def contents_in_use(self, content_ids: Sequence[ContentId]) -> set[ContentId]:
        """Which of these some row claims."""

    def delete_created_before(self, moment: datetime, limit: int) -> Forgotten:
        """Forget at most *limit* requests posted before *moment*, the oldest first."""


class ArrivalStore(Protocol):
    """How browsers came to requests; bounded per request, and gone with the request."""

    def put(self, arrival: Arrival) -> None:
        """
        Keep *arrival* in place of an earlier one of the same browser and request.

        Of one request the newest 32 are kept. Nothing happens where there is no such request.
        """

    def get(self, request_id: RequestId, browser: bytes) -> Arrival | None:
        """How *browser* came to the request."""

    def rebind(self, request_id: RequestId, browser: bytes, new_browser: bytes) -> None:
        """The browser's secret was rotated: what was kept for it is kept for the new one."""


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A person's enrolled key: *sealed* as the key store gave it; *chain* are issuer certificates, nearest first."""

    id: str
    personal_identifier: str
    certificate: bytes
    chain: tuple[bytes, ...]
    sealed: bytes
    created: datetime
    blocked: bool = False


class SignerKeyStore(Protocol):
    """Signers' sealed keys and their PIN attempts."""

    def add(self, key: SignerKey) -> None:
        """Keep a new key."""

    def get(self, key_id: str) -> SignerKey | None:
        """By id."""

    def of_person(self, personal_identifier: str) -> Sequence[SignerKey]:
        """A person's keys, newest first."""

    def begin_attempt(self, key_id: str, now: datetime) -> int:
        """
        Count a PIN attempt before it is tried, by one guarded statement; returns how many remain after it.

        The fifth in a row locks the key for fifteen minutes, doubling with every further five. Raises ``KeyLocked``.
        """

    def attempt_succeeded(self, key_id: str) -> None:
        """The PIN was right: counting starts anew and a lock is lifted."""

    def attempt_void(self, key_id: str) -> None:
        """The last attempt was counted and could not be made: it is taken back, with the lock that it brought."""

    def locked_until(self, key_id: str, now: datetime) -> datetime | None:
        """Until when the key is locked, or None."""


class AddressThrottle(Protocol):
    """Slows one address down before it can lock somebody else's key (decision 3)."""

    def allow(self, address: str, now: datetime, about: str = "") -> bool:
        """
        Count one try of *address* and say whether it may go on; with *about*, its tries at that one thing alone.

        Both are kept hashed.
        """

    def forgive(self, address: str, about: str = "") -> None:
        """The tries of *address* (at that one thing) came to a good end: counting starts anew."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate of our own authority and its end: *reason* is the CRLReason number; both None while it is good."""

    issuer_key_hash: bytes
    serial: int
    der: bytes
    issued: datetime
    revoked: datetime | None = None
    reason: int | None = None


class CertificateRegister(Protocol):
    """What our own authorities issued and ended; issuers are told apart by the SHA-256 of their public key (SPKI)."""

    def add(self, certificate: IssuedCertificate) -> None:
        """Keep a newly issued certificate."""

    def get(self, issuer_key_hash: bytes, serial: int) -> IssuedCertificate | None:
        """One certificate."""

    def revoke(self, issuer_key_hash: bytes, serial: int, at: datetime, reason: int) -> bool:
        """End it, where it is not ended for good already (a hold may become final); False otherwise."""

    def resume(self, issuer_key_hash: bytes, serial: int) -> bool:
        """Lift a hold; False where there is none."""

    def revoked(self, issuer_key_hash: bytes) -> Sequence[IssuedCertificate]:
        """All that are revoked or on hold, for a CRL."""


class VerificationJobStore(Protocol):
    """Verifications that are answered later. Who works on a job holds its latest claim, for as long as the lease."""

    def add(self, job: VerificationJob) -> None:
        """Keep a new job."""

    def get(self, job_id: JobId, now: datetime) -> VerificationJob | None:
        """A job that has not expired."""

    def open(self, now: datetime) -> int:
        """How many are not finished yet."""

    def claim(self, now: datetime, lease: timedelta) -> VerificationJob | None:
        """Take the oldest job that waits or whose worker's lease ran out; None where there is none."""

    def extend(self, job: VerificationJob, until: datetime) -> bool:
        """Keep the claim of *job* until then; False where somebody else has taken over."""

    def finish(self, job: VerificationJob, state: JobState, answers: str | None) -> bool:
        """The end of *job*, under the claim it came with; False where somebody else has taken over."""

    def remove(self, job_id: JobId) -> VerificationJob | None:
        """Forget a job; what was forgotten."""

    def expired(self, now: datetime, limit: int) -> Sequence[JobId]:
        """At most *limit* jobs whose time is over, the oldest first."""
