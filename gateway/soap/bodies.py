"""The body of an HTTP request: as much of it as was announced and is allowed, in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from gateway.soap.faults import MessageRefused

_PIECE = 64 * 1024
_LENGTH = re.compile("[0-9]{1,19}")


class RequestBody:
    """
    Reads ``wsgi.input`` and never past the body's end, where a server would wait for the next request.

    Without a length the body is read to its end only where the server marks that end (chunked coding).
    """

    def __init__(self, environ: dict[str, Any], limit: int) -> None:
        """Raises ``ValueError`` where Content-Length is not a number."""
        announced = environ.get("CONTENT_LENGTH") or None
        if announced is not None and not _LENGTH.fullmatch(announced):
            raise ValueError("Content-Length is not a number")
        self._announced = int(announced) if announced is not None else None
        self.delimited = self._announced is not None or bool(
            environ.get("wsgi.input_terminated") or "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        )
        self._input = environ["wsgi.input"]
        self._limit = limit
        self._broken = False
        self._grown: Callable[[int], None] | None = None
        self.taken = 0

    def check_announced(self) -> None:
        """Raises ``MessageRefused`` (413) where more is announced than is read."""
        if self._announced is not None and self._announced > self._limit:
            raise _too_large(self._limit)

    def account(self, announced: Callable[[int], None], grown: Callable[[int], None]) -> None:
        """
        Have the size judged: *announced* is called now with a length that is known, *grown* else with what was read so
        far, while it is read. Either may raise.
        """
        if self._announced is not None:
            announced(self._announced)
        else:
            self._grown = grown

    def __iter__(self) -> Iterator[bytes]:
        """
        The body in pieces.

        Raises:
            MessageRefused: it is longer than the limit (413), or ends before its announced length.

        """
        while piece := self._take(_PIECE):
            if self.taken > self._limit:
                raise _too_large(self._limit)
            if self._grown is not None:
                self._grown(self.taken)
            yield piece
        if self._announced is not None and self.taken < self._announced:
            raise MessageRefused("The request ends before its Content-Length")

    def drain(self, limit: int) -> None:
        """
        Take what is left of the body, *limit* bytes at most, and let it go.

        A server that closes with unread bytes makes the network forget the answer on its way; what is more than
        *limit* it has to deal with itself. Never raises for a caller who went away.
        """
        end = self.taken + limit
        with suppress(MessageRefused):
            while self.taken < end and self._take(min(_PIECE, end - self.taken)):
                pass

    def _take(self, size: int) -> bytes:
        if not self.delimited or self._broken:
            return b""
        if self._announced is not None:
            size = min(size, self._announced - self.taken)
        try:
            piece: bytes = self._input.read(size) if size > 0 else b""
        except Exception:  # noqa: BLE001 - servers differ in what they raise; the caller went away or sent bad chunks
            self._broken = True
            raise MessageRefused("The request could not be read to its end") from None
        self.taken += len(piece)
        return piece


def _too_large(limit: int) -> MessageRefused:
    return MessageRefused(f"The request is larger than {limit} bytes", http_status=413)
