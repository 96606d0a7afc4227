"""Every store on SQLite and on a PostgreSQL server that is thrown away."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from gateway.domain.contents import ContentDigest, ContentId, ContentType, StoredContent
from gateway.domain.requests import RequestId, SignContent, SignRequest
from gateway.domain.sessions import SessionId, SigningSession
from gateway.storage.database import migrate, open_database
from gateway.storage.sql import SqlRequestStore
from gateway.storage.tables import metadata

NOW = datetime(2026, 5, 4, 10, 20, 30, 654321, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOT_INSTALLED = "no PostgreSQL server is installed: apt-get install postgresql"


# ------------------------------------------------------------------ a server of our own


def _programs():
    """The folder of initdb and postgres, or None."""
    beside = shutil.which("initdb"), shutil.which("postgres")
    if all(beside):
        return Path(os.path.realpath(beside[0])).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
    return found[-1].parent if found else None


class Server:
    """PostgreSQL on a unix socket in a temporary folder; nothing of it survives, so nothing is synced to disk."""

    def __init__(self, programs):
        self.folder = Path(tempfile.mkdtemp(prefix="gw-pg-", dir="/tmp"))
        self._as = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        data = str(self.folder / "data")
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            capture_output=True,
            env=environment,
            cwd="/",
            timeout=120,
            **self._as,
        )
        quick = [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "listen_addresses=",
            "max_connections=60",
        ]
        options = [part for option in (*quick, f"unix_socket_directories={self.folder}") for part in ("-c", option)]
        self._log = (self.folder.parent / f"{self.folder.name}.log").open("wb")
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            **self._as,
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                with closing(self.connect()):
                    return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = Path(self._log.name).read_text(errors="replace")
                    self.stop()
                    pytest.fail(f"PostgreSQL did not start: {said[-2000:]}")
                time.sleep(0.05)

    def connect(self):
        return psycopg.connect(host=str(self.folder), user="gateway", dbname="postgres", autocommit=True)

    def url(self, name):
        return f"postgresql://gateway@/{name}?host={self.folder}"

    def create(self, encoding="UTF8"):
        """The address of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        with closing(self.connect()) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
        return self.url(name)

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # at once, whoever is still connected
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql():
    programs = _programs()
    if programs is None:
        pytest.skip(NOT_INSTALLED)
    server = Server(programs)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _migrated_postgresql(postgresql):
    engine = open_database(postgresql.create())
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory):
    """A file with all tables and no rows, to be copied."""
    path = tmp_path_factory.mktemp("template") / "gateway.sqlite"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=BOTH)
def database(request, tmp_path):
    """A migrated database without rows."""
    if request.param == "sqlite":
        path = tmp_path / "gateway.sqlite"
        shutil.copy(request.getfixturevalue("_migrated_sqlite"), path)
        engine = open_database(f"sqlite:///{path}")
        yield engine
        engine.dispose()
    else:
        engine = request.getfixturevalue("_migrated_postgresql")
        yield engine
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE " + ", ".join(metadata.tables)))


@pytest.fixture(params=BOTH)
def new_url(request, tmp_path):
    """The address of a database that has no tables yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/gateway.sqlite"
    return request.getfixturevalue("postgresql").create()


# ------------------------------------------------------------------ small things


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def requests(database):
    return SqlRequestStore(database)


@pytest.fixture
def make_request():
    def make(count=2, **changes):
        content_type = changes.get("content_type", ContentType.HASH)

        def content(index):
            if content_type is ContentType.HASH:
                return ContentDigest.of(bytes([index % 256]) * 32)
            return StoredContent(ContentId(secrets.token_hex(16)), 1000 + index, bytes([index % 256]) * 32)

        given = {
            "id": RequestId(secrets.token_hex(16)),
            "consumer_id": "consumer",
            "content_type": content_type,
            "contents": tuple(SignContent(i, f"c{i}", f"name {i}", content(i)) for i in range(count)),
            "short_description": "short",
            "description": "long",
            "signature_reason": None,
            "expected_signer": None,
            "created": NOW,
            "expires": NOW + HOUR,
        }
        return SignRequest(**given | changes)

    return make


@pytest.fixture
def make_session():
    def make(request, **changes):
        given = {"id": SessionId(secrets.token_hex(16)), "request_id": request.id, "browser": b"b" * 32, "created": NOW}
        return SigningSession(**given | changes)

    return make


@pytest.fixture
def held(requests, make_request, make_session):
    """A request that is kept, and the session that holds its pen."""

    def hold(count=2, **changes):
        request = make_request(count, **changes)
        requests.add(request)
        session = make_session(request)
        assert requests.take_pen(session, NOW, superseding=None)
        return request, session

    return hold


@pytest.fixture
def at_once():
    """Calls every one of *calls* in a thread of its own, all at the same moment; their results, or what they raised."""

    def run(*calls):
        gate = threading.Barrier(len(calls))

        def one(call):
            gate.wait(10)
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - handed to the test
                return error

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return run
