"""
One HTTP exchange with an authority, over connections that are kept open (RFC 3161 § 3.4).

No redirect, no proxy, no content coding; the answer is bounded, and everything from the first octet of its head to the
last of its body comes within one deadline, however slowly an authority sends.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as NoTime

from gateway.errors import ConfigurationError
from gateway.timestamps.batches import NoAnswer

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer, at most."""

_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """An authority's URL taken apart. *authorization* is the value of that header and never printed."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Without user and password, and without the query, which may hold a key too."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path.partition('?')[0]}"


def parse_address(url: str) -> Address:
    """
    Take *url* apart: http or https, a host, and perhaps a user and password (HTTP Basic).

    Raises ``ConfigurationError``, which never quotes it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("timestamps.url: is not readable") from None
    if parts.scheme not in _PORTS or not parts.hostname or not url.isprintable() or " " in url:
        raise ConfigurationError("timestamps.url: must be an http or https address")
    authorization = None
    if parts.username is not None:
        given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = urllib3.make_headers(basic_auth=given)["authorization"]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path, authorization)


class Connections:
    """
    What one process keeps open for one authority: connections, and threads that use them.

    Never crosses a fork: every process makes its own, and nothing is opened before the first question.
    """

    def __init__(self, address: Address, *, timeout: float, at_once: int) -> None:
        """*timeout* in seconds for one exchange; *at_once* bounds threads and connections kept."""
        self.executor = ThreadPoolExecutor(at_once, thread_name_prefix="time-stamp")
        self._address = address
        self._timeout = timeout
        self._pool = _pool(address, at_once)
        self._headers = {"Content-Type": _QUERY, "Accept": _REPLY, "User-Agent": "msign-gateway"}
        if address.authorization is not None:
            self._headers["Authorization"] = address.authorization

    def post(self, body: bytes) -> bytes:
        """
        The answer to a query. A kept connection that turns out to be closed is replaced once.

        Raises ``NoAnswer``.
        """
        deadline = time.monotonic() + self._timeout
        try:
            try:
                return self._exchange(body, deadline)
            except ProtocolError as error:
                if not any(isinstance(one, ConnectionError) for one in (*error.args, error.__cause__)):
                    raise
                return self._exchange(body, deadline)
        except NameResolutionError:
            raise NoAnswer("not reached: its name does not resolve", silent=True) from None
        except NewConnectionError:  # before NoTime, whose kind it is by the library's history
            raise NoAnswer("not reached: no connection", silent=True) from None
        except NoTime:
            raise NoAnswer("no answer in time", silent=True) from None
        except SSLError:
            raise NoAnswer("TLS refused: its certificate is not trusted or does not fit", silent=True) from None
        except ProtocolError:
            raise NoAnswer("connection dropped") from None
        except (HTTPError, OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"not reached ({type(error).__name__})", silent=True) from None

    def _exchange(self, body: bytes, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer("no answer in time", silent=True)
        response = self._pool.urlopen(
            "POST",
            self._address.path,
            body,
            self._headers,
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(total=left),
            preload_content=False,
            decode_content=False,
        )
        try:
            answer = _bounded(response)
        finally:
            response.close()  # a connection whose answer was read whole has gone back to the pool already
        if response.status != HTTPStatus.OK:
            raise NoAnswer(f"answers HTTP {response.status}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != _REPLY:
            raise NoAnswer("answer is no time-stamp reply (Content-Type)")
        if len(answer) > ANSWER_LIMIT:
            raise NoAnswer(f"answer larger than {ANSWER_LIMIT} bytes")
        return answer


def _bounded(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body to its end, which tells whether it was cut off, or a little more than the limit."""
    body = bytearray()
    while len(body) <= ANSWER_LIMIT and (piece := response.read(ANSWER_LIMIT + 1 - len(body))):
        body += piece
    return bytes(body)


def _pool(address: Address, at_once: int) -> urllib3.HTTPConnectionPool:
    if address.scheme == "http":
        return _Pool(address.host, address.port, maxsize=at_once)
    return _TlsPool(address.host, address.port, maxsize=at_once, ssl_context=ssl.create_default_context())


class _Answer(http.client.HTTPResponse):
    """A response that is read until a deadline: what the socket's timeout was when its reading began."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        left = sock.gettimeout()
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_UntilDeadline(raw, sock, time.monotonic() + (left or 0.0)))


class _UntilDeadline(io.RawIOBase):
    """A socket's stream; a peer that sends byte by byte gains no time by it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """As ``RawIOBase``; raises ``TimeoutError`` at the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket's stream."""
        if not self.closed:
            super().close()
            self._raw.close()


class _Connection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
