"""Signers' sealed keys and their PIN attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, case, insert, literal, or_, select, update

from gateway.errors import KeyLocked
from gateway.storage.api import SignerKey
from gateway.storage.columns import Moment
from gateway.storage.tables import signer_keys
from gateway.storage.transactions import reading, writing

_IN_A_ROW = 5
_FIRST_LOCK = timedelta(minutes=15)
_DOUBLINGS = 15
"""A lock grows to about a year, and no further: dates have an end."""

_COLUMNS = [
    signer_keys.c[name]
    for name in ("id", "personal_identifier", "certificate", "chain", "sealed", "created", "blocked")
]


class SqlSignerKeyStore:
    """See the door (``SignerKeyStore``). Attempts are counted by the database, exactly, whoever tries at once."""

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def add(self, key: SignerKey) -> None:
        """See the door."""
        with writing(self._engine) as connection:
            connection.execute(
                insert(signer_keys).values(
                    id=key.id,
                    personal_identifier=key.personal_identifier,
                    certificate=key.certificate,
                    chain=key.chain,
                    sealed=key.sealed,
                    created=key.created,
                    blocked=key.blocked,
                    attempts=0,
                )
            )

    def get(self, key_id: str) -> SignerKey | None:
        """See the door."""
        with reading(self._engine) as connection:
            row = connection.execute(select(*_COLUMNS).where(signer_keys.c.id == key_id)).one_or_none()
        return _signer_key(row) if row is not None else None

    def of_person(self, personal_identifier: str) -> Sequence[SignerKey]:
        """See the door."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(*_COLUMNS)
                .where(signer_keys.c.personal_identifier == personal_identifier)
                .order_by(signer_keys.c.created.desc(), signer_keys.c.id)
            ).all()
        return [_signer_key(row) for row in found]

    def begin_attempt(self, key_id: str, now: datetime) -> int:
        """See the door. Raises ``LookupError`` where there is no such key: a caller has read it before."""
        with writing(self._engine) as connection:
            attempts = connection.scalar(
                update(signer_keys)
                .where(signer_keys.c.id == key_id, _unlocked(now))
                .values(attempts=signer_keys.c.attempts + 1, locked_until=_locked_after(now))
                .returning(signer_keys.c.attempts)
            )
            if attempts is not None:
                return -int(attempts) % _IN_A_ROW
            row = connection.execute(select(signer_keys.c.locked_until).where(signer_keys.c.id == key_id)).one_or_none()
        if row is None:
            raise LookupError("no such key")
        if row.locked_until is not None and row.locked_until > now:
            raise KeyLocked(row.locked_until)
        return self.begin_attempt(key_id, now)  # a right PIN has just lifted the lock

    def attempt_succeeded(self, key_id: str) -> None:
        """See the door."""
        with writing(self._engine) as connection:
            connection.execute(
                update(signer_keys).where(signer_keys.c.id == key_id).values(attempts=0, locked_until=None)
            )

    def attempt_void(self, key_id: str) -> None:
        """See the door."""
        counted = signer_keys.c.attempts
        brought_the_lock = counted % _IN_A_ROW == 0
        with writing(self._engine) as connection:
            connection.execute(
                update(signer_keys)
                .where(signer_keys.c.id == key_id, counted > 0)
                .values(
                    attempts=counted - 1,
                    locked_until=case((brought_the_lock, None), else_=signer_keys.c.locked_until),
                )
            )

    def locked_until(self, key_id: str, now: datetime) -> datetime | None:
        """See the door."""
        with reading(self._engine) as connection:
            until = connection.scalar(select(signer_keys.c.locked_until).where(signer_keys.c.id == key_id))
        return until if until is not None and until > now else None


def _unlocked(now: datetime) -> ColumnElement[bool]:
    return or_(signer_keys.c.locked_until.is_(None), signer_keys.c.locked_until <= now)


def _locked_after(now: datetime) -> ColumnElement[Any]:
    """The lock that this attempt brings, as an expression over the count before it."""
    ends = {_IN_A_ROW * (doubled + 1) - 1: now + _FIRST_LOCK * 2**doubled for doubled in range(_DOUBLINGS)}
    longest = now + _FIRST_LOCK * 2**_DOUBLINGS
    counted = signer_keys.c.attempts
    return case(
        *((counted == before, literal(until, Moment)) for before, until in ends.items()),
        (counted % _IN_A_ROW == _IN_A_ROW - 1, literal(longest, Moment)),
        else_=signer_keys.c.locked_until,
    )


def _signer_key(row: Row[Any]) -> SignerKey:
    return SignerKey(
        id=row.id,
        personal_identifier=row.personal_identifier,
        certificate=row.certificate,
        chain=row.chain,
        sealed=row.sealed,
        created=row.created,
        blocked=row.blocked,
    )
