"""What a certificate may be used for: key usage and extended key usage (RFC 5280 § 4.2.1.3 and § 4.2.1.12)."""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from gateway.trust.api import Purpose

NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
VALASSURED_SHORT_TERM = x509.ObjectIdentifier("0.4.0.194121.2.1")
T = TypeVar("T", bound=x509.ExtensionType)
_NOT_FOR_DOCUMENTS = frozenset({Eku.SERVER_AUTH, Eku.CODE_SIGNING, Eku.OCSP_SIGNING, Eku.TIME_STAMPING})


def wrong_usage(certificate: x509.Certificate, purpose: Purpose) -> str | None:
    """Why *certificate* may not serve *purpose*, or None. May raise ``ValueError`` on unreadable extensions."""
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    if purpose is Purpose.TIME_STAMPING:
        # RFC 3161 § 2.3: critical, and this purpose alone.
        if extended is None or not extended.critical or list(extended.value) != [Eku.TIME_STAMPING]:
            return "extended key usage must be critical and id-kp-timeStamping alone"
    elif extended is not None and set(extended.value) <= _NOT_FOR_DOCUMENTS:
        return "extended key usage does not include documents"
    if is_authority(certificate):
        return "an authority's certificate"
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.value.digital_signature or usage.value.content_commitment):
        return "key usage includes neither digitalSignature nor nonRepudiation"
    return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether basicConstraints say CA."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.value.ca


def needs_no_status(certificate: x509.Certificate) -> bool:
    """
    Whether the issuer gives no status on purpose: noRevAvail (RFC 9608) or validity-assured short-term certificates
    (EN 319 412-1 § 5.2). Never so for an authority.
    """
    if is_authority(certificate):
        return False
    return any(e.oid in (NO_REV_AVAIL, VALASSURED_SHORT_TERM) for e in certificate.extensions)


def may_sign_crls(issuer: x509.Certificate) -> bool:
    """Key usage cRLSign, where the extension is there at all (RFC 5280 § 6.3.3 f)."""
    usage = _extension(issuer, x509.KeyUsage)
    return usage is None or usage.value.crl_sign


def may_answer_ocsp(responder: x509.Certificate) -> bool:
    """id-kp-OCSPSigning, said outright (RFC 6960 § 4.2.2.2)."""
    extended = _extension(responder, x509.ExtendedKeyUsage)
    return extended is not None and Eku.OCSP_SIGNING in extended.value


def is_checked_no_further(responder: x509.Certificate) -> bool:
    """id-pkix-ocsp-nocheck (RFC 6960 § 4.2.2.2.1); counts for responders only."""
    return _extension(responder, x509.OCSPNoCheck) is not None


def _extension(certificate: x509.Certificate, kind: type[T]) -> x509.Extension[T] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
