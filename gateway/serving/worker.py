"""
A gunicorn worker with threads whose threads take a request only when its beginning is there.

Handshakes, heads and small bodies arrive in the main loop, where a slow peer costs a few bytes and no thread; so does
the wait for a peer to read the end of an answer. Every open connection is in one table with a deadline, so that a
graceful stop waits for the calls under way and for nothing else. (Gunicorn's own worker counts a connection that ended
in its handshake twice, and then leaves a call under way behind.)
"""

from __future__ import annotations

import enum
import errno
import functools
import selectors
import signal
import socket
import ssl
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar

from gunicorn import http
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.serving.addresses import AddressCount
from gateway.serving.heads import Beginning, Stage
from gateway.serving.patience import PacedSocket, Patience, Waiting

_READ_AT_ONCE = 64 * 1024
_LINGER_S = 2.0
_LINGER_BYTES = 1024 * 1024
_IDLE_AT_STOP_S = 0.5
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 51\r\n\r\nToo many large requests are under way. Try later.\r\n"
)
_TRY_LATER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EINTR)
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Phase(enum.Enum):
    """What a connection is at. All but WORKING are the main loop's."""

    HANDSHAKE = enum.auto()
    IDLE = enum.auto()
    ARRIVING = enum.auto()
    QUEUED = enum.auto()
    WORKING = enum.auto()
    LINGERING = enum.auto()


class _Connection(TConn):  # type: ignore[misc] # gunicorn is untyped
    """One connection; *raw* is its socket, *sock* what gunicorn's threads see of it."""

    def __init__(self, cfg: Any, raw: socket.socket, client: Any, server: Any, key: str) -> None:
        super().__init__(cfg, raw, client, server)
        self.raw = raw
        self.key = key
        self.phase = Phase.HANDSHAKE
        self.deadline = 0.0
        self.beginning = Beginning()
        self.left = b""
        self.large = False
        self.events = 0
        self.drained = 0
        self.initialized = self.data_ready = True  # what gunicorn would do in a thread is done before


class PatientWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """Gunicorn's ``gthread`` with another way of accepting, awaiting and closing connections."""

    patience: ClassVar[Patience] = Patience()

    def __init__(self, *args: Any, **options: Any) -> None:
        """As gunicorn calls it, in the master."""
        super().__init__(*args, **options)
        self._open: dict[_Connection, None] = {}
        self._addresses = AddressCount(self.patience.per_address, self.patience.exempt)
        self._waiting = Waiting(self.cfg.threads)
        self._stopping = False
        # Some threads are for requests that are there already: large ones may be slow to come, however patient we are.
        self._most_large = max(1, self.cfg.threads - max(1, self.cfg.threads // 4))
        self._large = 0
        self._queue: deque[_Connection] = deque()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Signals are the main thread's; processes started by the others bear with them until this worker ends."""
        return ThreadPoolExecutor(max_workers=self.cfg.threads, initializer=_leave_signals_to_the_main_thread)

    def set_accept_enabled(self, enabled: bool) -> None:
        """A worker that stops lets go of its listening sockets at once, so that new connections are refused."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    # ------------------------------------------------------------------ accepting

    def accept(self, listener: Any) -> None:
        """Take one connection into the main loop."""
        try:
            raw, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._make_room()
            elif error.errno not in _TRY_LATER:
                raise
            return
        key = self._addresses.enter(client)
        if key is None:
            raw.close()
            return
        try:
            connection = self._connection(listener, raw, client, key)
        except OSError:  # it is gone already
            self._addresses.leave(key)
            raw.close()
            return
        self._open[connection] = None
        self.nr_conns = len(self._open)
        if self.nr_conns >= self.worker_connections:
            self._make_room(but=connection)
        self._go_on(connection)

    def _connection(self, listener: Any, raw: socket.socket, client: Any, key: str) -> _Connection:
        raw.setblocking(False)
        if self.cfg.is_ssl:
            raw = ssl_context(self.cfg).wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        connection = _Connection(self.cfg, raw, client, listener.getsockname(), key)
        connection.sock = PacedSocket(raw, self.patience, self._waiting)
        connection.parser = http.get_parser(self.cfg, connection.sock, client)
        handshake = self.cfg.is_ssl
        connection.phase = Phase.HANDSHAKE if handshake else Phase.ARRIVING
        connection.deadline = time.monotonic() + (self.patience.handshake_s if handshake else self.patience.head_s)
        return connection

    def _make_room(self, but: _Connection | None = None) -> None:
        """Close the connection that nobody works for and that has least time left, idle ones first."""
        waiting = [c for c in self._open if c.phase is not Phase.WORKING and c is not but]
        if waiting:
            self._release(min(waiting, key=lambda c: (c.phase is not Phase.IDLE, c.deadline)))

    # ------------------------------------------------------------------ arriving

    def _peer_moved(self, connection: _Connection, _raw: Any) -> None:
        if connection.phase is Phase.LINGERING:
            self._drain(connection)
        else:
            self._go_on(connection)

    def _go_on(self, connection: _Connection) -> None:
        """As far as this goes without waiting."""
        try:
            if connection.phase is Phase.HANDSHAKE:
                self._shake_hands(connection)
            self._gather(connection)
        except (ssl.SSLWantReadError, BlockingIOError):
            self._await(connection, selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._await(connection, selectors.EVENT_WRITE)
        except ssl.SSLError:
            self._linger(connection)  # the alert that says why is on its way
        except (OSError, ValueError):
            self._release(connection)

    def _shake_hands(self, connection: _Connection) -> None:
        assert isinstance(connection.raw, ssl.SSLSocket)
        connection.raw.do_handshake()
        connection.sock.certificate = connection.raw.getpeercert(binary_form=True) or None
        connection.phase, connection.deadline = Phase.ARRIVING, time.monotonic() + self.patience.head_s

    def _gather(self, connection: _Connection) -> None:
        """Read until a thread can take it. Raises what a socket raises that would wait."""
        beginning = connection.beginning
        left, connection.left = connection.left, b""
        stage = beginning.add(left) if left else Stage.MORE
        while stage is Stage.MORE:
            piece = connection.raw.recv(_READ_AT_ONCE)
            if not piece:
                # Half closed: with its head complete it is for the application to say that the body is cut off.
                if beginning.head_complete:
                    break
                raise ConnectionResetError(errno.ECONNRESET, "ended before its head did")
            if connection.phase is Phase.IDLE:
                connection.phase, connection.deadline = Phase.ARRIVING, time.monotonic() + self.patience.head_s
            stage = beginning.add(piece)
            if beginning.continue_wanted:
                beginning.continue_wanted = False
                connection.raw.send(_CONTINUE)
        if stage is Stage.TOO_LARGE:
            self._refuse(connection, _TOO_LARGE)
        else:
            self._hand_over(connection)

    def _hand_over(self, connection: _Connection) -> None:
        """Give it to a thread; a body of which more is to come waits until there are few of its kind."""
        self._await(connection, 0)
        connection.large = not connection.beginning.body_complete
        if connection.large and self._large >= self._most_large:
            connection.phase, connection.deadline = Phase.QUEUED, time.monotonic() + self.patience.head_s
            self._queue.append(connection)
            return
        self._large += connection.large
        connection.phase = Phase.WORKING
        connection.sock.begin()
        connection.parser.unreader.unread(bytes(connection.beginning.data))
        connection.beginning = Beginning()
        self.enqueue_req(connection)

    def _next_large(self) -> None:
        while self._queue and self._large < self._most_large:
            connection = self._queue.popleft()
            if connection.phase is Phase.QUEUED and connection in self._open:
                self._hand_over(connection)

    # ------------------------------------------------------------------ ending

    def finish_request(self, connection: _Connection, done: Future[Any]) -> None:
        """A thread is done with *connection*: keep it for the next request, or let its peer read to the end."""
        self._large -= connection.large
        connection.large = False
        self._next_large()
        keep = not done.cancelled() and done.exception() is None and done.result() is True
        if not keep:
            self._linger(connection)
            return
        idle = self.patience.idle_s if self.alive else _IDLE_AT_STOP_S
        connection.phase, connection.deadline = Phase.IDLE, time.monotonic() + idle
        next_one = connection.parser.unreader.take_buffered()
        if next_one:
            connection.phase, connection.deadline = Phase.ARRIVING, time.monotonic() + self.patience.head_s
            connection.left = next_one
        self._go_on(connection)

    def _refuse(self, connection: _Connection, answer: bytes) -> None:
        """Without a thread: in one piece, or not at all."""
        with suppress(OSError):
            connection.raw.send(answer)
        self._linger(connection)

    def _linger(self, connection: _Connection) -> None:
        """Say that nothing more comes, and wait a little for the peer to have read it (RFC 9112 § 9.6)."""
        try:
            connection.raw.setblocking(False)
            connection.raw.shutdown(socket.SHUT_WR)
            connection.phase, connection.deadline = Phase.LINGERING, time.monotonic() + _LINGER_S
            self._await(connection, selectors.EVENT_READ)
        except (OSError, ValueError):
            self._release(connection)

    def _drain(self, connection: _Connection) -> None:
        try:
            piece = connection.raw.recv(_READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        connection.drained += len(piece)
        if not piece or connection.drained > _LINGER_BYTES:
            self._release(connection)

    def _release(self, connection: _Connection) -> None:
        """Close it and forget it; once is enough."""
        if connection not in self._open:
            return
        self._await(connection, 0)
        del self._open[connection]
        self.nr_conns = len(self._open)
        self._addresses.leave(connection.key)
        connection.raw.close()

    def _await(self, connection: _Connection, events: int) -> None:
        """Have the main loop call ``_peer_moved`` at *events*; at none with 0."""
        before, connection.events = connection.events, events
        if before == events:
            return
        if before:
            self.poller.unregister(connection.raw)
        if events:
            self.poller.register(connection.raw, events, functools.partial(self._peer_moved, connection))

    # ------------------------------------------------------------------ time

    def murder_keepalived(self, force: bool = False) -> None:
        """Gunicorn's name for looking at the clock: what is overdue ends; with *force* all that nobody works for."""
        now = time.monotonic()
        if not self.alive and not self._stopping:
            self._stopping = True
            for connection in self._open:
                rest = _IDLE_AT_STOP_S if connection.phase is Phase.IDLE else _LINGER_S
                connection.deadline = min(connection.deadline, now + rest)
        for connection in list(self._open):
            if connection.phase is Phase.WORKING or not (force or connection.deadline <= now):
                continue
            if connection.phase is Phase.QUEUED:
                self._refuse(connection, _BUSY)
            else:
                self._release(connection)

    def murder_pending(self) -> None:
        """All connections are in one table."""


def worker_with(patience: Patience) -> type[PatientWorker]:
    """The class for gunicorn to make workers of."""
    return type("PatientWorker", (PatientWorker,), {"patience": patience})


def _leave_signals_to_the_main_thread() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
