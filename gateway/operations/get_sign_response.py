"""GetSignResponse: tell a consumer how its request stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.messages import Language, MessageKey
from gateway.domain.parties import Consumer
from gateway.domain.requests import SignResult, SignStatus, parse_request_id, status_at
from gateway.errors import InvalidRequest, NotYourRequest, RequestNotFound
from gateway.storage.api import RequestRecord, RequestStore

_RELEASE_NOTHING = {MessageKey.CANCELLED, MessageKey.OTHER_PERSON}
"""Failures that release no result at all (decision 9)."""


@dataclass(frozen=True, slots=True)
class SignResponse:
    """The contract's SignResponse: *message* for Failure and Expired, *results* in the order of the contents."""

    status: SignStatus
    message: MessageKey | None
    results: tuple[SignResult, ...]


def parse_language(field_name: str, text: str | None) -> Language:
    """The contract's language codes; absent and empty mean Romanian. Raises ``InvalidRequest``."""
    if not text:
        return Language.RO
    try:
        return Language(text.lower())
    except ValueError:
        raise InvalidRequest(field_name, "must be ro, ru or en") from None


class GetSignResponse:
    """Reads; changes nothing, and may be called as often as one likes."""

    def __init__(self, requests: RequestStore, clock: Callable[[], datetime]) -> None:
        """*clock* gives the present in UTC."""
        self._requests = requests
        self._clock = clock

    def __call__(self, consumer: Consumer, request_id: str | None) -> SignResponse:
        """
        The status of *request_id* now, with results once there are any to release.

        Raises:
            RequestNotFound: No such request, or an id that cannot be one.
            NotYourRequest: Another consumer posted it.
        """
        parsed = parse_request_id(request_id)
        if parsed is None:
            raise RequestNotFound
        record = self._requests.get(parsed)
        if record.request.consumer_id != consumer.id:
            raise NotYourRequest
        status = status_at(record.request.expires, record.outcome, self._clock())
        message = record.outcome.message if record.outcome is not None else None
        if status is SignStatus.EXPIRED:
            message = MessageKey.REQUEST_EXPIRED
        return SignResponse(status, message, _results(record))


def _results(record: RequestRecord) -> tuple[SignResult, ...]:
    """One result per content in order; without certificate and signature where a content has none."""
    if record.outcome is None or record.outcome.message in _RELEASE_NOTHING:
        return ()
    progress = {item.index: item for item in record.progress}
    return tuple(
        SignResult(
            content.correlation_id,
            progress[content.index].certificate if progress[content.index].result is not None else None,
            progress[content.index].result,
        )
        for content in record.request.contents
    )
