"""A signing request from post to outcome. Status is computed from facts and a given time, never stored."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from gateway.domain.contents import ContentDigest, ContentType, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.parties import ConsumerId, ExpectedSigner

RequestId = NewType("RequestId", str)

_REQUEST_ID = re.compile(r"[0-9a-f]{32}")


def parse_request_id(text: str | None) -> RequestId | None:
    """A request id (32 hexadecimal digits, any case) in its stored form, or None when it cannot be one."""
    lowered = (text or "").lower()
    return RequestId(lowered) if _REQUEST_ID.fullmatch(lowered) else None


class SignStatus(enum.Enum):
    """The contract's SignStatus."""

    PENDING = "Pending"
    SUCCESS = "Success"
    FAILURE = "Failure"
    EXPIRED = "Expired"


class ContentState(enum.Enum):
    """How far one content has come; the closed list (docs/architecture.md, "States of a content")."""

    WAITING = "waiting"
    PREPARED = "prepared"
    SIGNED = "signed"
    TIME_STAMP_MISSING = "time-stamp-missing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignContent:
    """One content of a request at *index* (from 0); *content* agrees with the request's content type."""

    index: int
    correlation_id: str | None
    name: str | None
    content: ContentDigest | StoredContent
    multiple_signatures: bool = False


@dataclass(frozen=True, slots=True)
class SignRequest:
    """What a consumer posted; frozen for ever. At least one content; correlation ids unique where given."""

    id: RequestId
    consumer_id: ConsumerId
    content_type: ContentType
    contents: tuple[SignContent, ...]
    short_description: str
    description: str
    signature_reason: str | None
    expected_signer: ExpectedSigner | None
    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class ContentProgress:
    """
    One content's progress; *reason* only with FAILED.

    Args:
        prepared_octets, prepared_state: of the ``PreparedSignature``, from PREPARED on, until DONE.
        value: the signature value, from SIGNED on, until DONE.
        result: XAdES bytes or the signed PDF's reference; with DONE.
        certificate: DER of the signing certificate; from PREPARED on.

    """

    index: int
    state: ContentState = ContentState.WAITING
    reason: MessageKey | None = None
    prepared_octets: bytes | None = None
    prepared_state: bytes | None = None
    value: bytes | None = None
    certificate: bytes | None = None
    result: bytes | StoredContent | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final word on a request: recorded once, never changed. *message* None means success."""

    message: MessageKey | None
    recorded: datetime

    @property
    def status(self) -> SignStatus:
        """Success without a message, Failure with one."""
        return SignStatus.SUCCESS if self.message is None else SignStatus.FAILURE


def status_at(expires: datetime, outcome: Outcome | None, now: datetime) -> SignStatus:
    """The request's status: the outcome first, then the clock."""
    if outcome is not None:
        return outcome.status
    return SignStatus.PENDING if now < expires else SignStatus.EXPIRED


@dataclass(frozen=True, slots=True)
class SignResult:
    """What a consumer gets for one content; without certificate and signature where there is none."""

    correlation_id: str | None
    certificate: bytes | None
    signature: bytes | StoredContent | None
