"""Only public status services are asked, by the address that was looked at, within bounds of size and time."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from gateway.trust.addresses import FetchFailed, parse_target, refuse_address
from gateway.trust.fetching import HttpFetcher


def resolving(*addresses):
    return lambda _host, _port: list(addresses)


def whole_request(connection):
    received = b""
    while True:
        head, gap, body = received.partition(b"\r\n\r\n")
        length = next((int(n.split(b":")[1]) for n in head.split(b"\r\n") if n.startswith(b"Content-Length:")), 0)
        if gap and len(body) >= length:
            return received
        piece = connection.recv(65536)
        if not piece:
            return received
        received += piece


@contextmanager
def talking(script):
    """A raw server on 127.0.0.1: *script(connection)* after the request came."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    requests = []

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    requests.append(whole_request(connection))
                    script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def saying(data):
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1.:80/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25eth0]/",
        "http://[fec0::1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[::ffff:0:7f00:1]/",
        "http://[2a00:1450::5efe:7f00:1]/",
        "http://[2a00:1450::200:5efe:a00:1]/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
        "http://192.88.99.1/",
        "http://198.18.0.1/",
        "http://240.0.0.1/",
        "http://8.8.8.8:22/",
        "http://8.8.8.8:6379/\r\nFLUSHALL",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "ldap://8.8.8.8/",
        "http:///nohost",
        "http://",
        "",
        "//8.8.8.8/",
        "http://user@8.8.8.8/",
        "http://user:secret@8.8.8.8/",
        "http://8.8.8.8@127.0.0.1/",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://8.8.8.8 .example/",
        "http://exa\u043cple.com/",
        "http://8.8.8.8:99999/",
        "http://8.8.8.8:http/",
        "http://a..b/",
        "http://-a.example/",
        "http://" + "a" * 3000 + "/",
    ],
)
def test_an_address_that_is_not_a_public_status_service_is_never_called(url, monkeypatch):
    def forbidden(*_args, **_more):
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    fetcher = HttpFetcher(resolver=resolving("127.0.0.1"))
    with pytest.raises(FetchFailed):
        fetcher.get(url)


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), ("127.0.0.1",), ("169.254.169.254",), ("93.184.215.14", "10.0.0.1"), ("::1",), ("nonsense",), ()],
)
def test_a_name_that_resolves_to_anything_private_is_never_called(addresses, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_a, **_m: pytest.fail("connected"))
    with pytest.raises(FetchFailed):
        HttpFetcher(resolver=resolving(*addresses)).get("http://ocsp.example/")


def test_the_connection_goes_to_the_address_that_was_looked_at_under_the_hosts_name():
    asked = []

    def resolver(host, port):
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with talking(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")) as (port, requests):
        fetcher = HttpFetcher(allow_loopback=True, resolver=resolver)
        assert fetcher.post(f"http://OCSP.Example:{port}/a?b=c#d", b"question", "application/ocsp-request") == b"good"
    assert asked == [("ocsp.example", port)]
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a?b=c HTTP/1.1"
    assert f"Host: ocsp.example:{port}".encode() in lines
    assert sum(line.lower().startswith(b"host:") for line in lines) == 1
    assert b"Content-Type: application/ocsp-request" in lines
    assert body == b"question"


def test_loopback_is_for_the_sandbox_only():
    with talking(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as (port, requests):
        with pytest.raises(FetchFailed, match="not public"):
            HttpFetcher().get(f"http://127.0.0.1:{port}/")
        assert not requests
        assert HttpFetcher(allow_loopback=True).get(f"http://127.0.0.1:{port}/") == b"ok"
    for address in ("10.0.0.1", "169.254.169.254", "0.0.0.0"):
        with pytest.raises(FetchFailed):
            refuse_address(address, 80, allow_loopback=True)


def test_an_allow_list_names_every_host():
    with talking(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as (port, _):
        fetcher = HttpFetcher(allowed_hosts=("Here.Example",), allow_loopback=True, resolver=resolving("127.0.0.1"))
        assert fetcher.get(f"http://here.example:{port}/") == b"ok"
        for host in ("there.example", "here.example.evil.example", "xhere.example", "127.0.0.1"):
            with pytest.raises(FetchFailed, match="allowed"):
                fetcher.get(f"http://{host}:{port}/")
            assert not fetcher.names(f"http://{host}:{port}/")
        assert fetcher.names(f"http://HERE.example:{port}/ca")
    assert not HttpFetcher().names("http://here.example/ca")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    answer = b"HTTP/1.1 %d Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n" % status
    with talking(saying(answer)) as (port, requests):
        with pytest.raises(FetchFailed, match=str(status)):
            HttpFetcher(allow_loopback=True).get(f"http://127.0.0.1:{port}/")
        assert len(requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx",
    ],
)
def test_a_body_larger_than_allowed_is_not_read_to_its_end(answer):
    with talking(saying(answer)) as (port, _), pytest.raises(FetchFailed, match="larger"):
        HttpFetcher(allow_loopback=True, max_bytes=4096).get(f"http://127.0.0.1:{port}/")


def test_a_body_as_large_as_allowed_is_read_whole():
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4096,
    ):
        with talking(saying(answer)) as (port, _):
            fetcher = HttpFetcher(allow_loopback=True, max_bytes=4096)
            assert fetcher.get(f"http://127.0.0.1:{port}/") == b"x" * 4096


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_whole_plain_answer_is_refused(answer):
    with talking(saying(answer)) as (port, _), pytest.raises(FetchFailed):
        HttpFetcher(allow_loopback=True).get(f"http://127.0.0.1:{port}/")


def drip(beginning, piece):
    def script(connection):
        connection.sendall(beginning)
        for _ in range(200):
            time.sleep(0.05)
            connection.sendall(piece)

    return script


@pytest.mark.parametrize(
    "script",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\n", b"A"),
        drip(b"", b"H"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda _: time.sleep(3),
    ],
)
def test_a_peer_that_sends_slowly_gains_no_time(script):
    with talking(script) as (port, _):
        began = time.monotonic()
        with pytest.raises(FetchFailed):
            HttpFetcher(allow_loopback=True, timeout=timedelta(seconds=0.4)).get(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 1.5


def test_a_resolver_that_hangs_gains_no_time():
    release = threading.Event()

    def resolver(_host, _port):
        release.wait(10)
        return []

    fetcher = HttpFetcher(resolver=resolver, timeout=timedelta(seconds=0.2))
    began = time.monotonic()
    try:
        for host in "abcdefghij":  # more than are looked up at once
            with pytest.raises(FetchFailed, match="resolved in time"):
                fetcher.get(f"http://{host}.example/")
        assert time.monotonic() - began < 6
    finally:
        release.set()


def test_a_server_that_cannot_be_reached_is_left_alone_for_a_while():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    now = [0.0]
    asked = []

    def resolver(host, _port):
        asked.append(host)
        return ["127.0.0.1"]

    fetcher = HttpFetcher(allow_loopback=True, resolver=resolver, monotonic=lambda: now[0])
    for path in ("a", "b", "c"):
        with pytest.raises(FetchFailed):
            fetcher.get(f"http://dead.example:{port}/{path}")
    assert len(asked) == 1
    now[0] = 31.0
    with pytest.raises(FetchFailed):
        fetcher.get(f"http://dead.example:{port}/a")
    assert len(asked) == 2


def test_a_wrong_answer_is_remembered_for_that_question_only():
    with talking(saying(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as (port, requests):
        fetcher = HttpFetcher(allow_loopback=True)
        for path in ("a", "a", "b"):
            with pytest.raises(FetchFailed):
                fetcher.get(f"http://127.0.0.1:{port}/{path}")
        assert len(requests) == 2


def test_https_needs_a_certificate_of_the_host():
    with talking(saying(b"this is not TLS")) as (port, _), pytest.raises(FetchFailed):
        HttpFetcher(allow_loopback=True).get(f"https://127.0.0.1:{port}/")


def test_targets_are_taken_apart():
    target = parse_target("http://OCSP.example.:8080/path?x=1#y")
    assert (target.scheme, target.host, target.port, target.path) == ("http", "ocsp.example", 8080, "/path?x=1")
    assert target.authority == "ocsp.example:8080"
    assert parse_target("https://[2001:4860:4860::8888]/").authority == "[2001:4860:4860::8888]"
    refuse_address("93.184.215.14", 80, allow_loopback=False)
    refuse_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443, allow_loopback=False)
    refuse_address("93.184.215.14", 8080, allow_loopback=False)
