"""Whether a certificate may sign a request now: before the consent, and again when the key is open."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.certificates import SigningCertificate, certificate_matches_person
from gateway.domain.requests import SignRequest
from gateway.domain.verdicts import Trust
from gateway.errors import AuthorityUnavailable, CertificateUnusable
from gateway.trust.api import CertificateJudge, Purpose

_REFUSALS = {
    Trust.NO_PATH: "certificate-not-trusted",
    Trust.CHAIN_INVALID: "certificate-not-trusted",
    Trust.ISSUER_REVOKED: "certificate-not-trusted",
    Trust.REVOKED: "certificate-revoked",
    Trust.ON_HOLD: "certificate-suspended",
    Trust.EXPIRED: "certificate-expired",
    Trust.NOT_YET_VALID: "certificate-not-yet-valid",
    Trust.WRONG_USAGE: "certificate-wrong-usage",
}


class SignerCertificates:
    """ExpectedSigner, validity, key usage, path and revocation (decisions 14 and 30)."""

    def __init__(self, judge: CertificateJudge, status_fresh_within: timedelta) -> None:
        """*status_fresh_within*: the age that a status may have."""
        self._judge = judge
        self._status_fresh_within = status_fresh_within

    def __call__(self, request: SignRequest, certificate: SigningCertificate, now: datetime) -> None:
        """
        Pass, or raise.

        Raises:
            CertificateUnusable: The person is not the expected one, or the certificate may not sign now.
            AuthorityUnavailable: Its status cannot be had now.

        """
        if not certificate.may_sign or certificate.key_algorithm is None:
            raise CertificateUnusable("certificate-wrong-usage")
        if now < certificate.not_before:
            raise CertificateUnusable("certificate-not-yet-valid")
        if now > certificate.not_after:
            raise CertificateUnusable("certificate-expired")
        verdict = self._judge.judge(
            certificate.der,
            Purpose.SIGNING,
            at=now,
            now=now,
            others=certificate.chain,
            fresh_within=self._status_fresh_within,
        )
        expected = request.expected_signer
        if (
            expected is not None
            and expected.personal_identifier is not None
            and not certificate_matches_person(
                certificate.serial_number_attribute,
                expected.personal_identifier,
                plain_number_trusted=verdict.plain_number_trusted,
            )
        ):
            raise CertificateUnusable("other-person")
        if verdict.trust is Trust.STATUS_UNKNOWN:
            raise AuthorityUnavailable("certificate status", verdict.detail)
        if verdict.trust is not Trust.GOOD:
            raise CertificateUnusable(_REFUSALS[verdict.trust])
