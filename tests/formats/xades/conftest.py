"""Signers with keys of every kind, under one small authority, and the stranger who writes as others do."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import SigningCertificate
from gateway.domain.signatures import SignatureValue
from gateway.domain.verification import DetachedContent
from gateway.formats.api import SignatureParameters
from gateway.formats.xades.engine import XadesEngine
from gateway.formats.xades.reader import XadesReader

_spec = importlib.util.spec_from_file_location("xades_stranger", Path(__file__).with_name("stranger.py"))
_stranger = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_stranger)

NOW = datetime.now(UTC).replace(microsecond=0)
KINDS = ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"]
_HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "MD"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _make_key(kind: str) -> Any:
    match kind:
        case "p-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "p-521":
            return ec.generate_private_key(ec.SECP521R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))


@dataclass(frozen=True)
class Signer:
    """A key and its certificate (DER), with the issuer's; signs what an engine prepared."""

    key: Any
    der: bytes
    issuer: bytes

    @property
    def certificate(self) -> SigningCertificate:
        return read_certificate(self.der, (self.issuer,))

    def parameters(self, signature_id: str = "0123456789abcdef" * 2, at: datetime = NOW) -> SignatureParameters:
        return SignatureParameters(self.certificate, at, signature_id)

    def value(self, data) -> SignatureValue:
        algorithm = _HASHES[data.algorithm.value]()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return SignatureValue(self.key.sign(data.octets, padding.PKCS1v15(), algorithm))
        width = (self.key.curve.key_size + 7) // 8
        parts = decode_dss_signature(self.key.sign(data.octets, ec.ECDSA(algorithm)))
        return SignatureValue(b"".join(part.to_bytes(width, "big") for part in parts))

    def sign(self, engine, content, *, token: bytes | None = None, **parameters) -> bytes:
        prepared = engine.prepare(content, self.parameters(**parameters))
        out = io.BytesIO()
        engine.complete(content, prepared, self.value(prepared.data), token, out)
        return out.getvalue()


class Authority:
    """Issues signers."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("XAdES root")
        self.certificate = self._issue(self.name, self.key.public_key(), ca=True)
        self.der = self.certificate.public_bytes(Encoding.DER)
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def signer(self, kind: str) -> Signer:
        key = _make_key(kind)
        return self.signer_for(key)

    def signer_for(self, key) -> Signer:
        certificate = self._issue(_name("Ana Semnatar"), key.public_key(), ca=False)
        return Signer(key, certificate.public_bytes(Encoding.DER), self.der)

    def _issue(self, name: x509.Name, public_key, *, ca: bool) -> x509.Certificate:
        usage = dict.fromkeys(
            ["key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca, **usage
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="session")
def stranger():
    """The module ``stranger``."""
    return _stranger


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def signers(authority) -> dict[str, Signer]:
    """One for each kind of key that we sign with."""
    return {kind: authority.signer(kind) for kind in KINDS}


@pytest.fixture(scope="session")
def ana(signers) -> Signer:
    """Signs with P-256."""
    return signers["p-256"]


@pytest.fixture(scope="session")
def engine() -> XadesEngine:
    return XadesEngine()


@pytest.fixture(scope="session")
def read(engine):
    """Read a signature with exactly one verdict."""

    def one(signature: bytes, content: bytes | None):
        (verdict,) = engine.read(io.BytesIO(signature), content)
        return verdict

    return one


@pytest.fixture(scope="session")
def reader() -> XadesReader:
    return XadesReader()


@pytest.fixture(scope="session")
def read_file(reader):
    """Read a file's signatures; contents by name as bytes."""

    def every(signature: bytes, contents=None, *, as_stated: bool = False):
        given = [DetachedContent(name=name, open=partial(io.BytesIO, data)) for name, data in (contents or {}).items()]
        return list(reader.read_file(io.BytesIO(signature), given, as_stated=as_stated))

    return every


@pytest.fixture(scope="session")
def foreign(ana):
    """A stranger's signature by *ana* over a hash; keyword arguments are ``stranger.draft``'s."""

    def make(digest: bytes, change=lambda text: text, **parts) -> bytes:
        text = change(_stranger.draft(ana.der, digest, **parts))
        return _stranger.seal(text, _stranger.ecdsa(ana.key))

    return make
