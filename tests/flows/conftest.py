"""A whole gateway with its sandbox, served by real processes on loopback: two workers behind every port."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.demo.browser import Browser
from gateway.demo.eservice import Content, EService, ReturnAddress
from gateway.sandbox.founding import Places
from gateway.sandbox.layout import Sandbox
from gateway.sandbox.running import served, set_up

WORKERS = {
    "GATEWAY_SOAP__WORKERS": "2",
    "GATEWAY_PAGES__WORKERS": "2",
    "GATEWAY_INSTRUMENTS__NUMBERS_PER_ADDRESS": "1000",
    "GATEWAY_INSTRUMENTS__WRONG_PINS_PER_ADDRESS": "1000",
}


@dataclass
class Town:
    """A served gateway; *environment* is the serving process's, beside its settings file."""

    places: Places
    sandbox: Sandbox
    pid: int
    environment: dict[str, str] = field(default_factory=dict)
    services: list[EService] = field(default_factory=list)

    @property
    def pages(self) -> str:
        return f"http://localhost:{self.places.page_port}/"

    @property
    def soap(self) -> str:
        return f"https://localhost:{self.places.soap_port}/MSign.svc"

    def service(self) -> EService:
        """A client of its own: zeep's session is not for several threads."""
        return EService(f"{self.soap}?singleWsdl", self.sandbox.consumer_files, self.sandbox.tls_anchor_file)

    def hashes(self, count: int = 1) -> list[Content]:
        return [Content(f"c{i}", f"{i}.txt", hashlib.sha256(f"content {i}".encode()).digest()) for i in range(count)]


@pytest.fixture(scope="session", name="free_ports")
def free_ports_fixture():
    """The function, for tests that serve a gateway of their own."""
    return free_ports


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now; all are held until all are known."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


KINDS = [
    "files",
    pytest.param("softhsm", marks=pytest.mark.softhsm),
    pytest.param("postgresql", marks=pytest.mark.postgresql),
]


@pytest.fixture(scope="session", params=KINDS)
def town(request, tmp_path_factory):
    """Signers' keys on files and on SoftHSM2, rows in SQLite and in PostgreSQL: the same gateway by the same doors."""
    hsm = request.param == "softhsm"
    if hsm and shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed: apt-get install softhsm2")
    environment = dict(WORKERS)
    if request.param == "postgresql":
        environment["GATEWAY_STORAGE__DATABASE"] = request.getfixturevalue("postgresql").create()
    places = Places(tmp_path_factory.mktemp(request.param) / "data", *free_ports(3), hsm=hsm)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        sandbox = set_up(places)
    with served(places, sandbox, environment) as pid:
        yield Town(places, sandbox, pid, environment)


@pytest.fixture
def service(town):
    return town.service()


@pytest.fixture
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def back():
    address = ReturnAddress()
    yield address
    address.close()


@pytest.fixture(scope="session")
def sample():
    """The sample e-service's module."""
    file = Path(__file__).parents[2] / "samples" / "python" / "eservice.py"
    spec = importlib.util.spec_from_file_location("sample_eservice", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
