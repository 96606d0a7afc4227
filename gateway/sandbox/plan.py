"""The sandbox's authorities and services, declared: who issues whom, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.issuing import profiles
from gateway.issuing.api import CertificateProfile, Subject

ORGANIZATION = "msign-gateway TEST sandbox"
POLICY = "2.999.1.1"
"""Certificate policy of the sandbox, below the arc for examples: it promises nothing."""

TIME_STAMP_POLICY = "2.999.1.2"
"""Time-stamping policy of the sandbox."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority; *issuer* None makes it a root."""

    name: str
    common_name: str
    issuer: str | None = None
    path_length: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A certificate below an authority. *in_key_store*: the key lies there, else in a file of its own."""

    name: str
    common_name: str
    issuer: str
    in_key_store: bool = True


AUTHORITIES = (
    Authority("root", "TEST Sandbox Root CA", path_length=1),
    Authority("issuing", "TEST Sandbox Issuing CA", issuer="root", path_length=0),
    Authority("time-stamping", "TEST Sandbox Time-stamping CA", path_length=0),
    Authority("tls", "TEST Sandbox TLS CA", path_length=0),
)
"""Signers, time-stamping and TLS are believed apart (decision 19), so each has a root of its own."""

RESPONDERS = tuple(
    Service(f"{a.name}-ocsp", f"{a.common_name.removesuffix(' CA')} OCSP responder", a.name) for a in AUTHORITIES
)
TSA = Service("tsa", "TEST Sandbox Time-stamping Authority", "time-stamping")
SERVER = Service("server", "TEST Sandbox Gateway", "tls", in_key_store=False)
CONSUMER = Service("consumer", "TEST Demo e-service", "tls", in_key_store=False)
STRANGER = Service("stranger", "TEST Stranger", "issuing", in_key_store=False)
SERVICES = (*RESPONDERS, TSA, SERVER, CONSUMER, STRANGER)

STRANGER_PERSON = Subject("2999000000900", "TEST Cineva", "Străin")


def extensions_of(service: Service, host: str) -> profiles.Extensions:
    """What a service's certificate contains; *host* is where its sandbox is reached."""
    if service in RESPONDERS:
        return profiles.ocsp_responder()
    if service is TSA:
        return profiles.time_stamping()
    if service is SERVER:
        return profiles.tls_server(tuple(dict.fromkeys((host, "localhost", "127.0.0.1"))))
    if service is CONSUMER:
        return profiles.tls_client()
    return profiles.signer(CertificateProfile.LASTING)
