"""OCSP requests and responses (RFC 6960): asked about one certificate, read for one certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from asn1crypto import core, keys
from asn1crypto import ocsp as asn1
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator

from gateway.trust.revocation import StatusEvidence, UnusableEvidence
from gateway.trust.usage import is_checked_no_further, may_answer_ocsp

RESPONSE_LIMIT = 256 * 1024
"""Bytes of a response that are read, at most."""

_CERTIFICATES = 8
_RESPONSES = 64
_ARCHIVE_CUTOFF = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6")
_WEAK = frozenset({"md2", "md4", "md5", "sha1"})


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes) -> bytes:
    """
    A request about *certificate* with *nonce*. Its CertID is SHA-1: every responder knows it, and nothing hangs on it
    but the certificate's name (RFC 5019 § 2.1.1).
    """
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - see above
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(serialization.Encoding.DER)


def read_ocsp_response(
    response: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    nonce: bytes | None = None,
    sha1_signatures: bool = False,
) -> StatusEvidence:
    """
    What *response* says about *certificate*, once its signer is found to speak for *issuer*.

    That is the issuer itself, or a responder that the issuer certified for it (RFC 6960 § 4.2.2.2). Dates are left to
    ``revocation.weigh``, except the responder's own, and the status of a responder without ocsp-nocheck to the caller.

    Args:
        response: DER as it came.
        certificate: the certificate asked about, below *issuer*.
        issuer: a validated issuer.
        nonce: what was asked with; a response with another one is refused, one without is not.
        sha1_signatures: whether a response signed with SHA-1 is read.

    Raises:
        UnusableEvidence: It answers nothing for this certificate, tryLater and unknown included.

    """
    if len(response) > RESPONSE_LIMIT:
        raise UnusableEvidence("OCSP response too large")
    try:
        return _read(response, certificate, issuer, nonce, sha1_signatures=sha1_signatures)
    except UnusableEvidence:
        raise
    except Exception as error:  # noqa: BLE001 - hostile responses break parsers in many ways; none is an answer
        raise UnusableEvidence(f"OCSP response not readable ({type(error).__name__})") from None


def _read(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None, *, sha1_signatures: bool
) -> StatusEvidence:
    response = ocsp.load_der_ocsp_response(der)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise UnusableEvidence(f"OCSP responder answers {response.response_status.name.lower()}")
    single, alone = _about(response, certificate, issuer)
    if nonce is not None:
        _check_nonce(response, nonce)
    responder = _signer(der, response, issuer, sha1_signatures=sha1_signatures)
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise UnusableEvidence("OCSP responder does not know the certificate")
    revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
    return StatusEvidence(
        revoked_at=single.revocation_time_utc if revoked else None,
        reason=single.revocation_reason if revoked else None,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
        produced_at=response.produced_at_utc,
        retained_since=_archive_cutoff(response) if alone else None,
        responder=responder,
    )


def _about(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> tuple[ocsp.OCSPSingleResponse, bool]:
    """The single response whose CertID is the certificate's, and whether it is the only one."""
    singles = []
    for single in response.responses:
        singles.append(single)
        if len(singles) > _RESPONSES:
            raise UnusableEvidence("OCSP response about too many certificates")
    for single in singles:
        if single.serial_number == certificate.serial_number and _names(single, certificate, issuer):
            return single, len(singles) == 1
    raise UnusableEvidence("OCSP response about another certificate")


def _names(single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    algorithm = single.hash_algorithm.name
    parsed = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    name = hashlib.new(algorithm, parsed.issuer.dump(), usedforsecurity=False).digest()
    key = hashlib.new(algorithm, _key_bits(issuer), usedforsecurity=False).digest()
    return single.issuer_name_hash == name and single.issuer_key_hash == key


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The bits of the subjectPublicKey, without tag and length: what CertID and ResponderID hash."""
    info = keys.PublicKeyInfo.load(_key_info(certificate))
    return bytes(info["public_key"].contents[1:])


def _key_info(certificate: x509.Certificate) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(encoding, form)


def _check_nonce(response: ocsp.OCSPResponse, nonce: bytes) -> None:
    try:
        answered = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return
    if answered != nonce:
        raise UnusableEvidence("OCSP response carries another nonce")


def _signer(
    der: bytes, response: ocsp.OCSPResponse, issuer: x509.Certificate, *, sha1_signatures: bool
) -> x509.Certificate | None:
    """Check the signature; the responder where its own status is still to be looked up."""
    basic = asn1.OCSPResponse.load(der)["response_bytes"]["response"].parsed
    algorithm = basic["signature_algorithm"]
    if algorithm.signature_algo not in ("ed25519", "ed448"):
        digest = algorithm.hash_algo
        if digest in _WEAK and not (sha1_signatures and digest == "sha1"):
            raise UnusableEvidence("OCSP response signed with a weak algorithm")
    for candidate in _candidates(response, issuer, sha1_signatures=sha1_signatures):
        if _holds(response, algorithm, candidate):
            if candidate == issuer or is_checked_no_further(candidate):
                return None
            return candidate
    raise UnusableEvidence("OCSP response not signed by the issuer or a responder of its own")


def _candidates(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, *, sha1_signatures: bool
) -> Iterator[x509.Certificate]:
    """Who may have signed: the issuer, and the responders that it certified, as the ResponderID names them."""
    for candidate in [issuer, *response.certificates[:_CERTIFICATES]]:
        if not _is_responder(response, candidate):
            continue
        if candidate == issuer:
            yield candidate
        elif _delegated(candidate, issuer, response.produced_at_utc):
            digest = candidate.signature_hash_algorithm
            if digest is None or digest.name not in _WEAK or (sha1_signatures and digest.name == "sha1"):
                yield candidate


def _is_responder(response: ocsp.OCSPResponse, candidate: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return candidate.subject == response.responder_name
    # KeyHash is SHA-1 by definition (RFC 6960 § 4.2.1); it only picks a candidate.
    return hashlib.sha1(_key_bits(candidate), usedforsecurity=False).digest() == response.responder_key_hash


def _delegated(candidate: x509.Certificate, issuer: x509.Certificate, produced: datetime) -> bool:
    if not may_answer_ocsp(candidate):
        return False
    if not candidate.not_valid_before_utc <= produced <= candidate.not_valid_after_utc:
        return False
    try:
        candidate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - another issuer, an unknown algorithm, a broken signature: not delegated
        return False
    return True


def _holds(response: ocsp.OCSPResponse, algorithm: core.Sequence, signer: x509.Certificate) -> bool:
    try:
        DefaultSignatureValidator().validate_signature(
            response.signature, response.tbs_response_bytes, keys.PublicKeyInfo.load(_key_info(signer)), algorithm
        )
    except Exception:  # noqa: BLE001 - a wrong kind of key and a wrong signature are the same answer
        return False
    return True


def _archive_cutoff(response: ocsp.OCSPResponse) -> datetime | None:
    for extension in response.single_extensions:
        if extension.oid == _ARCHIVE_CUTOFF and isinstance(extension.value, x509.UnrecognizedExtension):
            cutoff: datetime = core.GeneralizedTime.load(extension.value.value).native
            return cutoff
    return None
