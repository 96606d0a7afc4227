"""Who may connect, and what happens to those who may not: TLS, proxies, stalled clients, signals."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import zeep
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from gateway.__main__ import main
from gateway.demo.eservice import EService
from gateway.sandbox import plan
from gateway.sandbox.founding import CONSUMER_NAME, Places
from gateway.sandbox.running import served, set_up

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<GetSignResponse xmlns="https://msign.gov.md"><requestID>00000000000000000000000000000000</requestID>'
    "</GetSignResponse></s:Body></s:Envelope>"
)
HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"https://msign.gov.md/IMSign/GetSignResponse"'}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, free_ports):
    """A gateway of this module's own: impatient, with a socket for a proxy."""
    places = Places(tmp_path_factory.mktemp("alone") / "data", *free_ports(3))
    sandbox = set_up(places)
    environment = {
        "GATEWAY_SOAP__HANDSHAKE_TIMEOUT_S": "1",
        "GATEWAY_SOAP__PROXY_SOCKET": str(places.data / "proxy.sock"),
    }
    with served(places, sandbox, environment) as pid:
        yield places, sandbox, pid


def soap_url(places):
    return f"https://localhost:{places.soap_port}/MSign.svc"


def call(places, sandbox, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            soap_url(places), ENVELOPE, headers=HEADERS, verify=str(sandbox.tls_anchor_file), timeout=30, **options
        )


def fault(response):
    tree = etree.fromstring(response.content)
    return tree.findtext(".//faultcode"), tree.findtext(".//faultstring")


def test_without_a_client_certificate_the_fault_says_so(alone):
    places, sandbox, _ = alone
    response = call(places, sandbox)
    assert response.status_code == 500
    assert fault(response) == ("s:AuthenticationFailed", "Invalid authentication certificate provided")


def test_a_certificate_of_an_unknown_authority_does_not_get_through_the_handshake(alone, tmp_path):
    places, sandbox, _ = alone
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=TEST nobody")
    known = x509.load_der_x509_certificate(sandbox.certificates[plan.CONSUMER.name])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, known.not_valid_before_utc, known.not_valid_after_utc)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    file = tmp_path / "nobody.pem"
    file.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(requests.ConnectionError):
        call(places, sandbox, cert=str(file))


def test_a_known_consumer_is_answered_and_the_contract_is_the_same_on_both_ports(alone):
    places, sandbox, _ = alone
    response = call(places, sandbox, cert=tuple(map(str, sandbox.consumer_files)))
    assert fault(response) == ("s:RequestNotFound", "Cannot find such request")
    pages = f"http://localhost:{places.page_port}/MSign.svc"
    for query in ("wsdl", "WSDL", "singleWsdl", "xsd=xsd0"):
        there = requests.get(f"{soap_url(places)}?{query}", verify=str(sandbox.tls_anchor_file), timeout=30)
        here = requests.get(f"{pages}?{query}", timeout=30, headers={"Host": "evil.example"})
        assert (there.status_code, here.status_code) == (200, 200)
        assert there.content == here.content
        assert b"evil.example" not in here.content


def test_a_proxy_s_headers_count_on_its_own_socket_and_nowhere_else(alone):
    places, sandbox, _ = alone
    pem = Path(sandbox.consumer_files[0]).read_text()
    headers = {**HEADERS, "X-Client-Verify": "SUCCESS", "X-Client-Cert": quote(pem), "X-Client-Address": "10.0.0.1"}

    def by_socket(**changed):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(places.data / "proxy.sock"))
        connection.request("POST", "/MSign.svc", ENVELOPE, {**headers, **changed})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    assert b"RequestNotFound" in by_socket()
    assert b"AuthenticationFailed" in by_socket(**{"X-Client-Verify": "FAILED:certificate has expired"})
    assert b"AuthenticationFailed" in by_socket(**{"X-Client-Cert": "nonsense"})
    with requests.Session() as session:
        answer = session.post(
            soap_url(places), ENVELOPE, headers=headers, verify=str(sandbox.tls_anchor_file), timeout=30
        )
    assert fault(answer)[0] == "s:AuthenticationFailed"


def test_stalled_handshakes_are_dropped_and_a_good_client_is_answered(alone):
    """Twice as many as there are threads; each holds one no longer than the time-out."""
    places, sandbox, _ = alone
    context = ssl.create_default_context(cafile=str(sandbox.tls_anchor_file))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    half = outgoing.read()[:60]
    stalled = []
    for _ in range(16):
        one = socket.create_connection(("127.0.0.1", places.soap_port), timeout=30)
        one.sendall(half)
        stalled.append(one)
    response = call(places, sandbox, cert=tuple(map(str, sandbox.consumer_files)))
    assert fault(response)[0] == "s:RequestNotFound"
    for one in stalled:
        while one.recv(1024):  # an alert may come first; then the end, or the test's own time-out
            pass
        one.close()


def test_what_callers_send_wrongly_is_not_quoted_in_the_log(alone):
    """A body longer than its stated length is read as another request line."""
    places, sandbox, _ = alone
    context = ssl.create_default_context(cafile=str(sandbox.tls_anchor_file))
    smuggled = b"pin=111111 2999000000014"
    request = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx" + smuggled + b"\r\n\r\n"
    for port, wrapped in ((places.page_port, False), (places.soap_port, True)):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            line = context.wrap_socket(plain, server_hostname="localhost") if wrapped else plain
            line.sendall(request)
            while line.recv(4096):
                pass
            line.close()
    log = (places.data / "gateway.log").read_bytes()
    assert b"111111" not in log
    assert b"2999000000014" not in log


def test_a_header_of_a_proxy_s_path_does_not_change_where_browsers_are_sent(alone):
    places, _, _ = alone
    for name in ("SCRIPT_NAME", "Script-Name"):
        answer = requests.get(
            f"http://localhost:{places.page_port}/{'0' * 32}?lang=en",
            headers={name: "//evil.example"},
            allow_redirects=False,
            timeout=30,
        )
        assert "evil" not in answer.headers.get("Location", "")


def test_hanging_up_brings_new_workers_and_goes_on_serving(alone):
    places, sandbox, pid = alone
    os.kill(pid, signal.SIGHUP)
    time.sleep(1)
    response = call(places, sandbox, cert=tuple(map(str, sandbox.consumer_files)))
    assert fault(response)[0] == "s:RequestNotFound"


def test_a_disabled_consumer_is_unknown_from_its_next_call_on(alone):
    """The last test of this module: the consumer stays disabled."""
    places, sandbox, _ = alone
    service = EService(f"{soap_url(places)}?singleWsdl", sandbox.consumer_files, sandbox.tls_anchor_file)
    assert main(["consumers", "disable", CONSUMER_NAME, "--config", str(places.settings_file)]) == 0
    serial = x509.load_der_x509_certificate(sandbox.certificates[plan.CONSUMER.name]).serial_number
    with pytest.raises(zeep.exceptions.Fault, match=rf"^Unknown or unregistered system: 0?{serial:X}$") as refused:
        service.response("0" * 32)
    assert refused.value.code.endswith("AuthenticationFailed")
    with pytest.raises(zeep.exceptions.Fault, match=rf"^Unknown service consumer: 0?{serial:X}$"):
        service.post("Hash", [], short="x", description="x", expected="")


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is told to its children on Linux only")
def test_listeners_end_with_a_parent_that_was_killed(tmp_path, free_ports):
    places = Places(tmp_path / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox) as pid:
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()
        assert len(children) == 3
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(Path(f"/proc/{child}").exists() for child in children)
