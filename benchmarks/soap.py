"""
What the SOAP front door costs, against the least that could be done with the same bytes.

The whole door is called as WSGI, with its guards, its authentication and the real content store; only the operations
behind it are stand-ins. The reference is a bare lxml parse and a base64 decode of the same message in the same run; for
memory it is the reach itself; for the small request it is Spyne as it comes. Rounds are interleaved and medians taken.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import io
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from rich.console import Console
from rich.table import Table

from gateway.asn1.x509 import issuer_text, serial_text
from gateway.audit import configure_logging
from gateway.domain.contents import StoredContent
from gateway.domain.parties import Consumer, ConsumerId
from gateway.domain.requests import RequestId, SignResult, SignStatus
from gateway.messages.catalog import load_catalog
from gateway.operations.get_sign_response import SignResponse
from gateway.soap._spyne import Application, Soap11, rpc
from gateway.soap._spyne import ServiceBase as SpyneService
from gateway.soap.application import build_soap_wsgi
from gateway.soap.contract import NAMESPACE, SignRequestParameter, Text
from gateway.storage.files import FileContentStore

PDF = 100_000_000
CONTENTS, RESULT = 1000, 8192
ROUNDS, LARGE_ROUNDS, SMALL_CALLS = 7, 3, 200
REACH_MB = 8.0
_MB = 1e6
_HEAD = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><PostSignRequest xmlns="{NAMESPACE}">'
_TAIL = "</PostSignRequest></s:Body></s:Envelope>"


class Door:
    """The application, and what it is called with."""

    def __init__(self, folder: Path) -> None:
        self.contents = FileContentStore(folder, lambda: secrets.token_hex(16))
        self.certificate = _certificate()
        configure_logging()
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.TextIOWrapper(io.FileIO(os.devnull, "w"))))
        loaded = x509.load_der_x509_certificate(self.certificate)
        self._consumer = Consumer(ConsumerId("1"), "bench", issuer_text(loaded), serial_text(loaded.serial_number))
        self.results: tuple[SignResult, ...] = ()
        self.posted = self.stored = 0
        doors: Any = self
        self._application = build_soap_wsgi(
            post=doors.post,
            get=lambda _consumer, _id: SignResponse(SignStatus.SUCCESS, None, self.results),  # type: ignore[arg-type]
            verify=doors.post,
            consumers=doors,
            contents=self.contents,
            catalog=load_catalog(),
            certificate_of=lambda _environ: self.certificate,
            location="https://bench.example/MSign.svc",
        )

    def find(self, _issuer: str, _serial: str) -> Consumer:
        """As a consumer directory."""
        return self._consumer

    def call(self, body: Any, length: int, took: Callable[[bytes], object] = len) -> None:
        """Send a message and hand the pieces of the answer to *took*. Exits where it is a fault."""
        for piece in self._application(environ(body, length), _must_be_200):
            took(piece)

    def post(self, _consumer: Consumer, posted: Any) -> RequestId:
        """As PostSignRequest."""
        self.posted = len(posted.contents)
        for one in posted.contents:
            if isinstance(one.content, StoredContent):
                self.stored = one.content.length
                self.contents.delete(one.content.content_id)
        return RequestId("0" * 32)


class Zeros:
    """A message of one large PDF that is never whole anywhere."""

    def __init__(self) -> None:
        before, after = _post_parts("Pdf")
        self._parts = [before, after]
        self._letters = (PDF + 2) // 3 * 4
        self.length = len(before) + self._letters + len(after)
        self._left = self._letters
        self._ending = "AAAA" if PDF % 3 == 0 else "AA==" if PDF % 3 == 1 else "AAA="

    def read(self, size: int) -> bytes:
        """As a file."""
        if len(self._parts) == 2:
            return self._parts.pop(0)
        if self._left > 4:
            piece = min(size // 4 * 4, self._left - 4)
            self._left -= piece
            return b"A" * piece
        if self._left:
            self._left = 0
            return self._ending.encode()
        return self._parts.pop(0) if self._parts else b""


def measure() -> list[dict[str, object]]:
    """All rows; prints them."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        door = Door(Path(folder))
        small = _post_message("Hash", [secrets.token_bytes(32)])
        rows.append(_row("post 1000 hashes, bytes to domain objects", *_post_hashes(door), reach=3))
        rows.append(_row("fetch 1000 results of 8 KB, domain to bytes", *_fetch_results(door), reach=3))
        rows.append(_row("post one 100 MB PDF, time", *_post_pdf(door), reach=2))
        for work, name in (("post", "post"), ("fetch", "fetch")):
            added = _memory(name)
            rows.append(
                _row(f"{work} one 100 MB PDF, added peak memory in MB", added, REACH_MB, reach=REACH_MB, unit="MB")
            )
        ours, stock = _interleaved(
            lambda: _often(lambda: door.call(io.BytesIO(small), len(small))), _often_stock(small), ROUNDS
        )
        rows.append(
            _row("small request in process, ratio to stock Spyne", ours / SMALL_CALLS, stock / SMALL_CALLS, reach=1.4)
        )
    _print(rows)
    return rows


def _post_hashes(door: Door) -> tuple[float, float]:
    body = _post_message("Hash", [hashlib.sha256(bytes([i % 256])).digest() for i in range(CONTENTS)])
    times = _interleaved(lambda: door.call(io.BytesIO(body), len(body)), lambda: _bare(body, "Content"), ROUNDS)
    if door.posted != CONTENTS:
        sys.exit("not all contents arrived")
    return times


def _fetch_results(door: Door) -> tuple[float, float]:
    certificate = secrets.token_bytes(1500)
    door.results = tuple(SignResult(f"c{i}", certificate, secrets.token_bytes(RESULT)) for i in range(CONTENTS))
    body = _get_message()
    kept: list[bytes] = []
    door.call(io.BytesIO(body), len(body), kept.append)
    answer = b"".join(kept)
    ours = lambda: door.call(io.BytesIO(body), len(body))  # noqa: E731 - one of two alike
    times = _interleaved(ours, lambda: _bare(answer, "Signature", "Certificate"), ROUNDS)
    door.results = ()
    return times


def _post_pdf(door: Door) -> tuple[float, float]:
    body = _post_message("Pdf", [secrets.token_bytes(PDF)])
    return _interleaved(lambda: door.call(io.BytesIO(body), len(body)), lambda: _bare(body, "Content"), LARGE_ROUNDS)


def _bare(message: bytes, *members: str) -> None:
    """The least: a tree, and its base64 decoded."""
    root = etree.fromstring(message, etree.XMLParser(huge_tree=True, resolve_entities=False))
    for member in members:
        for element in root.iter(f"{{{NAMESPACE}}}{member}"):
            if element.text:
                base64.b64decode(element.text)


def _interleaved(ours: Callable[[], object], reference: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both, turn by turn; the first round warms up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for one, call in zip(times, (ours, reference), strict=True):
            gc.collect()
            begun = time.perf_counter()
            call()
            if number:
                one.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _often(call: Callable[[], object]) -> None:
    for _ in range(SMALL_CALLS):
        call()


def _often_stock(message: bytes) -> Callable[[], None]:
    """Spyne as it comes, with the same structures, answering the same message."""
    from spyne.server.wsgi import WsgiApplication  # noqa: PLC0415 - importable once gateway.soap._spyne is

    class MSignService(SpyneService):
        @rpc(SignRequestParameter, _returns=Text)
        def PostSignRequest(_ctx: Any, request: Any) -> str:  # noqa: N805 - the contract's name, Spyne's way
            return str(request.Contents[0].Content and "0" * 32)

    application = WsgiApplication(Application([MSignService], NAMESPACE, in_protocol=Soap11(), out_protocol=Soap11()))

    def once() -> None:
        pieces = application(environ(io.BytesIO(message), len(message)), _must_be_200)
        if b"0" * 32 not in b"".join(pieces):
            sys.exit("stock Spyne did not answer")

    return lambda: _often(once)


def _memory(name: str) -> float:
    """Added peak in MB of one call in a process of its own."""
    command = [sys.executable, __file__, name]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(json.loads(done.stdout))


def _child(name: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        door = Door(Path(folder))
        get, post = _get_message(), _post_message("Hash", [bytes(32)])
        for small in (get, post):
            door.call(io.BytesIO(small), len(small))
        if name == "fetch":
            with door.contents.create() as writer:
                for _ in range(100):
                    writer.write(bytes(PDF // 100))
                door.results = (SignResult("c", bytes(1500), writer.commit()),)
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins again
        before = _kilobytes("VmRSS")
        if name == "fetch":
            door.call(io.BytesIO(get), len(get))
        else:
            body = Zeros()
            door.call(body, body.length)
            if door.stored != PDF:
                sys.exit("the PDF did not arrive whole")
        return (_kilobytes("VmHWM") - before) * 1024 / _MB


def _kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _post_parts(kind: str) -> tuple[bytes, bytes]:
    before = f"{_HEAD}<request><ContentType>{kind}</ContentType><Contents><SignContent><Content>"
    after = f"</Content></SignContent></Contents><ShortContentDescription>s</ShortContentDescription></request>{_TAIL}"
    return before.encode(), after.encode()


def _post_message(kind: str, contents: list[bytes]) -> bytes:
    between = b"</Content></SignContent><SignContent><Content>"
    before, after = _post_parts(kind)
    return before + between.join(base64.b64encode(content) for content in contents) + after


def _get_message() -> bytes:
    asked = f"<requestID>{'0' * 32}</requestID>"
    return f"{_HEAD}{asked}{_TAIL}".replace("PostSignRequest", "GetSignResponse").encode()


def environ(body: Any, length: int) -> dict[str, Any]:
    """A POST as a WSGI server hands it over."""
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/MSign.svc", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "CONTENT_TYPE": "text/xml; charset=utf-8", "CONTENT_LENGTH": str(length), "HTTP_SOAPACTION": "",
        "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": body,
    }  # fmt: skip


def _must_be_200(status: str, *_headers: object) -> None:
    if not status.startswith("200"):
        sys.exit(f"answered {status}")


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 77, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _row(work: str, measured: float, reference: float, *, reach: float, unit: str = "ms") -> dict[str, object]:
    ratio = measured / reference
    scale = 1 if unit == "MB" else 1000
    return {
        "work": work,
        "measured": round(measured * scale, 3),
        "unit": unit,
        "reference": "the reach" if unit == "MB" else _reference(work),
        "reference_measured": round(reference * scale, 3),
        "ratio": round(ratio, 2),
        "reach": reach,
        "holds": (measured if unit == "MB" else ratio) <= reach,
    }


def _reference(work: str) -> str:
    return "stock Spyne" if work.startswith("small") else "bare lxml parse and base64 decode"


def _print(rows: list[dict[str, object]]) -> None:
    table = Table("work", "measured", "reference", "ratio", "reach", "holds", title="the SOAP front door")
    for row in rows:
        unit, sign = row["unit"], "≤ " if row["unit"] == "MB" else "≤ ×"
        table.add_row(
            str(row["work"]), f"{row['measured']} {unit}", f"{row['reference_measured']} {unit}",
            f"×{row['ratio']}", f"{sign}{row['reach']:g}", "yes" if row["holds"] else "NO",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    print(json.dumps(_child(sys.argv[1])))
