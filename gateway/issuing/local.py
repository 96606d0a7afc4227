"""Our own certification authority: its key behind ``keys``, what it issued in the certificate register."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.errors import AuthorityUnavailable, ConfigurationError, EnrolmentRefused, KeyStoreUnavailable
from gateway.issuing import profiles
from gateway.issuing.api import CertificateProfile, RevocationReason, Subject, Validity
from gateway.issuing.assembly import CertificateContent, whole_seconds
from gateway.issuing.assembly import certificate as assemble
from gateway.issuing.enrolment import STRONG, read_request
from gateway.keys.api import KeyStore, OpenKey
from gateway.storage.api import CertificateRegister, IssuedCertificate

LONGEST_LASTING = timedelta(days=3 * 366)
LONGEST_SHORT_TERM = timedelta(days=1)
"""Short enough that no revocation could have been dealt with in time (EN 319 411-1 § 6.2.4: at most 24 hours)."""

_SERIAL_BITS = 159
T = TypeVar("T")


def random_serial() -> int:
    """A positive serial number of 159 random bits: at most 20 octets (RFC 5280 § 4.1.2.2)."""
    return secrets.randbits(_SERIAL_BITS) or 1


def public_key_of(certificate: x509.Certificate) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class LocalAuthority:
    """
    Issues and ends signers' certificates by a key of ours; implements ``CertificateAuthority``.

    Safe for threads; opens its key for each certificate. Publishing status is ``status``'s work, over the same
    register.
    """

    def __init__(
        self,
        certificate: bytes,
        chain: Sequence[bytes],
        key_store: KeyStore,
        key_label: str,
        register: CertificateRegister,
        *,
        ocsp_url: str,
        crl_url: str,
        issuer_url: str,
        new_serial: Callable[[], int] = random_serial,
        policies: Sequence[str] = (profiles.ANY_POLICY,),
        accepted: Collection[KeyAlgorithm] = STRONG,
        longest: timedelta = LONGEST_LASTING,
    ) -> None:
        """
        Args:
            certificate: the authority's own (DER).
            chain: its issuers (DER), nearest first; a root among them is left out of what signers get.
            key_store, key_label: where its key lies.
            register: what it issued and ended.
            ocsp_url, crl_url, issuer_url: published addresses of status, CRL and its certificate.
            new_serial: at least 64 bits of randomness, positive, at most 20 octets.
            policies: certificate policies, dotted.
            accepted: kinds of key that are certified.
            longest: how long a lasting certificate may last.

        Raises:
            ConfigurationError: The certificate is no authority's.

        """
        self._own = _authority_certificate(certificate)
        self._chain = tuple(der for der in (certificate, *chain) if not _self_issued(der))
        self._key_store, self._key_label = key_store, key_label
        self._register = register
        self._new_serial = new_serial
        self._accepted = frozenset(accepted)
        self._longest = longest
        self._public_key = public_key_of(self._own)
        self._key_hash = sha256(self._public_key).digest()
        self._issuer = profiles.Issuer(
            self._own.subject, self._public_key, ocsp_url, crl_url, issuer_url, tuple(policies)
        )

    def issue(
        self, csr: bytes, subject: Subject, profile: CertificateProfile, validity: Validity
    ) -> SigningCertificate:
        """
        Issue for the key in *csr* after checking its proof of possession and strength; see the door.

        The certificate is in the register before anybody has it. It never outlives its authority.
        """
        request = read_request(csr, self._accepted)
        if request.public_key == self._public_key:
            raise EnrolmentRefused("the authority's own key is not certified for a person")
        not_before, not_after = self._period(profile, validity)
        content = CertificateContent(
            serial=self._new_serial(),
            issuer=self._own.subject,
            subject=profiles.person_name(subject),
            public_key=request.public_key,
            not_before=not_before,
            not_after=not_after,
            extensions=profiles.below(self._issuer, profiles.signer(profile), request.public_key),
        )
        der = self._with_key(lambda key: assemble(content, key))
        self._check_issued(der, request.public_key)
        self._register.add(IssuedCertificate(self._key_hash, content.serial, der, issued=not_before))
        return read_certificate(der, self._chain)

    def revoke(self, certificate: bytes, reason: RevocationReason, now: datetime) -> None:
        """
        End *certificate* at *now*, or put it on hold; what has ended for good already stays as it is.

        Raises ``AuthorityUnavailable`` for a certificate that is not of this authority.
        """
        issued = self._issued(certificate)
        self._register.revoke(self._key_hash, issued.serial, whole_seconds(now), reason.value)

    def resume(self, certificate: bytes, now: datetime) -> None:  # noqa: ARG002 - the door passes it; a lifted hold keeps no date
        """
        Lift a hold; nothing happens to a certificate that is good.

        Raises ``AuthorityUnavailable`` where the certificate has ended for good, or is not of this authority.
        """
        issued = self._issued(certificate)
        if self._register.resume(self._key_hash, issued.serial) or issued.revoked is None:
            return
        raise AuthorityUnavailable(self._name, "a certificate that was revoked for good cannot be resumed")

    def check(self) -> str:
        """Open the key, compare it with the certificate, and say who this is."""
        found = self._with_key(lambda key: key.public_key)
        if found != self._public_key:
            raise AuthorityUnavailable(self._name, "the key under its label is not the certificate's key")
        return f"local authority {self._name}, until {self._own.not_valid_after_utc:%Y-%m-%d}"

    @property
    def _name(self) -> str:
        return self._own.subject.rfc4514_string()

    def _period(self, profile: CertificateProfile, validity: Validity) -> tuple[datetime, datetime]:
        longest = LONGEST_SHORT_TERM if profile is CertificateProfile.SHORT_TERM else self._longest
        if not timedelta(0) < validity.lasts <= longest:
            raise EnrolmentRefused(f"a {profile.value} certificate lasts longer than nothing and at most {longest}")
        not_before = whole_seconds(validity.starts)
        not_after = min(whole_seconds(not_before + validity.lasts), self._own.not_valid_after_utc)
        if not_before < self._own.not_valid_before_utc or not_after <= not_before:
            raise EnrolmentRefused("the validity asked for lies outside the authority's own")
        return not_before, not_after

    def _with_key(self, work: Callable[[OpenKey], T]) -> T:
        try:
            with self._key_store.open_service_key(self._key_label) as key:
                return work(key)
        except KeyStoreUnavailable as error:
            raise AuthorityUnavailable(self._name, f"its key cannot be used ({error})") from None

    def _check_issued(self, der: bytes, public_key: bytes) -> None:
        """A key store that answers with another key, or with nonsense, must not reach a signer."""
        issued = x509.load_der_x509_certificate(der)
        try:
            issued.verify_directly_issued_by(self._own)
        except (ValueError, TypeError, InvalidSignature):
            raise AuthorityUnavailable(self._name, "its key does not match its certificate") from None
        if public_key_of(issued) != public_key:
            raise AuthorityUnavailable(self._name, "the certificate made is for another key")

    def _issued(self, certificate: bytes) -> IssuedCertificate:
        try:
            serial = x509.load_der_x509_certificate(certificate).serial_number
        except ValueError:
            raise AuthorityUnavailable(self._name, "not a certificate") from None
        issued = self._register.get(self._key_hash, serial)
        if issued is None or issued.der != certificate:
            raise AuthorityUnavailable(self._name, "the certificate was not issued here")
        return issued


def _authority_certificate(der: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        raise ConfigurationError("issuing: the authority's certificate is not one of an authority") from None
    if not constraints.ca:
        raise ConfigurationError("issuing: the authority's certificate is not one of an authority")
    return certificate


def _self_issued(der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject == certificate.issuer
