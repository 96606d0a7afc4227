"""The pages as one WSGI application: rooms in, addresses and habits (language, cookies, CSRF, headers) around them."""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import flask
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from gateway.audit import audited
from gateway.domain.requests import parse_request_id
from gateway.errors import ConfigurationError
from gateway.messages.api import Catalog
from gateway.operations.sign import Signing
from gateway.pages.assets import Assets
from gateway.pages.browsers import CookieNames, arrival_of, visitor_of
from gateway.pages.failures import Failures
from gateway.pages.forms import MAX_FORM_BYTES
from gateway.pages.frame import Frame
from gateway.pages.mounting import Mounted
from gateway.pages.security import add_headers
from gateway.pages.signing import SignViews
from gateway.pages.steps import Steps
from gateway.pages.texts import zone_of
from gateway.pages.turn import Turn, current_turn, language_of
from gateway.storage.api import ArrivalStore, ConsumerDirectory, ContentStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_SECRET_KEY_BYTES = 32


def build_pages_wsgi(
    *,
    signing: Signing,
    consumers: ConsumerDirectory,
    arrivals: ArrivalStore,
    contents: ContentStore,
    catalog: Catalog,
    resolve_instrument: Callable[[str | None], str | None],
    secret_key: bytes,
    clock: Callable[[], datetime],
    base_path: str = "/",
    secure_cookies: bool = True,
    test_band: bool = False,
    time_zone: str = "Europe/Chisinau",
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
) -> WSGIApplication:
    """
    The sign pages, to be served on their own host over TLS (which is the site's).

    Holds no state between calls; what is remembered lies in the stores and in the browser's cookies.

    Args:
        resolve_instrument: Our name for a contract's instrument name; None (absent or unknown) leads to the selection.
        secret_key: Signs the CSRF cookie; the same in every process of an installation, at least 32 bytes.
        base_path: The public path of the pages, with a slash at both ends; a proxy may strip it or pass it on.
        secure_cookies: False only where browsers come without TLS (the sandbox on loopback).
        test_band: Mark every page as a trial.
        time_zone: In which times are told, by its IANA name.
        new_secret: 256 random bits in URL-safe base64, without padding.

    Raises:
        ConfigurationError: A value cannot be used; names it.

    """
    if len(secret_key) < _SECRET_KEY_BYTES:
        raise ConfigurationError(f"pages: secret_key must have at least {_SECRET_KEY_BYTES} bytes")
    names = CookieNames(secure_cookies)
    frame = Frame(catalog, zone_of(time_zone), assets := Assets(), clock, test_band=test_band)
    steps = Steps(frame, consumers, signing.instruments, resolve_instrument, clock)
    views = SignViews(signing, consumers, arrivals, contents, frame, steps, clock)
    failures = Failures(frame)

    app = _flask(secret_key, names)
    _take_turns(app, arrivals, names, new_secret)
    csrf = CSRFProtect()
    csrf.init_app(app)
    failures.register(app)
    _add_addresses(app, views, failures, csrf)
    app.add_url_rule("/static/<name>", "static_file", assets.serve, methods=["GET"])
    return Mounted(app, base_path)


def _flask(secret_key: bytes, names: CookieNames) -> flask.Flask:
    logging.getLogger("flask_wtf.csrf").disabled = True  # the audit records say what was refused, as records
    app = flask.Flask("gateway.pages", static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.strict_slashes = False
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME=names.form,
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=names.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        MAX_FORM_PARTS=64,
        # The request's own lifetime is the limit; a form is no time trap besides.
        WTF_CSRF_TIME_LIMIT=None,
    )
    return app


def _take_turns(app: flask.Flask, arrivals: ArrivalStore, names: CookieNames, new_secret: Callable[[], str]) -> None:
    """Know the visitor before anything else happens (the CSRF check needs a language too), and dress the answer."""

    @app.before_request
    def begin() -> None:
        request = flask.request
        flask.g.turn = turn = Turn(language_of(request, None))
        request_id = parse_request_id((request.view_args or {}).get("request_id"))
        if request_id is None:
            return
        visitor = visitor_of(request.cookies, request_id, names, new_secret)
        visitor.settle(arrivals)
        turn.visitor = visitor
        turn.arrival = arrival_of(visitor, arrivals)
        turn.language = language_of(request, turn.arrival)

    @app.after_request
    def end(response: flask.Response) -> flask.Response:
        turn = current_turn()
        if turn.visitor is not None:
            turn.visitor.write(response)
        add_headers(response, form_origin=turn.form_origin, secure=names.secure)
        return response


def _add_addresses(app: flask.Flask, views: SignViews, failures: Failures, csrf: CSRFProtect) -> None:
    get, post = ["GET"], ["POST"]
    arrive = _audited("arrive", views.arrive, failures)
    csrf.exempt(arrive)
    app.add_url_rule("/<request_id>", "show", _audited("show", views.show, failures), methods=get)
    app.add_url_rule("/<request_id>", "arrive", arrive, methods=post)
    app.add_url_rule("/<request_id>/choose", "choose", _audited("choose", views.choose, failures), methods=post)
    app.add_url_rule("/<request_id>/confirm", "confirm", _audited("confirm", views.confirm, failures), methods=get)
    app.add_url_rule("/<request_id>/sign", "sign", _audited("sign", views.sign, failures), methods=post)
    app.add_url_rule("/<request_id>/finish", "finish", _audited("finish", views.finish, failures), methods=post)
    app.add_url_rule("/<request_id>/cancel", "cancel", _audited("cancel", views.cancel, failures), methods=post)
    app.add_url_rule(
        "/<request_id>/take-over", "take_over", _audited("take-over", views.take_over, failures), methods=post
    )
    app.add_url_rule("/<request_id>/result", "result", _audited("result", views.result, failures), methods=get)
    app.add_url_rule(
        "/<request_id>/contents/<int:index>", "content", _audited("content", views.content, failures), methods=get
    )


def _audited(
    name: str, view: Callable[..., ResponseReturnValue], failures: Failures
) -> Callable[..., ResponseReturnValue]:
    """*view* under an audit record of its own, which an apology can name."""

    @functools.wraps(view)
    def recorded(request_id: str, **more: int) -> ResponseReturnValue:
        del request_id  # the turn has it, parsed
        turn = current_turn()
        with audited(f"sign-page.{name}") as record:
            turn.record = record
            record.note(request=turn.request_id)
            try:
                return view(**more)
            except HTTPException as error:
                record.note(refused=type(error).__name__)
                return failures.http(error)

    return recorded
