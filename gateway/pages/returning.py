"""The way back to the e-service: a form that posts RequestID and RelayState to the checked ReturnUrl."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.parties import Consumer
from gateway.domain.requests import RequestId
from gateway.domain.sessions import Arrival
from gateway.pages.arrival import Origin, origin_of, return_url_allowed


@dataclass(frozen=True, slots=True)
class WayBack:
    """*relay_state* is None where none was sent; *after_seconds* None where only the signer's press returns."""

    url: str
    origin: Origin
    request_id: RequestId
    relay_state: str | None
    after_seconds: int | None = None


def registered_origins(consumer: Consumer | None) -> tuple[str, ...]:
    """The origins where *consumer* may have signers sent; none where it is unknown or disabled (decision 11)."""
    return consumer.return_origins if consumer is not None and consumer.enabled else ()


def way_back(arrival: Arrival | None, consumer: Consumer | None, after_seconds: int | None) -> WayBack | None:
    """
    The way back of one browser, or None where it brought no ReturnUrl.

    The address was checked on arrival; it is checked again, for an origin may have been struck off since.
    """
    if arrival is None or arrival.return_url is None:
        return None
    origin = origin_of(arrival.return_url)
    if origin is None or not return_url_allowed(arrival.return_url, registered_origins(consumer)):
        return None
    return WayBack(arrival.return_url, origin, arrival.request_id, arrival.relay_state, after_seconds)
