"""Containers as others pack them, with signatures by a stranger."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from gateway.formats.asic.reader import AsicReader

_spec = importlib.util.spec_from_file_location(
    "xades_stranger_for_containers", Path(__file__).parents[1] / "xades" / "stranger.py"
)
_stranger = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_stranger)

MIMETYPE = b"application/vnd.etsi.asic-e+zip"
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def xades(self, *members: tuple[str, bytes], transforms=(), method="sha256") -> bytes:
        """The text of a signature file over members by name."""
        listed = "".join(
            _stranger.reference(uri, digest=hashlib.new(method, data).digest(), method=method, transforms=transforms)
            for uri, data in members
        )
        text = _stranger.draft(self.der, b"", content=listed)
        return (
            b'<a:XAdESSignatures xmlns:a="http://uri.etsi.org/02918/v1.2.1#">'
            + _stranger.seal(text, _stranger.ecdsa(self.key))
            + b"</a:XAdESSignatures>"
        )

    def cms(self, data: bytes) -> bytes:
        """A detached CMS signature."""
        builder = PKCS7SignatureBuilder().set_data(data).add_signer(self.certificate, self.key, hashes.SHA256())
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])


@pytest.fixture(scope="session")
def stranger():
    return _stranger


@pytest.fixture(scope="session")
def ana() -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ana Semnatar")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return Signer(key, certificate)


@pytest.fixture(scope="session")
def pack():
    """A zip of members in order; names may be ``ZipInfo`` for what is unusual."""

    def make(*members, mimetype: bytes | None = MIMETYPE, comment: bytes = b"") -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            if mimetype is not None:
                archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
            for name, data in members:
                archive.writestr(name, data)
            archive.comment = comment
        return out.getvalue()

    return make


@pytest.fixture(scope="session")
def reader() -> AsicReader:
    return AsicReader()


@pytest.fixture(scope="session")
def read(reader):
    def every(container: bytes, **more):
        return list(reader.read_file(io.BytesIO(container), [], **more))

    return every
