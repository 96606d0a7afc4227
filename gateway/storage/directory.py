"""Registered information systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.domain.parties import Consumer, ConsumerId
from gateway.errors import ConfigurationError
from gateway.storage.tables import consumers
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
        with writing(self._engine) as connection:
            done = connection.execute(update(consumers).where(consumers.c.name == name).values(enabled=False))
            return done.rowcount == 1

    def _one(self, where: ColumnElement[bool]) -> Consumer | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(consumers).where(where)).one_or_none()
        return _consumer(row) if row is not None else None


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
    )
