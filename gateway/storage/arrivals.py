"""How browsers came to requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, func, select, update

from gateway.domain.requests import RequestId
from gateway.domain.sessions import Arrival
from gateway.storage.tables import arrivals, requests
from gateway.storage.transactions import reading, upsert, writing

_KEPT = 32
"""Arrivals of one request: anybody with its address may bring another."""


class SqlArrivalStore:
    """See the door (``ArrivalStore``). A request's arrivals change only with its row locked: so they can be counted."""

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def put(self, arrival: Arrival) -> None:
        """See the door. Of two that came at the same moment, the one put later is the newer."""
        with writing(self._engine) as connection:
            if not _lock_request(connection, arrival.request_id):
                return
            mine = arrivals.c.request_id == arrival.request_id
            last = connection.scalar(select(func.max(arrivals.c.turn)).where(mine))
            upsert(connection, arrivals, [_arrival_row(arrival, (last or 0) + 1)])
            newest = select(arrivals.c.browser).where(mine).order_by(arrivals.c.created.desc(), arrivals.c.turn.desc())
            kept = list(connection.scalars(newest.limit(_KEPT)))
            connection.execute(delete(arrivals).where(mine, arrivals.c.browser.not_in(kept)))

    def get(self, request_id: RequestId, browser: bytes) -> Arrival | None:
        """See the door."""
        with reading(self._engine) as connection:
            row = connection.execute(select(arrivals).where(_is(request_id, browser))).one_or_none()
        return _arrival(row) if row is not None else None

    def rebind(self, request_id: RequestId, browser: bytes, new_browser: bytes) -> None:
        """See the door. What was kept for the new secret gives way."""
        with writing(self._engine) as connection:
            if browser == new_browser or not _lock_request(connection, request_id):
                return
            if connection.scalar(select(arrivals.c.turn).where(_is(request_id, browser))) is None:
                return
            connection.execute(delete(arrivals).where(_is(request_id, new_browser)))
            connection.execute(update(arrivals).where(_is(request_id, browser)).values(browser=new_browser))


def _lock_request(connection: Connection, request_id: RequestId) -> bool:
    """Whether there is such a request; it stays until the transaction ends."""
    return connection.scalar(select(requests.c.id).where(requests.c.id == request_id).with_for_update()) is not None


def _is(request_id: RequestId, browser: bytes) -> ColumnElement[bool]:
    return and_(arrivals.c.request_id == request_id, arrivals.c.browser == browser)


def _arrival_row(arrival: Arrival, turn: int) -> dict[str, Any]:
    carried = {
        "return_url": arrival.return_url,
        "relay_state": arrival.relay_state,
        "language": arrival.language,
        "instrument": arrival.instrument,
        "msisdn": arrival.msisdn,
    }
    return {
        "request_id": arrival.request_id,
        "browser": arrival.browser,
        "created": arrival.created,
        "turn": turn,
        "carried": carried,
    }


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(RequestId(row.request_id), row.browser, row.created, **row.carried)
