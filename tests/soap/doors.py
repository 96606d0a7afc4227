"""The SOAP front door over small stand-ins: a content store on files, a consumer directory, and operations that record."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.requests import RequestId, SignResult, SignStatus
from gateway.errors import NotYourRequest, RequestNotFound, StoredContentMissing
from gateway.operations.get_sign_response import SignResponse
from gateway.soap.application import build_soap_wsgi
from tests.soap.messages import LOCATION


class FileContents:
    """A ``ContentStore`` on files, complete enough to be honest: unguessable ids, commit or nothing."""

    def __init__(self, folder):
        self.folder = folder

    def create(self):
        return FileWriter(self.folder)

    def open(self, content_id):
        try:
            return (self.folder / content_id).open("rb")
        except FileNotFoundError:
            raise StoredContentMissing from None

    def delete(self, content_id):
        (self.folder / content_id).unlink(missing_ok=True)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


class FileWriter:
    def __init__(self, folder):
        self.folder, self.id = folder, secrets.token_hex(16)
        self.hash, self.length, self.done = hashlib.sha256(), 0, False
        self.file = (folder / f"{self.id}.part").open("wb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        if not self.done:
            (self.folder / f"{self.id}.part").unlink()

    def write(self, data):
        self.hash.update(data)
        self.length += len(data)
        return self.file.write(data)

    def commit(self):
        self.file.close()
        (self.folder / f"{self.id}.part").rename(self.folder / self.id)
        self.done = True
        return StoredContent(ContentId(self.id), self.length, self.hash.digest())


class MemoryConsumers:
    """A ``ConsumerDirectory``."""

    def __init__(self):
        self.consumers = {}

    def add(self, consumer):
        self.consumers[consumer.issuer, consumer.serial] = consumer

    def find(self, issuer, serial):
        return self.consumers.get((issuer, serial))


class KeyedCatalog:
    """A ``Catalog`` whose texts say their key and language."""

    def text(self, key, language, **_values):
        return f"{key} ({language.value})"


@dataclass
class Operations:
    """The three operations: requests are kept, answers are what a test laid out, and an error laid out is raised."""

    contents: FileContents
    requests: dict = field(default_factory=dict)
    posted: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    verified: list = field(default_factory=list)
    answer: SignResponse | None = None
    results: list = field(default_factory=list)
    error: Exception | None = None
    next_id: str = ""

    def post(self, consumer, posted):
        self._fail()
        request_id = RequestId(self.next_id or secrets.token_hex(16))
        self.requests[request_id] = (consumer, posted)
        self.posted.append(posted)
        return request_id

    def get(self, consumer, request_id):
        self._fail()
        self.asked.append(request_id)
        if self.answer is not None:
            return self.answer
        if request_id not in self.requests:
            raise RequestNotFound
        owner, posted = self.requests[request_id]
        if owner != consumer:
            raise NotYourRequest
        results = tuple(SignResult(c.correlation_id, b"certificate", c.content) for c in posted.contents)
        return SignResponse(SignStatus.SUCCESS, None, results)

    def verify(self, request):
        self._fail()
        self.verified.append(request)
        return self.results

    def _fail(self):
        if self.error is not None:
            raise self.error


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def code(self):
        """The fault code without its prefix."""
        found = re.search(rb"<faultcode[^>]*>(?:\w+:)?([^<]+)</faultcode>", self.body)
        return found.group(1).decode() if found else None

    @property
    def reason(self):
        found = re.search(rb"<faultstring>(.*)</faultstring>", self.body, re.DOTALL)
        return found.group(1).decode() if found else None

    @property
    def outcome(self):
        """``200``, ``500 InvalidParameter`` and the like."""
        return f"{self.status} {self.code}" if self.code else str(self.status)


class Door:
    """The application and everything behind it."""

    def __init__(self, folder, consumer, certificate, **options):
        self.contents = FileContents(folder)
        self.consumers = MemoryConsumers()
        self.consumers.add(consumer)
        self.consumer, self.certificate = consumer, certificate
        self.operations = Operations(self.contents)
        self.application = build_soap_wsgi(
            post=self.operations.post,
            get=self.operations.get,
            verify=self.operations.verify,
            consumers=self.consumers,
            contents=self.contents,
            catalog=KeyedCatalog(),
            certificate_of=lambda environ: environ.get("test.certificate"),
            **{"location": LOCATION, **options},
        )

    def call(
        self,
        body=b"",
        *,
        method="POST",
        path="/MSign.svc",
        query="",
        content_type="text/xml; charset=utf-8",
        action="",
        length=None,
        certificate=...,
        address="192.0.2.7",
        **environ,
    ):
        """Send *body* (bytes, or a readable) and collect the answer."""
        started = []
        given = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)) if length is None else length,
            "HTTP_SOAPACTION": action,
            "REMOTE_ADDR": address,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8443",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body) if isinstance(body, bytes) else body,
            "test.certificate": self.certificate if certificate is ... else certificate,
            **environ,
        }
        if content_type is not None:
            given["CONTENT_TYPE"] = content_type
        pieces = self.application(given, lambda status, headers: started.append((status, headers)))
        try:
            received = b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        ((status, headers),) = started
        answer = Answer(int(status[:3]), dict(headers), received)
        if method != "HEAD":
            assert int(answer.headers["Content-Length"]) == len(received)
        return answer


def make_certificate(serial, issuer="Test CA"):
    """A self-made client certificate; TLS is not this room's work, so nothing is verified."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "system")]))
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
