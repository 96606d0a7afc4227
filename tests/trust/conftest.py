"""A certification town declared in a few lines, and a status service on a local port."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from gateway.domain.verdicts import TrustVerdict
from gateway.trust.anchors import TrustAnchors
from gateway.trust.api import Purpose
from gateway.trust.fetching import HttpFetcher
from gateway.trust.judge import PathJudge

# cryptography dates the responses that it builds by the system's clock, so the town lives today.
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "MD"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


@dataclass
class Holder:
    """A certificate, its key, and what it can issue."""

    cert: x509.Certificate
    key: Any
    parent: Holder | None = None

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(Encoding.DER)

    def issue(
        self,
        common_name: str,
        *,
        ca: bool = False,
        tsa: bool = False,
        key: Any = None,
        start: datetime = NOW - 100 * DAY,
        end: datetime = NOW + 100 * DAY,
        ocsp_url: str | None = None,
        crl_url: str | None = None,
        issuer_url: str | None = None,
        usage: dict[str, bool] | None = None,
        eku: list[x509.ObjectIdentifier] | None = None,
        eku_critical: bool = False,
        path_length: int | None = None,
        extras: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        algorithm: hashes.HashAlgorithm | None = None,
        public_key: Any = None,
    ) -> Holder:
        key = key or ec.generate_private_key(ec.SECP256R1())
        if tsa:
            eku, eku_critical = [ExtendedKeyUsageOID.TIME_STAMPING], True
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common_name))
            .issuer_name(self.cert.subject)
            .public_key(public_key or key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
            .add_extension(key_usage(ca, **(usage or {})), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if eku is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=eku_critical)
        access = [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
            for method, url in (
                (AuthorityInformationAccessOID.OCSP, ocsp_url),
                (AuthorityInformationAccessOID.CA_ISSUERS, issuer_url),
            )
            if url is not None
        ]
        if access:
            builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
        if crl_url is not None:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        for extension, critical in extras:
            builder = builder.add_extension(extension, critical=critical)
        return Holder(builder.sign(self.key, algorithm or hashes.SHA256()), key, self)

    def crl(
        self,
        *revoked: tuple[Holder, datetime, x509.ReasonFlags | None],
        this: datetime = NOW - HOUR,
        end: datetime | None = NOW + DAY,
        extras: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        key: Any = None,
    ) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject).last_update(this)
        builder = builder.next_update(end or this + DAY)
        for holder, at, reason in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(holder.cert.serial_number).revocation_date(at)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        for extension, critical in extras:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def ocsp(
        self,
        about: Holder,
        status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
        *,
        revoked: datetime | None = None,
        reason: x509.ReasonFlags | None = None,
        this: datetime = NOW,
        end: datetime | None = NOW + HOUR,
        responder: Holder | None = None,
        embedded: list[Holder] | None = None,
        nonce: bytes | None = None,
        issuer: Holder | None = None,
        by_name: bool = False,
        certid: hashes.HashAlgorithm | None = None,
    ) -> bytes:
        signer = responder or self
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=about.cert,
                issuer=(issuer or self).cert,
                algorithm=certid or hashes.SHA1(),
                cert_status=status,
                this_update=this,
                next_update=end,
                revocation_time=revoked,
                revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH, signer.cert)
        )
        if embedded is None and responder is not None:
            embedded = [responder]
        if embedded:
            builder = builder.certificates([holder.cert for holder in embedded])
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def key_usage(ca: bool, **other: bool) -> x509.KeyUsage:
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage.update(key_cert_sign=ca, crl_sign=ca, digital_signature=not ca, content_commitment=not ca)
    return x509.KeyUsage(**{**usage, **other})


def root(common_name: str = "Root", *, key: Any = None, start: datetime = NOW - 1000 * DAY) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + 3650 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Holder(builder.sign(key, hashes.SHA256()), key)


@dataclass
class Service:
    """A status service on 127.0.0.1: *routes* by path, each a body or a function of the request's body."""

    url: str
    routes: dict[str, bytes | Callable[[bytes], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    served = Service("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            served.asked.append(self.path)
            answer = served.routes.get(self.path)
            if answer is None:
                self.send_error(404)
                return
            data = answer(body) if callable(answer) else answer
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


class Kit:
    """What tests of this room share."""

    NOW, DAY, HOUR = NOW, DAY, HOUR
    Holder = Holder
    root = staticmethod(root)
    name = staticmethod(name)
    GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN

    @staticmethod
    def judge(
        *anchors: Holder, fetcher: HttpFetcher | None = None, helpers: tuple[Holder, ...] = (), **more: Any
    ) -> PathJudge:
        trusted = TrustAnchors(tuple(a.der for a in anchors), tuple(h.der for h in helpers))
        return PathJudge(dict.fromkeys(Purpose, trusted), fetcher, **more)

    @staticmethod
    def judged(judge: PathJudge, holder: Any, purpose: Purpose = Purpose.SIGNING, **more: Any) -> TrustVerdict:
        """*holder*'s verdict as of *at*, with what is known *now*."""
        now = more.pop("now", NOW)
        return judge.judge(holder.der, purpose, at=more.pop("at", now), now=now, **more)

    @staticmethod
    def local(**more: Any) -> HttpFetcher:
        return HttpFetcher(allow_loopback=True, **more)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture(scope="session")
def tsl() -> ModuleType:
    """The module ``trusted_lists``; tests are not a package."""
    spec = importlib.util.spec_from_file_location("trust_trusted_lists", Path(__file__).with_name("trusted_lists.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
