"""The sandbox's time-stamping authority over HTTP (RFC 3161 § 3.4), on ``timestamps``' issuer of tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from gateway.errors import KeyStoreUnavailable
from gateway.keys.api import KeyStore
from gateway.sandbox import plan
from gateway.sandbox.http import Answer, Refused, read_body, require_method
from gateway.sandbox.pki import Sandbox
from gateway.timestamps.issuing import TokenIssuer

REQUEST_LIMIT = 4 * 1024
"""Bytes of a request that are read, at most."""

_REPLY = "application/timestamp-reply"


class TimeStamping:
    """``POST /tsa``. Safe for threads."""

    def __init__(self, sandbox: Sandbox, key_store: KeyStore, clock: Callable[[], datetime]) -> None:
        """*clock*: the time that is attested."""
        label = sandbox.label(plan.TSA.name)
        self._clock = clock
        self._issuer = TokenIssuer(
            sandbox.certificates[plan.TSA.name],
            sandbox.chain_of(plan.TSA.issuer),
            lambda: key_store.open_service_key(label),
            plan.TIME_STAMP_POLICY,
        )

    def answer(self, environ: dict[str, Any]) -> Answer:
        """The reply to a time-stamp query; refusals are replies too, except where the key cannot be used (503)."""
        require_method(environ, ("POST",))
        request = read_body(environ, REQUEST_LIMIT)
        try:
            return Answer(self._issuer.respond(request, self._clock()), _REPLY)
        except KeyStoreUnavailable:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE) from None
