"""A migrated database, made once and copied for every house."""

import pytest

from gateway.storage.database import migrate, open_database


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "gateway.sqlite"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path
