"""
Short transactions on either database, and what a failing one becomes.

Reading sees one snapshot throughout. Writing takes SQLite's write lock at once (``BEGIN IMMEDIATE``), so that what was
read in a transaction still holds when it writes; on PostgreSQL (READ COMMITTED) the stores lock the rows they judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.audit import audited
from gateway.errors import ConfigurationError, ServiceBusy

WRONG_SHAPE = "storage.database: the tables are not those of this version: run gateway migrate"

_WRITES = "gateway_writes"
_RETRY_AFTER_S = 5
_UNKNOWN_TABLE_OR_COLUMN = {"42P01", "42703"}
"""SQLSTATE undefined_table and undefined_column."""


def begin_explicitly(engine: Engine) -> None:
    """Have an SQLite *engine* begin its transactions itself: the driver would begin late, and never for reading."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes nothing; all its statements see the same state."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with _translated(), engine.connect() as connection, connection.execution_options(**options).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write; committed when the block ends, undone when it raises."""
    with _translated(), engine.connect() as connection, connection.execution_options(**{_WRITES: True}).begin():
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    """
    A database that cannot be used now is ``ServiceBusy``; tables of another version are ``ConfigurationError``.

    Either leaves a record for the operator, with the database's own code and nothing of the statement.
    """
    try:
        yield
    except (OperationalError, InterfaceError, ProgrammingError, PoolTimeout) as error:
        code = _code(error)
        if code in _UNKNOWN_TABLE_OR_COLUMN or "no such table" in str(error) or "no such column" in str(error):
            raise ConfigurationError(WRONG_SHAPE) from None
        if isinstance(error, ProgrammingError):
            raise
        with suppress(Exception), audited("database") as record:
            record.note(code=code)
            raise
        raise ServiceBusy(_RETRY_AFTER_S) from None


def _code(error: Exception) -> str | None:
    """SQLSTATE, or SQLite's name of the error."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlstate", None) or getattr(original, "sqlite_errorname", None)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put *rows* (all with the same columns) in place of those with the same primary key; one prepared statement."""
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))
