"""Each step of signing as a page, made from how the request stands. Reads; decides nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import flask

from gateway.domain.contents import ContentType
from gateway.domain.messages import MessageKey
from gateway.domain.parties import Consumer
from gateway.domain.requests import SignRequest, SignStatus
from gateway.errors import InstrumentUnavailable
from gateway.instruments.api import Ask, Instrument, Visit, Wait
from gateway.operations.sign import Confirmation, Standing
from gateway.pages.frame import Action, Frame, Notice, Step, show_address
from gateway.pages.interactions import Problem, Questions, questions_of
from gateway.pages.returning import way_back
from gateway.pages.review import OPEN_AT_MOST, show_content, show_request, show_results
from gateway.pages.texts import Speaker, visible
from gateway.pages.turn import Turn
from gateway.storage.api import ConsumerDirectory

_WARN_BEFORE = timedelta(minutes=10)
_RETURN_SOON = 3
_RETURN_AFTER_READING = 10
"""Seconds; a reason takes longer to read than a success."""


@dataclass(frozen=True, slots=True)
class Offer:
    """How the visitor may sign: *name* where it is settled; *replaced*: the e-service wished for something else."""

    name: str | None
    names: tuple[str, ...]
    replaced: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """What the page itself found missing in a confirmation: the consent, or answers by field name."""

    consent: bool = False
    answers: frozenset[str] = frozenset()


class Steps:
    """Pages of a known request."""

    def __init__(
        self,
        frame: Frame,
        consumers: ConsumerDirectory,
        instruments: Mapping[str, Instrument],
        resolve_instrument: Callable[[str | None], str | None],
        clock: Callable[[], datetime],
    ) -> None:
        """*resolve_instrument* gives our name for one of the contract's; None where it has none."""
        self._frame = frame
        self._consumers = consumers
        self._instruments = instruments
        self._resolve = resolve_instrument
        self._clock = clock

    def offer(self, turn: Turn) -> Offer:
        """The instrument that the e-service named, or the only one, or a selection."""
        names = tuple(self._instruments)
        wished = turn.arrival.instrument if turn.arrival is not None else None
        resolved = self._resolve(wished)
        if resolved in self._instruments:
            return Offer(resolved, names, replaced=False)
        return Offer(names[0] if len(names) == 1 else None, names, replaced=wished is not None)

    def first_questions(self, name: str, standing: Standing, address: str) -> Ask | None:
        """What *name* asks before anything is known; None where it asks nothing. Raises ``InstrumentUnavailable``."""
        visit = Visit(self._clock(), address, standing.record.request.expected_signer)
        asked = self._instruments[name].choose({}, {}, visit)
        return asked if isinstance(asked, Ask) else None

    def review(
        self, turn: Turn, standing: Standing, address: str, *, name: str | None = None, ask: Ask | None = None
    ) -> flask.Response:
        """
        The contents, and whose key shall sign them.

        *name* and *ask* are given when the signer has chosen an instrument and it asks (again).
        """
        say = self._frame.speaker(turn.language)
        request = standing.record.request
        offer = self.offer(turn)
        chosen = name if name is not None else offer.name
        unavailable = not offer.names
        if chosen is not None and ask is None:
            try:
                ask = self.first_questions(chosen, standing, address)
            except InstrumentUnavailable:
                unavailable = True
        questions = questions_of(ask, say) if ask is not None else Questions((), ())
        failed = bool(questions.problems)
        expected = request.expected_signer
        return self._frame.page(
            turn,
            "review.html",
            title=_title(say.text(Step.REVIEW.value), request),
            status=422 if failed else 200,
            step=Step.REVIEW,
            failed=failed,
            switch=show_address(request.id),
            model={
                **self._model(turn, standing),
                "contents": [show_content(content, say) for content in request.contents],
                "expected": expected is not None and expected.personal_identifier is not None,
                "offer": offer,
                "instrument": chosen,
                "unavailable": unavailable,
                "questions": questions,
                "continuing": _may_continue(standing),
            },
        )

    def confirm(
        self,
        turn: Turn,
        standing: Standing,
        confirmation: Confirmation,
        ask: Ask,
        missing: Missing | None = None,
    ) -> flask.Response:
        """Who signs, the consent, and what opens the key; where nothing can open it now, that."""
        if ask.locked_until is not None:
            return self.locked(turn, standing, ask.locked_until)
        if ask.problem is not None and not ask.fields:
            return self._closed(turn, standing, ask.problem)
        say = self._frame.speaker(turn.language)
        request = standing.record.request
        missing = missing or Missing()
        questions = questions_of(ask, say, missing.answers)
        consent_error = say.plural("consent-missing", len(request.contents)) if missing.consent else None
        problems = list(questions.problems)
        if consent_error is not None:
            problems.append(Problem("agree", consent_error))
        certificate = confirmation.certificate
        return self._frame.page(
            turn,
            "confirm.html",
            title=_title(say.text("page.confirm"), request),
            status=422 if problems else 200,
            step=Step.CONFIRM,
            failed=bool(problems),
            switch=flask.url_for("confirm", request_id=request.id),
            model={
                **self._model(turn, standing),
                "contents": [show_content(content, say) for content in request.contents],
                "holder": visible(certificate.common_name) if certificate is not None else None,
                "until": say.date(certificate.not_after) if certificate is not None else None,
                "seen": confirmation.seen,
                "token": confirmation.token,
                "questions": questions,
                "problems": problems,
                "consent_error": consent_error,
            },
        )

    def waiting(self, turn: Turn, wait: Wait, action: str, hidden: Mapping[str, str]) -> flask.Response:
        """The device is at work elsewhere: look again by the button, or by script after a while."""
        say = self._frame.speaker(turn.language)
        return self._frame.page(
            turn,
            "waiting.html",
            title=say.text("page.waiting"),
            step=Step.CONFIRM,
            model={
                "seconds": wait.seconds,
                "code": visible(wait.code) if wait.code is not None else None,
                "action": action,
                "hidden": dict(hidden),
            },
        )

    def kept(self, turn: Turn, standing: Standing, *, again: bool) -> flask.Response:
        """Signed, and only the time-stamp is missing; *again* after another try in vain."""
        say = self._frame.speaker(turn.language)
        request_id = standing.record.request.id
        paragraphs = [say.text("page.kept-explained")]
        if again:
            paragraphs.append(say.text("page.kept-again", time=self._frame.moment(self._clock(), turn)))
        paragraphs.append(say.text("page.locked-advice", time=self._expiry(turn, standing)))
        actions = (
            Action(say.text("page.retry"), post=flask.url_for("finish", request_id=request_id)),
            cancelling(say, standing),
        )
        return self._frame.notice(turn, Notice("warn", say.text("page.kept"), paragraphs, actions), 200)

    def locked(self, turn: Turn, standing: Standing, until: datetime) -> flask.Response:
        """The key is locked by wrong PINs; the request stays open (decision 3)."""
        say = self._frame.speaker(turn.language)
        notice = Notice(
            "bad",
            say.text("page.locked", time=self._frame.moment(until, turn)),
            (
                say.text("page.locked-explained"),
                say.text("page.locked-advice", time=self._expiry(turn, standing)),
            ),
            (
                Action(say.text("page.choose-other"), href=show_address(standing.record.request.id)),
                cancelling(say, standing),
            ),
            address=flask.url_for("confirm", request_id=standing.record.request.id),
        )
        return self._frame.notice(turn, notice, 423)

    def _closed(self, turn: Turn, standing: Standing, problem: str) -> flask.Response:
        """There is nothing to answer: the key is out of use, not only for a while."""
        say = self._frame.speaker(turn.language)
        request_id = standing.record.request.id
        notice = Notice(
            "bad",
            say.text("page.certificate"),
            (say.text(problem), say.text("page.certificate-explained")),
            (Action(say.text("page.choose-other"), href=show_address(request_id)), cancelling(say, standing)),
            address=flask.url_for("confirm", request_id=request_id),
        )
        return self._frame.notice(turn, notice, 403)

    def ended(self, turn: Turn, standing: Standing, *, just_now: bool) -> flask.Response:
        """
        The outcome and the way back. *just_now*: the browser returns by itself after a moment, where script runs;
        who comes back to an ended request is never sent away unasked.
        """
        say = self._frame.speaker(turn.language)
        request, outcome = standing.record.request, standing.record.outcome
        heading, kind, explained = _ending(standing, say)
        seconds = None
        if just_now and standing.status is not SignStatus.EXPIRED:
            seconds = _RETURN_SOON if standing.status is SignStatus.SUCCESS else _RETURN_AFTER_READING
        back = way_back(turn.arrival, self._consumers.get(request.consumer_id), seconds)
        turn.form_origin = back.origin if back is not None else None
        results = []
        if outcome is not None and outcome.message is not MessageKey.CANCELLED:
            results = show_results(request, {item.index: item for item in standing.record.progress}, say)
        return self._frame.page(
            turn,
            "result.html",
            title=_title(heading, request),
            status=410 if standing.status is SignStatus.EXPIRED else 200,
            step=Step.DONE,
            switch=flask.url_for("result" if just_now else "show", request_id=request.id),
            model={
                **self._model(turn, standing),
                "kind": kind,
                "outcome_heading": heading,
                "explained": explained,
                "recorded": self._frame.moment(outcome.recorded, turn) if outcome is not None else None,
                "results": results,
                "back": back,
                "visited": not just_now and standing.status is not SignStatus.EXPIRED,
            },
        )

    # ------------------------------------------------------------------ what several pages need

    def _model(self, turn: Turn, standing: Standing) -> dict[str, object]:
        say = self._frame.speaker(turn.language)
        request = standing.record.request
        left = request.expires - self._clock()
        return {
            "shown": show_request(request),
            "consumer": self._consumer_name(self._consumers.get(request.consumer_id), say),
            "count": len(request.contents),
            "documents": request.content_type is ContentType.PDF,
            "open_at_most": OPEN_AT_MOST,
            "expires": self._expiry(turn, standing),
            "minutes_left": max(1, int(left.total_seconds() // 60)) if left < _WARN_BEFORE else None,
        }

    @staticmethod
    def _consumer_name(consumer: Consumer | None, say: Speaker) -> str:
        return visible(consumer.name) if consumer is not None else say.text("page.consumer-unknown")

    def _expiry(self, turn: Turn, standing: Standing) -> str:
        return self._frame.moment(standing.record.request.expires, turn)


def cancelling(say: Speaker, standing: Standing) -> Action:
    """The button that ends the request for good."""
    return Action(
        say.text("page.cancel"), post=flask.url_for("cancel", request_id=standing.record.request.id), plain=True
    )


def _may_continue(standing: Standing) -> bool:
    """Whether this browser has chosen already and may go on to confirm."""
    pen = standing.record.pen
    return standing.holds_pen and pen is not None and pen.consent_nonce is not None


def _title(what: str, request: SignRequest) -> str:
    return f"{what} – {show_request(request).subject}"


def _ending(standing: Standing, say: Speaker) -> tuple[str, str, list[str]]:
    """Heading, kind and explanation of how a request ended."""
    count = len(standing.record.request.contents)
    outcome = standing.record.outcome
    if outcome is None:
        return say.text("page.expired"), "bad", [say.text("page.expired-explained")]
    if outcome.message is None:
        return say.plural("page.success", count), "good", []
    if outcome.message is MessageKey.CANCELLED:
        return say.text("page.cancelled"), "warn", [say.text("page.cancelled-explained")]
    if outcome.message is MessageKey.PARTLY_SIGNED:
        return say.text(outcome.message.value), "warn", [say.text("page.partly-explained")]
    reason = [] if outcome.message is MessageKey.NOTHING_SIGNED else [say.text(outcome.message.value)]
    return say.plural("page.failure", count), "bad", [*reason, say.text("page.failed-explained")]
