"""HTTP responses as WSGI sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

StartResponse = Callable[..., Any]
"""PEP 3333's start_response."""

WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
"""PEP 3333's application."""

_XML = "text/xml; charset=utf-8"
_REASONS = {
    200: "OK",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Body(Protocol):
    """A body that is produced while it is sent, and whose length is known before."""

    @property
    def length(self) -> int:
        """Bytes."""

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Response:
    """A status line, headers and a body; the length is added when it is sent."""

    status: str
    headers: Sequence[tuple[str, str]]
    body: bytes | Body

    @classmethod
    def plain(cls, status: str, text: str = "", headers: Sequence[tuple[str, str]] = ()) -> Response:
        """A line of text for people; the status itself where there is none."""
        kind = ("Content-Type", "text/plain; charset=utf-8")
        return cls(status, (kind, *headers), f"{text or status}\n".encode())

    @classmethod
    def xml(cls, status: str, body: bytes | Body, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """A document of ours."""
        return cls(status, (("Content-Type", _XML), *headers), body)

    @classmethod
    def soap(cls, http_status: int, body: bytes | Body, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """A message, which no cache on the way shall keep."""
        status = f"{http_status} {_REASONS[http_status]}"
        return cls.xml(status, body, (("Cache-Control", "no-store"), *headers))

    def send(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Hand the response to the server; without its body where HEAD asked."""
        length = len(self.body) if isinstance(self.body, bytes) else self.body.length
        headers = [*self.headers, ("Content-Length", str(length)), ("X-Content-Type-Options", "nosniff")]
        start_response(self.status, headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        return [self.body] if isinstance(self.body, bytes) else iter(self.body)
