"""A request's body as applications read it: what breaks off or is no HTTP is an ``OSError``, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gunicorn.http.errors import ParseException

from gateway.app import WsgiApplication


class _Input:
    """``wsgi.input``."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        return self._plainly(self._body.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._plainly(self._body.readline, size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    @staticmethod
    def _plainly(reading: Any, size: int) -> bytes:
        try:
            found: bytes = reading(None if size is None or size < 0 else size)
        except ParseException as error:
            raise OSError(f"the body is no HTTP: {type(error).__name__}") from None
        return found


def plain_input(application: WsgiApplication) -> WsgiApplication:
    """*application*, whose reading of a body fails with ``OSError`` alone, as Werkzeug and others expect it."""

    def called(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = _Input(environ["wsgi.input"])
        return application(environ, start_response)

    return called
