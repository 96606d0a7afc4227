"""Every store on SQLite and on a PostgreSQL server that is thrown away."""

from __future__ import annotations

import secrets
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

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
