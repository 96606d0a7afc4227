"""
The sign page's work: carry one signer's visit as far as it goes.

1. The signer's first POST takes the pen (``take_pen``).
2. ``choose``: the instrument finds whose key will sign; the certificate is checked against the request.
3. The page shows what will be signed and carries a consent token (``consent_token``).
4. ``sign``: the key opens, the consent is used up, every content is prepared and signed, the values are stored.
5. ``finish``: the batch is time-stamped, completed, read back and recorded. A silent authority stops here, with the
   values kept, and ``finish`` may be called again without the signer's PIN.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO, NoReturn

from gateway.domain.appearance import VisibleSignature
from gateway.domain.certificates import SigningCertificate
from gateway.domain.contents import ContentDigest, ContentType, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.parties import ConsumerId
from gateway.domain.requests import (
    ContentProgress,
    ContentState,
    Outcome,
    RequestId,
    SignRequest,
    SignStatus,
    status_at,
)
from gateway.domain.sessions import SessionId, SigningSession
from gateway.domain.signatures import PreparedSignature, SignatureValue
from gateway.errors import (
    AlreadyFinished,
    ConsentMismatch,
    InstrumentUnavailable,
    SessionSuperseded,
    SigningDeclined,
    UnsignableDocument,
)
from gateway.formats.api import SignatureEngine, SignatureParameters
from gateway.instruments.api import (
    Answers,
    Ask,
    Choice,
    Instrument,
    Interaction,
    RunInBrowser,
    SigningDevice,
    Visit,
    Wait,
)
from gateway.operations.completion import Completion, pack_state, unpack_state
from gateway.operations.consent import consent_token
from gateway.operations.signer_certificates import SignerCertificates
from gateway.storage.api import ContentStore, RequestRecord, RequestStore
from gateway.trust.api import CertificateJudge


@dataclass(frozen=True, slots=True)
class Finished:
    """The request has its outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TryAgain:
    """An authority did not answer; values are kept and *waiting* contents still need it."""

    message: MessageKey
    waiting: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands for one browser. *holds_pen*: this browser may act; *taken*: another one holds the pen."""

    record: RequestRecord
    status: SignStatus
    holds_pen: bool
    taken: bool

    @property
    def values_kept(self) -> bool:
        """Whether signature values wait for a time-stamp: ``finish`` may be called."""
        return self.status is SignStatus.PENDING and any(p.state in _UNFINISHED for p in self.record.progress)


_UNSIGNED = (ContentState.WAITING, ContentState.PREPARED)
_UNFINISHED = (ContentState.SIGNED, ContentState.TIME_STAMP_MISSING)


class Signing:
    """Everything a front door for signers may ask; each call is one step and safe to repeat."""

    def __init__(
        self,
        requests: RequestStore,
        contents: ContentStore,
        engines: Mapping[ContentType, SignatureEngine],
        instruments: Mapping[str, Instrument],
        judge: CertificateJudge,
        completion: Completion,
        *,
        read_certificate: Callable[[bytes, tuple[bytes, ...]], SigningCertificate],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        status_fresh_within: timedelta = timedelta(minutes=5),
        appearance_of: Callable[[ConsumerId], VisibleSignature | None] = lambda _: None,
    ) -> None:
        """
        Keep what is given.

        Args:
            new_id: gives 128 random bits in hexadecimal.
            status_fresh_within: decision 30's "minutes old".
            appearance_of: how a consumer wants signatures in its PDFs to be seen; without it they are not.

        """
        self._requests = requests
        self._contents = contents
        self._engines = engines
        self.instruments = instruments
        self._may_sign = SignerCertificates(judge, status_fresh_within)
        self._completion = completion
        self._read_certificate = read_certificate
        self._clock = clock
        self._new_id = new_id
        self._appearance_of = appearance_of

    def standing(self, request_id: RequestId, browser: bytes | None) -> Standing:
        """How the request stands; changes nothing. *browser*: SHA-256 of its secret. Raises ``RequestNotFound``."""
        record = self._requests.get(request_id)
        status = status_at(record.request.expires, record.outcome, self._clock())
        holds = record.pen is not None and browser is not None and hmac.compare_digest(record.pen.browser, browser)
        return Standing(record, status, holds, record.pen is not None and not holds)

    def take_pen(self, request_id: RequestId, browser: bytes, *, take_over: bool = False) -> SigningSession:
        """
        The session of *browser*, which takes the pen when nobody holds it, or from another when *take_over*.

        Raises:
            RequestNotFound, AlreadyFinished: There is nothing to sign.
            SessionSuperseded: Another browser holds the pen.
        """
        standing = self._pending(request_id, browser)
        if standing.holds_pen:
            return self._pen_of(standing)
        if standing.taken and not take_over:
            raise SessionSuperseded
        now = self._clock()
        session = SigningSession(SessionId(self._new_id()), request_id, browser, now)
        previous = standing.record.pen.id if standing.record.pen is not None else None
        if not self._requests.take_pen(session, now, superseding=previous):
            return self._pen_of(self._pending(request_id, browser))
        return session

    def choose(
        self, request_id: RequestId, browser: bytes, instrument: str, answers: Answers, address: str
    ) -> Choice | Interaction:
        """
        Find whose key will sign, check that it may, and open the way to a consent.

        Raises:
            CertificateUnusable: The person is not the expected one, or the certificate may not sign now.
            AuthorityUnavailable: Its status cannot be had now.
            ConsentMismatch: Everything is signed, and only ``finish`` remains.
            InstrumentUnavailable, SessionSuperseded, AlreadyFinished, RequestNotFound.
        """
        standing = self._pending(request_id, browser)
        session = self._pen_of(standing)
        if standing.values_kept:
            raise ConsentMismatch
        chosen = self._instrument(instrument).choose(answers, session.memo, self._visit(standing, address))
        if not isinstance(chosen, Choice):
            self._remember(session, chosen)
            return chosen
        if chosen.certificate is not None:
            self._may_sign(standing.record.request, chosen.certificate, self._clock())
        session = replace(
            session,
            instrument=instrument,
            holder=chosen.holder,
            certificate=chosen.certificate.der if chosen.certificate is not None else None,
            consent_nonce=bytes.fromhex(self._new_id()),
            consented=None,
            memo=dict(chosen.memo),
        )
        if not self._requests.update_session(session, self._clock()):
            self._not_taken(session)
        return chosen

    def confirmation(self, request_id: RequestId, browser: bytes, address: str) -> Confirmation:
        """What the confirm page needs; changes nothing. Raises as ``choose``; ``ConsentMismatch`` before a choice."""
        standing = self._pending(request_id, browser)
        session = self._pen_of(standing)
        if session.instrument is None or session.holder is None or session.consent_nonce is None:
            raise ConsentMismatch
        ask = self._instrument(session.instrument).ask(session.holder, self._visit(standing, address))
        certificate = self._read_certificate(session.certificate, ()) if session.certificate is not None else None
        request = standing.record.request
        appearance = self._appearance(request)
        token = consent_token(session.consent_nonce, request, session.certificate, appearance)
        return Confirmation(session.instrument, certificate, ask, token, seen=appearance is not None)

    def sign(
        self, request_id: RequestId, browser: bytes, token: str, answers: Answers, address: str
    ) -> Finished | TryAgain | Interaction:
        """
        Open the key, use the consent up, sign the batch and finish it. A wrong PIN comes back as an ``Ask``, and a
        refusal on the device is Failure, final (decision 9).

        Raises:
            ConsentMismatch: The token is not over what would be signed now, or was used already.
            CertificateUnusable, AuthorityUnavailable, InstrumentUnavailable, KeyStoreUnavailable, SessionSuperseded,
            AlreadyFinished, RequestNotFound.
        """
        standing = self._pending(request_id, browser)
        session = self._pen_of(standing)
        nonce = session.consent_nonce
        if standing.values_kept:  # signed already, and perhaps by another key than the one confirmed now
            raise ConsentMismatch
        if session.instrument is None or session.holder is None or nonce is None:
            raise ConsentMismatch
        appearance = self._appearance(standing.record.request)
        expected = consent_token(nonce, standing.record.request, session.certificate, appearance)
        if not hmac.compare_digest(expected.encode(), token.encode("utf-8", "replace")):
            raise ConsentMismatch
        try:
            interaction = self._open_and_sign(standing, session, nonce, answers, address, appearance)
        except SigningDeclined as declined:
            return self._refuse(session, standing.record, _message_of(declined))
        return interaction if interaction is not None else self.finish(request_id, browser)

    def finish(self, request_id: RequestId, browser: bytes) -> Finished | TryAgain:
        """
        Time-stamp, complete and record what has been signed; needs the pen and no PIN.

        Raises ``SessionSuperseded``, ``AlreadyFinished``, ``RequestNotFound``; ``ConsentMismatch`` while anything waits
        to be signed.
        """
        standing = self._pending(request_id, browser)
        session = self._pen_of(standing)
        if any(item.state in _UNSIGNED for item in standing.record.progress):
            raise ConsentMismatch
        updates = self._completion.complete(standing.record, self._clock())
        now = self._clock()  # time-stamps take their time, and the request's may be over by now
        progress = _merged(standing.record.progress, updates)
        missing = sum(item.state in _UNFINISHED for item in progress)
        if missing:
            if not self._requests.save_progress(session.id, updates, now):
                self._not_taken(session)
            return TryAgain(MessageKey.NO_TIME_STAMP, missing)
        outcome = Outcome(_outcome_message(progress), now)
        return self._record(session, updates, outcome)

    def cancel(self, request_id: RequestId, browser: bytes) -> Finished:
        """The signer's refusal: Failure, final, releasing nothing (decision 9). Raises as ``take_pen``."""
        session = self.take_pen(request_id, browser)
        return self._refuse(session, self._requests.get(request_id), MessageKey.CANCELLED)

    # ------------------------------------------------------------------ steps within

    def _pending(self, request_id: RequestId, browser: bytes) -> Standing:
        standing = self.standing(request_id, browser)
        if standing.status is not SignStatus.PENDING:
            raise AlreadyFinished
        return standing

    @staticmethod
    def _pen_of(standing: Standing) -> SigningSession:
        pen = standing.record.pen
        if not standing.holds_pen or pen is None:
            raise SessionSuperseded
        return pen

    def _instrument(self, name: str) -> Instrument:
        instrument = self.instruments.get(name)
        if instrument is None:
            raise InstrumentUnavailable(name)
        return instrument

    def _appearance(self, request: SignRequest) -> VisibleSignature | None:
        return self._appearance_of(request.consumer_id) if request.content_type is ContentType.PDF else None

    def _open_and_sign(
        self,
        standing: Standing,
        session: SigningSession,
        nonce: bytes,
        answers: Answers,
        address: str,
        appearance: VisibleSignature | None,
    ) -> Interaction | None:
        """Open the key and sign by a consent that was given; None when the values are kept."""
        assert session.instrument is not None
        assert session.holder is not None
        instrument = self._instrument(session.instrument)
        device = instrument.open(session.holder, answers, session.memo, self._visit(standing, address))
        if isinstance(device, Ask | Wait | RunInBrowser):
            self._remember(session, device)
            return device
        with device:
            if session.certificate is not None and device.certificate.der != session.certificate:
                raise ConsentMismatch
            self._may_sign(standing.record.request, device.certificate, self._clock())
            if not self._requests.use_consent(session.id, nonce, self._clock()):
                self._pen_of(self._pending(session.request_id, session.browser))
                raise ConsentMismatch
            interaction = self._sign_batch(standing.record, session, device, appearance)
        if interaction is not None:
            # Nothing has been signed by the consent: it is good for the call that continues.
            self._remember(session, interaction, nonce)
        return interaction

    def _refuse(self, session: SigningSession, record: RequestRecord, reason: MessageKey) -> Finished:
        nothing = [ContentProgress(content.index, ContentState.FAILED, reason) for content in record.request.contents]
        return self._record(session, nothing, Outcome(reason, self._clock()))

    def _not_taken(self, session: SigningSession) -> NoReturn:
        """Why a guarded write took no effect: the request ended meanwhile, or another browser continued it."""
        self._pending(session.request_id, session.browser)
        raise SessionSuperseded

    def _remember(self, session: SigningSession, interaction: Interaction, nonce: bytes | None = None) -> None:
        """Keep an instrument's notes with the visit while it waits; with *nonce*, give its consent back."""
        waits = isinstance(interaction, Wait) and bool(interaction.memo)
        if not waits and nonce is None:
            return
        memo = interaction.memo if isinstance(interaction, Wait) and interaction.memo else session.memo
        if not self._requests.keep_memo(session.id, memo, self._clock(), consent=nonce):
            self._not_taken(session)

    def _visit(self, standing: Standing, address: str) -> Visit:
        return Visit(self._clock(), address, standing.record.request.expected_signer)

    def _sign_batch(
        self,
        record: RequestRecord,
        session: SigningSession,
        device: SigningDevice,
        appearance: VisibleSignature | None,
    ) -> Interaction | None:
        """Prepare and sign every content that still waits; the values are stored before anything else happens."""
        prepared, updates = self._prepare(record, device.certificate, appearance)
        values = device.sign([item.data for item in prepared.values()])
        if isinstance(values, Ask | Wait | RunInBrowser):
            updates += [_progress(index, item, device.certificate) for index, item in prepared.items()]
            if not self._requests.save_progress(session.id, updates, self._clock()):
                self._not_taken(session)
            return values
        for (index, item), value in zip(prepared.items(), values, strict=True):
            if value is None:
                updates.append(ContentProgress(index, ContentState.FAILED, MessageKey.NOTHING_SIGNED))
            else:
                updates.append(_progress(index, item, device.certificate, value))
        if not self._requests.save_progress(session.id, updates, self._clock()):
            self._not_taken(session)
        return None

    def _prepare(
        self, record: RequestRecord, certificate: SigningCertificate, appearance: VisibleSignature | None
    ) -> tuple[dict[int, PreparedSignature], list[ContentProgress]]:
        engine = self._engines[record.request.content_type]
        waiting = {p.index: p for p in record.progress if p.state in _UNSIGNED}
        prepared: dict[int, PreparedSignature] = {}
        failed: list[ContentProgress] = []
        signing_time = self._clock().replace(microsecond=0)
        for content in record.request.contents:
            item = waiting.get(content.index)
            if item is None:
                continue
            if (
                item.prepared_octets is not None
                and item.prepared_state is not None
                and item.certificate == certificate.der
            ):
                prepared[content.index] = unpack_state(item.prepared_octets, item.prepared_state)
                continue
            parameters = SignatureParameters(
                certificate, signing_time, self._new_id(), record.request.signature_reason, appearance
            )
            try:
                with self._completion.content(content.content) as source:
                    _require_as_shown(content.content, source)
                    prepared[content.index] = engine.prepare(source, parameters)
            except UnsignableDocument:
                failed.append(ContentProgress(content.index, ContentState.FAILED, MessageKey.DOCUMENT_UNSIGNABLE))
        return prepared, failed

    def _record(self, session: SigningSession, updates: Sequence[ContentProgress], outcome: Outcome) -> Finished:
        if self._requests.record_outcome(session.id, updates, outcome, outcome.recorded):
            return Finished(outcome)
        standing = self.standing(session.request_id, session.browser)
        if standing.record.outcome is not None and standing.holds_pen:
            return Finished(standing.record.outcome)
        if standing.status is not SignStatus.PENDING:
            raise AlreadyFinished
        raise SessionSuperseded


@dataclass(frozen=True, slots=True)
class Confirmation:
    """
    *ask* are the questions that open the key; *token* must come back with the answers; *seen*: the signature will show
    in the documents.
    """

    instrument: str
    certificate: SigningCertificate | None
    ask: Interaction
    token: str
    seen: bool = False


def _progress(
    index: int, prepared: PreparedSignature, certificate: SigningCertificate, value: SignatureValue | None = None
) -> ContentProgress:
    return ContentProgress(
        index,
        ContentState.PREPARED if value is None else ContentState.SIGNED,
        prepared_octets=prepared.data.octets,
        prepared_state=pack_state(prepared),
        value=value.octets if value is not None else None,
        certificate=certificate.der,
    )


def _require_as_shown(content: ContentDigest | StoredContent, source: ContentDigest | BinaryIO) -> None:
    """What lies in the store must be what the consent names (decision 6). Raises ``UnsignableDocument``."""
    if isinstance(content, StoredContent) and not isinstance(source, ContentDigest):
        found = hashlib.file_digest(source, "sha256").digest()  # type: ignore[arg-type] # any binary stream will do
        source.seek(0)
        if not hmac.compare_digest(found, content.sha256):
            raise UnsignableDocument("is not the document that was posted")


def _message_of(declined: SigningDeclined) -> MessageKey:
    """The device's own reason where the contract has words for it."""
    try:
        return MessageKey(declined.key)
    except ValueError:
        return MessageKey.CANCELLED


def _merged(before: Sequence[ContentProgress], updates: Sequence[ContentProgress]) -> list[ContentProgress]:
    latest = {item.index: item for item in before}
    latest.update({item.index: item for item in updates})
    return list(latest.values())


def _outcome_message(progress: Sequence[ContentProgress]) -> MessageKey | None:
    """None when all are done; otherwise what a Failure says (decision 9)."""
    done = sum(item.state is ContentState.DONE for item in progress)
    if done == len(progress):
        return None
    return MessageKey.PARTLY_SIGNED if done else MessageKey.NOTHING_SIGNED
