"""Exceptions as pages: ours say what happened and what to do; any other keeps its detail and gives a number."""

from __future__ import annotations

import flask
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from gateway.audit import audited
from gateway.errors import (
    AlreadyFinished,
    AuthorityUnavailable,
    CertificateUnusable,
    ConsentMismatch,
    GatewayError,
    InstrumentUnavailable,
    KeyLocked,
    RequestNotFound,
    ServiceBusy,
    SessionSuperseded,
    StoredContentMissing,
)
from gateway.pages.frame import Action, Frame, Notice, show_address
from gateway.pages.texts import Speaker
from gateway.pages.turn import Turn, current_turn

_RETRY_AFTER_S = 30
_OTHER_PERSON = "other-person"


class Failures:
    """Flask's error handlers."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def register(self, app: flask.Flask) -> None:
        """Take over every error of *app*."""
        app.register_error_handler(GatewayError, self.ours)
        app.register_error_handler(HTTPException, self.http)
        app.register_error_handler(Exception, self.unforeseen)

    def ours(self, error: GatewayError) -> ResponseReturnValue:
        """A page for one of the family; what the pages have no words for is ``unforeseen``."""
        turn = current_turn()
        if isinstance(error, AlreadyFinished) and turn.request_id is not None:
            return flask.redirect(show_address(turn.request_id), 303)
        found = self._words(error, turn, self._frame.speaker(turn.language))
        if found is None:
            return self.unforeseen(error)
        notice, status = found
        response = self._frame.notice(turn, notice, status)
        if isinstance(error, ServiceBusy | StoredContentMissing):
            response.headers["Retry-After"] = str(getattr(error, "retry_after_s", _RETRY_AFTER_S))
        return response

    def http(self, error: HTTPException) -> ResponseReturnValue:
        """Unknown addresses, oversized and forged forms."""
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        if error.code is None or error.code < 400:
            return error
        if error.code in (404, 405):
            response = self._frame.notice(turn, _unknown(say), error.code)
            response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
            return response
        if error.code == 413:
            notice = Notice("bad", say.text("page.too-large"), (say.text("page.too-large-explained"),))
            return self._frame.notice(turn, notice, 413)
        if isinstance(error, CSRFError) or error.code < 500:
            notice = Notice("bad", say.text("page.form"), (say.text("page.form-explained"),), _retry(turn, say))
            return self._frame.notice(turn, notice, error.code)
        return self.unforeseen(error)

    def unforeseen(self, error: Exception) -> flask.Response:
        """An apology with the audit record's number; nothing of *error* itself is shown."""
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        reference = turn.record.reference if turn.record is not None else _record_now(error)
        paragraphs = (say.text("page.error-explained"), say.rich("page.reference", reference=reference))
        notice = Notice("bad", say.text("page.error"), paragraphs, _retry(turn, say))
        return self._frame.notice(turn, notice, 500 if not isinstance(error, GatewayError) else 503)

    def _words(self, error: GatewayError, turn: Turn, say: Speaker) -> tuple[Notice, int] | None:
        """The page for *error* and its status, where there is one."""
        match error:
            case RequestNotFound():
                return _unknown(say), 404
            case SessionSuperseded():
                return _taken(turn, say), 409
            case ConsentMismatch():
                back = (Action(say.text("page.back-to-review"), href=_address(turn)),)
                return _simple("warn", "mismatch", say, back), 409
            case CertificateUnusable(key=key):
                return _certificate(key, turn, say), 403
            case AuthorityUnavailable():
                return _simple("warn", "authority", say, (*_retry(turn, say), *_cancel(turn, say))), 503
            case InstrumentUnavailable():
                return _simple("warn", "instrument", say, (*_retry(turn, say), *_cancel(turn, say))), 503
            case KeyLocked(until=until):
                paragraphs = (say.text("page.locked-explained"),)
                heading = say.text("page.locked", time=self._frame.moment(until, turn))
                return Notice("bad", heading, paragraphs, _choose_other(turn, say)), 423
            case ServiceBusy() | StoredContentMissing():  # a store that is away for a moment looks like a lost content
                return _simple("warn", "busy", say, _retry(turn, say)), 503
        return None


def return_refused(say: Speaker, host: str | None) -> Notice:
    """The consumer's ReturnUrl is not on one of its origins: *host* is named and never linked; nothing is offered."""
    explained: str | Markup = say.text("page.return-unreadable-explained")
    if host is not None:
        explained = say.rich("page.return-refused-explained", host=host)
    return Notice(
        "bad",
        say.text("page.return-refused"),
        (explained, say.text("page.return-refused-advice")),
        switch=False,
    )


def _unknown(say: Speaker) -> Notice:
    return _simple("bad", "unknown", say)


def _taken(turn: Turn, say: Speaker) -> Notice:
    actions: tuple[Action, ...] = ()
    if turn.request_id is not None:
        address = flask.url_for("take_over", request_id=turn.request_id)
        actions = (Action(say.text("page.take-over"), post=address),)
    return _simple("warn", "taken", say, actions)


def _certificate(key: str, turn: Turn, say: Speaker) -> Notice:
    actions = (*_choose_other(turn, say), *_cancel(turn, say))
    if key == _OTHER_PERSON:
        return _simple("bad", "other-person", say, actions)
    paragraphs = (say.text(key), say.text("page.certificate-explained"))
    return Notice("bad", say.text("page.certificate"), paragraphs, actions)


def _simple(kind: str, key: str, say: Speaker, actions: tuple[Action, ...] = ()) -> Notice:
    return Notice(kind, say.text(f"page.{key}"), (say.text(f"page.{key}-explained"),), actions)


def _address(turn: Turn) -> str | None:
    return show_address(turn.request_id) if turn.request_id is not None else None


def _retry(turn: Turn, say: Speaker) -> tuple[Action, ...]:
    address = _address(turn)
    return (Action(say.text("page.retry"), href=address),) if address is not None else ()


def _choose_other(turn: Turn, say: Speaker) -> tuple[Action, ...]:
    address = _address(turn)
    return (Action(say.text("page.choose-other"), href=address),) if address is not None else ()


def _cancel(turn: Turn, say: Speaker) -> tuple[Action, ...]:
    if turn.request_id is None:
        return ()
    return (Action(say.text("page.cancel"), post=flask.url_for("cancel", request_id=turn.request_id), plain=True),)


def _record_now(error: Exception) -> str:
    """Record an error that befell no operation yet; its number."""
    with audited("sign-page") as record:
        record.note(failed=type(error).__name__)
    return record.reference
