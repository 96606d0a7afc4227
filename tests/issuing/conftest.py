"""Honest small stand-ins for the doors that ``issuing`` leans on, and an authority to try."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from gateway.domain.certificates import KeyAlgorithm
from gateway.issuing import profiles
from gateway.issuing.api import Subject, Validity
from gateway.issuing.assembly import CertificateContent, certificate
from gateway.issuing.local import LocalAuthority
from gateway.issuing.status import StatusPublisher

_spec = importlib.util.spec_from_file_location("issuing_fakes", Path(__file__).with_name("fakes.py"))
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)
NOW, MemoryKeyStore, MemoryRegister = fakes.NOW, fakes.MemoryKeyStore, fakes.MemoryRegister
make_private_key = fakes.make_private_key


@dataclass
class Office:
    """An authority with everything around it."""

    authority: LocalAuthority
    status: StatusPublisher
    certificate: bytes
    root: bytes
    responder: bytes
    keys: object
    register: object
    key_hash: bytes
    make: Callable[..., LocalAuthority]


def _certificate(keys, label, issuer_label, names, extensions, *, serial, since, until):
    public_key = keys.keys[label].public_key
    return certificate(
        CertificateContent(serial, names[issuer_label], names[label], public_key, since, until, extensions(public_key)),
        keys.keys[issuer_label],
    )


def open_office(algorithm=KeyAlgorithm.P256) -> Office:
    keys, register = MemoryKeyStore(), MemoryRegister()
    names = {n: profiles.service_name(f"TEST {n}", "TEST office") for n in ("root", "authority", "responder")}
    for label in names:
        keys.create_service_key(label, algorithm)
    since, until = NOW - timedelta(days=400), NOW + timedelta(days=4000)

    def issuer(name):
        urls = [f"http://127.0.0.1:9/{kind}/{name}" for kind in ("ocsp", "crl", "ca")]
        return profiles.Issuer(names[name], keys.keys[name].public_key, *urls, policies=("2.999.7",))

    times = {"since": since, "until": until}
    root = _certificate(
        keys, "root", "root", names, lambda k: profiles.self_signed(profiles.authority(None), k), serial=1, **times
    )
    own = _certificate(
        keys,
        "authority",
        "root",
        names,
        lambda k: profiles.below(issuer("root"), profiles.authority(0), k),
        serial=2,
        **times,
    )
    responder = _certificate(
        keys,
        "responder",
        "authority",
        names,
        lambda k: profiles.below(issuer("authority"), profiles.ocsp_responder(), k),
        serial=3,
        **times,
    )

    def make(**changes):
        urls = {f"{kind}_url": f"http://127.0.0.1:9/{kind}" for kind in ("ocsp", "crl", "issuer")}
        return LocalAuthority(own, [root], keys, "authority", register, policies=("2.999.7",), **{**urls, **changes})

    return Office(
        authority=make(),
        status=StatusPublisher(
            own, register, keys, key_label="authority", responder=responder, responder_label="responder"
        ),
        certificate=own,
        root=root,
        responder=responder,
        keys=keys,
        register=register,
        key_hash=sha256(keys.keys["authority"].public_key).digest(),
        make=make,
    )


@pytest.fixture
def now():
    return NOW


@pytest.fixture(scope="session")
def office_of():
    """Opens an office whose authorities' keys are of the given kind."""
    return open_office


@pytest.fixture
def office():
    return open_office()


@pytest.fixture
def person():
    return Subject("2999000000014", "Ștefan", "Încercare")


@pytest.fixture
def year():
    return Validity(NOW - timedelta(minutes=1), timedelta(days=365))


@pytest.fixture(scope="session")
def csr_of():
    """A request made by *cryptography*, a stranger to our own writer."""

    def make(private_key, *extensions, algorithm=hashes.SHA256):
        builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mallory")]))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(private_key, algorithm()).public_bytes(serialization.Encoding.DER)

    return make


@pytest.fixture(scope="session")
def private_key_of():
    """Private keys by kind, made once: RSA takes its time."""
    made = {}

    def get(algorithm):
        if algorithm not in made:
            made[algorithm] = make_private_key(algorithm)
        return made[algorithm]

    return get


@pytest.fixture
def issued(office, person, year, csr_of, private_key_of):
    """A lasting certificate of the office."""
    from gateway.issuing.api import CertificateProfile

    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    return office.authority.issue(csr, person, CertificateProfile.LASTING, year)


@pytest.fixture(scope="session")
def pem():
    def encode(*ders):
        found = [x509.load_der_x509_certificate(d).public_bytes(serialization.Encoding.PEM) for d in ders]
        return b"".join(found)

    return encode
