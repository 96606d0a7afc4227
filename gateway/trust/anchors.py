"""Trust anchors from files, read once at start."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import ConfigurationError
from gateway.trust.listed import Period

ANCHOR_FOLDER = "anchors"
"""Name of the subfolder whose certificates are all anchors, self-signed or not."""

_FILE_LIMIT = 4 * 1024 * 1024
_CERTIFICATE_LIMIT = 2000
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE")
_NOTES = (".md", ".txt")


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """
    The authorities believed for one purpose (DER).

    *intermediates* help to find a path and are believed only below an anchor. *plain_number* holds the SHA-256 of
    authorities below which a plain serialNumber names a Moldovan person (decision 14). *periods* hold for anchors from
    trusted lists: such an anchor is believed about those times alone, any other about every time.
    """

    anchors: tuple[bytes, ...]
    intermediates: tuple[bytes, ...] = ()
    plain_number: frozenset[bytes] = field(default_factory=frozenset)
    periods: Mapping[bytes, tuple[Period, ...]] = field(default_factory=dict)

    def with_listed(self, listed: Mapping[bytes, tuple[Period, ...]]) -> TrustAnchors:
        """These and the *listed* ones; what the operator chose himself is not bound by a list."""
        added = {der: periods for der, periods in listed.items() if der not in self.anchors}
        return replace(self, anchors=(*self.anchors, *added), periods=added)


def load_anchors(folder: Path, *, plain_number_issuers: Sequence[str] = ()) -> TrustAnchors:
    """
    Read every certificate file in *folder*, PEM (several to a file) or DER.

    Self-signed certificates become anchors, others path material. In the subfolder ``anchors`` every certificate is
    an anchor. Hidden files, ``.md`` and ``.txt`` are notes; anything else must hold certificates. An anchor's own
    dates are not checked when it is used (RFC 5280 § 6.1.1 takes only its name and key).

    Args:
        folder: not followed beyond the one subfolder.
        plain_number_issuers: RFC 4514 subjects, or SHA-256 fingerprints in hexadecimal, of authorities in *folder*.

    Raises:
        ConfigurationError: Names the file that cannot be used, or the issuer that no file holds.

    """
    if not folder.is_dir():
        raise ConfigurationError(f"trust anchors: {folder} is not a folder")
    anchors: dict[bytes, None] = {}
    intermediates: dict[bytes, None] = {}
    for file, all_anchors in _files(folder):
        for certificate in _read(file):
            der = certificate.public_bytes(Encoding.DER)
            kind = anchors if all_anchors or _self_signed(certificate) else intermediates
            kind[der] = None
    if not anchors:
        raise ConfigurationError(f"trust anchors: {folder} holds no self-signed certificate and no {ANCHOR_FOLDER}/")
    if len(anchors) + len(intermediates) > _CERTIFICATE_LIMIT:
        raise ConfigurationError(f"trust anchors: {folder} holds more than {_CERTIFICATE_LIMIT} certificates")
    helpers = tuple(der for der in intermediates if der not in anchors)
    return TrustAnchors(tuple(anchors), helpers, _named([*anchors, *helpers], plain_number_issuers))


def load_certificates(folder: Path) -> tuple[bytes, ...]:
    """
    Every certificate (DER) in the files of *folder*, read as ``load_anchors`` reads them, whoever issued it.

    Raises:
        ConfigurationError: Names the file that cannot be used; none at all is such a case too.

    """
    if not folder.is_dir():
        raise ConfigurationError(f"trust anchors: {folder} is not a folder")
    found = [c.public_bytes(Encoding.DER) for file, _ in _files(folder) for c in _read(file)]
    if not found:
        raise ConfigurationError(f"trust anchors: {folder} holds no certificate")
    return tuple(dict.fromkeys(found))


def _files(folder: Path, *, within: bool = False) -> Iterator[tuple[Path, bool]]:
    """Certificate files, and whether they lie in the subfolder of anchors."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.suffix.lower() in _NOTES:
            continue
        if not entry.is_dir():
            yield entry, within
        elif within or entry.name != ANCHOR_FOLDER:
            raise ConfigurationError(f"trust anchors: {entry}: only one subfolder, named {ANCHOR_FOLDER}, is read")
        else:
            yield from _files(entry, within=True)


def _read(file: Path) -> list[x509.Certificate]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(f"trust anchors: {file} cannot be read ({error.strerror})") from None
    if len(data) > _FILE_LIMIT:
        raise ConfigurationError(f"trust anchors: {file} is larger than {_FILE_LIMIT} bytes")
    if b"PRIVATE KEY-----" in data:
        raise ConfigurationError(f"trust anchors: {file} holds a private key; keep it elsewhere")
    try:
        found = [x509.load_der_x509_certificate(der) for der in _ders(data)]
    except (ValueError, binascii.Error):
        raise ConfigurationError(f"trust anchors: {file} holds something that is no certificate") from None
    if not found:
        raise ConfigurationError(f"trust anchors: {file} holds no certificate")
    return found


def _ders(data: bytes) -> list[bytes]:
    if b"-----BEGIN " not in data:
        return [data]
    return [
        base64.b64decode(b"".join(body.split()), validate=True)
        for label, body in _PEM.findall(data)
        if label in _CERTIFICATE_LABELS
    ]


def _self_signed(certificate: x509.Certificate) -> bool:
    """Same name, and its own key holds for its signature."""
    if certificate.subject.public_bytes() != certificate.issuer.public_bytes():
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _named(ders: Sequence[bytes], issuers: Sequence[str]) -> frozenset[bytes]:
    chosen: set[bytes] = set()
    for issuer in issuers:
        fingerprint = issuer.replace(":", "").replace(" ", "").lower()
        matching = {
            sha256(der).digest()
            for der in ders
            if fingerprint == sha256(der).hexdigest()
            or issuer == x509.load_der_x509_certificate(der).subject.rfc4514_string()
        }
        if not matching:
            raise ConfigurationError(f"plain_number_issuers: no certificate among the trust anchors is {issuer!r}")
        chosen |= matching
    return frozenset(chosen)
