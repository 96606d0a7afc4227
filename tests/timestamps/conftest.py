"""Authorities of every kind of key, and a loopback server that answers as a script says."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.signatures import SignatureValue
from gateway.errors import KeyStoreUnavailable
from gateway.timestamps.issuing import TokenIssuer
from gateway.timestamps.tokens import Rfc3161Reader

NOW = datetime(2026, 5, 4, 10, 20, 30, 654321, tzinfo=UTC)
POLICY = "2.999.1.2"
_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
_CURVES = {KeyAlgorithm.P256: ec.SECP256R1, KeyAlgorithm.P384: ec.SECP384R1, KeyAlgorithm.P521: ec.SECP521R1}
_HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


class MemoryKey:
    """A key behind the door of ``keys``: PKCS#1 v1.5 for RSA, r‖s for ECDSA. *broken* is an HSM that went away."""

    def __init__(self, private_key, algorithm):
        self.private_key, self.algorithm, self.opened, self.closed, self.broken = private_key, algorithm, 0, 0, False

    def open(self):
        if self.broken:
            raise KeyStoreUnavailable("gone")
        self.opened += 1
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed += 1

    def sign(self, data):
        return [SignatureValue(self._sign(d)) for d in data]

    def _sign(self, data):
        prehashed = utils.Prehashed(_HASHES[data.algorithm.value]())
        if self.algorithm.is_rsa:
            return self.private_key.sign(data.digest, padding.PKCS1v15(), prehashed)
        size = (self.private_key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(self.private_key.sign(data.digest, ec.ECDSA(prehashed)))
        return r.to_bytes(size) + s.to_bytes(size)


def _private_key(algorithm):
    if algorithm.is_rsa:
        return rsa.generate_private_key(65537, int(algorithm.value[4:]))
    return ec.generate_private_key(_CURVES[algorithm]())


def _name(text):
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "MD"), x509.NameAttribute(NameOID.COMMON_NAME, f"TEST {text}")]
    )


def _usage(**given):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
        " encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: given.get(name, False) for name in names.split()})


TIME_STAMPING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)


@dataclass
class Office:
    """A time-stamping authority: its key, its certificate and what issues its tokens."""

    key: MemoryKey
    certificate: bytes
    root: bytes
    issuer: TokenIssuer = field(init=False)

    def __post_init__(self):
        self.issuer = TokenIssuer(self.certificate, (self.root,), self.key.open, POLICY)

    def private_pem(self):
        return self.key.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Registry:
    """A root and the authorities that it certified, made once: RSA takes its time."""

    def __init__(self):
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._serials = itertools.count(0x7E57_0001)
        self.root = self._certify(
            "Root",
            self._root_key.public_key(),
            [(x509.BasicConstraints(ca=True, path_length=0), True), (_usage(key_cert_sign=True, crl_sign=True), True)],
        )
        self._keys, self._offices = {}, {}

    def office(self, algorithm=KeyAlgorithm.P256, *, extended=TIME_STAMPING, since=_SINCE, until=_UNTIL):
        wanted = (algorithm, str(extended), since, until)
        if wanted not in self._offices:
            key = self._keys.setdefault(algorithm, MemoryKey(_private_key(algorithm), algorithm))
            extensions = [
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_usage(digital_signature=True), True),
                (x509.SubjectKeyIdentifier.from_public_key(key.private_key.public_key()), False),
                *([extended] if extended else []),
            ]
            public = key.private_key.public_key()
            certificate = self._certify(f"Authority {algorithm.value}", public, extensions, since, until)
            self._offices[wanted] = Office(key, certificate, self.root)
        return self._offices[wanted]

    def _certify(self, name, public_key, extensions, since=_SINCE, until=_UNTIL):
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Root"))
            .public_key(public_key)
            .serial_number(next(self._serials))
            .not_valid_before(since)
            .not_valid_after(until)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._root_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="session")
def registry():
    return Registry()


@pytest.fixture(scope="session")
def office(registry):
    """An authority with a P-256 key."""
    return registry.office()


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def time_stamping_usage():
    return TIME_STAMPING


@pytest.fixture(scope="session")
def reader():
    return Rfc3161Reader()


@pytest.fixture(scope="session")
def imprint_of():
    return lambda text: hashlib.sha256(text.encode()).digest()


@pytest.fixture(scope="session")
def pem():
    def encode(*ders):
        return b"".join(x509.load_der_x509_certificate(d).public_bytes(serialization.Encoding.PEM) for d in ders)

    return encode


@pytest.fixture
def openssl(tmp_path):
    """Runs openssl in a folder of its own, which it is given the files for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")

    def run(*command, **files):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, timeout=30, check=False)

    run.folder = tmp_path
    return run


class ScriptedServer:
    """
    An authority on 127.0.0.1. A *script* takes the request's handler and body and answers or does not.

    *scripts* are by imprint; what has none gets ``self.usual``. What happened is counted.
    """

    def __init__(self, office, context=None):
        self.office, self.scripts, self.usual = office, {}, self.grant
        self.requests, self.headers, self.connections = [], [], 0
        self.at_once = self.most_at_once = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = self._listen()
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/tsa"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _listen(self):
        whole = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with whole._lock:
                    whole.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with whole._lock:
                    whole.requests.append(body)
                    whole.headers.append((self.path, dict(self.headers)))
                    whole.at_once += 1
                    whole.most_at_once = max(whole.most_at_once, whole.at_once)
                try:
                    whole._script(body)(self, body)
                finally:
                    with whole._lock:
                        whole.at_once -= 1

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # clients that hang up are part of the script

        return Server(("127.0.0.1", 0), Handler)

    def _script(self, body):
        return next((script for imprint, script in self.scripts.items() if imprint in body), self.usual)

    def grant(self, handler, body, *, when=NOW, office=None):
        self.say(handler, (office or self.office).issuer.respond(body, when))

    @staticmethod
    def say(handler, answer, *, status=200, kind="application/timestamp-reply", headers=()):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(answer)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer)

    def sleeping(self, seconds):
        def script(handler, body):
            time.sleep(seconds)
            self.grant(handler, body)

        return script

    def silent(self, handler, _body):
        """Nothing, until the test is over."""
        self.released.wait(20)
        handler.close_connection = True

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serving():
    """Opens scripted servers, and closes them at the end."""
    opened = []

    def start(office, context=None):
        opened.append(ScriptedServer(office, context))
        return opened[-1]

    yield start
    for server in opened:
        server.close()


@pytest.fixture
def server(serving, office):
    return serving(office)


@pytest.fixture
def stamping(reader):
    """Makes clients."""
    from gateway.timestamps.client import HttpTimeStamping

    numbers = itertools.count(0xFEDC_BA98_7654_3210)

    def make(url, **more):
        given = {"timeout": timedelta(seconds=5), "nonce": lambda: next(numbers), "reader": reader}
        return HttpTimeStamping("TEST tsa", url, **{**given, **more})

    return make


@contextmanager
def _timed():
    taken = []
    began = time.monotonic()
    yield taken
    taken.append(time.monotonic() - began)


@pytest.fixture
def timed():
    return _timed
