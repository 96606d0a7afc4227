"""
What a lasting signature must carry about a certificate, collected while it can be had (EN 319 102-1 § 5.5.4).

A judge is asked as of the time of the signature, with nothing warm, and what its fetcher brings is kept. Then another
judge, who fetches nothing, must come to the same end by that alone: so whoever validates the signature later can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509

from gateway.domain.evidence import Evidence
from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.errors import AuthorityUnavailable, CertificateUnusable
from gateway.trust.api import CertificateJudge, Purpose
from gateway.trust.fetching import HttpFetcher

_WAIT = {Trust.STATUS_UNKNOWN, Trust.ON_HOLD}
_REFUSALS = {
    Trust.REVOKED: "certificate-revoked",
    Trust.EXPIRED: "certificate-expired",
    Trust.NOT_YET_VALID: "certificate-not-yet-valid",
    Trust.WRONG_USAGE: "certificate-wrong-usage",
}


class _Recorder(HttpFetcher):
    """Another's fetcher, whose answers are kept."""

    def __init__(self, fetcher: HttpFetcher) -> None:
        self._inner = fetcher
        self.ocsp_responses: list[bytes] = []
        self.fetched: list[bytes] = []

    def names(self, url: str) -> bool:
        return self._inner.names(url)

    def get(self, url: str, *, max_bytes: int | None = None) -> bytes:
        found = self._inner.get(url, max_bytes=max_bytes)
        self.fetched.append(found)
        return found

    def post(self, url: str, body: bytes, content_type: str, *, max_bytes: int | None = None) -> bytes:
        found = self._inner.post(url, body, content_type, max_bytes=max_bytes)
        self.ocsp_responses.append(found)
        return found


class FetchedEvidence:
    """Implements ``EvidenceCollector``. Safe for threads."""

    def __init__(self, judge_with: Callable[[HttpFetcher | None], CertificateJudge], fetcher: HttpFetcher) -> None:
        """*judge_with* makes a judge of the usual anchors that fetches by what it is given and knows nothing yet."""
        self._judge_with = judge_with
        self._fetcher = fetcher
        self._offline = judge_with(None)

    def collect(
        self, certificate: bytes, purpose: Purpose, *, since: datetime, now: datetime, others: Sequence[bytes] = ()
    ) -> Evidence:
        """
        See the door. Lists of the issuers may be older than *since* while they are in their own period.

        Raises:
            AuthorityUnavailable: A status cannot be had now, or none is newer than the signature yet.
            CertificateUnusable: There is nothing to collect: no path, or it was not good at *since*.

        """
        recorder = _Recorder(self._fetcher)
        asked = self._judge_with(recorder).judge(
            certificate, purpose, at=since, now=now, others=others, fresh_within=now - since
        )
        _check(asked)
        crls = tuple(dict.fromkeys(found for found in recorder.fetched if _is_list(found)))
        evidence = Evidence(tuple(asked.path[1:]), tuple(dict.fromkeys(recorder.ocsp_responses)), crls)
        alone = self._offline.judge(
            certificate,
            purpose,
            at=since,
            now=now,
            others=evidence.certificates,
            ocsp_responses=evidence.ocsp_responses,
            crls=evidence.crls,
            fresh_within=now - since,
        )
        _check(alone)
        return evidence


def _check(verdict: TrustVerdict) -> None:
    if verdict.trust is Trust.GOOD:
        return
    if verdict.trust in _WAIT:
        raise AuthorityUnavailable("status service", verdict.detail or "does not say that the certificate is good")
    raise CertificateUnusable(_REFUSALS.get(verdict.trust, "certificate-not-trusted"))


def _is_list(der: bytes) -> bool:
    try:
        x509.load_der_x509_crl(der)
    except ValueError:
        return False
    return True
