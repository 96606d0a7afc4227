"""
The addresses of a signer's visit: each reads what the browser sent, asks ``operations.sign``, and answers a page.

GET changes nothing but the visitor's own arrival; the pen is taken by the signer's first own POST (decision 8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from gateway.domain.contents import StoredContent
from gateway.domain.requests import SignStatus
from gateway.domain.sessions import Arrival
from gateway.errors import AlreadyFinished, ConsentMismatch, InstrumentUnavailable, SessionSuperseded
from gateway.instruments.api import Answers, Ask, Choice, Interaction, Wait
from gateway.operations.sign import Finished, Signing, Standing, TryAgain
from gateway.pages.arrival import Parameters, read_parameters, return_host, return_url_allowed
from gateway.pages.documents import download
from gateway.pages.failures import return_refused
from gateway.pages.forms import read_answers, read_name
from gateway.pages.frame import Frame, show_address
from gateway.pages.returning import registered_origins
from gateway.pages.steps import Missing, Steps
from gateway.pages.turn import Turn, current_turn
from gateway.storage.api import ArrivalStore, ConsumerDirectory, ContentStore


class SignViews:
    """The views of ``/{request id}`` and below."""

    def __init__(
        self,
        signing: Signing,
        consumers: ConsumerDirectory,
        arrivals: ArrivalStore,
        contents: ContentStore,
        frame: Frame,
        steps: Steps,
        clock: Callable[[], datetime],
    ) -> None:
        self._signing = signing
        self._consumers = consumers
        self._arrivals = arrivals
        self._contents = contents
        self._frame = frame
        self._steps = steps
        self._clock = clock

    # ------------------------------------------------------------------ coming in

    def show(self) -> ResponseReturnValue:
        """GET: an arrival when parameters came along, else the page for how the request stands."""
        turn = current_turn()
        parameters = read_parameters(flask.request.args.items(multi=True))
        if parameters.given or flask.request.args:
            return self._arrive(turn, parameters)
        standing = self._standing(turn)
        if standing.status is not SignStatus.PENDING:
            return self._steps.ended(turn, standing, just_now=False)
        if standing.taken:
            raise SessionSuperseded
        if standing.holds_pen and standing.values_kept:
            return self._steps.kept(turn, standing, again=False)
        return self._steps.review(turn, standing, _address())

    def arrive(self) -> ResponseReturnValue:
        """
        POST from the e-service's page, hence without our CSRF token.

        It claims nothing: it only keeps, for this browser, how it came.
        """
        form, query = flask.request.form, flask.request.args
        return self._arrive(current_turn(), read_parameters(form.items(multi=True), query.items(multi=True)))

    def _arrive(self, turn: Turn, parameters: Parameters) -> ResponseReturnValue:
        visitor = turn.who()
        request = self._standing(turn).record.request
        if not parameters.relay_state_fits:
            raise RequestEntityTooLarge
        if parameters.return_url is not None:
            consumer = self._consumers.get(request.consumer_id)
            if not return_url_allowed(parameters.return_url, registered_origins(consumer)):
                notice = return_refused(self._frame.speaker(turn.language), return_host(parameters.return_url))
                return self._frame.notice(turn, notice, 400)
        if parameters.given:
            self._arrivals.put(self._arrival(turn, parameters, visitor.arriving()))
        return flask.redirect(show_address(visitor.request_id), 303)

    def _arrival(self, turn: Turn, parameters: Parameters, browser: bytes) -> Arrival:
        language = parameters.language.value if parameters.language is not None else None
        if parameters.only_language and turn.arrival is not None:
            return replace(turn.arrival, browser=browser, language=language)
        return Arrival(
            request_id=turn.who().request_id,
            browser=browser,
            created=self._clock(),
            return_url=parameters.return_url,
            relay_state=parameters.relay_state,
            language=language,
            instrument=parameters.instrument,
            msisdn=parameters.msisdn,
        )

    def _switch_language(self, turn: Turn) -> ResponseReturnValue | None:
        """Keep ``?lang=`` of a page below the clean address, and go on without it."""
        parameters = read_parameters(flask.request.args.items(multi=True))
        if parameters.language is None:
            return None
        wish = Parameters(language=parameters.language)
        self._standing(turn)
        self._arrivals.put(self._arrival(turn, wish, turn.who().arriving()))
        return flask.redirect(flask.request.script_root + flask.request.path, 303)

    # ------------------------------------------------------------------ the signer's steps

    def choose(self) -> ResponseReturnValue:
        """POST: take the pen and find whose key shall sign."""
        turn = current_turn()
        visitor = turn.who()
        form = flask.request.form
        standing = self._standing(turn)
        if standing.status is not SignStatus.PENDING:
            raise AlreadyFinished
        name = read_name(form.get("instrument")) or self._steps.offer(turn).name
        if name is None:
            return self._steps.review(turn, standing, _address(), ask=Ask((), "page.instrument-missing"))
        if name not in self._signing.instruments:
            raise InstrumentUnavailable(name)
        answers = read_answers(form.items(multi=True))
        self._signing.take_pen(visitor.request_id, visitor.known())
        chosen = self._signing.choose(visitor.request_id, visitor.known(), name, answers, _address())
        if isinstance(chosen, Choice):
            return self._to("confirm", turn)
        if isinstance(chosen, Ask):
            return self._steps.review(turn, self._standing(turn), _address(), name=name, ask=chosen)
        return self._elsewhere(turn, chosen, "choose", {"instrument": name}, name)

    def confirm(self) -> ResponseReturnValue:
        """GET: who signs, and the consent."""
        turn = current_turn()
        switched = self._switch_language(turn)
        if switched is not None:
            return switched
        standing = self._standing(turn)
        if standing.taken:
            raise SessionSuperseded
        if not standing.holds_pen:
            return self._to("show", turn)
        try:
            return self._confirmation(turn)
        except ConsentMismatch:
            return self._to("show", turn)

    def sign(self) -> ResponseReturnValue:
        """POST: the consent with what opens the key; the answers live for this call only."""
        turn = current_turn()
        visitor = turn.who()
        form = flask.request.form
        answers = read_answers(form.items(multi=True))
        token = form.get("consent", "")
        if form.get("agree") != "yes":
            return self._confirmation(turn, without_consent=answers)
        try:
            found = self._signing.sign(visitor.request_id, turn.browser or b"", token, answers, _address())
        except ConsentMismatch:
            return self._after_mismatch(turn)
        return self._signed(turn, found, token)

    def finish(self) -> ResponseReturnValue:
        """POST: ask the time-stamping service again for what is signed already."""
        turn = current_turn()
        try:
            found = self._signing.finish(turn.who().request_id, turn.browser or b"")
        except ConsentMismatch:  # nothing is signed yet, or another tab is at it
            return self._to("show", turn)
        if isinstance(found, TryAgain):
            return self._steps.kept(turn, self._standing(turn), again=True)
        return self._to("result", turn)

    def cancel(self) -> ResponseReturnValue:
        """POST: the signer's refusal."""
        turn = current_turn()
        self._standing(turn)
        self._signing.cancel(turn.who().request_id, turn.who().known())
        return self._to("result", turn)

    def take_over(self) -> ResponseReturnValue:
        """POST: take the pen from another browser."""
        turn = current_turn()
        self._standing(turn)
        self._signing.take_pen(turn.who().request_id, turn.who().known(), take_over=True)
        return self._to("show", turn)

    def result(self) -> ResponseReturnValue:
        """GET: how it ended, right after it did."""
        turn = current_turn()
        switched = self._switch_language(turn)
        if switched is not None:
            return switched
        standing = self._standing(turn)
        if standing.status is SignStatus.PENDING:
            return self._to("show", turn)
        return self._steps.ended(turn, standing, just_now=True)

    def content(self, index: int) -> ResponseReturnValue:
        """GET: a document, while it waits to be signed; whoever has the address may read it (decision 8)."""
        turn = current_turn()
        standing = self._standing(turn)
        if standing.status is not SignStatus.PENDING:
            return self._to("show", turn)
        found = standing.record.request.contents[index : index + 1]
        if not found or not isinstance(found[0].content, StoredContent):
            raise NotFound
        return download(self._contents, found[0], found[0].content)

    # ------------------------------------------------------------------ steps within

    def _standing(self, turn: Turn) -> Standing:
        return self._signing.standing(turn.who().request_id, turn.browser)

    @staticmethod
    def _to(endpoint: str, turn: Turn) -> ResponseReturnValue:
        return flask.redirect(flask.url_for(endpoint, request_id=turn.who().request_id), 303)

    def _confirmation(
        self, turn: Turn, asked: Ask | None = None, without_consent: Answers | None = None
    ) -> ResponseReturnValue:
        """The confirm page; *asked* are questions that came back, *without_consent* answers that came without it."""
        found = self._signing.confirmation(turn.who().request_id, turn.browser or b"", _address())
        ask = asked if asked is not None else found.ask
        if not isinstance(ask, Ask):
            raise InstrumentUnavailable(found.instrument)
        missing = None
        if without_consent is not None:
            blank = frozenset(field.name for field in ask.fields if not without_consent.get(field.name))
            missing = Missing(consent=True, answers=blank)
        return self._steps.confirm(turn, self._standing(turn), found, ask, missing)

    def _signed(self, turn: Turn, found: Finished | TryAgain | Interaction, token: str) -> ResponseReturnValue:
        """Where a POST of the consent leads."""
        if turn.record is not None:
            turn.record.note(ended=type(found).__name__, problem=found.problem if isinstance(found, Ask) else None)
        if isinstance(found, Finished):
            return self._to("result", turn)
        if isinstance(found, TryAgain):
            return self._to("show", turn)
        if isinstance(found, Ask):
            return self._confirmation(turn, asked=found)
        return self._elsewhere(turn, found, "sign", {"consent": token, "agree": "yes"}, type(found).__name__)

    def _after_mismatch(self, turn: Turn) -> ResponseReturnValue:
        """A second press of the button finds its consent used: then the signing is what matters, not the press."""
        standing = self._standing(turn)
        if standing.status is not SignStatus.PENDING or standing.values_kept:
            return self._to("show", turn)
        raise ConsentMismatch

    def _elsewhere(
        self, turn: Turn, interaction: Interaction, endpoint: str, hidden: dict[str, str], name: str
    ) -> ResponseReturnValue:
        if not isinstance(interaction, Wait):
            raise InstrumentUnavailable(name)
        action = flask.url_for(endpoint, request_id=turn.who().request_id)
        return self._steps.waiting(turn, interaction, action, hidden)


def _address() -> str:
    """The address the call came from; what a proxy before us says of others is not believed."""
    return flask.request.remote_addr or ""
