"""What a consumer uses, and whether more is too much."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from gateway.domain.parties import ConsumerId, ConsumerLimits
from gateway.errors import InvalidRequest
from gateway.storage.tables import consumers, requests


def refuse_excess(
    connection: Connection, consumer_id: ConsumerId, now: datetime, limits: ConsumerLimits, more_bytes: int
) -> None:
    """
    Raises ``InvalidRequest`` where one more request with *more_bytes* of documents is more than *limits* allow.

    Both questions are answered from an index alone, and no more is counted than is needed to say no.
    """
    if limits.open_requests is not None:
        waiting = (
            select(requests.c.expires)
            .where(requests.c.consumer_id == consumer_id, requests.c.outcome_recorded.is_(None))
            .where(requests.c.expires > now)
            .limit(limits.open_requests)
        )
        if connection.scalar(select(func.count()).select_from(waiting.subquery())) == limits.open_requests:
            raise InvalidRequest(
                "request",
                f"this system has {limits.open_requests} requests that wait to be signed, the most that it may have",
            )
    if limits.stored_bytes is not None and more_bytes:
        kept = select(func.sum(requests.c.stored_bytes)).where(
            requests.c.consumer_id == consumer_id, requests.c.stored_bytes > 0
        )
        if int(connection.scalar(kept) or 0) + more_bytes > limits.stored_bytes:
            raise InvalidRequest(
                "Contents",
                f"with these, more than the {limits.stored_bytes} bytes would be kept that this system may keep here; "
                "requests are let go when their time is over",
            )


def lock(connection: Connection, consumer_id: ConsumerId) -> None:
    """Two posts of one consumer are counted one after the other (SQLite writes one after the other anyway)."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(consumers.c.id).where(consumers.c.id == consumer_id).with_for_update())
