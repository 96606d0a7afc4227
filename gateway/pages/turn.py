"""One HTTP request at the pages, while it is answered: who came, in which language, what the answer's headers need."""

from __future__ import annotations

from dataclasses import dataclass

import flask

from gateway.audit import AuditRecord
from gateway.domain.messages import Language
from gateway.domain.requests import RequestId
from gateway.domain.sessions import Arrival
from gateway.errors import RequestNotFound
from gateway.pages.arrival import Origin, parse_language
from gateway.pages.browsers import Visitor


@dataclass(slots=True)
class Turn:
    """*visitor* is None exactly where the address names no request."""

    language: Language
    visitor: Visitor | None = None
    arrival: Arrival | None = None
    record: AuditRecord | None = None
    form_origin: Origin | None = None

    @property
    def request_id(self) -> RequestId | None:
        """The request that the address names; it need not exist."""
        return self.visitor.request_id if self.visitor is not None else None

    @property
    def browser(self) -> bytes | None:
        """SHA-256 of the browser's lasting secret, where it has one."""
        return self.visitor.browser if self.visitor is not None else None

    def who(self) -> Visitor:
        """The visitor. Raises ``RequestNotFound`` where the address names no request."""
        if self.visitor is None:
            raise RequestNotFound
        return self.visitor


def current_turn() -> Turn:
    """The turn being answered."""
    turn: Turn = flask.g.turn
    return turn


def language_of(request: flask.Request, arrival: Arrival | None) -> Language:
    """The ``lang`` parameter, else the one that the browser came with, else Accept-Language, else Romanian."""
    asked = next((value for name, value in request.args.items(multi=True) if name.lower() == "lang"), None)
    return (
        parse_language(asked)
        or parse_language(arrival.language if arrival is not None else None)
        or _accepted(request)
        or Language.RO
    )


def _accepted(request: flask.Request) -> Language | None:
    """The first of ours in Accept-Language, best quality first; a region (``en-GB``) makes no difference."""
    for tag, quality in request.accept_languages:
        language = parse_language(tag.partition("-")[0])
        if quality > 0 and language is not None:
            return language
    return None
