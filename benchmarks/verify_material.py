"""What ``verify`` measures on: a town of authorities, and signed files of every size, made anew for each run."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from gateway.asn1 import der
from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned, SignatureValue
from gateway.formats.api import SignatureEngine, SignatureParameters
from gateway.timestamps.issuing import TokenIssuer
from gateway.timestamps.wire import query, query_beginning, token_of

_PIECE = 1024 * 1024
_NO_REV_AVAIL = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00")


class Authority:
    """A certificate with its key, and what it issues."""

    def __init__(self, name: str, issuer: Authority | None, *extensions: x509.ExtensionType) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = _usage(key_cert_sign=True, crl_sign=True)
        self.certificate = (issuer or self).issue(self.name, self.key, usage, *extensions, authority=True)

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(
        self, name: x509.Name, key: Any, usage: x509.KeyUsage, *extensions: x509.ExtensionType, authority: bool = False
    ) -> x509.Certificate:
        """A certificate for *key*."""
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            self.name, name, key.public_key(), x509.random_serial_number(),
            now - timedelta(days=1), now + timedelta(days=365),
        )  # fmt: skip
        identified = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        for extension in (x509.BasicConstraints(ca=authority, path_length=None), usage):
            builder = builder.add_extension(extension, critical=True)
        for extension in (identified, issuer, *extensions):
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.ExtendedKeyUsage))
        return builder.sign(self.key, hashes.SHA256())

    def crl(self, entries: int = 0) -> bytes:
        """A list of so many revoked serial numbers, written by hand: a builder takes minutes for a hundred thousand."""
        now = datetime.now(UTC)
        moment = der.tlv(der.UTC_TIME, now.strftime("%y%m%d%H%M%SZ").encode())
        until = der.tlv(der.UTC_TIME, (now + timedelta(days=30)).strftime("%y%m%d%H%M%SZ").encode())
        revoked = (der.sequence(der.integer(secrets.randbits(127) | 1 << 126), moment) for _ in range(entries))
        listed = der.sequence(*revoked) if entries else b""
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()).public_bytes()
        extensions = der.sequence(
            der.sequence(der.oid("2.5.29.35"), der.octet_string(identifier)),
            der.sequence(der.oid("2.5.29.20"), der.octet_string(der.integer(1))),
        )
        algorithm = der.sequence(der.oid("1.2.840.10045.4.3.2"))
        body = der.sequence(
            der.integer(1), algorithm, self.name.public_bytes(), moment, until, listed, der.explicit(0, extensions)
        )
        value = self.key.sign(body, ec.ECDSA(hashes.SHA256()))
        return der.sequence(body, algorithm, der.tlv(der.BIT_STRING, b"\0" + value))


class Town:
    """Root, an issuing authority, signers and a time-stamping authority; lists are served on loopback."""

    def __init__(self) -> None:
        self._lists: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._lists))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.root = Authority("Bench root", None)
        self.issuing = Authority("Bench issuing", self.root, self._pointer("root"))
        self._lists["/root"] = self.root.crl()
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bench stamping")])
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        tsa = self.root.issue(name, key, _usage(digital_signature=True), stamping, _NO_REV_AVAIL)
        encoded = tsa.public_bytes(serialization.Encoding.DER)
        self._stamps = TokenIssuer(encoded, (), lambda: _Opened(key), "1.3.6.1.4.1.4146.2.2")

    def close(self) -> None:
        """End the service."""
        self._server.shutdown()
        self._server.server_close()

    def signer(self, *, listed: bool) -> Signer:
        """Somebody with an RSA key; *listed*: whose status a list has, otherwise of a short-lived kind without any."""
        return Signer(self, _NO_REV_AVAIL if not listed else self._pointer("issuing"))

    def token(self, imprint: bytes) -> bytes:
        """A time-stamp token over a SHA-256."""
        asked = query(query_beginning(DigestAlgorithm.SHA256), imprint, secrets.randbits(63))
        return token_of(self._stamps.respond(asked, datetime.now(UTC)))

    def write_anchors(self, folder: Path) -> Path:
        """The root in a folder, as the gateway and EU DSS read it."""
        folder.mkdir()
        (folder / "root.pem").write_bytes(self.root.certificate.public_bytes(serialization.Encoding.PEM))
        return folder

    def _pointer(self, name: str) -> x509.CRLDistributionPoints:
        address = x509.UniformResourceIdentifier(f"http://127.0.0.1:{self._server.server_address[1]}/{name}")
        return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])


class _Opened(AbstractContextManager["_Opened"]):
    """An RSA key as a key store opens it."""

    algorithm = KeyAlgorithm.RSA_2048

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public_key = key.public_key().public_bytes(serialization.Encoding.DER, form)

    def __exit__(self, *_why: object) -> None:
        return

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Each with SHA-256."""
        return [SignatureValue(self._key.sign(one.octets, padding.PKCS1v15(), hashes.SHA256())) for one in data]


class Signer:
    """A person who signs what an engine prepared, time-stamped."""

    def __init__(self, town: Town, extension: x509.ExtensionType) -> None:
        self._town = town
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bench signer")])
        issued = town.issuing.issue(name, self.key, _usage(content_commitment=True), extension)
        self.certificate = read_certificate(issued.public_bytes(serialization.Encoding.DER), (town.issuing.der,))

    def sign(self, engine: SignatureEngine, content: ContentDigest | BinaryIO, out: BinaryIO) -> None:
        """A signature at level T."""
        now = datetime.now(UTC).replace(microsecond=0)
        prepared = engine.prepare(content, SignatureParameters(self.certificate, now, secrets.token_hex(16)))
        value = SignatureValue(self.key.sign(prepared.data.octets, padding.PKCS1v15(), hashes.SHA256()))
        token = self._town.token(engine.imprint(prepared, value))
        engine.complete(content, prepared, value, token, out)

    def signed_hash(self, engine: SignatureEngine, digest: bytes) -> bytes:
        """XAdES-T over a hash."""
        out = BytesIO()
        self.sign(engine, ContentDigest.of(digest), out)
        return out.getvalue()

    def signed_pdf(self, engine: SignatureEngine, pdf: bytes) -> bytes:
        """PAdES-T."""
        out = BytesIO()
        self.sign(engine, BytesIO(pdf), out)
        return out.getvalue()


def few_objects(size: int) -> bytes:
    """A PDF of one page whose contents make up its size."""
    body = b"q Q\n" + secrets.token_bytes(_PIECE).replace(b"endstream", b"endofstream") * (size // _PIECE)
    body = body[: max(size - 600, 4)].ljust(max(size - 600, 4))
    return _plain({
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>/Contents 4 0 R>>",
        4: b"<</Length %d>>\nstream\n%s\nendstream" % (len(body), body),
    })  # fmt: skip


def many_objects(size: int, count: int, *, in_each: int = 100) -> bytes:
    """A PDF of so many objects in object streams, each reachable from the catalogue, in the layout of PDF 1.5."""
    first = 10
    length = size // count
    objects = [b"<</V(%s)>>" % secrets.token_hex(length // 2 - 6).encode() for _ in range(count)]
    out = bytearray(b"%PDF-1.5\n")
    places: dict[int, int] = {}
    catalogue = {
        1: b"<</Type/Catalog/Pages 2 0 R/Held 4 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>>>",
        4: b"[" + b" ".join(b"%d 0 R" % (first + number) for number in range(count)) + b"]",
    }
    for number, body in catalogue.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    after = first + count
    inside = bytearray()
    for number, start in enumerate(range(0, count, in_each)):
        chosen = objects[start : start + in_each]
        ends = [0]
        for one in chosen:
            ends.append(ends[-1] + len(one) + 1)
        numbers = (b"%d %d" % (first + start + at, ends[at]) for at in range(len(chosen)))
        directory = b" ".join(numbers) + b" "
        data = directory + b" ".join(chosen)
        places[after + number] = len(out)
        out += b"%d 0 obj\n<</Type/ObjStm/N %d/First %d/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
            after + number, len(chosen), len(directory), len(data), data,
        )  # fmt: skip
        for at in range(len(chosen)):
            inside += b"\2" + (after + number).to_bytes(4) + at.to_bytes(2)
    last = max(places) + 1
    places[last] = place = len(out)

    def row(number: int) -> bytes:
        return b"\1" + places[number].to_bytes(4) + b"\0\0" if number in places else b"\0" * 5 + b"\xff\xff"

    rows = bytearray(b"".join(row(number) for number in range(first)))
    rows += inside
    rows += b"".join(row(number) for number in range(after, last + 1))
    out += b"%d 0 obj\n<</Type/XRef/Size %d/Root 1 0 R/W[1 4 2]/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        last, last + 1, len(rows), rows,
    )  # fmt: skip
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % place)


def with_lists(pdf: bytes, lists: list[bytes], certificates: list[bytes]) -> bytes:
    """*pdf* with a document security store in a later revision, as for level LT."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    kinds = {"/CRLs": lists, "/Certs": certificates}
    entries = {
        pdf_name(key): ArrayObject([writer.add_object(StreamObject(stream_data=item)) for item in items])
        for key, items in kinds.items()
    }
    writer.root["/DSS"] = writer.add_object(DictionaryObject(entries))
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def digest_of(path: Path) -> bytes:
    """A file's SHA-256, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _plain(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in objects.items():
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    place = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in places)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, place))


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def _handler(lists: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = lists.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_arguments: object) -> None:
            return

    return Handler
