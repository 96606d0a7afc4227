"""The listeners that settings ask for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.app import WsgiApplication
from gateway.doors import pages_application, soap_application
from gateway.errors import ConfigurationError
from gateway.serving.addresses import AddressCount
from gateway.serving.callers import certificate_of_connection, certificate_of_proxy, from_proxy
from gateway.serving.patience import Patience
from gateway.serving.tls import ServerTls, server_context
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Listener:
    """One address with its application; *build* is called in each worker, after the fork."""

    name: str
    bind: str
    build: Callable[[], WsgiApplication]
    workers: int
    threads: int
    tls: ServerTls | None = None
    patience: Patience = field(default_factory=Patience)


def listeners(settings: Settings) -> list[Listener]:
    """
    What *settings* ask for: SOAP over TLS, pages, and SOAP for a proxy where a socket is configured.

    Raises:
        ConfigurationError: Names the TLS setting that is missing or cannot be used.

    """
    soap, pages, patience = settings.soap, settings.pages, _patience(settings)
    wanted = [
        Listener("soap", soap.bind, lambda: soap_application(settings, certificate_of_connection),
                 soap.workers, soap.threads, _tls(settings), patience),
        Listener("pages", pages.bind, lambda: _pages(settings), pages.workers, pages.threads, None, patience),
    ]  # fmt: skip
    if soap.proxy_socket is not None:
        bind = f"unix:{soap.proxy_socket}"
        build = lambda: from_proxy(soap_application(settings, certificate_of_proxy))  # noqa: E731 - built in the worker
        wanted.append(Listener("soap-proxy", bind, build, soap.workers, soap.threads, None, patience))
    return wanted


def _patience(settings: Settings) -> Patience:
    given = settings.connections
    try:
        AddressCount(given.per_address, given.exempt)
    except ValueError:
        raise ConfigurationError("connections.exempt: must be addresses and networks such as 10.0.0.0/8") from None
    return Patience(
        handshake_s=settings.soap.handshake_timeout_s,
        head_s=given.head_s,
        idle_s=given.idle_s,
        stalled_s=given.stalled_s,
        hurried_s=given.hurried_s,
        least_rate=given.least_rate,
        transfer_s=given.transfer_s,
        connections=given.of_worker,
        per_address=given.per_address,
        exempt=given.exempt,
    )


def _tls(settings: Settings) -> ServerTls:
    soap = settings.soap
    missing = [n for n in ("certificate", "private_key", "consumer_anchors") if getattr(soap, n) is None]
    if soap.certificate is None or soap.private_key is None or soap.consumer_anchors is None:
        raise ConfigurationError("\n".join(f"soap.{name}: is required" for name in missing))
    tls = ServerTls(soap.certificate, soap.private_key, soap.consumer_anchors)
    try:
        server_context(tls)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"soap.certificate, soap.private_key, soap.consumer_anchors: cannot be used ({type(error).__name__}: "
            f"{getattr(error, 'reason', None) or getattr(error, 'strerror', None) or 'not readable'})"
        ) from None
    return tls


def _pages(settings: Settings) -> WsgiApplication:
    header = settings.pages.client_address_header
    pages = pages_application(settings)
    return pages if header is None else from_proxy(pages, header)
