"""
Signed structures put together around a key that may live in an HSM: certificates, requests, CRLs, OCSP answers.

Everything here is form. What a certificate says is ``profiles``, whether it may be given ``enrolment`` and ``local``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, core, csr, keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned
from gateway.keys.api import OpenKey

_DIGESTS = {KeyAlgorithm.P384: DigestAlgorithm.SHA384, KeyAlgorithm.P521: DigestAlgorithm.SHA512}
_UTC_TIME_ENDS = 2050


def signature_algorithm(algorithm: KeyAlgorithm) -> algos.SignedDigestAlgorithm:
    """What a key of this kind signs with: SHA-256, and SHA-384 or SHA-512 where the curve asks for it (RFC 5758)."""
    digest = _DIGESTS.get(algorithm, DigestAlgorithm.SHA256)
    kind = "rsa" if algorithm.is_rsa else "ecdsa"
    return algos.SignedDigestAlgorithm({"algorithm": f"{digest.value}_{kind}"})


def sign(key: OpenKey, octets: bytes) -> bytes:
    """
    The signature over *octets* as X.509 carries it: ECDSA values in DER (RFC 3279 § 2.2.3).

    Raises ``KeyStoreUnavailable``.
    """
    digest = _DIGESTS.get(key.algorithm, DigestAlgorithm.SHA256)
    value = key.sign([DataToBeSigned(octets, digest)])[0].octets
    if key.algorithm.is_rsa:
        return value
    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def signed(key: OpenKey, body: Any) -> tuple[bytes, algos.SignedDigestAlgorithm]:
    """Signature and algorithm for a to-be-signed structure; *body* is encoded once and signed as encoded."""
    return sign(key, body.dump()), signature_algorithm(key.algorithm)


def asn1_time(moment: datetime) -> asn1.Time:
    """UTCTime through 2049, GeneralizedTime from 2050, whole seconds (RFC 5280 § 4.1.2.5)."""
    whole = whole_seconds(moment)
    return asn1.Time(name="utc_time" if whole.year < _UTC_TIME_ENDS else "general_time", value=whole)


def whole_seconds(moment: datetime) -> datetime:
    """*moment* in UTC without its fraction: DER times carry none."""
    return moment.astimezone(UTC).replace(microsecond=0)


def asn1_name(name: x509.Name) -> asn1.Name:
    """A name as the other library has it."""
    return asn1.Name.load(name.public_bytes())


def key_identifier(public_key: bytes) -> bytes:
    """The SHA-1 of the key's bits (RFC 5280 § 4.2.1.2, method 1): a name, not a safeguard."""
    return bytes(keys.PublicKeyInfo.load(public_key).sha1)


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """Everything a certificate says; *public_key* is a SubjectPublicKeyInfo in DER."""

    serial: int
    issuer: x509.Name
    subject: x509.Name
    public_key: bytes
    not_before: datetime
    not_after: datetime
    extensions: Sequence[x509.Extension[Any]]


def certificate(content: CertificateContent, key: OpenKey) -> bytes:
    """
    The certificate (DER, X.509 v3; RFC 5280 § 4.1) signed by the issuer's *key*.

    Raises ``KeyStoreUnavailable``.
    """
    body = asn1.TbsCertificate(
        {
            "version": "v3",
            "serial_number": content.serial,
            "signature": signature_algorithm(key.algorithm),
            "issuer": asn1_name(content.issuer),
            "validity": {"not_before": asn1_time(content.not_before), "not_after": asn1_time(content.not_after)},
            "subject": asn1_name(content.subject),
            "subject_public_key_info": keys.PublicKeyInfo.load(content.public_key),
            "extensions": [_extension(e) for e in content.extensions],
        }
    )
    value, algorithm = signed(key, body)
    whole = asn1.Certificate({"tbs_certificate": body, "signature_algorithm": algorithm, "signature_value": value})
    return bytes(whole.dump())


def _extension(extension: x509.Extension[Any]) -> asn1.Extension:
    return asn1.Extension(
        {
            "extn_id": extension.oid.dotted_string,
            "critical": extension.critical,
            "extn_value": core.ParsableOctetString(extension.value.public_bytes()),
        }
    )


def certification_request(subject: x509.Name, key: OpenKey) -> bytes:
    """
    A PKCS#10 request (RFC 2986) for the open *key*, in DER: its signature is the proof of possession.

    Raises ``KeyStoreUnavailable``.
    """
    body = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": asn1_name(subject),
            "subject_pk_info": keys.PublicKeyInfo.load(key.public_key),
            "attributes": [],
        }
    )
    value, algorithm = signed(key, body)
    whole = csr.CertificationRequest(
        {"certification_request_info": body, "signature_algorithm": algorithm, "signature": value}
    )
    return bytes(whole.dump())
