"""A served gateway for clients that we did not write, with identities in every form that they want, and what it stores."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from sqlalchemy import update

from gateway.app import House, new_id
from gateway.asn1.x509 import issuer_text, serial_text
from gateway.demo.browser import Browser
from gateway.demo.eservice import ReturnAddress
from gateway.demo.story import visit
from gateway.domain.contents import StoredContent
from gateway.domain.parties import Consumer, ConsumerId
from gateway.issuing import profiles
from gateway.issuing.assembly import CertificateContent
from gateway.issuing.assembly import certificate as assemble
from gateway.issuing.local import random_serial
from gateway.sandbox.founding import Places
from gateway.sandbox.layout import Sandbox
from gateway.sandbox.persons import TestPerson
from gateway.storage.api import RequestRecord
from gateway.storage.tables import requests as requests_table

PASSWORD = "integrator"
REGISTERED, STRANGER = ("consumer", "other"), "stranger"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A TLS client certificate with its key, in files; *serial* as fault texts give it."""

    folder: Path
    serial: str

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    def described(self) -> dict[str, str]:
        """As a scenario names it."""
        return {
            "certificate": str(self.certificate),
            "key": str(self.key),
            "pem": str(self.folder / "both.pem"),
            "p12": str(self.folder / "identity.p12"),
            "password": PASSWORD,
        }


class ClientTown:
    """A served gateway seen from outside: by its addresses, by a signer's browser, and in what it has stored."""

    def __init__(self, places: Places, sandbox: Sandbox, house: House, folder: Path) -> None:
        """*house*: rooms of the tests' own on the gateway's settings; *folder* for identities."""
        self.places, self.sandbox, self._house, self._folder = places, sandbox, house, folder
        self.identities: dict[str, Identity] = {}
        for name in (*REGISTERED, STRANGER):
            self.identities[name] = self._identity(name)

    @property
    def pages(self) -> str:
        return f"http://localhost:{self.places.page_port}/"

    @property
    def soap(self) -> str:
        return f"https://localhost:{self.places.soap_port}/MSign.svc"

    @cached_property
    def wsdl_file(self) -> Path:
        """The contract as it is served, in one document."""
        own = self.identities["consumer"]
        answer = requests.get(
            f"{self.soap}?singleWsdl",
            cert=(str(own.certificate), str(own.key)),
            verify=str(self.sandbox.tls_anchor_file),
            timeout=30,
        )
        answer.raise_for_status()
        file = self._folder / "MSign.wsdl"
        file.write_bytes(answer.content)
        return file

    def scenario(self, steps: list[dict[str, Any]], contract: str = "singleWsdl") -> dict[str, Any]:
        """Everything that a program is given (README.md); *contract*: which of its forms."""
        return {
            "url": self.soap,
            "wsdl": f"{self.soap}?{contract}",
            "wsdl_file": str(self.wsdl_file),
            "ca": str(self.sandbox.tls_anchor_file),
            "truststore": {"p12": str(self._truststore), "password": PASSWORD},
            "identities": {name: identity.described() for name, identity in self.identities.items()},
            "steps": steps,
        }

    # ------------------------------------------------------------------ what signers and time do

    def sign(self, request_id: str, person: TestPerson) -> None:
        """*person* signs at the page and returns to the e-service."""
        assert visit(self.pages, request_id, person)["RequestID"] == request_id

    def cancel(self, request_id: str, person: TestPerson) -> None:
        """*person* arrives at the page and cancels."""
        browser, back = Browser(), ReturnAddress()
        try:
            page = browser.arrive(f"{self.pages}{request_id}", {"ReturnUrl": back.url, "lang": "en"})
            page = browser.submit(page, page.form_with("person"), person=person.personal_identifier)
            (form,) = [form for form in page.tree.forms if (form.action or "").endswith("/cancel")]
            browser.submit(page, form)
        finally:
            browser.close()
            back.close()

    def let_expire(self, request_id: str) -> None:
        """As if the request's lifetime had passed: its end is put into the past."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        with self._house.database.begin() as connection:
            done = connection.execute(
                update(requests_table).where(requests_table.c.id == request_id).values(expires=past)
            )
        assert done.rowcount == 1

    # ------------------------------------------------------------------ what is stored

    def record(self, request_id: str) -> RequestRecord:
        return self._house.requests.get(request_id)

    def octets(self, content: bytes | StoredContent) -> bytes:
        """A content or result, wherever it lies."""
        if isinstance(content, bytes):
            return content
        with closing(self._house.contents.open(content.content_id)) as stream:
            return stream.read()

    # ------------------------------------------------------------------ identities

    def _identity(self, name: str) -> Identity:
        folder = self._folder / name
        folder.mkdir()
        key = rsa.generate_private_key(65537, 2048)
        certificate = self._certify(f"TEST client {name}", key)
        if name in REGISTERED:
            serial = serial_text(certificate.serial_number)
            self._house.consumers.add(
                Consumer(
                    ConsumerId(new_id()),
                    f"TEST client {name}",
                    issuer_text(certificate),
                    serial,
                    return_origins=("http://localhost",),
                )
            )
        identity = Identity(folder, serial_text(certificate.serial_number))
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat
        certificate_pem = certificate.public_bytes(encoding)
        key_pem = key.private_bytes(encoding, form.PKCS8, serialization.NoEncryption())
        identity.certificate.write_bytes(certificate_pem)
        identity.key.write_bytes(key_pem)
        (folder / "both.pem").write_bytes(certificate_pem + key_pem)
        packed = pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, _old_encryption())
        (folder / "identity.p12").write_bytes(packed)
        return identity

    def _certify(self, common_name: str, key: rsa.RSAPrivateKey) -> x509.Certificate:
        public_key = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        above, now = self.sandbox.issuer_of("tls"), datetime.now(UTC)
        content = CertificateContent(
            serial=random_serial(),
            issuer=above.name,
            subject=profiles.service_name(common_name, "TEST integrator"),
            public_key=public_key,
            not_before=now - _DAY,
            not_after=now + 30 * _DAY,
            extensions=profiles.below(above, profiles.tls_client(), public_key),
        )
        with self._house.key_store.open_service_key(self.sandbox.label("tls")) as authority:
            return x509.load_der_x509_certificate(assemble(content, authority))

    @cached_property
    def _truststore(self) -> Path:
        file = self._folder / "trust.p12"
        authority = x509.load_pem_x509_certificate(self.sandbox.tls_anchor_file.read_bytes())
        trusted = [pkcs12.PKCS12Certificate(authority, b"tls")]
        file.write_bytes(pkcs12.serialize_java_truststore(trusted, _old_encryption()))
        return file


def text(data: bytes) -> str:
    """Base64, as scenarios hold binary members."""
    return base64.b64encode(data).decode()


def _old_encryption() -> serialization.KeySerializationEncryption:
    """The encryption of PKCS#12 files that old runtimes, Mono and Java 8 among them, still read."""
    builder: Callable[[], Any] = serialization.PrivateFormat.PKCS12.encryption_builder
    return (
        builder()
        .kdf_rounds(20_000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(PASSWORD.encode())
    )
