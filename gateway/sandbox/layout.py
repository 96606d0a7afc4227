"""
The sandbox's certificates on disk: an open sandbox, and where everything of it lies.

Made once by ``pki``, opened here as often as wanted. Private keys of authorities, responders and the
time-stamping authority lie in the key store; the two that TLS libraries want as files, and the stranger's, in files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from gateway.errors import ConfigurationError
from gateway.issuing.local import LocalAuthority, public_key_of
from gateway.issuing.profiles import Issuer
from gateway.keys.api import KeyStore
from gateway.sandbox import plan
from gateway.sandbox.files import read_certificate_file
from gateway.storage.api import CertificateRegister, IssuedCertificate

DESCRIPTION = "sandbox.json"
VERSION = 1
_DESCRIPTION_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sandbox:
    """
    An open sandbox. *certificates* (DER) are keyed by the names in ``plan``; *run* tells its keys from another's.

    Everything in it says TEST, and nothing in it is a secret worth keeping.
    """

    folder: Path
    host: str
    port: int
    run: str
    created: datetime
    certificates: Mapping[str, bytes]

    @property
    def base_url(self) -> str:
        """Where responders and time-stamping authority answer; the certificates name it, so it never changes."""
        return base_url(self.host, self.port)

    @property
    def tsa_url(self) -> str:
        """The time-stamping authority."""
        return f"{self.base_url}/tsa"

    @property
    def signer_anchors(self) -> Path:
        """Folder of trust anchors for signers."""
        return self.folder / "anchors" / "signers"

    @property
    def tsa_anchors(self) -> Path:
        """Folder of trust anchors for time-stamping authorities."""
        return self.folder / "anchors" / "tsa"

    @property
    def consumer_anchors(self) -> Path:
        """Folder of TLS anchors for consumers."""
        return self.folder / "anchors" / "consumers"

    @property
    def tls_anchor_file(self) -> Path:
        """PEM file of the TLS authority: for the server to know consumers by, and for consumers to know it by."""
        return self.consumer_anchors / "tls.pem"

    @property
    def server_files(self) -> tuple[Path, Path]:
        """The gateway's TLS certificate and private key (PEM)."""
        return certificate_file(self.folder, plan.SERVER.name), key_file(self.folder, plan.SERVER.name)

    @property
    def consumer_files(self) -> tuple[Path, Path]:
        """The demo e-service's TLS client certificate and private key (PEM)."""
        return certificate_file(self.folder, plan.CONSUMER.name), key_file(self.folder, plan.CONSUMER.name)

    def label(self, name: str) -> str:
        """The key store's label for the key of *name*."""
        return key_label(self.run, name)

    def issuer_of(self, name: str) -> Issuer:
        """An authority as the issuer of others."""
        return issuer(self.host, self.port, name, self.certificates[name])

    def chain_of(self, name: str) -> tuple[bytes, ...]:
        """The certificates above an authority (DER), its root last; empty for a root."""
        above = next(a.issuer for a in plan.AUTHORITIES if a.name == name)
        return () if above is None else (self.certificates[above], *self.chain_of(above))

    def authority(self, key_store: KeyStore, register: CertificateRegister) -> LocalAuthority:
        """The authority that issues to signers; what it issues is kept in *register*."""
        own = self.issuer_of("issuing")
        return LocalAuthority(
            self.certificates["issuing"],
            self.chain_of("issuing"),
            key_store,
            self.label("issuing"),
            register,
            ocsp_url=own.ocsp_url,
            crl_url=own.crl_url,
            issuer_url=own.issuer_url,
            policies=(plan.POLICY,),
        )

    def stranger(self) -> tuple[bytes, bytes, tuple[bytes, ...]]:
        """
        Somebody else who signs with other software: private key (PKCS#8 PEM), certificate (DER), issuers (DER).

        The certificate is a good one of the issuing authority; the issuers come without their root.
        """
        key = key_file(self.folder, plan.STRANGER.name).read_bytes()
        return key, self.certificates[plan.STRANGER.name], (self.certificates["issuing"],)

    def declared(self) -> tuple[IssuedCertificate, ...]:
        """What the authorities issued when the sandbox was made, as a register would hold it."""
        above = {a.name: a.issuer for a in plan.AUTHORITIES if a.issuer is not None}
        above |= {s.name: s.issuer for s in plan.SERVICES}
        return tuple(self._declared(name, issuer_name) for name, issuer_name in above.items())

    def _declared(self, name: str, issuer_name: str) -> IssuedCertificate:
        der = self.certificates[name]
        serial = x509.load_der_x509_certificate(der).serial_number
        above = x509.load_der_x509_certificate(self.certificates[issuer_name])
        return IssuedCertificate(sha256(public_key_of(above)).digest(), serial, der, self.created)


def open_sandbox(folder: Path, key_store: KeyStore | None = None) -> Sandbox:
    """
    Open the sandbox in *folder*. With *key_store*, also see that its keys lie there.

    Raises:
        ConfigurationError: There is none, it cannot be read, or its keys are elsewhere.
        KeyStoreUnavailable: The key store cannot be used, or does not know the keys.

    """
    try:
        sandbox = _read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"sandbox: {folder} holds no readable sandbox ({type(error).__name__})") from None
    if key_store is not None:
        with key_store.open_service_key(sandbox.label("issuing")) as key:
            found = key.public_key
        if found != public_key_of(x509.load_der_x509_certificate(sandbox.certificates["issuing"])):
            raise ConfigurationError(f"sandbox: the keys of {folder} are not in this key store")
    return sandbox


def _read(folder: Path) -> Sandbox:
    with (folder / DESCRIPTION).open("rb") as stream:
        described = json.loads(stream.read(_DESCRIPTION_LIMIT))
    if described["version"] != VERSION:
        raise ValueError("another version")
    names = [*(a.name for a in plan.AUTHORITIES), *(s.name for s in plan.SERVICES)]
    return Sandbox(
        folder=folder,
        host=str(described["host"]),
        port=int(described["port"]),
        run=str(described["run"]),
        created=datetime.fromisoformat(described["created"]),
        certificates={name: read_certificate_file(certificate_file(folder, name)) for name in names},
    )


def base_url(host: str, port: int) -> str:
    """The address of everything that the sandbox serves over HTTP."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def issuer(host: str, port: int, name: str, certificate: bytes) -> Issuer:
    """An authority as the issuer of others, with the addresses where ``server`` publishes for it."""
    own = x509.load_der_x509_certificate(certificate)
    base = base_url(host, port)
    return Issuer(
        name=own.subject,
        public_key=public_key_of(own),
        ocsp_url=f"{base}/ocsp/{name}",
        crl_url=f"{base}/crl/{name}.crl",
        issuer_url=f"{base}/ca/{name}.cer",
        policies=(plan.POLICY,),
    )


def key_label(run: str, name: str) -> str:
    """The key store's label for the key of *name*."""
    return f"sandbox-{run}-{name}"


def certificate_file(folder: Path, name: str) -> Path:
    """Where a certificate lies (PEM)."""
    return folder / "certificates" / f"{name}.pem"


def key_file(folder: Path, name: str) -> Path:
    """Where a private key lies that is kept in a file (PEM)."""
    return folder / "private" / f"{name}.pem"
