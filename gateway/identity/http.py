"""Exchanges with a provider: bounded in size and time, no redirects, nothing from the environment."""

from __future__ import annotations

import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

LARGEST_ANSWER = 256 * 1024
_PIECE = 16 * 1024


class AnswerTooLarge(requests.RequestException):
    """More than any provider has to say."""


class AnswerTooSlow(requests.Timeout):
    """The answer drips."""


class BoundedAdapter(HTTPAdapter):
    """Reads an answer whole and at once, as far as it may go; *seconds* for all of it."""

    def __init__(self, seconds: float) -> None:
        """*seconds*: from connecting to the last octet."""
        super().__init__(max_retries=0)
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, *_args: Any, **more: Any) -> requests.Response:
        """As ``HTTPAdapter``, with our own time and bounds. Raises ``requests.RequestException``."""
        until = time.monotonic() + self._seconds
        more |= {"stream": True, "timeout": self._seconds}
        response = super().send(request, **more)
        body = bytearray()
        try:
            # One piece as it arrives, not a full one: a dripping answer must not gain time by it.
            while piece := response.raw.read1(_PIECE, decode_content=True):
                body += piece
                if len(body) > LARGEST_ANSWER:
                    raise AnswerTooLarge
                if time.monotonic() > until:
                    raise AnswerTooSlow
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from None
        finally:
            response.close()
        response._content = bytes(body)  # noqa: SLF001 - where requests keeps what was read
        return response


def bounded(session: requests.Session, seconds: float) -> None:
    """Give *session* these habits."""
    session.trust_env = False
    session.max_redirects = 0
    session.mount("https://", BoundedAdapter(seconds))
    session.mount("http://", BoundedAdapter(seconds))
