"""Peers that send slowly, read slowly or not at all: they lose their connection, and nobody else has to wait for them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest

from gateway.sandbox.founding import Places
from gateway.sandbox.running import LOG, served, set_up
from tests.flows.wires import ASKING, answer, connect, half_a_handshake, head, rest, verifying

MANY = 50
LARGE = verifying(b"QUFB" * 60_000)
IMPATIENT = {
    "GATEWAY_SOAP__WORKERS": "1",
    "GATEWAY_SOAP__THREADS": "4",
    "GATEWAY_PAGES__WORKERS": "1",
    "GATEWAY_PAGES__THREADS": "4",
    "GATEWAY_SOAP__HANDSHAKE_TIMEOUT_S": "8",
    "GATEWAY_CONNECTIONS__HEAD_S": "3",
    "GATEWAY_CONNECTIONS__STALLED_S": "3",
    "GATEWAY_CONNECTIONS__HURRIED_S": "0.5",
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, free_ports):
    """One worker of four threads behind each port."""
    places = Places(tmp_path_factory.mktemp("slow") / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox, IMPATIENT):
        yield places, sandbox


@contextlib.contextmanager
def held(lines):
    """The connections stay open meanwhile."""
    try:
        yield lines
    finally:
        for line in lines:
            line.close()


@contextlib.contextmanager
def dripping(lines, pause=0.2):
    """Every connection is sent a byte now and then, for as long as it takes it."""
    done = threading.Event()

    def drip():
        while not done.wait(pause):
            for line in lines:
                with contextlib.suppress(OSError):
                    line.send(b"A")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield lines
    finally:
        done.set()
        thread.join()
        for line in lines:
            line.close()


def ask(places, sandbox):
    line = connect(places, sandbox)
    line.sendall(head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Connection: close") + ASKING)
    status, body = answer(line)
    line.close()
    return status, b"RequestNotFound" in body


def look(places):
    line = connect(places, None, port=places.page_port)
    line.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    status = rest(line).partition(b"\r\n")[0]
    line.close()
    return status


GOOD = (b"HTTP/1.1 500 Internal Server Error", True)


def test_stalled_handshakes_hold_no_thread(alone):
    places, sandbox = alone
    half = half_a_handshake(sandbox)
    silent = [socket.create_connection(("127.0.0.1", places.soap_port), timeout=30) for _ in range(MANY)]
    stalled = [socket.create_connection(("127.0.0.1", places.soap_port), timeout=30) for _ in range(MANY)]
    for line in stalled:
        line.sendall(half)
    with held(silent + stalled):
        began = time.monotonic()
        assert ask(places, sandbox) == GOOD
        assert time.monotonic() - began < 7  # before the first of them was dropped
        for line in silent + stalled:
            assert rest(line) == b""


@pytest.mark.parametrize("port", ["soap", "pages"])
def test_dripping_heads_hold_no_thread_and_are_dropped(alone, port):
    places, sandbox = alone
    plain = {"port": places.page_port} if port == "pages" else {}
    lines = [connect(places, sandbox, **plain) for _ in range(MANY)]
    for line in lines:
        line.sendall(b"POST /MSign.svc HTTP/1.1\r\nX-Long: ")
    with dripping(lines):
        assert ask(places, sandbox) == GOOD
        assert look(places) == b"HTTP/1.1 404 NOT FOUND"
        for line in lines:
            assert rest(line) == b""


@pytest.mark.parametrize("framing", ["Content-Length: 60000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("port", ["soap", "pages"])
def test_dripping_small_bodies_hold_no_thread(alone, port, framing):
    places, sandbox = alone
    plain = {"port": places.page_port} if port == "pages" else {}
    lines = [connect(places, sandbox, **plain) for _ in range(MANY)]
    start = b"EA60\r\n" if "chunked" in framing else b""
    for line in lines:
        line.sendall(head("GetSignResponse", framing) + start)
    with dripping(lines):
        assert ask(places, sandbox) == GOOD
        assert look(places) == b"HTTP/1.1 404 NOT FOUND"
        for line in lines:
            assert rest(line) == b""


def test_dripping_large_bodies_lose_their_thread_and_are_told_why(alone):
    """More than there are threads: whoever waits for one is answered as soon as the slow ones are given up."""
    places, sandbox = alone
    lines = [connect(places, sandbox) for _ in range(MANY)]
    for line in lines:
        line.sendall(head("VerifySignatures", f"Content-Length: {len(LARGE)}") + LARGE[:100_000])
    with dripping(lines):
        assert ask(places, sandbox) == GOOD
        told = rest(lines[0])
        assert b"could not be read to its end" in told or b"is busy" in told


def test_peers_that_never_read_lose_their_threads(alone):
    """Each asks for far more than is kept for it on its way."""
    places, sandbox = alone
    lines = []
    for _ in range(12):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(30)
        line.connect(("127.0.0.1", places.page_port))
        line.sendall(b"GET /MSign.svc?singleWsdl HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)
        lines.append(line)
    with held(lines):
        for _ in range(12):  # while the first of them fill what is kept for them, and long after that
            assert look(places) == b"HTTP/1.1 404 NOT FOUND"
            assert ask(places, sandbox) == GOOD
            time.sleep(0.5)


def test_a_slow_peer_within_its_time_is_served(alone):
    """A body in pieces, with pauses that are allowed."""
    places, sandbox = alone
    line = connect(places, sandbox)
    message = head("VerifySignatures", f"Content-Length: {len(LARGE)}") + LARGE
    for start in range(0, len(message), 60_000):
        line.sendall(message[start : start + 60_000])
        time.sleep(0.4)
    status, _ = answer(line)
    assert status == b"HTTP/1.1 200 OK"
    line.close()


@pytest.mark.parametrize("size", [100, 200_000])
def test_whoever_asks_before_sending_is_invited_once(alone, size):
    places, sandbox = alone
    message = verifying(b"QUFB" * (size // 4))
    line = connect(places, sandbox)
    line.sendall(head("VerifySignatures", f"Content-Length: {len(message)}", "Expect: 100-continue"))
    assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.sendall(message)
    status, _ = answer(line)
    assert status == b"HTTP/1.1 200 OK"
    line.close()


def test_requests_that_come_in_one_piece_are_answered_in_turn(alone):
    places, sandbox = alone
    line = connect(places, sandbox)
    one = head("GetSignResponse", f"Content-Length: {len(ASKING)}") + ASKING
    line.sendall(one * 2 + head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Connection: close") + ASKING)
    assert rest(line).count(b"RequestNotFound") == 3
    line.close()


def test_a_head_without_end_is_refused(alone):
    places, sandbox = alone
    line = connect(places, sandbox)
    with contextlib.suppress(OSError):
        line.sendall(b"POST /MSign.svc HTTP/1.1\r\n" + b"X-A: b\r\n" * 10_000)
    assert rest(line).startswith(b"HTTP/1.1 431 ")
    line.close()


def test_nothing_of_this_was_an_error_of_ours(alone):
    """The last test of this module."""
    places, _ = alone
    records = [json.loads(one) for one in (places.data / LOG).read_text().splitlines()]
    assert [one for one in records if one["level"] == "error"] == []


def test_connections_of_one_address_are_limited_and_the_exempt_are_not(tmp_path, free_ports):
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    few = {
        **IMPATIENT,
        "GATEWAY_CONNECTIONS__PER_ADDRESS": "5",
        "GATEWAY_CONNECTIONS__EXEMPT": "['::1/128']",
        "GATEWAY_CONNECTIONS__HEAD_S": "60",
    }
    with served(places, sandbox, few):
        lines = [connect(places, None, port=places.page_port) for _ in range(5)]
        for line in lines:
            line.sendall(b"GET ")
        with held(lines):
            one_more = connect(places, None, port=places.page_port)
            assert rest(one_more) == b""
            one_more.close()
            lines.pop().close()
            deadline = time.monotonic() + 20
            while (seen := look(places)) == b"" and time.monotonic() < deadline:
                time.sleep(0.05)
            assert seen == b"HTTP/1.1 404 NOT FOUND"


def test_a_worker_that_is_full_makes_room_for_new_connections(tmp_path, free_ports):
    """More silent connections than a worker may have, long before any of them is overdue."""
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    small = {**IMPATIENT, "GATEWAY_CONNECTIONS__OF_WORKER": "16", "GATEWAY_CONNECTIONS__HEAD_S": "300"}
    with served(places, sandbox, small), held([]) as lines:
        for _ in range(MANY):
            line = connect(places, None, port=places.page_port)
            line.sendall(b"GET ")
            lines.append(line)
        assert look(places) == b"HTTP/1.1 404 NOT FOUND"
        assert rest(lines[0]) == b""  # the oldest gave way
