"""The little HTTP that a status service needs, over WSGI: bounded bodies, exact methods, lengths always said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response. Nothing here may be kept by caches: a revocation counts at once."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, start_response: StartResponse, *, head: bool = False) -> list[bytes]:
        """As WSGI; *head* leaves the body out and says its length."""
        headers = [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.headers,
        ]
        start_response(f"{self.status.value} {self.status.phrase}", headers)
        return [] if head else [self.body]


class Refused(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: HTTPStatus, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """*headers*: what the status asks for, such as Allow."""
        super().__init__(status.phrase)
        self.answer = Answer(f"{status.phrase}\n".encode(), status=status, headers=headers)


def require_method(environ: dict[str, Any], allowed: Sequence[str]) -> None:
    """Raises ``Refused`` (405, with Allow) for another method."""
    if environ.get("REQUEST_METHOD") not in allowed:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", ", ".join(allowed)),))


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """
    The request's body, at most *limit* bytes; never more is read.

    Raises ``Refused``: 411 without a length, 400 for a wrong one or a body cut short, 413 for too much.
    """
    stated = environ.get("CONTENT_LENGTH") or ""
    if not stated:
        raise Refused(HTTPStatus.LENGTH_REQUIRED)
    if not (stated.isascii() and stated.isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST)
    if len(stated) > len(str(limit)) or int(stated) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    length = int(stated)
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return body
