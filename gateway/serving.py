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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from gateway.app import WsgiApplication, pages_application, soap_application
from gateway.audit import configure_logging
from gateway.errors import ConfigurationError
from gateway.settings import Settings

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_GRACEFUL_S = 30
_HEADER_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate and key (PEM files), and the authorities of the client certificates it asks for."""

    certificate: Path
    private_key: Path
    client_anchors: Path
    handshake_timeout_s: float


@dataclass(frozen=True, slots=True)
class Listener:
    """One address with its application; *build* is called in each worker, after the fork."""

    name: str
    bind: str
    build: Callable[[], WsgiApplication]
    workers: int
    threads: int
    tls: ServerTls | None = None


def listeners(settings: Settings) -> list[Listener]:
    """
    What *settings* ask for: SOAP over TLS, pages, and SOAP for a proxy where a socket is configured.

    Raises:
        ConfigurationError: Names the TLS setting that is missing or cannot be used.

    """
    soap, pages = settings.soap, settings.pages
    wanted = [
        Listener("soap", soap.bind, lambda: soap_application(settings, certificate_of_connection),
                 soap.workers, soap.threads, _tls(settings)),
        Listener("pages", pages.bind, lambda: _pages(settings), pages.workers, pages.threads),
    ]  # fmt: skip
    if soap.proxy_socket is not None:
        bind = f"unix:{soap.proxy_socket}"
        build = lambda: from_proxy(soap_application(settings, certificate_of_proxy))  # noqa: E731 - built in the worker
        wanted.append(Listener("soap-proxy", bind, build, soap.workers, soap.threads))
    return wanted


def _tls(settings: Settings) -> ServerTls:
    soap = settings.soap
    missing = [n for n in ("certificate", "private_key", "consumer_anchors") if getattr(soap, n) is None]
    if soap.certificate is None or soap.private_key is None or soap.consumer_anchors is None:
        raise ConfigurationError("\n".join(f"soap.{name}: is required" for name in missing))
    tls = ServerTls(soap.certificate, soap.private_key, soap.consumer_anchors, soap.handshake_timeout_s)
    try:
        server_context(tls)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"soap.certificate, soap.private_key, soap.consumer_anchors: cannot be used ({type(error).__name__}: "
            f"{getattr(error, 'reason', None) or getattr(error, 'strerror', None) or 'not readable'})"
        ) from None
    return tls


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """
    TLS 1.2 or newer that asks for a client certificate without insisting, so that a missing one gets its fault; unknown
    issuers fail the handshake. No handshake or read may last longer than the timeout.
    """

    class Impatient(ssl.SSLSocket):
        def setblocking(self, flag: bool) -> None:
            self.settimeout(tls.handshake_timeout_s if flag else 0.0)

    class Context(ssl.SSLContext):
        def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> ssl.SSLSocket:
            sock.settimeout(tls.handshake_timeout_s)
            return super().wrap_socket(sock, *args, **options)

    context = Context(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = Impatient
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.private_key)
    context.load_verify_locations(tls.client_anchors)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def certificate_of_connection(environ: dict[str, Any]) -> bytes | None:
    """The client certificate (DER) of the TLS connection that gunicorn put into *environ*."""
    connection = environ.get("gunicorn.socket")
    found = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLSocket) else None
    return found or None


def certificate_of_proxy(environ: dict[str, Any]) -> bytes | None:
    """
    The client certificate that a TLS proxy verified, from its headers (nginx: ``$ssl_client_verify`` and
    ``$ssl_client_escaped_cert``). Only for the proxy's own socket, for anybody could write these headers.
    """
    escaped = str(environ.get("HTTP_X_CLIENT_CERT", ""))
    if environ.get("HTTP_X_CLIENT_VERIFY") != "SUCCESS" or not escaped or len(escaped) > _HEADER_LIMIT:
        return None
    try:
        return x509.load_pem_x509_certificate(unquote_to_bytes(escaped)).public_bytes(Encoding.DER)
    except ValueError:
        return None


def _pages(settings: Settings) -> WsgiApplication:
    header = settings.pages.client_address_header
    pages = pages_application(settings)
    return pages if header is None else from_proxy(pages, header)


def from_proxy(application: WsgiApplication, header: str = "X-Client-Address") -> WsgiApplication:
    """*application* told the address that the proxy saw: the last in *header*, for the others may be lies."""
    variable = f"HTTP_{header.upper().replace('-', '_')}"

    def addressed(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = str(environ.get(variable, "")).rpartition(",")[2].strip()
        return application(environ, start_response)

    return addressed


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
            "worker_class": "gthread",
            "threads": self._listener.threads,
            "timeout": 120,
            "graceful_timeout": _GRACEFUL_S,
            "keepalive": 15,
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
        return self._listener.build()


def serve(wanted: Sequence[Listener], log_level: str = "INFO") -> int:
    """
    Serve until SIGTERM or SIGINT; returns the exit status: 0 when asked to stop, 1 when a listener ended by itself.

    SIGHUP is passed on: workers are replaced, and read certificates anew.
    """
    asked: list[int] = []
    masters: dict[int, str] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        _pass_on(masters, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: _pass_on(masters, signal.SIGHUP))
    for listener in wanted:
        masters[_fork_master(listener, log_level)] = listener.name
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
        os.kill(pid, number)


def _fork_master(listener: Listener, log_level: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _end_with_parent()
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
