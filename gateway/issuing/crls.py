"""Certificate revocation lists, version 2 (RFC 5280 § 5), signed by the authority itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import core, crl
from cryptography import x509

from gateway.issuing.assembly import asn1_name, asn1_time, key_identifier, signature_algorithm, signed, whole_seconds
from gateway.keys.api import OpenKey

_EXPIRED_CERTS_ON_CRL = "2.5.29.60"


@dataclass(frozen=True, slots=True, order=True)
class Ended:
    """A revoked or suspended certificate; *reason* is its CRLReason number."""

    serial: int
    revoked: datetime
    reason: int


@dataclass(frozen=True, slots=True)
class CrlContent:
    """
    Everything a full CRL says. *public_key* is the issuer's SubjectPublicKeyInfo (DER).

    *number* only grows (RFC 5280 § 5.2.3). *complete_since* says from when on also expired certificates are listed.
    """

    issuer: x509.Name
    public_key: bytes
    number: int
    this_update: datetime
    next_update: datetime
    ended: Iterable[Ended]
    complete_since: datetime


def certificate_list(content: CrlContent, key: OpenKey) -> bytes:
    """
    The CRL (DER) signed by the issuer's *key*, entries by serial number.

    Raises ``KeyStoreUnavailable``.
    """
    entries = [_entry(ended) for ended in sorted(content.ended)]
    body = crl.TbsCertList(
        {
            "version": "v2",
            "signature": signature_algorithm(key.algorithm),
            "issuer": asn1_name(content.issuer),
            "this_update": asn1_time(content.this_update),
            "next_update": asn1_time(content.next_update),
            # An empty list must be absent, not empty (RFC 5280 § 5.1.2.6).
            **({"revoked_certificates": entries} if entries else {}),
            "crl_extensions": [
                {
                    "extn_id": "authority_key_identifier",
                    "extn_value": {"key_identifier": key_identifier(content.public_key)},
                },
                {"extn_id": "crl_number", "extn_value": content.number},
                {
                    "extn_id": _EXPIRED_CERTS_ON_CRL,
                    "extn_value": core.GeneralizedTime(whole_seconds(content.complete_since)).dump(),
                },
            ],
        }
    )
    value, algorithm = signed(key, body)
    whole = crl.CertificateList({"tbs_cert_list": body, "signature_algorithm": algorithm, "signature": value})
    return bytes(whole.dump())


def number_at(now: datetime, last: int) -> int:
    """The next CRL number: microseconds of the time, so that replicas need not agree, and more than *last*."""
    since_epoch = now.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + since_epoch.microseconds
    return max(microseconds, last + 1)


def _entry(ended: Ended) -> crl.RevokedCertificate:
    entry = {"user_certificate": ended.serial, "revocation_date": asn1_time(ended.revoked)}
    if ended.reason:  # "unspecified" is said by saying nothing (RFC 5280 § 5.3.1)
        reason = crl.CRLReason(ended.reason)
        entry["crl_entry_extensions"] = [{"extn_id": "crl_reason", "extn_value": reason}]
    return crl.RevokedCertificate(entry)
