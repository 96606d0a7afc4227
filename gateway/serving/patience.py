"""
How long a worker bears with slow peers, and a socket that keeps to it.

Only the time that a thread waits for its peer counts, never our own work. When half of a worker's threads wait, all
of them lose patience sooner, so that slow peers cannot have every thread.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_LOOK_S = 0.25
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """
    What peers may take. Seconds, and bytes a second.

    Args:
        handshake_s: a TLS handshake altogether.
        head_s: a request's head and the first 64 KiB of its body altogether.
        idle_s: between requests of one connection.
        stalled_s: a body that does not come on, an answer that is not read.
        hurried_s: the same while half of the threads wait for their peers.
        least_rate: what a body or an answer has to average beyond *stalled_s*; 0 for any.
        transfer_s: waiting for one body, or with one answer, altogether.
        connections: of one worker.
        per_address: connections of one address at one worker; 0 for any number.
        exempt: addresses and networks that are not counted.

    """

    handshake_s: float = 10.0
    head_s: float = 20.0
    idle_s: float = 15.0
    stalled_s: float = 20.0
    hurried_s: float = 2.0
    least_rate: int = 4096
    transfer_s: float = 900.0
    connections: int = 500
    per_address: int = 64
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class Waiting:
    """How many of a worker's threads wait for their peers now. Safe for threads."""

    def __init__(self, threads: int) -> None:
        """*threads* of the worker."""
        self._threads = threads
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with self._lock:
            self._count += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._count -= 1

    @property
    def crowded(self) -> bool:
        """Whether it is half of them."""
        return self._count * 2 >= self._threads


class _Way:
    """
    One direction of one request. Its credit is the seconds that its peer may still keep us waiting: bytes earn them,
    waiting costs them, and they cannot be saved up.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._credit = patience.stalled_s
        self._waited = 0.0
        self.overdue = False

    def moved(self, count: int) -> None:
        """*count* bytes came or went."""
        rate = self._patience.least_rate
        earned = count / rate if rate else self._patience.stalled_s
        self._credit = min(self._patience.stalled_s, self._credit + earned)

    def waited(self, seconds: float, *, crowded: bool) -> None:
        """A thread waited for *seconds*; *crowded*: so do half of them."""
        self._credit -= seconds
        self._waited += seconds
        spent = self._patience.stalled_s - self._patience.hurried_s if crowded else 0.0
        self.overdue = self._credit <= max(0.0, spent) or self._waited > self._patience.transfer_s


class PacedSocket:
    """
    A non-blocking connection as gunicorn's threads use it, which waits for its peer no longer than *patience*.

    Afterwards reading or writing raises ``ConnectionResetError``, as if the peer had gone. Of one thread at a time.
    """

    def __init__(self, raw: socket.socket, patience: Patience, waiting: Waiting) -> None:
        """*raw*: accepted and non-blocking; its handshake is done before anything is read."""
        self._raw = raw
        self._patience = patience
        self._waiting = waiting
        self._limit: float | None = None
        self._in, self._out = _Way(patience), _Way(patience)
        self.certificate: bytes | None = None
        """The client certificate (DER) that TLS brought: asked for once, for later the peer may be gone."""

    def begin(self) -> None:
        """A request begins."""
        self._in, self._out, self._limit = _Way(self._patience), _Way(self._patience), None

    def recv(self, size: int) -> bytes:
        """As of a socket."""
        piece: bytes = self._move(self._in, select.POLLIN, lambda: self._raw.recv(size))
        self._in.moved(len(piece))
        return piece

    def send(self, data: Any) -> int:
        """As of a socket."""
        sent: int = self._move(self._out, select.POLLOUT, lambda: self._raw.send(data))
        self._out.moved(sent)
        return sent

    def sendall(self, data: Any) -> None:
        """As of a socket."""
        view = memoryview(data)
        while view:
            view = view[self.send(view[:_PIECE]) :]

    def _move(self, way: _Way, event: int, attempt: Callable[[], Any]) -> Any:
        began = time.monotonic()
        while not way.overdue:
            try:
                return attempt()
            except ssl.SSLWantReadError:
                awaited = select.POLLIN
            except ssl.SSLWantWriteError:
                awaited = select.POLLOUT
            except BlockingIOError:
                awaited = event
            self._wait(way, awaited, began)
        raise ConnectionResetError(errno.ECONNRESET, "the peer is too slow")

    def _wait(self, way: _Way, event: int, began: float) -> None:
        """Wait a little for *event*; afterwards the way may be overdue."""
        before = time.monotonic()
        if self._limit is not None and before - began >= self._limit:
            raise TimeoutError
        poll = select.poll()
        poll.register(self._raw, event)
        with self._waiting as waiting:
            poll.poll(_LOOK_S * 1000)
            way.waited(time.monotonic() - before, crowded=waiting.crowded)
        if way.overdue and way is self._out:
            self._forget_unsent()

    def _forget_unsent(self) -> None:
        """Nobody reads it: a close then lets go of what the kernel holds."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # ------------------------------------------------------------------ what else gunicorn asks of a socket

    def setblocking(self, flag: bool) -> None:
        """Waiting is ours, whatever *flag* says."""

    def gettimeout(self) -> float | None:
        """The limit of one read or write besides patience."""
        return self._limit

    def settimeout(self, seconds: float | None) -> None:
        """Limit each read or write."""
        self._limit = seconds

    def fileno(self) -> int:
        """As of a socket."""
        return self._raw.fileno()

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._raw.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._raw.close()
