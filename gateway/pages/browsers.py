"""
The cookie by which a browser is known again: 256 random bits, of which only the SHA-256 is ever stored.

One cookie serves all requests of a browser. But a POST from the e-service's page arrives without it, for browsers do
not send ``SameSite=Lax`` cookies along with a cross-site POST; so what was sent is kept under a *waiting* secret, one
per request and for minutes only, until the redirected GET brings both cookies and the arrival moves to the lasting
one. Without that, a second signing opened in another tab would take the pen away from the first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Response

from gateway.domain.requests import RequestId
from gateway.domain.sessions import Arrival
from gateway.storage.api import ArrivalStore

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_WAITING_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CookieNames:
    """Names and flags: the ``__Host-`` prefix binds a cookie to this very host and to TLS (RFC 6265bis § 4.1.3.2)."""

    secure: bool

    @property
    def browser(self) -> str:
        """The lasting cookie."""
        return self._named("browser")

    @property
    def form(self) -> str:
        """Flask's session, which holds nothing but the CSRF token's seed."""
        return self._named("form")

    def waiting(self, request_id: RequestId) -> str:
        """The cookie of an arrival that has not yet met the lasting one."""
        return self._named(f"arrival-{request_id}")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


@dataclass(slots=True)
class Visitor:
    """One browser at one request: the secrets it sent, and the cookies that its answer will set."""

    request_id: RequestId
    names: CookieNames
    new_secret: Callable[[], str]
    secret: str | None = field(repr=False)
    waiting: str | None = field(repr=False)
    _set: dict[str, tuple[str, int | None]] = field(default_factory=dict, repr=False)
    _drop: set[str] = field(default_factory=set)

    @property
    def browser(self) -> bytes | None:
        """SHA-256 of the lasting secret, where there is one."""
        return digest_of(self.secret) if self.secret is not None else None

    def known(self) -> bytes:
        """SHA-256 of the lasting secret, made now where there is none: for the signer's own POST."""
        if self.secret is None:
            self._keep(self.new_secret())
        assert self.secret is not None
        return digest_of(self.secret)

    def arriving(self) -> bytes:
        """Under what an arrival is kept: the lasting secret, or a new waiting one."""
        if self.secret is not None:
            return digest_of(self.secret)
        self.waiting = self.new_secret()
        self._set[self.names.waiting(self.request_id)] = (self.waiting, _WAITING_SECONDS)
        return digest_of(self.waiting)

    def settle(self, arrivals: ArrivalStore) -> None:
        """
        Move what waits to the lasting secret; the first waiting secret of a browser becomes its lasting one.

        The waiting cookie then stays for the next call: two tabs opened at once may both be first, and the one whose
        cookie was overwritten finds its arrival again.
        """
        if self.waiting is None:
            return
        if self.secret is None:
            self._keep(self.waiting)
            return
        if self.secret != self.waiting:
            arrivals.rebind(self.request_id, digest_of(self.waiting), digest_of(self.secret))
        self._drop.add(self.names.waiting(self.request_id))
        self.waiting = None

    def write(self, response: Response) -> None:
        """Put the cookies on the answer."""
        for name, (secret, seconds) in self._set.items():
            response.set_cookie(
                name, secret, max_age=seconds, path="/", secure=self.names.secure, httponly=True, samesite="Lax"
            )
        for name in self._drop - self._set.keys():
            response.delete_cookie(name, path="/", secure=self.names.secure, httponly=True, samesite="Lax")

    def _keep(self, secret: str) -> None:
        self.secret = secret
        self._set[self.names.browser] = (secret, None)


def visitor_of(
    cookies: Mapping[str, str], request_id: RequestId, names: CookieNames, new_secret: Callable[[], str]
) -> Visitor:
    """The visitor as its cookies tell; what cannot be a secret of ours is no cookie."""
    return Visitor(
        request_id,
        names,
        new_secret,
        secret=_secret(cookies.get(names.browser)),
        waiting=_secret(cookies.get(names.waiting(request_id))),
    )


def arrival_of(visitor: Visitor, arrivals: ArrivalStore) -> Arrival | None:
    """How this browser came to the request."""
    return arrivals.get(visitor.request_id, visitor.browser) if visitor.browser is not None else None


def digest_of(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def _secret(text: str | None) -> str | None:
    return text if text is not None and _SECRET.fullmatch(text) else None
