"""A gateway that is told to stop: what is under way is finished, nothing new is begun."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from gateway.sandbox.founding import Places
from gateway.sandbox.running import served, set_up
from tests.flows.wires import answer, connect, head, verifying

LARGE = verifying(b"QUFB" * 60_000)  # more than is awaited before a thread takes the call


@pytest.fixture
def alone(tmp_path, free_ports):
    """A gateway of this test's own, with the id of its process."""
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox) as pid:
        yield places, sandbox, pid


def exit_status(pid):
    """How the process ended, which is still for its parent to be told."""
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            assert ended.si_code == os.CLD_EXITED
            return ended.si_status
        time.sleep(0.05)
    return None


def until_refused(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("group", [False, True], ids=["the process", "every process, as service managers do"])
def test_a_call_in_flight_gets_its_whole_answer_and_new_connections_are_refused(alone, group):
    """Connections that ended in their handshake must not count against the calls that are still under way."""
    places, sandbox, served_by = alone
    for _ in range(5):
        socket.create_connection(("127.0.0.1", places.soap_port), timeout=30).close()
    line = connect(places, sandbox)
    line.sendall(head("VerifySignatures", f"Content-Length: {len(LARGE)}") + LARGE[:150_000])
    told = [served_by, *(descendants(served_by) if group else [])]
    for pid in told:
        os.kill(pid, signal.SIGTERM)
    assert until_refused(places.soap_port)
    assert until_refused(places.page_port)
    line.sendall(LARGE[150_000:])
    status, body = answer(line)
    assert status == b"HTTP/1.1 200 OK"
    assert body.rstrip().endswith(b":Envelope>")
    line.close()
    assert exit_status(served_by) == 0


def test_idle_connections_do_not_delay_the_end(alone):
    places, sandbox, served_by = alone
    idle = [connect(places, sandbox), connect(places, sandbox, port=places.page_port)]
    began = time.monotonic()
    os.kill(served_by, signal.SIGTERM)
    assert exit_status(served_by) == 0
    assert time.monotonic() - began < 15  # a kept connection's own patience, and half of a call's
    for line in idle:
        line.close()


def descendants(pid):
    """All processes below *pid*."""
    below = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return below + [deeper for child in below for deeper in descendants(child)]
