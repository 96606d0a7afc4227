"""A real nginx before the gateway, with the snippets of docs/operating.md as they are."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from lxml import etree

from gateway.sandbox.founding import Places
from gateway.sandbox.running import served, set_up
from gateway.settings import load_settings
from tests.flows.wires import ASKING, verifying

HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"


def snippets():
    """The blocks of the guide: before the pages, before SOAP."""
    before_pages, before_soap = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return before_pages, before_soap


@pytest.fixture(scope="module")
def proxied(tmp_path_factory, free_ports):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    places = Places(folder / "data", *free_ports(3))
    sandbox = set_up(places)
    soap_port, page_port = free_ports(2)
    socket_file = folder / "soap.sock"
    given = load_settings(places.settings_file).soap
    before_pages, before_soap = snippets()
    before_soap = before_soap.replace("/var/lib/gateway/soap.sock", str(socket_file))
    before_soap = before_soap.replace("consumers.pem", str(given.consumer_anchors))
    before_pages = before_pages.replace("127.0.0.1:8080", f"127.0.0.1:{places.page_port}")
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
        {user}
        worker_processes 1;
        pid {folder}/nginx.pid;
        error_log {folder}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log off;
            {temporary}
            server {{
                listen 127.0.0.1:{soap_port} ssl;
                ssl_certificate {given.certificate};
                ssl_certificate_key {given.private_key};
                {before_soap}
            }}
            server {{
                listen 127.0.0.1:{page_port};
                {before_pages}
            }}
        }}
    """)
    environment = {
        "GATEWAY_SOAP__PROXY_SOCKET": str(socket_file),
        "GATEWAY_PAGES__CLIENT_ADDRESS_HEADER": "X-Client-Address",
    }
    with served(places, sandbox, environment):
        deadline = time.monotonic() + 30
        while not socket_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        running = subprocess.Popen([nginx, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"])
        try:
            wait_for(page_port, running, folder)
            yield sandbox, soap_port, page_port, socket_file
        finally:
            running.terminate()
            running.wait(20)


def wait_for(port, running, folder):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert running.poll() is None, (folder / "error.log").read_text()
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return


def post(proxied, body=ASKING, *, known=True, **headers):
    sandbox, port, _, _ = proxied
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            f"https://localhost:{port}/MSign.svc",
            body,
            headers={**HEADERS, **headers},
            verify=str(sandbox.tls_anchor_file),
            cert=tuple(map(str, sandbox.consumer_files)) if known else None,
            timeout=30,
        )


def code(answer):
    return etree.fromstring(answer.content).findtext(".//faultcode")


def test_the_client_certificate_that_nginx_verified_is_the_consumers(proxied):
    answer = post(proxied)
    assert (answer.status_code, code(answer)) == (500, "s:RequestNotFound")


def test_without_a_client_certificate_the_fault_says_so_whatever_the_client_writes(proxied):
    """The proxy puts its own words in place of the client's."""
    sandbox = proxied[0]
    forged = {"X-Client-Verify": "SUCCESS", "X-Client-Cert": quote(Path(sandbox.consumer_files[0]).read_text())}
    assert code(post(proxied, known=False)) == "s:AuthenticationFailed"
    assert code(post(proxied, known=False, **forged)) == "s:AuthenticationFailed"


def test_large_messages_pass(proxied):
    answer = post(proxied, verifying(b"QUFB" * 1_000_000))
    assert (answer.status_code, b"VerificationResult" in answer.content) == (200, True)


def test_the_socket_is_its_owners_and_groups_alone(proxied):
    assert stat.S_IMODE(proxied[3].stat().st_mode) == 0o770


def test_pages_are_shown_through_it(proxied):
    answer = requests.get(f"http://127.0.0.1:{proxied[2]}/{'0' * 32}", params={"lang": "en"}, timeout=30)
    assert answer.status_code == 404
    assert "<html" in answer.text
