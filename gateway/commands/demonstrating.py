"""``gateway demo``: a sandbox, served; the story played against it; then open for trying by hand."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from gateway.app import utc_now
from gateway.commands.common import Exit, console
from gateway.demo.eservice import Content, EService
from gateway.demo.story import Story
from gateway.sandbox.founding import Places
from gateway.sandbox.layout import Sandbox
from gateway.sandbox.persons import PERSONS, table
from gateway.sandbox.running import LOG, refuse_used, served, set_up

Port = Annotated[int, Parameter(help="On 127.0.0.1.")]


def demo(
    *,
    data: Annotated[Path, Parameter(help="Folder for everything of the demo; used again when it exists.")] = Path(
        "demo-data"
    ),
    soap_port: Port = 8443,
    page_port: Port = 8080,
    sandbox_port: Annotated[int, Parameter(help="Of the sandbox's OCSP, CRLs and TSA; fixed by the first run.")] = 8082,
    hsm: Annotated[bool, Parameter(help="Keep every key in SoftHSM2.")] = False,
    once: Annotated[bool, Parameter(help="Stop after the run; exit 0 only if every line was right.")] = False,
) -> int:
    """Set a sandbox up, play an e-service and a signer against it, and keep serving until interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    places = Places(data.absolute(), soap_port, page_port, sandbox_port, hsm)
    refuse_used({"--soap-port": soap_port, "--page-port": page_port})
    if not places.sandbox_folder.exists():
        refuse_used({"--sandbox-port": sandbox_port})  # certificates will name it, so it is looked at before
    console.print("sandbox: keys, certificates, persons …", end=" ")
    began = time.monotonic()
    sandbox = set_up(places)
    console.print(f"ready ({time.monotonic() - began:.1f} s)\ngateway: starting …", end=" ")
    began = time.monotonic()
    with served(places, sandbox):
        console.print(f"serving ({time.monotonic() - began:.1f} s)")
        right = _play(places, sandbox)
        if not once:
            _invite(places, sandbox)
            _wait()
    return Exit.DONE if right else Exit.NO


def _service(places: Places, sandbox: Sandbox) -> EService:
    wsdl = f"https://localhost:{places.soap_port}/MSign.svc?singleWsdl"
    return EService(wsdl, sandbox.consumer_files, sandbox.tls_anchor_file)


def _page_url(places: Places) -> str:
    return f"http://localhost:{places.page_port}/"


def _play(places: Places, sandbox: Sandbox) -> bool:
    files = places.data / "demo"
    files.mkdir(mode=0o700, exist_ok=True)
    began = time.monotonic()

    def tell(step: str) -> None:
        console.print(f"  {time.monotonic() - began:5.1f} s  {step}")

    story = Story(sandbox, _service(places, sandbox), _page_url(places), files, utc_now(), tell)
    story.play()
    results = Table("", "step", "what", "found", title="What the demo found")
    for line in story.lines:
        mark = Text("✓ right", "green") if line.right else Text("✗ WRONG", "bold red")
        results.add_row(mark, line.step, line.what, Text(line.found))
    console.print(results)
    wrong = sum(not line.right for line in story.lines)
    console.print(f"{len(story.lines)} lines, {wrong} wrong, {time.monotonic() - began:.1f} s", style="bold")
    for program, package in (("xmlsec1", "xmlsec1"), ("pdfsig", "poppler-utils"), ("certutil", "libnss3-tools")):
        if shutil.which(program) is None:
            console.print(f"not asked: {program} is not installed: apt-get install {package}")
    return story.right


def _invite(places: Places, sandbox: Sandbox) -> None:
    """What can be tried by hand."""
    person = PERSONS[0]
    waiting = [Content("by-hand", "by-hand.txt", bytes(range(32)))]
    request_id = _service(places, sandbox).post(
        "Hash",
        waiting,
        short="A TEST to sign by hand",
        description="A TEST to sign by hand",
        expected=person.personal_identifier,
    )
    certificate, key = sandbox.consumer_files
    wsdl = f"https://localhost:{places.soap_port}/MSign.svc?wsdl"
    lines = [
        ("sign by hand", f"{_page_url(places)}{request_id}?lang=en"),
        ("person", f"{person.personal_identifier}, PIN {person.pin} ({person.name}); all persons below"),
        ("WSDL", f"{wsdl} (also {_page_url(places)}MSign.svc?wsdl)"),
        ("client certificate", f"{certificate}, key {key}"),
        ("server's authority", str(sandbox.tls_anchor_file)),
        ("signed files", str(places.data / "demo")),
        ("log", str(places.data / LOG)),
        ("try", f"curl --cacert {sandbox.tls_anchor_file} --cert {certificate} --key {key} '{wsdl}'"),
        ("verify", f"./gw verify --config {places.settings_file} {places.data / 'demo' / 'agreement.pdf'}"),
    ]
    console.print()
    for name, value in lines:
        console.print(f"{name:19} {value}", markup=False, soft_wrap=True)
    console.print(f"\n{table()}\n", markup=False, soft_wrap=True)
    console.print("Serving; press Ctrl+C to stop.", style="bold")


def _wait() -> None:
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        console.print()
