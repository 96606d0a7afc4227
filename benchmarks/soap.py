"""
What the SOAP front door costs, against the least that could be done with the same bytes.

The whole door is called as WSGI, with its guards, its authentication and the real content store; only the operations
behind it are stand-ins. The reference is a bare lxml parse and a base64 decode of the same message in the same run; for
the small request it is Spyne as it comes. Rounds are interleaved and medians taken.
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

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tables import Row

TITLE = "The SOAP front door"
ABOUT = """
The whole door, in compatible mode, is called as WSGI, in process: authentication by client certificate, all guards, the
audit record (to the null device) and the real content store, which hashes what it keeps and makes it durable. Only the
operations behind the door are stand-ins. The reference is a bare parse by lxml and a base64 decode of the same message;
for the small request (PostSignRequest of one hash) it is Spyne's own WSGI application with the same structures and
without validation. Both take turns, the first turn of each warms up, and medians are compared; what takes a millisecond
or less is called several times in a turn. Peak memory is what one call adds in a process of its own, the message being
produced while it is read.
"""
BARE = "lxml.etree.fromstring, base64.b64decode"
STOCK = "spyne.server.wsgi.WsgiApplication"
PDF = 100_000_000
CONTENTS, RESULT = 1000, 8192
ROUNDS, LARGE_ROUNDS = 15, 3
BATCH_CALLS, SMALL_CALLS = 10, 200
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


def measure() -> list[Row]:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder:
        door = Door(Path(folder))
        return [
            _timed("post 1000 hashes, bytes to domain objects", _post_hashes(door), reach=3),
            _timed("fetch 1000 results of 8 KB, domain to bytes", _fetch_results(door), reach=3),
            _timed("post one 100 MB PDF, time", _post_pdf(door), reach=2),
            _added("post one 100 MB PDF, added peak memory in MB", "post"),
            _added("fetch one 100 MB PDF, added peak memory in MB", "fetch"),
            _timed("small request in process, ratio to stock Spyne", _small(door), reach=1.4, reference=STOCK),
        ]


def _timed(work: str, seconds: tuple[float, float], *, reach: float, reference: str = BARE) -> Row:
    ours, theirs = (one * 1000 for one in seconds)
    return Row(work=work, measured=ours, unit="ms", reference=reference, reference_measured=theirs, reach=reach)


def _added(work: str, name: str) -> Row:
    return Row(
        work=work,
        measured=_memory(name),
        unit="MB",
        reference=BARE,
        reference_measured=_memory(f"{name}-bare"),
        reach=REACH_MB,
        absolute=True,
    )


def _small(door: Door) -> tuple[float, float]:
    message = _post_message("Hash", [secrets.token_bytes(32)])
    return _interleaved(lambda: door.call(io.BytesIO(message), len(message)), _stock(message), ROUNDS, SMALL_CALLS)


def _post_hashes(door: Door) -> tuple[float, float]:
    body = _post_message("Hash", [hashlib.sha256(bytes([i % 256])).digest() for i in range(CONTENTS)])
    ours = lambda: door.call(io.BytesIO(body), len(body))  # noqa: E731 - one of two alike
    times = _interleaved(ours, lambda: _bare(body, "Content"), ROUNDS, BATCH_CALLS)
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


def _bare(message: Any, *members: str) -> None:
    """The least: a tree of bytes or of what is read from a file, and its base64 decoded."""
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
    if isinstance(message, bytes):
        root = etree.fromstring(message, parser)
    else:
        while piece := message.read(1 << 16):
            parser.feed(piece)
        root = parser.close()
    for member in members:
        for element in root.iter(f"{{{NAMESPACE}}}{member}"):
            if element.text:
                base64.b64decode(element.text)


def _interleaved(
    ours: Callable[[], object], reference: Callable[[], object], rounds: int, calls: int = 1
) -> tuple[float, float]:
    """
    Median seconds of a call of both, turn by turn; the first round warms up.

    A turn is *calls* calls, so that what takes a millisecond is not measured by the cold start of its first.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for one, call in zip(times, (ours, reference), strict=True):
            gc.collect()
            begun = time.perf_counter()
            for _ in range(calls):
                call()
            if number:
                one.append((time.perf_counter() - begun) / calls)
    return statistics.median(times[0]), statistics.median(times[1])


def _stock(message: bytes) -> Callable[[], None]:
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

    return once


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
        _call_once(door, name)
        return (_kilobytes("VmHWM") - before) * 1024 / _MB


def _call_once(door: Door, name: str) -> None:
    get = _get_message()
    match name:
        case "fetch":
            door.call(io.BytesIO(get), len(get))
        case "post":
            body = Zeros()
            door.call(body, body.length)
            if door.stored != PDF:
                sys.exit("the PDF did not arrive whole")
        case _:
            # The answer to a fetch has the same content, so the least that reading either takes is the same.
            _bare(Zeros(), "Content")


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


if __name__ == "__main__":
    print(json.dumps(_child(sys.argv[1])))
