"""Registered information systems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.domain.appearance import VisibleSignature
from gateway.domain.parties import Consumer, ConsumerId, ConsumerLimits
from gateway.errors import ConfigurationError
from gateway.storage.tables import appearances, consumers
from gateway.storage.transactions import reading, writing


class SqlConsumerDirectory:
    """See the door (``ConsumerDirectory``)."""

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def add(self, consumer: Consumer) -> None:
        """See the door."""
        try:
            with writing(self._engine) as connection:
                _refuse_taken(connection, consumer)
                connection.execute(
                    insert(consumers).values(
                        id=consumer.id,
                        name=consumer.name,
                        issuer=consumer.issuer,
                        serial=consumer.serial,
                        enabled=consumer.enabled,
                        return_origins=consumer.return_origins,
                        addresses=consumer.addresses,
                        **_limits_row(consumer.limits),
                    )
                )
        except IntegrityError:
            raise ConfigurationError(f"consumer {consumer.name}: was registered at this moment already") from None

    def find(self, issuer: str, serial: str) -> Consumer | None:
        """See the door."""
        return self._one(and_(consumers.c.issuer == issuer, consumers.c.serial == serial))

    def get(self, consumer_id: ConsumerId) -> Consumer | None:
        """See the door."""
        return self._one(consumers.c.id == consumer_id)

    def all(self) -> Sequence[Consumer]:
        """See the door. Sorted here: databases' collations differ."""
        with reading(self._engine) as connection:
            found = [_consumer(row) for row in connection.execute(select(consumers))]
        return sorted(found, key=lambda consumer: (consumer.name.casefold(), consumer.name))

    def disable(self, name: str) -> bool:
        """See the door."""
        return self._change(name, {"enabled": False})

    def enable(self, name: str) -> bool:
        """See the door."""
        return self._change(name, {"enabled": True})

    def limit(self, name: str, limits: ConsumerLimits) -> bool:
        """See the door."""
        return self._change(name, _limits_row(limits))

    def show(self, name: str, appearance: VisibleSignature | None) -> bool:
        """See the door."""
        with writing(self._engine) as connection:
            found = connection.execute(select(consumers.c.id).where(consumers.c.name == name)).scalar()
            if found is None:
                return False
            connection.execute(delete(appearances).where(appearances.c.consumer_id == found))
            if appearance is not None:
                description = json.dumps(appearance.to_fields(), separators=(",", ":"))
                connection.execute(insert(appearances).values(consumer_id=found, description=description))
            return True

    def appearance(self, consumer_id: ConsumerId) -> VisibleSignature | None:
        """See the door."""
        with reading(self._engine) as connection:
            wanted = select(appearances.c.description).where(appearances.c.consumer_id == consumer_id)
            found = connection.execute(wanted).scalar()
        return VisibleSignature.from_fields(json.loads(found)) if found is not None else None

    def renew(self, name: str, issuer: str, serial: str) -> bool:
        """See the door."""
        taken = f"consumer {name}: the certificate with serial {serial} is registered"
        try:
            with writing(self._engine) as connection:
                same = and_(consumers.c.issuer == issuer, consumers.c.serial == serial)
                holder = connection.execute(select(consumers.c.name).where(same)).scalar()
                if holder is not None:
                    raise ConfigurationError(f"{taken} for {holder} already")
                return _changed(connection, name, {"issuer": issuer, "serial": serial})
        except IntegrityError:
            raise ConfigurationError(f"{taken} at this moment already") from None

    def _change(self, name: str, values: dict[str, Any]) -> bool:
        with writing(self._engine) as connection:
            return _changed(connection, name, values)

    def _one(self, where: ColumnElement[bool]) -> Consumer | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(consumers).where(where)).one_or_none()
        return _consumer(row) if row is not None else None


def _changed(connection: Connection, name: str, values: dict[str, Any]) -> bool:
    done = connection.execute(update(consumers).where(consumers.c.name == name).values(values))
    return done.rowcount == 1


def _limits_row(limits: ConsumerLimits) -> dict[str, int | None]:
    return {
        "open_requests": limits.open_requests,
        "stored_bytes": limits.stored_bytes,
        "request_bytes": limits.request_bytes,
    }


def _refuse_taken(connection: Connection, consumer: Consumer) -> None:
    """Say which of the consumer's marks is taken, and by whom."""
    certificate = and_(consumers.c.issuer == consumer.issuer, consumers.c.serial == consumer.serial)
    taken = connection.execute(
        select(consumers).where(or_(consumers.c.id == consumer.id, consumers.c.name == consumer.name, certificate))
    ).first()
    if taken is None:
        return
    if (taken.issuer, taken.serial) == (consumer.issuer, consumer.serial):
        raise ConfigurationError(
            f"consumer {consumer.name}: the certificate with serial {consumer.serial} is registered for {taken.name}"
        )
    mark = "name" if taken.name == consumer.name else "id"
    raise ConfigurationError(f"consumer {consumer.name}: the {mark} is taken")


def _consumer(row: Row[Any]) -> Consumer:
    return Consumer(
        id=ConsumerId(row.id),
        name=row.name,
        issuer=row.issuer,
        serial=row.serial,
        enabled=row.enabled,
        return_origins=row.return_origins,
        addresses=row.addresses,
        limits=ConsumerLimits(row.open_requests, row.stored_bytes, row.request_bytes),
    )
