"""Requests that break HTTP or break off: a clean answer or a closed connection, and nothing left over."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import subprocess
import time

import pytest

from gateway.sandbox.founding import Places
from gateway.sandbox.running import LOG, served, set_up
from tests.flows.wires import ASKING, answer, connect, head, rest, verifying

LARGE = verifying(b"QUFB" * 60_000)
IMPATIENT = {
    "GATEWAY_CONNECTIONS__HEAD_S": "2",
    "GATEWAY_CONNECTIONS__STALLED_S": "2",
    "GATEWAY_SOAP__WORKERS": "1",
    "GATEWAY_PAGES__WORKERS": "1",
}


def posting(content):
    """A PostSignRequest of one document, with *content* in base64 as it is."""
    return (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        b'<PostSignRequest xmlns="https://msign.gov.md"><request><ContentType>Pdf</ContentType><Contents><SignContent>'
        b"<Content>" + content + b"</Content></SignContent></Contents>"
        b"<ShortContentDescription>x</ShortContentDescription></request></PostSignRequest></s:Body></s:Envelope>"
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory, free_ports):
    places = Places(tmp_path_factory.mktemp("broken") / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox, IMPATIENT) as pid:
        before = workers(pid)
        yield places, sandbox
        assert workers(pid) == before, "a worker was lost"


def workers(pid):
    """Masters and workers below the parent."""
    masters = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()
    found = subprocess.run(["pgrep", "-P", ",".join(masters)], capture_output=True, text=True, check=True).stdout
    return sorted(found.split())


def stored(places):
    folder = places.data / "contents"
    return [path.name for path in folder.rglob("*") if path.is_file()]


def log(places):
    return [json.loads(line) for line in (places.data / LOG).read_text().splitlines()]


def well(places, sandbox):
    """Both ports still answer, and nothing is left of what was refused."""
    line = connect(places, sandbox)
    line.sendall(head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Connection: close") + ASKING)
    assert b"RequestNotFound" in answer(line)[1]
    line.close()
    line = connect(places, None, port=places.page_port)
    line.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert rest(line).startswith(b"HTTP/1.1 404 ")
    line.close()
    assert stored(places) == []
    return True


def exchange(places, sandbox, message, *, port=None, half_close=False):
    line = connect(places, sandbox, port=port)
    with contextlib.suppress(OSError):
        line.sendall(message)
        if half_close:
            socket.socket.shutdown(line, socket.SHUT_WR)  # TLS stays; the peer sees the end of the bytes
    got = rest(line)
    line.close()
    return got


LENGTH = len(ASKING)
BROKEN = {
    "too long, small": (head("GetSignResponse", f"Content-Length: {LENGTH + 50}") + ASKING, None),
    "too long, large": (head("VerifySignatures", f"Content-Length: {len(LARGE) + 50}") + LARGE, b"500"),
    "too short": (head("GetSignResponse", f"Content-Length: {LENGTH - 50}", "Connection: close") + ASKING, b"500"),
    "negative": (head("GetSignResponse", "Content-Length: -5") + ASKING, b"400"),
    "not a number": (head("GetSignResponse", "Content-Length: 0x10") + ASKING, b"400"),
    "enormous": (head("GetSignResponse", f"Content-Length: {'9' * 30}") + ASKING, b"4"),
    "more than is taken": (head("GetSignResponse", "Content-Length: 9000000000", "Expect: 100-continue"), b"413"),
    "two of them": (
        head("GetSignResponse", f"Content-Length: {LENGTH}", f"Content-Length: {LENGTH + 1}") + ASKING,
        b"400",
    ),
    "with a transfer coding": (
        head("GetSignResponse", f"Content-Length: {LENGTH}", "Transfer-Encoding: chunked") + ASKING,
        b"400",
    ),
    "an unknown transfer coding": (head("GetSignResponse", "Transfer-Encoding: brotli") + ASKING, b"501"),
    "a chunk of no size": (head("GetSignResponse", "Transfer-Encoding: chunked") + b"zz\r\n" + ASKING, b"500"),
    "a chunk longer than it says": (
        head("GetSignResponse", "Transfer-Encoding: chunked") + b"5\r\n" + ASKING + b"\r\n0\r\n\r\n",
        b"500",
    ),
    "chunks that do not end": (
        head("VerifySignatures", "Transfer-Encoding: chunked") + b"%x\r\n" % len(LARGE) + LARGE + b"\r\n",
        b"500",
    ),
    "no HTTP at all": (b"\x16\x03\x01 nonsense\r\n\r\n", b"400"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_has_a_clean_end(alone, name):
    """The status it has to have, or, where nothing tells that more is missing, the end of the connection."""
    places, sandbox = alone
    message, status = BROKEN[name]
    got = exchange(places, sandbox, message)
    got = got.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    if status is None:
        assert got == b""
    else:
        assert got.startswith(b"HTTP/1.1 " + status), got[:200]
        assert b"Traceback" not in got
    assert well(places, sandbox)


@pytest.mark.parametrize("size", [1000, 400_000])
def test_a_half_closed_connection_is_told_what_is_missing(alone, size):
    places, sandbox = alone
    message = posting(b"QUFB" * (size // 4))
    got = exchange(places, sandbox, head("PostSignRequest", f"Content-Length: {len(message)}") + message[: size // 2],
                   half_close=True)  # fmt: skip
    assert got == b"" or b"<faultcode>s:Client</faultcode>" in got
    assert well(places, sandbox)


def test_whoever_goes_away_in_mid_body_leaves_nothing(alone):
    """Reset as a crash does it, while a large document is being stored."""
    places, sandbox = alone
    message = posting(b"QUFB" * 500_000)
    for _ in range(10):
        line = connect(places, sandbox)
        line.sendall(head("PostSignRequest", f"Content-Length: {len(message)}") + message[:1_000_000])
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    deadline = time.monotonic() + 30
    while stored(places) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert well(places, sandbox)


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nrelaystate=1\r\n0\r\n\r\n",
        b"5\r\nrelaystate=1\r\n0\r\n\r\n",
        b"c\r\nrelaystate=1\r\n0\r\nTrailer without a colon\r\n\r\n",
    ],
    ids=["no size", "longer than it says", "trailer"],
)
def test_bad_chunks_of_a_form_are_the_browsers_mistake(alone, body):
    places, sandbox = alone
    start = (
        f"POST /{'0' * 32} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()
    got = exchange(places, None, start + body, port=places.page_port)
    assert got.startswith(b"HTTP/1.1 400 "), got[:100]
    assert well(places, sandbox)


def test_a_form_without_its_token_is_refused_without_a_loose_line_in_the_log(alone):
    places, sandbox = alone
    start = (
        f"POST /{'0' * 32}/choose HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 3\r\nConnection: close\r\n\r\na=b"
    ).encode()
    got = exchange(places, None, start, port=places.page_port)
    assert got.startswith(b"HTTP/1.1 400 "), got[:100]
    assert well(places, sandbox)


def test_the_log_is_records_alone_and_none_is_an_error_of_ours(alone):
    """The last test over the shared gateway."""
    places, _ = alone
    assert [record for record in log(places) if record["level"] == "error"] == []


@contextlib.contextmanager
def small_disk(folder):
    """A folder that takes two megabytes: a disk of its own where this may be made, else by a limit on files."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_is_said_and_nothing_is_half_stored(tmp_path, free_ports):
    """A store of two megabytes, documents of three."""
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    small = tmp_path / "small"
    settings = {
        **IMPATIENT,
        "GATEWAY_STORAGE__CONTENTS": str(small),
        "GATEWAY_LIMITS__KEEP_FREE_BYTES": "0",
        "GATEWAY_LIMITS__LARGE_BYTES": "100000000",
    }
    message = posting(b"QUFB" * 1_000_000)
    with small_disk(small), served(places, sandbox, settings) as pid:
        before = workers(pid)
        for _ in range(3):
            line = connect(places, sandbox)
            line.sendall(head("PostSignRequest", f"Content-Length: {len(message)}", "Connection: close") + message)
            got = rest(line)
            assert got.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 30\r\n" in got
            line.close()
        assert [path for path in small.rglob("*") if path.is_file()] == []
        assert well(places, sandbox)
        assert workers(pid) == before


def test_a_message_for_which_there_is_no_room_is_refused_before_it_is_sent(tmp_path, free_ports):
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox, {**IMPATIENT, "GATEWAY_LIMITS__KEEP_FREE_BYTES": str(10**15)}):
        got = exchange(places, sandbox, head("PostSignRequest", "Content-Length: 4000000", "Expect: 100-continue"))
        assert b"HTTP/1.1 503 " in got
        assert b"\r\nRetry-After: 60\r\n" in got
        assert well(places, sandbox)
