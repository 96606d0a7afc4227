"""TLS of the consumers' listener (decision 18)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate and key (PEM files), and the authorities of the client certificates it asks for."""

    certificate: Path
    private_key: Path
    client_anchors: Path


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """
    TLS 1.2 or newer that asks for a client certificate without insisting, so that a missing one gets its fault; unknown
    issuers fail the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.private_key)
    context.load_verify_locations(tls.client_anchors)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context
