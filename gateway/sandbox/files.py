"""Small files of the sandbox: written whole or not at all, private keys for their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PUBLIC, PRIVATE = 0o644, 0o600


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Put *data* at *path* with *mode*, by way of a temporary name; folders on the way are made for the owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        waiting.replace(path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise


def pem(*certificates: bytes) -> bytes:
    """Certificates (DER) as one PEM text."""
    loaded = [x509.load_der_x509_certificate(der) for der in certificates]
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in loaded)


def read_certificate_file(path: Path) -> bytes:
    """The first certificate of a PEM file, in DER. Raises ``OSError``, ``ValueError``."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.public_bytes(serialization.Encoding.DER)


def new_private_key(path: Path) -> bytes:
    """
    Make a P-256 key, keep it at *path* (PKCS#8 PEM, readable by its owner alone), return its SubjectPublicKeyInfo.

    For keys that a program needs as a file, such as a TLS server's; all others lie in the key store.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(path, encoded, PRIVATE)
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
