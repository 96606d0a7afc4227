"""
OCSP responses, CRLs and issuers over HTTP: the only network code of this room (decision 30).

One request, one answer: no redirect, no proxy, no cookie, no content coding. The name is resolved once, every address
it resolves to must be acceptable, and the connection goes to the address that was looked at, so that a name cannot
answer twice differently. Everything together takes at most the timeout, resolving included.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

from gateway.trust.addresses import FetchFailed, Target, parse_target, refuse_address
from gateway.trust.warm import Warm

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port into network addresses; may block and may raise ``OSError``."""

_FAILURES_KEPT = 1024
_PIECE = 64 * 1024
_LOOKUPS_AT_ONCE = 8
_SECONDS_REMEMBERED = 30.0


def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpFetcher:
    """
    Fetches from status services. Safe for threads; opens nothing until it is asked.

    A server that could not be reached is not asked again for half a minute, nor an address that answered wrongly.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Sequence[str] = (),
        allow_loopback: bool = False,
        timeout: timedelta = timedelta(seconds=5),
        max_bytes: int = 10 * 1024 * 1024,
        resolver: Resolver = system_resolver,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        *allowed_hosts*: where given, no other host is asked (exact names); *allow_loopback* is for the sandbox;
        *timeout* for one fetch altogether; *max_bytes* of an answer's body.
        """
        self._allowed = frozenset(host.lower().removesuffix(".") for host in allowed_hosts)
        self._allow_loopback = allow_loopback
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._resolver = resolver
        self._monotonic = monotonic
        self._failures: Warm[tuple[str, ...], tuple[float, str]] = Warm(_FAILURES_KEPT)
        self._lookups = threading.BoundedSemaphore(_LOOKUPS_AT_ONCE)

    def names(self, url: str) -> bool:
        """Whether the operator named the host of *url* outright; only such may be asked before a path is found."""
        try:
            return (urlsplit(url).hostname or "").removesuffix(".") in self._allowed
        except ValueError:
            return False

    def get(self, url: str, *, max_bytes: int | None = None) -> bytes:
        """The body of a 200 answer. Raises ``FetchFailed``."""
        return self._fetch("GET", url, None, {}, max_bytes)

    def post(self, url: str, body: bytes, content_type: str, *, max_bytes: int | None = None) -> bytes:
        """The body of a 200 answer to *body*. Raises ``FetchFailed``."""
        return self._fetch("POST", url, body, {"Content-Type": content_type}, max_bytes)

    def _fetch(
        self,
        method: Literal["GET", "POST"],
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        max_bytes: int | None,
    ) -> bytes:
        target = parse_target(url)
        if self._allowed and target.host not in self._allowed:
            raise FetchFailed("host is not among the allowed ones")
        server = (target.scheme, target.host, str(target.port))
        exactly = (*server, target.path, sha256(body or b"").hexdigest())
        for key in (server, exactly):
            self._refuse_failed(key)
        limit = min(max_bytes or self._max_bytes, self._max_bytes)
        deadline = self._monotonic() + self._timeout
        try:
            return self._ask(method, target, body, headers, limit, deadline)
        except FetchFailed as failure:
            self._failures.put(exactly, (self._monotonic(), str(failure)))
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = f"no answer ({type(error).__name__})"
            self._failures.put(server, (self._monotonic(), reason))
            raise FetchFailed(reason) from None

    def _refuse_failed(self, key: tuple[str, ...]) -> None:
        failed = self._failures.get(key)
        if failed is not None and self._monotonic() - failed[0] < _SECONDS_REMEMBERED:
            raise FetchFailed(f"{failed[1]}; not asked again yet")

    def _ask(
        self, method: str, target: Target, body: bytes | None, headers: dict[str, str], limit: int, deadline: float
    ) -> bytes:
        address = self._address(target, deadline)
        connection = _PinnedConnection(target, address, deadline, self._monotonic)
        try:
            connection.request(
                method,
                target.path,
                body=body,
                headers={
                    "Host": target.authority,
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    "User-Agent": "msign-gateway",
                    "Connection": "close",
                    **headers,
                },
            )
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise FetchFailed(f"answer {answer.status}")
            if answer.getheader("Content-Encoding", "identity").lower() != "identity":
                raise FetchFailed("answer with a content coding")
            return _body(answer, limit)
        finally:
            connection.close()

    def _address(self, target: Target, deadline: float) -> str:
        """The one address to call; all that the name resolves to must be acceptable."""
        found = [str(target.literal)] if target.literal is not None else self._resolve(target, deadline)
        if not found:
            raise FetchFailed("name does not resolve")
        for address in found:
            refuse_address(address, target.port, allow_loopback=self._allow_loopback)
        return found[0]

    def _resolve(self, target: Target, deadline: float) -> list[str]:
        """Resolve in a thread of its own, for a system's resolver cannot be told to hurry."""
        if not self._lookups.acquire(timeout=max(0.0, deadline - self._monotonic())):
            raise FetchFailed("names are not resolved in time")
        answer: list[list[str]] = []

        def look_up() -> None:
            try:
                answer.append(list(self._resolver(target.host, target.port)))
            except (OSError, ValueError):
                answer.append([])
            finally:
                self._lookups.release()

        worker = threading.Thread(target=look_up, name="resolve", daemon=True)
        worker.start()
        worker.join(max(0.0, deadline - self._monotonic()))
        if not answer:
            raise FetchFailed("name is not resolved in time")
        return answer[0]


def _body(answer: http.client.HTTPResponse, limit: int) -> bytes:
    if answer.length is not None and answer.length > limit:
        raise FetchFailed(f"answer larger than {limit} bytes")
    body = bytearray()
    while piece := answer.read(min(_PIECE, limit + 1 - len(body))):
        body += piece
        if len(body) > limit:
            raise FetchFailed(f"answer larger than {limit} bytes")
    if answer.length:
        raise FetchFailed("answer is cut off")
    return bytes(body)


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to the address that was looked at, whose every wait ends at the deadline."""

    def __init__(self, target: Target, address: str, deadline: float, monotonic: Callable[[], float]) -> None:
        super().__init__(target.host, target.port)
        self._target = target
        self._address = address
        self._deadline = deadline
        self._monotonic = monotonic

    def connect(self) -> None:
        """Connect, and for https shake hands in the name of the host; certificates are checked as everywhere."""
        plain = socket.create_connection((self._address, self._target.port), timeout=self._left())
        try:
            plain.settimeout(self._left())
            if self._target.scheme == "https":
                context = ssl.create_default_context()
                plain = context.wrap_socket(plain, server_hostname=self._target.host)
        except BaseException:
            plain.close()
            raise
        self.sock: Any = _DeadlineSocket(plain, self._left)

    def _left(self) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        return left


class _DeadlineSocket:
    """What http.client needs of a socket; a peer that sends byte by byte gains no time by it."""

    def __init__(self, plain: socket.socket, left: Callable[[], float]) -> None:
        self._plain = plain
        self._left = left
        self._open = 1

    def sendall(self, data: bytes) -> None:
        self._plain.settimeout(self._left())
        self._plain.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        self._open += 1
        return io.BufferedReader(_DeadlineReader(self._plain, self._left, self._closed))

    def close(self) -> None:
        self._closed()

    def _closed(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._plain.close()


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, plain: socket.socket, left: Callable[[], float], closed: Callable[[], None]) -> None:
        super().__init__()
        self._plain = plain
        self._left = left
        self._tell = closed

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As ``RawIOBase``; raises ``TimeoutError`` at the deadline."""
        self._plain.settimeout(self._left())
        return self._plain.recv_into(buffer)

    def close(self) -> None:
        """Let go of the socket, once."""
        if not self.closed:
            super().close()
            self._tell()
