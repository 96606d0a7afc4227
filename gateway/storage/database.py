"""
The database behind the stores: opened lazily, brought to this version's shape, checked for an operator.

SQLite (one file, write-ahead log) is for one machine; PostgreSQL for any number. Nothing here connects before it must,
and what ``migrate`` and ``check_database`` opened is closed again: a process may fork afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gateway.errors import ConfigurationError
from gateway.storage.transactions import begin_explicitly

_SETTING = "storage.database"
_EXAMPLES = "for example sqlite:////var/lib/gateway/gateway.sqlite or postgresql://gateway@database.example/gateway"
_POSTGRESQL = ("postgresql", "postgresql+psycopg", "postgres")
_BUSY_S = 10
_WAL_TRIES = 100
_MIGRATION_LOCK = 0x67_61_74_65_77_61_79
"""PostgreSQL's advisory lock of whoever migrates: "gateway" in ASCII."""


def open_database(url: str) -> Engine:
    """
    The database at *url*, not connected yet; build it before a fork or after, but use it only after.

    Args:
        url: ``sqlite:///FILE`` (``sqlite:////FILE`` for an absolute one), whose file is made for its owner only when
            it is first needed, or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises ``ConfigurationError`` for anything else; never repeats *url*, which may hold a password.

    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"{_SETTING}: is not a database address; {_EXAMPLES}") from None
    if parsed.drivername in _POSTGRESQL:
        return _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return _open_sqlite(parsed)
    raise ConfigurationError(f"{_SETTING}: must begin with sqlite:/// or postgresql://; {_EXAMPLES}")


def migrate(engine: Engine) -> str:
    """
    Bring the database to this version's shape, in one transaction; says in a line what was done.

    Several may try at once: one works while the others wait. Raises ``ConfigurationError``.
    """
    script = _script()
    with _for_operator(engine) as connection, connection.execution_options(gateway_writes=True).begin():
        if engine.dialect.name == "postgresql":
            _check_encoding(connection)
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        before = _revision(connection)
        head = script.get_current_head()
        if before == head:
            return f"{_place(engine)}: nothing to do, the tables are at {head}"
        _refuse_newer(script, before)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return f"{_place(engine)}: migrated from {before or 'nothing'} to {head}"


def check_database(engine: Engine) -> str:
    """
    Connect, and compare the tables' revision with this version's; says in a line how it stands. Changes nothing.

    Raises ``ConfigurationError``, worded for the operator.
    """
    script = _script()
    _refuse_missing_file(engine)
    with _for_operator(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            _check_encoding(connection)
        found = _revision(connection)
    head = script.get_current_head()
    if found == head:
        return f"{_place(engine)}: reachable, the tables are at {head}"
    _refuse_newer(script, found)
    state = "has no tables yet" if found is None else f"has the tables of an older version ({found}, not {head})"
    raise ConfigurationError(f"{_SETTING}: {_place(engine)} {state}: run gateway migrate")


# ------------------------------------------------------------------ opening


def _open_postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_size=8,
        max_overflow=24,
        pool_timeout=_BUSY_S,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _BUSY_S, "application_name": "msign-gateway", "client_encoding": "utf8"},
    )


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
        raise ConfigurationError(f"{_SETTING}: SQLite needs the path of a file and nothing else; {_EXAMPLES}")
    path = Path(url.database)
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=8,
        max_overflow=24,
        pool_timeout=_BUSY_S,
        connect_args={"timeout": _BUSY_S, "isolation_level": None},
    )

    @event.listens_for(engine, "do_connect")
    def _file(*_: Any) -> None:
        _make_private(path)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    begin_explicitly(engine)
    return engine


def _make_private(path: Path) -> None:
    """An empty file for its owner alone, where there is none; its journals take over its permissions."""
    if path.exists():
        return
    for folder in reversed([parent for parent in path.absolute().parents if not parent.exists()]):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. The first to do so needs the file alone, and SQLite does not wait for that."""
    for tries in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if tries == _WAL_TRIES - 1:
                raise
            time.sleep(_BUSY_S / _WAL_TRIES)
        else:
            return


# ------------------------------------------------------------------ migrating and checking


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(script: ScriptDirectory, revision: str | None) -> None:
    if revision is not None and revision not in {known.revision for known in script.walk_revisions()}:
        raise ConfigurationError(
            f"{_SETTING}: was made by a newer version of the gateway (revision {revision}): install that version"
        )


def _refuse_missing_file(engine: Engine) -> None:
    """Connecting would make the file, and a check changes nothing."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        raise ConfigurationError(f"{_SETTING}: {_place(engine)} does not exist yet: run gateway migrate")


def _check_encoding(connection: Connection) -> None:
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise ConfigurationError(f"{_SETTING}: the database's encoding is {encoding}: create it with ENCODING 'UTF8'")


@contextmanager
def _for_operator(engine: Engine) -> Iterator[Connection]:
    """A connection that is closed for good afterwards; what goes wrong is worded for the operator."""
    try:
        with engine.connect() as connection:
            connection.detach()
            yield connection
    except (SQLAlchemyError, OSError) as error:
        reason = _without_secrets(engine.url, _first_line(error))
        raise ConfigurationError(f"{_SETTING}: {_place(engine)} cannot be used: {reason}") from None


def _first_line(error: SQLAlchemyError | OSError) -> str:
    original = getattr(error, "orig", None) or error
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0] if lines else type(original).__name__


def _without_secrets(url: URL, words: str) -> str:
    secrets = [url.password, *(value for value in url.query.values() if isinstance(value, str))]
    for secret in secrets:
        if secret:
            words = words.replace(str(secret), "***")
    return words


def _place(engine: Engine) -> str:
    """Where the database is, without user and password."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"SQLite file {url.database}"
    host = url.host or "local socket"
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL database {url.database or ''} at {host}{port}"
