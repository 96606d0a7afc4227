"""One served gateway for all clients of a session, and a strict one."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from gateway.app import House
from gateway.sandbox.founding import Places
from gateway.sandbox.running import served, set_up
from gateway.settings import load_settings
from tests.clients.programs import programs
from tests.clients.town import ClientTown

SETTINGS = {
    "GATEWAY_SOAP__WORKERS": "2",
    "GATEWAY_PAGES__WORKERS": "1",
    "GATEWAY_INSTRUMENTS__NUMBERS_PER_ADDRESS": "1000",
}


def pytest_generate_tests(metafunc):
    """Tests with *program* run for every stack; those of the slower set where they were asked for."""
    if "program" in metafunc.fixturenames:
        chosen = programs(slow=metafunc.config.getoption("--all-clients"))
        metafunc.parametrize("program", chosen, ids=lambda program: program.name, scope="module")


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    """The gateway as most consumers meet it."""
    with serving(tmp_path_factory, SETTINGS) as town:
        yield town


@pytest.fixture(scope="module")
def strict_town(tmp_path_factory):
    """A gateway that passes nothing over in silence."""
    with serving(tmp_path_factory, {**SETTINGS, "GATEWAY_SOAP__STRICT": "true"}) as town:
        yield town


@contextmanager
def serving(tmp_path_factory, settings):
    """A sandbox on key files and SQLite, served by real processes on free ports."""
    held = [socket.socket() for _ in range(3)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    places = Places(tmp_path_factory.mktemp("gateway") / "data", *ports)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        sandbox = set_up(places)
    house = House(load_settings(places.settings_file))
    town = ClientTown(places, sandbox, house, tmp_path_factory.mktemp("identities"))
    with served(places, sandbox, settings):
        yield town
    house.database.dispose()
