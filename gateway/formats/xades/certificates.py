"""
Who signed: the certificates that a signature carries and the one that it names (EN 319 132-1 § 5.2.2).

The name is a digest in the signed properties, so nobody can put another certificate over the same key in its place.
Issuer and serial number beside it say nothing that the digest does not, and writers disagree about their spelling.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lxml import etree

from gateway.formats.xades.names import DIGESTS, ds
from gateway.formats.xades.structure import Parts
from gateway.formats.xades.texts import NotText, base64_of

T = TypeVar("T")

MAX_CERTIFICATES = 64
LARGEST_CERTIFICATE = 64 * 1024
_MAX_NAMES = 16
_MAX_TRIES = 8
_LARGEST_DIGEST = 64


@dataclass(frozen=True, slots=True)
class Named:
    """One Cert of SigningCertificate(V2): the digest of a certificate."""

    digest_method: str
    digest: bytes

    def is_of(self, certificate: bytes) -> bool:
        """Whether it names *certificate* (DER)."""
        name = DIGESTS.get(self.digest_method)
        if name is None:
            return False
        return hmac.compare_digest(hashlib.new(name, certificate).digest(), self.digest)


@dataclass(frozen=True, slots=True)
class Signer:
    """
    The certificate chosen. *matches*: it is one that the signature names; None where the signature names none in a
    way that can be read. *named_by* is the name that fits.
    """

    certificate: bytes | None
    matches: bool | None
    named_by: Named | None = None


def certificates_in(place: etree._Element | None, *tags: str) -> list[bytes]:
    """The certificates (DER) in elements *tags* below *place*, each once; what is empty or no base64 is left out."""
    found: dict[bytes, None] = {}
    for element in () if place is None else place.iter(*tags):
        if len(found) == MAX_CERTIFICATES:
            break
        try:
            found.setdefault(base64_of(element, LARGEST_CERTIFICATE))
        except NotText:
            continue
    found.pop(b"", None)
    return list(found)


def key_info_certificates(parts: Parts) -> list[bytes]:
    """Those in ds:KeyInfo/ds:X509Data; RetrievalMethod and KeyInfoReference are not followed (decision 28)."""
    if parts.key_info is None:
        return []
    found: dict[bytes, None] = {}
    for data in parts.key_info.findall(ds("X509Data")):
        found.update(dict.fromkeys(certificates_in(data, ds("X509Certificate"))))
    return list(found)[:MAX_CERTIFICATES]


def names_in(parts: Parts) -> list[Named]:
    """The names of SigningCertificate and SigningCertificateV2, in order."""
    signed, xades = parts.signed, f"{{{parts.namespace}}}"
    if signed is None:
        return []
    found = []
    for kind in ("SigningCertificateV2", "SigningCertificate"):
        path = f"{xades}SignedSignatureProperties/{xades}{kind}/{xades}Cert/{xades}CertDigest"
        for digest in signed.findall(path):
            method, value = _either(digest, xades, "DigestMethod"), _either(digest, xades, "DigestValue")
            if method is None or value is None:
                continue
            try:
                found.append(Named(method.get("Algorithm", ""), base64_of(value, _LARGEST_DIGEST)))
            except NotText:
                continue
    return found[:_MAX_NAMES]


def _either(place: etree._Element, xades: str, name: str) -> etree._Element | None:
    """A child of XML Signature, which DIGIDOC-XML has in the namespace of XAdES."""
    found = place.find(ds(name))
    return place.find(f"{xades}{name}") if found is None else found


def choose_signer(
    candidates: Sequence[bytes], names: Sequence[Named], verifies: Callable[[bytes], bool | None]
) -> Signer:
    """
    The signer's certificate among *candidates* (KeyInfo's first, then those added later).

    One that the signature names goes before any other, and one whose key *verifies* the value before one whose does
    not: a signature may name its whole chain.
    """
    readable = [name for name in names if name.digest_method in DIGESTS]
    named = [(candidate, name) for candidate in candidates for name in readable if name.is_of(candidate)]
    if named:
        certificate, name = _first_fitting(named, lambda pair: verifies(pair[0]))
        return Signer(certificate, matches=True, named_by=name)
    if not candidates:
        return Signer(None, matches=None)
    return Signer(_first_fitting(candidates, verifies), matches=False if readable else None)


def _first_fitting(choices: Sequence[T], fits: Callable[[T], bool | None]) -> T:
    """The first of the first few that fits, else the very first; where there is no choice, nobody is asked."""
    if len(choices) == 1:
        return choices[0]
    return next((choice for choice in choices[:_MAX_TRIES] if fits(choice)), choices[0])
