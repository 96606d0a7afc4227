"""A sandbox made once per session, served live on loopback, on stand-ins or on the real rooms."""

from __future__ import annotations

import importlib.util
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.errors import KeyLocked

_spec = importlib.util.spec_from_file_location("issuing_fakes", Path(__file__).parents[1] / "issuing" / "fakes.py")
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)


class MemorySignerKeys:
    """Signers' keys and their attempts as the door describes them: five, then fifteen minutes, doubling."""

    def __init__(self):
        self.keys, self.attempts, self.locks = {}, {}, {}

    def add(self, key):
        self.keys[key.id] = key

    def get(self, key_id):
        return self.keys.get(key_id)

    def of_person(self, personal_identifier):
        found = [k for k in self.keys.values() if k.personal_identifier == personal_identifier]
        return sorted(found, key=lambda k: k.created, reverse=True)

    def begin_attempt(self, key_id, now):
        until = self.locked_until(key_id, now)
        if until is not None:
            raise KeyLocked(until)
        self.attempts[key_id] = self.attempts.get(key_id, 0) + 1
        rounds, used = divmod(self.attempts[key_id], 5)
        if used == 0:
            self.locks[key_id] = now + timedelta(minutes=15) * 2 ** (rounds - 1)
            return 0
        return 5 - used

    def attempt_succeeded(self, key_id):
        self.attempts.pop(key_id, None)
        self.locks.pop(key_id, None)

    def locked_until(self, key_id, now):
        until = self.locks.get(key_id)
        return until if until is not None and until > now else None


class Town:
    """A sandbox with its stores; *clock* is this machine's, unless a test sets *moved*."""

    def __init__(self, sandbox, keys, register, signer_keys, now):
        self.sandbox, self.keys, self.register, self.signer_keys = sandbox, keys, register, signer_keys
        self.made, self.moved = now, timedelta(0)

    def clock(self):
        return datetime.now(UTC) + self.moved


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


@pytest.fixture(scope="session")
def now():
    """When the sandbox of this session is made: servers and oracles look at this machine's clock, so it is that."""
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def stores():
    """Fresh stand-ins: key store, register, signers' keys."""
    return lambda: (fakes.MemoryKeyStore(), fakes.MemoryRegister(), MemorySignerKeys())


@pytest.fixture(scope="session")
def town(tmp_path_factory, now, stores):
    """A sandbox with its persons, served at the address in its certificates."""
    from gateway.sandbox.persons import enrol_persons
    from gateway.sandbox.pki import create_sandbox
    from gateway.sandbox.server import build_wsgi

    keys, register, signer_keys = stores()
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    sandbox = create_sandbox(tmp_path_factory.mktemp("town") / "sandbox", keys, port=server.port, now=now)
    town = Town(sandbox, keys, register, signer_keys, now)
    enrol_persons(sandbox, keys, signer_keys, register, now)
    server.app = build_wsgi(sandbox, keys, register, town.clock)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield town
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


@pytest.fixture
def wsgi(town):
    """The application itself, for what no well-behaved client would send."""
    from werkzeug.test import Client

    from gateway.sandbox.server import build_wsgi

    return Client(build_wsgi(town.sandbox, town.keys, town.register, town.clock))


@pytest.fixture
def openssl(tmp_path):
    """Runs openssl in a folder of its own."""

    def run(*command, check=False):
        return subprocess.run(
            ["openssl", *map(str, command)], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=check
        )

    return run


@pytest.fixture
def certificate_of(town):
    """A test person's certificate by situation or by given name."""
    from gateway.sandbox.persons import PERSONS

    def find(what):
        person = next(p for p in PERSONS if what in (p.situation, p.given_name))
        return town.signer_keys.of_person(person.personal_identifier)[0]

    return find
