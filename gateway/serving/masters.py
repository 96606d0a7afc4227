"""
Listeners as processes: one gunicorn master for each, threaded workers below (decision 18).

TLS settings belong to a master, so consumers and signers have one each. The parent forks the masters before anything
is opened, passes signals on, and ends them all when one of them ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from gateway.app import WsgiApplication
from gateway.audit import configure_logging
from gateway.serving.inputs import plain_input
from gateway.serving.listening import Listener
from gateway.serving.tls import server_context
from gateway.serving.worker import worker_with

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_GRACEFUL_S = 30


class QuietLogger(Logger):  # type: ignore[misc] # gunicorn is untyped
    """Gunicorn's own words without what callers sent: it quotes request lines, headers and addresses otherwise."""

    def warning(self, msg: str, *_args: object, **_options: object) -> None:
        """Warnings are about what a caller did; the audit records say what matters of it."""

    def exception(self, msg: str, *_args: object, **_options: object) -> None:  # noqa: ARG002 - gunicorn's
        """The class of what went wrong, without the trace and without *msg*'s values."""
        kind = sys.exc_info()[0]
        super().error("request could not be handled: %s", kind.__name__ if kind is not None else "unknown")


class _Master(BaseApplication):  # type: ignore[misc] # gunicorn is untyped
    """Gunicorn's master for one listener, configured here and by no file."""

    def __init__(self, listener: Listener, log_level: str) -> None:
        self._listener, self._log_level = listener, log_level
        super().__init__()

    def load_config(self) -> None:
        tls = self._listener.tls
        values: dict[str, Any] = {
            "bind": self._listener.bind,
            "workers": self._listener.workers,
            "worker_class": worker_with(self._listener.patience),
            "worker_connections": max(self._listener.patience.connections, self._listener.threads + 1),
            "threads": self._listener.threads,
            "sendfile": False,
            "timeout": 120,
            "graceful_timeout": _GRACEFUL_S,
            "keepalive": max(1, round(self._listener.patience.idle_s)),
            # A unix socket is for the proxy's group too; gunicorn's warnings quote callers' bytes and addresses.
            "umask": 0o007 if self._listener.bind.startswith("unix:") else 0o077,
            "loglevel": "error",
            "logger_class": QuietLogger,
            # Nobody before us sets paths or schemes: the settings say what browsers see.
            "forwarder_headers": "",
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "proc_name": f"msign-gateway {self._listener.name}",
            "limit_request_line": 8190,
            "post_fork": lambda _server, _worker: configure_logging(self._log_level),
        }
        if tls is not None:
            kept: list[ssl.SSLContext] = []

            def context(_config: Any, _default: Any) -> ssl.SSLContext:
                # Asked for with every connection; a worker keeps its own, and HUP brings new workers.
                if not kept:
                    kept.append(server_context(tls))
                return kept[0]

            values |= {"certfile": str(tls.certificate), "keyfile": str(tls.private_key), "ssl_context": context}
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> WsgiApplication:
        return plain_input(self._listener.build())


def serve(wanted: Sequence[Listener], log_level: str = "INFO") -> int:
    """
    Serve until SIGTERM or SIGINT; returns the exit status: 0 when asked to stop, 1 when a listener ended by itself.

    SIGHUP is passed on: workers are replaced, and read certificates anew.
    """
    asked: list[int] = []
    masters: dict[int, str] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        impatient = bool(asked) and number == signal.SIGINT  # somebody at a terminal asks again
        asked.append(number)
        _pass_on(masters, signal.SIGQUIT if impatient else signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: _pass_on(masters, signal.SIGHUP))
    for listener in wanted:
        masters[_fork_master(listener, log_level)] = listener.name
        if asked:  # while we forked: the new one did not hear of it
            _pass_on(masters, signal.SIGTERM)
    status = 0
    while masters:
        try:
            pid, _ = os.wait()
        except ChildProcessError:
            break
        name = masters.pop(pid, None)
        if name is not None and not asked:
            sys.stderr.write(f"gateway: the {name} listener ended; stopping\n")
            status = 1
            asked.append(0)
            _pass_on(masters, signal.SIGTERM)
    return status


def _pass_on(masters: dict[int, str], number: int) -> None:
    for pid in list(masters):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _fork_master(listener: Listener, log_level: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _end_with_parent()
        # A terminal's interrupt goes to a whole group and would cut off calls under way; the parent passes it on.
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _Master(listener, log_level).run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(code)


def _end_with_parent() -> None:
    """Where the system can (Linux), a master ends when its parent was killed without a chance to say so."""
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    except (OSError, AttributeError):
        return
