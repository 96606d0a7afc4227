"""One signer's visit to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from gateway.domain.requests import RequestId

SessionId = NewType("SessionId", str)


@dataclass(frozen=True, slots=True)
class SigningSession:
    """
    The visit that holds, or held, the pen of a request.

    *browser* is the SHA-256 of the browser's secret cookie. *certificate* (DER) and *holder* (the instrument's
    reference to the key) are set once the signer has chosen; *consent_nonce* while a consent may be given, and
    *consented* when it was. *memo* is the instrument's notes between visits; it never holds a secret.
    """

    id: SessionId
    request_id: RequestId
    browser: bytes
    created: datetime
    instrument: str | None = None
    holder: str | None = None
    certificate: bytes | None = None
    consent_nonce: bytes | None = None
    consented: datetime | None = None
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    How one browser came to one request: what the e-service sent along with it. It claims nothing (decision 8).

    *browser* is the SHA-256 of the browser's secret cookie. *return_url* has been checked against the consumer's
    origins; *relay_state* goes back as it came; *language* is ro, ru or en; *instrument* and *msisdn* as given.
    """

    request_id: RequestId
    browser: bytes
    created: datetime
    return_url: str | None = None
    relay_state: str | None = None
    language: str | None = None
    instrument: str | None = None
    msisdn: str | None = None
