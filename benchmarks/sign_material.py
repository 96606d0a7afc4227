"""What ``sign`` measures with: signers, documents of every size, and a time-stamping authority in another process."""

from __future__ import annotations

import asyncio
import http.client
import secrets
import subprocess
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from verify_material import Authority

from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.keys.software import SoftwareKey
from gateway.timestamps.issuing import TokenIssuer
from gateway.timestamps.wire import query, query_beginning, token_of

ANSWERS_AFTER = 0.020
"""Seconds from a query's arrival to its answer."""

_POLICY = "1.3.6.1.4.1.4146.2.2"
_START_SECONDS = 30
USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


class Person:
    """A signer with a key in memory, kept open, and its files for those who sign with something else."""

    def __init__(self, issuing: Authority, algorithm: KeyAlgorithm, folder: Path) -> None:
        self.private: Any = _key(algorithm)
        self.name = "rsa" if algorithm.is_rsa else "p256"
        self.issued = issuing.issue(_named("Bench signer"), self.private, USAGE)
        self.certificate = read_certificate(self.issued.public_bytes(serialization.Encoding.DER), (issuing.der,))
        self.key = _open(self.private, algorithm)
        self.pem = _write(folder, self.name, self.private, self.issued)

    def sign_raw(self, octets: bytes) -> bytes:
        """The key operation alone."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        signed: bytes = self.private.sign(octets, ec.ECDSA(hashes.SHA256()))
        return signed


class Stamping:
    """A time-stamping authority of RSA-2048 in a process of its own, over loopback."""

    def __init__(self, root: Authority, folder: Path) -> None:
        key = _key(KeyAlgorithm.RSA_2048)
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        _write(folder, "tsa", key, root.issue(_named("Bench stamping"), key, USAGE, stamping))
        command = [sys.executable, __file__, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline() or "0")
        if not self._port:
            sys.exit("not measured: the time-stamping authority did not start")
        self.url = f"http://127.0.0.1:{self._port}/"
        self._line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self._line.close()
        self._process.kill()
        self._process.communicate()

    def round_trip(self) -> None:
        """One query and its answer, over a connection kept open; nothing of it is checked."""
        asked = query(query_beginning(DigestAlgorithm.SHA256), bytes(32), secrets.randbits(64))
        self._line.request("POST", "/", asked, {"Content-Type": "application/timestamp-query"})
        token_of(self._line.getresponse().read())


class _Waiting(NamedTuple):
    """A query that has arrived: where its answer goes, what it asks, and when it is due by the loop's clock."""

    transport: asyncio.Transport
    query: bytes
    due: float


class _Double:
    """
    Answers each query ``ANSWERS_AFTER`` its arrival.

    Tokens are made one at a time between two looks at the sockets, so that no query's arrival is noticed late.
    """

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self._waiting: deque[_Waiting] = deque()

    def arrived(self, transport: asyncio.Transport, asked: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._waiting.append(_Waiting(transport, asked, loop.time() + ANSWERS_AFTER))
        if len(self._waiting) == 1:
            loop.call_soon(self._answer)

    def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        one = self._waiting[0]
        body = self._issuer.respond(one.query, datetime.now(UTC))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: %d\r\n\r\n" % len(body)
        loop.call_at(one.due, one.transport.write, head + body)
        self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._answer)


class _Connection(asyncio.Protocol):
    """Requests with Content-Length, one after the other, of callers that are well-behaved."""

    def __init__(self, double: _Double) -> None:
        self._double = double
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            if not found or len(rest) < length:
                return
            self._received = rest[length:]
            self._double.arrived(self._transport, rest[:length])


def many_objects(size: int, count: int) -> bytes:
    """A PDF of so many objects, each reachable from the catalogue, with a classic cross-reference table."""
    first, width = 5, size // count - 51
    out = bytearray(b"%PDF-1.7\n")
    places = []
    listed = b"[" + b" ".join(b"%d 0 R" % (first + number) for number in range(count)) + b"]"
    catalogue = [
        b"<</Type/Catalog/Pages 2 0 R/Held 4 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>>>",
        listed,
    ]
    for number in range(1, first + count):
        places.append(len(out))
        held = number >= first
        body = b"<</V(%s)>>" % secrets.token_hex(width // 2).encode() if held else catalogue[number - 1]
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    place = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in places)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, place))


def _key(algorithm: KeyAlgorithm) -> Any:
    return rsa.generate_private_key(65537, 2048) if algorithm.is_rsa else ec.generate_private_key(ec.SECP256R1())


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _open(private: Any, algorithm: KeyAlgorithm) -> SoftwareKey:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return SoftwareKey(algorithm, private.public_key().public_bytes(serialization.Encoding.DER, form), private)


def _write(folder: Path, name: str, private: Any, issued: x509.Certificate) -> tuple[Path, Path]:
    """Key and certificate, in DER and in PEM; returns the PEM files."""
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for encoding, key_ending, ending in (
        (serialization.Encoding.DER, "pk8", "der"), (serialization.Encoding.PEM, "key.pem", "pem"),
    ):  # fmt: skip
        (folder / f"{name}.{key_ending}").write_bytes(private.private_bytes(encoding, form, none))
        (folder / f"{name}.{ending}").write_bytes(issued.public_bytes(encoding))
    return folder / f"{name}.key.pem", folder / f"{name}.pem"


async def _serve(folder: Path) -> None:
    """Be the authority until standard input ends."""
    private = serialization.load_der_private_key((folder / "tsa.pk8").read_bytes(), None)
    key = _open(private, KeyAlgorithm.RSA_2048)
    issuer = TokenIssuer((folder / "tsa.der").read_bytes(), (), lambda: _Kept(key), _POLICY)
    double = _Double(issuer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(double), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class _Kept:
    """A key that stays open when it is left."""

    def __init__(self, key: SoftwareKey) -> None:
        self._key = key
        self.algorithm, self.public_key = key.algorithm, key.public_key
        self.sign = key.sign

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        return


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
