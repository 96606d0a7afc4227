"""OCSP (RFC 6960 appendix A), CRLs and authorities' certificates (RFC 5280 § 4.2.2.1) over HTTP, per authority."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gateway.errors import KeyStoreUnavailable
from gateway.issuing.ocsp import REQUEST_LIMIT
from gateway.issuing.status import StatusPublisher
from gateway.keys.api import KeyStore
from gateway.sandbox import plan
from gateway.sandbox.http import Answer, Refused, read_body, require_method
from gateway.sandbox.pki import Sandbox
from gateway.sandbox.register import RegisterWithDeclared
from gateway.storage.api import CertificateRegister

_OCSP = "application/ocsp-response"
_CRL = "application/pkix-crl"
_CERTIFICATE = "application/pkix-cert"


class Responders:
    """What the sandbox's authorities publish. Safe for threads."""

    def __init__(
        self, sandbox: Sandbox, key_store: KeyStore, register: CertificateRegister, clock: Callable[[], datetime]
    ) -> None:
        """*register*: what the issuing authority issued and ended since the sandbox was made."""
        whole = RegisterWithDeclared(register, sandbox.declared())
        self._clock = clock
        self._certificates = {a.name: sandbox.certificates[a.name] for a in plan.AUTHORITIES}
        self._publishers = {
            responder.issuer: StatusPublisher(
                sandbox.certificates[responder.issuer],
                whole,
                key_store,
                key_label=sandbox.label(responder.issuer),
                responder=sandbox.certificates[responder.name],
                responder_label=sandbox.label(responder.name),
            )
            for responder in plan.RESPONDERS
        }

    def ocsp(self, environ: dict[str, Any], rest: str) -> Answer:
        """``POST /ocsp/{ca}`` with the request as body, or ``GET /ocsp/{ca}/{base64}``."""
        name, _, encoded = rest.partition("/")
        publisher = self._publisher(name)
        if encoded:
            require_method(environ, ("GET", "HEAD"))
            request = _decoded(encoded)
        else:
            require_method(environ, ("POST",))
            request = read_body(environ, REQUEST_LIMIT)
        return Answer(publisher.ocsp_response(request, self._clock()), _OCSP)

    def crl(self, environ: dict[str, Any], rest: str) -> Answer:
        """``GET /crl/{ca}.crl``."""
        publisher = self._publisher(_stem(rest, ".crl"))
        require_method(environ, ("GET", "HEAD"))
        try:
            return Answer(publisher.crl(self._clock()), _CRL)
        except KeyStoreUnavailable:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE) from None

    def certificate(self, environ: dict[str, Any], rest: str) -> Answer:
        """``GET /ca/{ca}.cer``."""
        name = _stem(rest, ".cer")
        if name not in self._certificates:
            raise Refused(HTTPStatus.NOT_FOUND)
        require_method(environ, ("GET", "HEAD"))
        return Answer(self._certificates[name], _CERTIFICATE)

    def _publisher(self, name: str) -> StatusPublisher:
        if name not in self._publishers:
            raise Refused(HTTPStatus.NOT_FOUND)
        return self._publishers[name]


def _stem(rest: str, suffix: str) -> str:
    if not rest.endswith(suffix):
        raise Refused(HTTPStatus.NOT_FOUND)
    return rest.removesuffix(suffix)


def _decoded(encoded: str) -> bytes:
    """The request in a path; what cannot be decoded is a malformed request, which the publisher answers as such."""
    if len(encoded) > 2 * REQUEST_LIMIT:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return b""
