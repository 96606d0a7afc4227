"""
Everything that the sandbox serves, as one WSGI application on one loopback port.

``POST /ocsp/{ca}`` and ``GET /ocsp/{ca}/{base64}``, ``GET /crl/{ca}.crl``, ``GET /ca/{ca}.cer``, ``POST /tsa``. The
gateway reaches it by the addresses in the certificates, as it would reach anybody's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gateway.keys.api import KeyStore
from gateway.sandbox.http import Answer, Refused, StartResponse, WsgiApplication
from gateway.sandbox.pki import Sandbox
from gateway.sandbox.responders import Responders
from gateway.sandbox.tsa import TimeStamping
from gateway.storage.api import CertificateRegister


def build_wsgi(
    sandbox: Sandbox, key_store: KeyStore, register: CertificateRegister, clock: Callable[[], datetime]
) -> WsgiApplication:
    """
    The sandbox's application, to be served at ``sandbox.host`` and ``sandbox.port`` by a threaded HTTP/1.1 server.

    Build it in each worker, after the fork.

    Args:
        sandbox: an open one.
        key_store: where its keys lie.
        register: what its issuing authority issued since; the same that the gateway writes.
        clock: the time, UTC-aware.

    """
    responders = Responders(sandbox, key_store, register, clock)
    time_stamping = TimeStamping(sandbox, key_store, clock)

    def route(environ: dict[str, Any]) -> Answer:
        path = str(environ.get("PATH_INFO", ""))
        _, _, path = path.partition("/")
        first, slash, rest = path.partition("/")
        if first == "tsa" and not slash:
            return time_stamping.answer(environ)
        if first == "ocsp":
            return responders.ocsp(environ, rest)
        if first == "crl":
            return responders.crl(environ, rest)
        if first == "ca":
            return responders.certificate(environ, rest)
        raise Refused(HTTPStatus.NOT_FOUND)

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        try:
            answer = route(environ)
        except Refused as refused:
            answer = refused.answer
        return answer.send(start_response, head=environ.get("REQUEST_METHOD") == "HEAD")

    return application
