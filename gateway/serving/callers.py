"""Who calls: the client certificate and the address, from the connection or from a proxy that is believed."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.app import WsgiApplication
from gateway.serving.patience import PacedSocket

_HEADER_LIMIT = 16 * 1024


def certificate_of_connection(environ: dict[str, Any]) -> bytes | None:
    """The client certificate (DER) of the TLS connection that gunicorn put into *environ*."""
    connection = environ.get("gunicorn.socket")
    return connection.certificate if isinstance(connection, PacedSocket) else None


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


def from_proxy(application: WsgiApplication, header: str = "X-Client-Address") -> WsgiApplication:
    """*application* told the address that the proxy saw: the last in *header*, for the others may be lies."""
    variable = f"HTTP_{header.upper().replace('-', '_')}"

    def addressed(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = str(environ.get(variable, "")).rpartition(",")[2].strip()
        return application(environ, start_response)

    return addressed
