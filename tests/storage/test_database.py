"""A database is opened lazily, brought to one shape, and its troubles are told to an operator without any password."""

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

import gateway
from gateway.errors import ConfigurationError, ServiceBusy
from gateway.storage.database import check_database, migrate, open_database
from gateway.storage.sql import SqlConsumerDirectory
from gateway.storage.tables import metadata
from gateway.storage.transactions import reading, writing

VERSIONS = Path(gateway.__file__).parent / "storage" / "migrations" / "versions"
HEAD = max(path.name[1:5] for path in VERSIONS.glob("r[0-9]*.py"))
"""The newest step, by its file's name."""


def open_connections(engine):
    """How many this process has, as the system or the server sees it."""
    if engine.dialect.name == "sqlite":
        opened = [os.path.realpath(number) for number in Path("/proc/self/fd").iterdir()]
        return opened.count(engine.url.database)
    with psycopg.connect(host=engine.url.query["host"], user="gateway", dbname="postgres") as asking:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        return asking.execute(count, [engine.url.database]).fetchone()[0]


def none_is_open(engine):
    """A server notices within moments that a client has left."""
    deadline = time.monotonic() + 5
    while open_connections(engine) and time.monotonic() < deadline:
        time.sleep(0.02)
    return open_connections(engine) == 0


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_migrated_tables_are_those_of_this_version(database):
    options = {"compare_type": True, "compare_server_default": True}
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        inspector = inspect(connection)
        for table in metadata.tables.values():
            kept = inspector.get_foreign_keys(table.name)
            assert len(kept) == len(table.foreign_key_constraints)
            assert all(key["options"].get("ondelete") == "CASCADE" for key in kept)
            assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]


def test_migrating_is_told_and_can_be_repeated(new_url):
    engine = open_database(new_url)
    first, second = migrate(engine), migrate(engine)
    assert f"migrated from nothing to {HEAD}" in first
    assert "nothing to do" in second
    assert HEAD in check_database(engine)


def test_nothing_is_connected_before_or_after(new_url):
    """A process may fork after opening, after migrating and after a check."""
    engine = open_database(new_url)
    assert none_is_open(engine)
    migrate(engine)
    assert none_is_open(engine)
    check_database(engine)
    assert none_is_open(engine)
    with engine.connect():
        assert open_connections(engine) == 1
    engine.dispose()


def test_two_may_migrate_at_once(new_url, at_once):
    engines = [open_database(new_url) for _ in range(4)]
    said = at_once(*(lambda engine=engine: migrate(engine) for engine in engines))
    assert sorted("nothing to do" in line for line in said) == [False, True, True, True], said
    assert all(HEAD in check_database(engine) for engine in engines)
    with engines[0].connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    for engine in engines:
        engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(new_url, monkeypatch):
    """DDL is part of the transaction, on SQLite too."""
    from alembic.operations import Operations

    create = Operations.create_table

    def failing(self, name, *args, **more):
        if name == "certificates":
            raise RuntimeError("power cut")
        return create(self, name, *args, **more)

    engine = open_database(new_url)
    monkeypatch.setattr(Operations, "create_table", failing)
    with pytest.raises(RuntimeError):
        migrate(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    monkeypatch.undo()
    assert "migrated from nothing" in migrate(engine)
    engine.dispose()


def test_a_database_without_tables_says_what_to_run(new_url):
    engine = open_database(new_url)
    with pytest.raises(ConfigurationError, match="run gateway migrate"):
        check_database(engine)
    with engine.connect():
        pass
    with pytest.raises(ConfigurationError, match="has no tables yet: run gateway migrate"):
        check_database(engine)
    engine.dispose()


def test_a_check_makes_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist yet"):
        check_database(open_database(f"sqlite:///{tmp_path}/gateway.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_another_versions_tables_are_told_apart(new_url, monkeypatch):
    """Older: migrate. Newer: another program is needed, and nothing is touched."""
    engine = open_database(new_url)
    migrate(engine)
    from alembic.script import ScriptDirectory

    monkeypatch.setattr(ScriptDirectory, "get_current_head", lambda _self: "9998")
    with pytest.raises(ConfigurationError, match=rf"older version \({HEAD}, not 9998\): run gateway migrate"):
        check_database(engine)
    monkeypatch.undo()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for ask in (check_database, migrate):
        with pytest.raises(ConfigurationError, match=r"newer version of the gateway \(revision 9999\)"):
            ask(engine)
    engine.dispose()


def test_stores_on_a_database_without_tables_say_what_to_run(new_url):
    engine = open_database(new_url)
    with pytest.raises(ConfigurationError, match="run gateway migrate"):
        SqlConsumerDirectory(engine).all()
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "nothing at all secret",
        "mysql://gateway:secret@host/gateway",
        "postgresql+psycopg2://gateway:secret@host/gateway",
        "postgresql://gateway:secret@host:port/gateway",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:secret?mode=memory&uri=true",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(url):
    with pytest.raises(ConfigurationError, match=r"storage\.database: .*sqlite:///") as refused:
        open_database(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_told_without_a_password():
    engine = open_database("postgresql://gateway:s3cret-w0rd@127.0.0.1:1/gateway?sslpassword=an0ther-one")
    for ask in (check_database, migrate):
        with pytest.raises(
            ConfigurationError, match=r"PostgreSQL database gateway at 127\.0\.0\.1:1 cannot be used"
        ) as told:
            ask(engine)
        assert "s3cret" not in str(told.value)
        assert "an0ther" not in str(told.value)
    with pytest.raises(ServiceBusy):
        SqlConsumerDirectory(engine).all()


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "folder").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used: "):
        migrate(open_database(f"sqlite:///{tmp_path}/folder/gateway.sqlite"))


@pytest.mark.postgresql
def test_a_database_of_another_encoding_is_refused(postgresql):
    engine = open_database(postgresql.create(encoding="SQL_ASCII"))
    for ask in (check_database, migrate):
        with pytest.raises(ConfigurationError, match="encoding is SQL_ASCII"):
            ask(engine)


@pytest.mark.postgresql
def test_a_server_that_restarts_is_found_again(postgresql):
    """A pooled connection that died in the meantime is no error."""
    engine = open_database(postgresql.create())
    migrate(engine)
    directory = SqlConsumerDirectory(engine)
    assert directory.all() == []
    with postgresql.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [engine.url.database]
        )
    assert directory.all() == []
    engine.dispose()


def test_an_sqlite_file_is_its_owners_alone(tmp_path):
    umask = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "gateway.sqlite"
        engine = open_database(f"sqlite:///{path}")
        migrate(engine)
        with engine.connect():
            assert mode(path.parent) == mode(path.parent.parent) == 0o700
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
            assert (path.parent / "gateway.sqlite-wal").exists()
        engine.dispose()
    finally:
        os.umask(umask)


def test_sqlite_keeps_its_promises_on_every_connection(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/gateway.sqlite")
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
            ]
            assert found == ["wal", 1, 2, 10_000]
    engine.dispose()


def test_a_writing_transaction_holds_the_lock_from_its_beginning(tmp_path):
    """What is read in it cannot change before it writes; a reader is never kept waiting."""
    engine = open_database(f"sqlite:///{tmp_path}/gateway.sqlite")
    migrate(engine)
    other = open_database(f"sqlite:///{tmp_path}/gateway.sqlite")
    with other.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    with writing(engine) as first:
        assert first.scalar(text("SELECT count(*) FROM consumers")) == 0
        with reading(other) as second:
            assert second.scalar(text("SELECT count(*) FROM consumers")) == 0
        with pytest.raises(ServiceBusy), writing(other):
            pass
    engine.dispose()
    other.dispose()


def test_a_reading_transaction_sees_one_state_throughout(database, requests, make_request):
    count = text("SELECT count(*) FROM requests")
    with reading(database) as connection:
        assert connection.scalar(count) == 0
        requests.add(make_request())
        assert connection.scalar(count) == 0
    with reading(database) as connection:
        assert connection.scalar(count) == 1


def test_a_failing_statement_shows_no_values(database, caplog):
    """Errors that pass on are safe to be logged."""
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError) as failed, writing(database) as connection:
        connection.execute(
            text("INSERT INTO contents (request_id, position, multiple_signatures, name) VALUES (:r, 0, :m, :n)"),
            {"r": "0" * 32, "m": False, "n": "Ion Popescu 2000000000007"},
        )
    assert "Popescu" not in str(failed.value)


def test_an_installed_package_migrates_without_its_checkout(tmp_path):
    """The package's own folder holds its migrations, wherever it lies, and needs no alembic.ini."""
    installed = tmp_path / "100% installed"
    shutil.copytree(Path(gateway.__file__).parent, installed / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import gateway, sys\n"
        "from gateway.storage.database import check_database, migrate, open_database\n"
        "engine = open_database(sys.argv[1])\n"
        "print(gateway.__file__, migrate(engine), check_database(engine), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{tmp_path}/gateway.sqlite"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    where, migrated, checked = done.stdout.splitlines()
    assert where.startswith(str(installed))
    assert f"migrated from nothing to {HEAD}" in migrated
    assert HEAD in checked
