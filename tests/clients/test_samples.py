"""The complete e-services in samples/, run as an integrator would run them: button, sign page, back, result."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.demo.browser import Browser
from gateway.sandbox.persons import PERSONS
from tests.clients.programs import programs

pytestmark = pytest.mark.timeout(900)  # the first time, clients are installed, generated and compiled


SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ANA = PERSONS[0]
START_S, BUILD_S = 60, 200


@dataclass(frozen=True)
class Sample:
    """
    How a sample is started; places in braces are filled in. *program* is the client it shares its needs with.

    *build* is run once before; what it downloads is what preparing the client has downloaded already.
    """

    program: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    build: tuple[str, ...] = ()


PAGES_AND_PORT = ("--pages", "{pages}", "--authority", "{ca}", "--port", "{port}")
PEM_FILES = ("--certificate", "{certificate}", "--key", "{key}")
P12_FILE = ("--certificate", "{p12}", "--password", "{password}")
PHP = ("php", "-S", "localhost:{port}", "{samples}/php/eservice.php")
PHP_PLACES = {"MSIGN_WSDL": "{wsdl}", "MSIGN_PAGES": "{pages}"}
ALL = {
    "python": Sample(
        "zeep", ("{python}", "{samples}/python/eservice.py", "--wsdl", "{wsdl}", *PAGES_AND_PORT, *PEM_FILES)
    ),
    "node": Sample(
        "node",
        ("node", "{samples}/node/eservice.js", "--wsdl", "{wsdl}", *PAGES_AND_PORT, *PEM_FILES),
        {"NODE_PATH": "{folder}/node_modules"},
    ),
    "php": Sample("php", PHP, {**PHP_PLACES, "MSIGN_CERTIFICATE": "{pem}", "MSIGN_AUTHORITY": "{ca}"}),
    "php-demo": Sample("php", PHP, {**PHP_PLACES, "MSIGN_DATA": "{data}"}),
    "java": Sample(
        "jaxws",
        ("java", "-jar", "{samples}/java/target/eservice.jar", "--service", "{soap}", *PAGES_AND_PORT, *PEM_FILES),
        build=("sh", "{samples}/java/build.sh", "{page_wsdl}"),
    ),
    "csharp": Sample(
        "mono",
        ("mono", "{samples}/csharp/target/eservice.exe", "--service", "{soap}", *PAGES_AND_PORT, *P12_FILE),
        build=("sh", "{samples}/csharp/build.sh", "{page_wsdl}"),
    ),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), timeout=1).close()
    except OSError:
        return False
    return True


def build(command: tuple[str, ...]) -> None:
    """Generate and compile as the sample's README says."""
    if not command:
        return
    if "curl" in Path(command[1]).read_text(encoding="utf-8") and shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    built = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture(scope="module", params=ALL)
def here(request, town, tmp_path_factory):
    """The address of a running sample."""
    sample = ALL[request.param]
    (program,) = [p for p in programs(slow=True) if p.name == sample.program]
    if program.missing is not None:
        pytest.skip(program.missing)
    program.prepare()
    scenario, port = town.scenario([]), free_port()
    places = {
        **scenario["identities"]["consumer"],
        "ca": scenario["ca"],
        "wsdl": scenario["wsdl"],
        "page_wsdl": f"{town.pages}MSign.svc?singleWsdl",
        "soap": town.soap,
        "pages": town.pages,
        "data": town.places.data,
        "port": port,
        "python": sys.executable,
        "samples": SAMPLES,
        "folder": program.folder,
    }
    build(tuple(part.format(**places) for part in sample.build))
    environment = {name: value.format(**places) for name, value in sample.environment.items()}
    log = tmp_path_factory.mktemp("sample") / "sample.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [part.format(**places) for part in sample.command],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    try:
        deadline = time.monotonic() + START_S
        while not answers(port):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def browser():
    browser = Browser()
    yield browser
    browser.close()


def text(page):
    return " ".join(page.tree.text_content().split())


def sent_to_the_sign_page(browser, here):
    page = browser.arrive(f"{here}/sign", {"person": ANA.personal_identifier})
    return browser.submit(page, page.form_with("ReturnUrl"))


def test_a_signer_signs_and_the_e_service_shows_the_verified_result(here, browser):
    page = sent_to_the_sign_page(browser, here)
    page = browser.submit(page, page.form_with("person"), person=ANA.personal_identifier)
    page = browser.submit(page, page.form_with("pin"), pin=ANA.pin)
    way_back = page.form_with("RequestID")
    returned = {name: way_back.fields[name] for name in ("RequestID", "RelayState")}
    page = browser.submit(page, way_back)
    assert page.title == "Success"
    assert "The signature is valid" in text(page)
    assert "not something that was asked for" in text(browser.arrive(f"{here}/back", returned))


def test_a_signer_who_cancels_reads_why_there_is_no_signature(here, browser):
    page = sent_to_the_sign_page(browser, here)
    page = browser.submit(page, page.form_with("person"), person=ANA.personal_identifier)
    (cancel,) = [form for form in page.tree.forms if (form.action or "").endswith("/cancel")]
    page = browser.submit(page, cancel)
    page = browser.submit(page, page.form_with("RequestID"))
    assert page.title == "Failure"
    assert "The signing was cancelled by the signer" in text(page)


def test_a_wrong_number_is_told_at_the_e_service_and_nobody_is_sent_away(here, browser):
    page = browser.arrive(f"{here}/sign", {"person": "123"})
    assert "ExpectedSigner.ID" in text(page)
    assert not page.tree.forms


def test_another_request_id_than_the_one_sent_is_refused(here, browser):
    page = browser.arrive(f"{here}/sign", {"person": ANA.personal_identifier})
    state = page.form_with("RelayState").fields["RelayState"]
    page = browser.arrive(f"{here}/back", {"RelayState": state, "RequestID": "0" * 32})
    assert "not something that was asked for" in text(page)


def test_what_comes_from_outside_is_shown_and_not_executed(here, browser):
    page = browser.arrive(f"{here}/back", {"RelayState": "<script>x</script>", "RequestID": "<script>x</script>"})
    assert not page.tree.xpath("//script")
