"""
What each kind of certificate contains (RFC 5280 § 4.2, with the clauses named beside each profile).

A profile is a list of extensions that depends on nothing but its arguments; ``below`` adds what every certificate below
an authority carries. Nothing here is qualified: no profile claims qcStatements (EN 319 412-5).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from gateway.errors import EnrolmentRefused
from gateway.issuing.api import CertificateProfile, Subject
from gateway.issuing.assembly import key_identifier

Extensions = list[x509.Extension[Any]]

ANY_POLICY = "2.5.29.32.0"
NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
VALASSURED_SHORT_TERM = x509.ObjectIdentifier("0.4.0.194121.2.1")
_DER_NULL = b"\x05\x00"
_NAME_LIMIT = 64
_COUNTRY = re.compile(r"[A-Z]{2}")
_IDENTIFIER = re.compile(r"[0-9A-Za-z]{1,40}")
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """
    The authority that a certificate is made below, and where it publishes.

    *public_key* is its SubjectPublicKeyInfo (DER). *policies* are certificate policy identifiers, dotted.
    """

    name: x509.Name
    public_key: bytes
    ocsp_url: str
    crl_url: str
    issuer_url: str
    policies: Sequence[str] = (ANY_POLICY,)


def person_name(subject: Subject) -> x509.Name:
    """
    A natural person's name: C, CN, givenName, surname and serialNumber ``PNO<country>-<identifier>``.

    EN 319 412-2 § 4.2.4 and EN 319 412-1 § 5.1.3. Raises ``EnrolmentRefused`` for what cannot stand in a name.
    """
    if not _COUNTRY.fullmatch(subject.country):
        raise EnrolmentRefused("the country is not a two-letter code")
    if not _IDENTIFIER.fullmatch(subject.personal_identifier):
        raise EnrolmentRefused("the personal identifier holds more than letters and digits, or too many")
    given_name, surname = _checked(subject.given_name, "given name"), _checked(subject.surname, "surname")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, subject.country),
            x509.NameAttribute(NameOID.COMMON_NAME, _checked(f"{given_name} {surname}", "whole name")),
            x509.NameAttribute(NameOID.GIVEN_NAME, given_name),
            x509.NameAttribute(NameOID.SURNAME, surname),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"PNO{subject.country}-{subject.personal_identifier}"),
        ]
    )


def _checked(text: str, what: str) -> str:
    """Composed letters, no outer blanks, nothing invisible (X.520 upper bounds)."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text or len(text) > _NAME_LIMIT:
        raise EnrolmentRefused(f"the {what} is empty or longer than {_NAME_LIMIT} characters")
    if any(unicodedata.category(c).startswith("C") or unicodedata.category(c) in ("Zl", "Zp") for c in text):
        raise EnrolmentRefused(f"the {what} holds control characters")
    return text


def service_name(common_name: str, organization: str, country: str = "MD") -> x509.Name:
    """The name of a service or authority (EN 319 412-3 § 4.2.1, without an identifier of the organization)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def signer(profile: CertificateProfile) -> Extensions:
    """
    A person's signing certificate: contentCommitment and digitalSignature (EN 319 412-2 § 4.3.2).

    SHORT_TERM ends before anybody could revoke it, and says so twice: noRevAvail (RFC 9608) and validity assured short
    term (EN 319 412-1 § 5.2).
    """
    extensions = [_leaf(), _usage("digital_signature", "content_commitment")]
    if profile is CertificateProfile.SHORT_TERM:
        extensions += [
            _extension(x509.UnrecognizedExtension(NO_REV_AVAIL, _DER_NULL)),
            _extension(x509.UnrecognizedExtension(VALASSURED_SHORT_TERM, _DER_NULL)),
        ]
    return extensions


def authority(path_length: int | None) -> Extensions:
    """A certification authority with at most *path_length* authorities below it (RFC 5280 § 4.2.1.9)."""
    return [
        _extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True),
        _usage("key_cert_sign", "crl_sign"),
    ]


def time_stamping() -> Extensions:
    """A time-stamping unit: critical extended key usage, timeStamping and nothing else (RFC 3161 § 2.3)."""
    purpose = _extension(x509.ExtendedKeyUsage([Eku.TIME_STAMPING]), critical=True)
    return [_leaf(), _usage("digital_signature"), purpose]


def ocsp_responder() -> Extensions:
    """A delegated responder whose own status nobody asks: ocsp-nocheck (RFC 6960 § 4.2.2.2.1)."""
    purpose = _extension(x509.ExtendedKeyUsage([Eku.OCSP_SIGNING]))
    return [_leaf(), _usage("digital_signature"), purpose, _extension(x509.OCSPNoCheck())]


def tls_server(hosts: Sequence[str]) -> Extensions:
    """A TLS server reached by *hosts*: names or addresses (RFC 9525 looks at nothing else)."""
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    purpose = _extension(x509.ExtendedKeyUsage([Eku.SERVER_AUTH]))
    return [_leaf(), _usage("digital_signature"), purpose, _extension(names)]


def tls_client() -> Extensions:
    """A TLS client: an information system that calls the gateway."""
    return [_leaf(), _usage("digital_signature"), _extension(x509.ExtendedKeyUsage([Eku.CLIENT_AUTH]))]


def self_signed(extensions: Extensions, public_key: bytes) -> Extensions:
    """A root's certificate: its own identifier, and no pointers, for nobody vouches for it."""
    return [*extensions, _extension(x509.SubjectKeyIdentifier(key_identifier(public_key)))]


def below(issuer: Issuer, extensions: Extensions, public_key: bytes) -> Extensions:
    """
    *extensions* completed for a certificate below *issuer*: key identifiers, policies, and where status is published.

    A certificate that says itself that nobody need ask gets the issuer's address alone (RFC 9608 forbids the
    others); a responder gets no pointers at all.
    """
    unasked = {e.oid for e in extensions} & {NO_REV_AVAIL, x509.OCSPNoCheck.oid}
    completed = [
        *extensions,
        _extension(x509.SubjectKeyIdentifier(key_identifier(public_key))),
        _extension(x509.AuthorityKeyIdentifier(key_identifier(issuer.public_key), None, None)),
        _extension(
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(p), None) for p in issuer.policies])
        ),
    ]
    if x509.OCSPNoCheck.oid in unasked:
        return completed
    found_at = [_access(Access.CA_ISSUERS, issuer.issuer_url)]
    if not unasked:
        found_at.insert(0, _access(Access.OCSP, issuer.ocsp_url))
        completed.append(_extension(x509.CRLDistributionPoints([_distribution_point(issuer.crl_url)])))
    return [*completed, _extension(x509.AuthorityInformationAccess(found_at))]


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[Any]:
    return x509.Extension(value.oid, critical, value)


def _leaf() -> x509.Extension[Any]:
    return _extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


def _usage(*usages: str) -> x509.Extension[Any]:
    return _extension(x509.KeyUsage(**{name: name in usages for name in _USAGES}), critical=True)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _access(method: x509.ObjectIdentifier, url: str) -> x509.AccessDescription:
    return x509.AccessDescription(method, x509.UniformResourceIdentifier(url))


def _distribution_point(url: str) -> x509.DistributionPoint:
    return x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
