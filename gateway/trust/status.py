"""
Finding out a certificate's status: what came along, then what is warm, then OCSP, then the CRL.

Only ever asked about certificates below a validated issuer, so that nobody unknown chooses what is fetched.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.trust.addresses import FetchFailed
from gateway.trust.crl import CrlShelf
from gateway.trust.fetching import HttpFetcher
from gateway.trust.ocsp import RESPONSE_LIMIT, ocsp_request, read_ocsp_response
from gateway.trust.pointers import list_addresses, responder_addresses
from gateway.trust.revocation import Moment, StatusEvidence, UnusableEvidence, Weight, weigh
from gateway.trust.usage import needs_no_status
from gateway.trust.warm import Warm

_ADDRESSES = 3
_OCSP_CAME_ALONG = 64
_CRLS_CAME_ALONG = 16
_NONCE_BYTES = 32  # RFC 9654 § 2.1


@dataclass(frozen=True, slots=True)
class Ages:
    """
    How old status may be.

    *ocsp* and *crl* are limits even before nextUpdate, and where there is none; *ocsp_reuse* and *crl_reuse* say for
    how long an answer is used again instead of asking anew (it still serves after that, where asking fails).
    """

    ocsp: timedelta = timedelta(days=7)
    crl: timedelta = timedelta(days=400)
    ocsp_reuse: timedelta = timedelta(minutes=5)
    crl_reuse: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CameAlong:
    """Evidence found in a signature; its maker chose it."""

    ocsp_responses: Sequence[bytes] = ()
    crls: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """What was found: *weight* STALE stands for "unknown". *detail* is for operators."""

    weight: Weight
    revoked_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    evidence: StatusEvidence
    received: datetime


@dataclass(slots=True)
class _Tally:
    """The best so far for one question."""

    moment: Moment
    not_after: datetime
    believed: bool = False
    held: bool = False
    detail: str = "no source of status"

    def add(self, evidence: StatusEvidence, max_age: timedelta, *, ours: bool) -> Status | None:
        """Weigh one more; a status where it settles the question. *ours*: we asked for it ourselves, just now."""
        weight = weigh(evidence, self.moment, self.not_after, max_age)
        if weight is Weight.REVOKED:
            return Status(weight, evidence.revoked_at)
        if weight is Weight.SETTLED or (weight is Weight.BELIEVED and ours):
            return Status(Weight.SETTLED)
        if weight is Weight.ON_HOLD:
            if ours:
                return Status(weight)
            self.held = True
        elif weight is Weight.BELIEVED:
            self.believed = True
        else:
            self.detail = "status too old, or not about the time in question"
        return None

    def rest(self) -> Status:
        """What is left where nothing settled it."""
        if self.held:
            return Status(Weight.ON_HOLD)
        if self.believed:
            return Status(Weight.BELIEVED)
        return Status(Weight.STALE, detail=self.detail)


class StatusFinder:
    """Finds status, and keeps answers warm. Safe for threads."""

    def __init__(
        self,
        fetcher: HttpFetcher | None,
        ages: Ages,
        *,
        sha1_signatures: bool = False,
        nonce: Callable[[int], bytes] = secrets.token_bytes,
        entries: int = 4096,
    ) -> None:
        """Without a *fetcher*, only what came along counts. *entries* bounds the answers kept warm."""
        self._fetcher = fetcher
        self._ages = ages
        self._sha1_signatures = sha1_signatures
        self._nonce = nonce
        self._shelf = CrlShelf(sha1_signatures=sha1_signatures)
        self._answers: Warm[bytes, _Kept] = Warm(entries)
        self._readings: Warm[bytes, StatusEvidence | str] = Warm(entries)
        self._lists: Warm[str, tuple[bytes, datetime]] = Warm(64, 64 * 1024 * 1024)

    def status(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        moment: Moment,
        came_along: CameAlong,
        *,
        crl_only: bool = False,
    ) -> Status:
        """
        Status of *certificate* below its validated *issuer*. May raise on unreadable extensions.

        *crl_only* is for OCSP responders, whose status another OCSP response must not vouch for.
        """
        if needs_no_status(certificate):
            return Status(Weight.SETTLED)
        tally = _Tally(moment, certificate.not_valid_after_utc)
        sources = [self._crls_came_along(certificate, issuer, came_along, tally)]
        if not crl_only:
            sources.append(self._ocsp_came_along(certificate, issuer, came_along, tally))
            sources.append(self._warm_answer(certificate, issuer, came_along, tally))
        settled = _foremost(found for source in sources for found in source)
        if settled is not None:
            return settled
        if self._fetcher is not None:
            asked = [] if crl_only else [self._ask(self._fetcher, certificate, issuer, came_along, tally)]
            asked.append(self._fetch_lists(self._fetcher, certificate, issuer, tally))
            for source in asked:
                for found in source:
                    return found
        return tally.rest()

    def _ocsp_came_along(
        self, certificate: x509.Certificate, issuer: x509.Certificate, came_along: CameAlong, tally: _Tally
    ) -> Iterator[Status]:
        for response in came_along.ocsp_responses[:_OCSP_CAME_ALONG]:
            evidence = self._read(response, certificate, issuer, came_along, tally, None)
            found = tally.add(evidence, self._ages.ocsp, ours=False) if evidence is not None else None
            if found is not None:
                yield found

    def _crls_came_along(
        self, certificate: x509.Certificate, issuer: x509.Certificate, came_along: CameAlong, tally: _Tally
    ) -> Iterator[Status]:
        for der in came_along.crls[:_CRLS_CAME_ALONG]:
            yield from self._by_list(der, certificate, issuer, tally, ours=False)

    def _warm_answer(
        self, certificate: x509.Certificate, issuer: x509.Certificate, came_along: CameAlong, tally: _Tally
    ) -> Iterator[Status]:
        kept = self._answers.get(_question(certificate, issuer))
        if kept is None or not self._vouched(kept.evidence, issuer, tally.moment, came_along):
            return
        recent = timedelta(0) <= tally.moment.now - kept.received <= self._ages.ocsp_reuse
        found = tally.add(kept.evidence, self._ages.ocsp, ours=recent)
        if found is not None:
            yield found

    def _ask(
        self,
        fetcher: HttpFetcher,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        came_along: CameAlong,
        tally: _Tally,
    ) -> Iterator[Status]:
        """Ask the certificate's OCSP responders (RFC 6960 appendix A)."""
        for url in responder_addresses(certificate)[:_ADDRESSES]:
            nonce = self._nonce(_NONCE_BYTES)
            request = ocsp_request(certificate, issuer, nonce)
            try:
                response = fetcher.post(url, request, "application/ocsp-request", max_bytes=RESPONSE_LIMIT)
            except FetchFailed as failed:
                tally.detail = f"OCSP: {failed}"
                continue
            evidence = self._read(response, certificate, issuer, came_along, tally, nonce)
            if evidence is None:
                continue
            self._answers.put(_question(certificate, issuer), _Kept(evidence, tally.moment.now))
            found = tally.add(evidence, self._ages.ocsp, ours=True)
            if found is not None:
                yield found

    def _fetch_lists(
        self, fetcher: HttpFetcher, certificate: x509.Certificate, issuer: x509.Certificate, tally: _Tally
    ) -> Iterator[Status]:
        """Fetch the certificate's CRLs (RFC 5280 § 4.2.1.13), each address at most once in a while."""
        for url in list_addresses(certificate)[:_ADDRESSES]:
            kept = self._lists.get(url)
            now = tally.moment.now
            if kept is not None:
                recent = timedelta(0) <= now - kept[1] <= self._ages.crl_reuse
                yield from self._by_list(kept[0], certificate, issuer, tally, ours=recent)
            try:
                der = fetcher.get(url)
            except FetchFailed as failed:
                tally.detail = f"CRL: {failed}"
                continue
            # Only a list whose signature holds is kept: one that does not is not asked for less often.
            if self._usable(der, certificate, issuer, tally) is not None:
                self._lists.put(url, (der, now), len(der))
                yield from self._by_list(der, certificate, issuer, tally, ours=True)

    def _by_list(
        self, der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, tally: _Tally, *, ours: bool
    ) -> Iterator[Status]:
        evidence = self._usable(der, certificate, issuer, tally)
        found = tally.add(evidence, self._ages.crl, ours=ours) if evidence is not None else None
        if found is not None:
            yield found

    def _usable(
        self, der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, tally: _Tally
    ) -> StatusEvidence | None:
        try:
            return self._shelf.evidence(der, certificate, issuer)
        except UnusableEvidence as unusable:
            tally.detail = f"CRL: {unusable}"
            return None

    def _read(
        self,
        response: bytes,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        came_along: CameAlong,
        tally: _Tally,
        nonce: bytes | None,
    ) -> StatusEvidence | None:
        evidence = self._reading(response, certificate, issuer, nonce)
        if isinstance(evidence, str):
            tally.detail = evidence
            return None
        if not self._vouched(evidence, issuer, tally.moment, came_along):
            tally.detail = "OCSP responder's own status unknown"
            return None
        return evidence

    def _reading(
        self, response: bytes, certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes | None
    ) -> StatusEvidence | str:
        """What the response says, or why nothing; one that came along is read once for many documents."""
        key = _question(certificate, issuer) + sha256(response).digest()
        known = self._readings.get(key) if nonce is None else None
        if known is not None:
            return known
        try:
            found: StatusEvidence | str = read_ocsp_response(
                response, certificate, issuer, nonce=nonce, sha1_signatures=self._sha1_signatures
            )
        except UnusableEvidence as unusable:
            found = str(unusable)
        if nonce is None:
            self._readings.put(key, found)
        return found

    def _vouched(
        self, evidence: StatusEvidence, issuer: x509.Certificate, moment: Moment, came_along: CameAlong
    ) -> bool:
        """Whether the responder, where it has a status of its own, is good by its issuer's CRL."""
        if evidence.responder is None:
            return True
        # Its status as of now: a responder revoked since may have been misused to say anything about any time.
        asked = Moment(moment.now, moment.now, moment.skew, moment.purpose)
        status = self.status(evidence.responder, issuer, asked, CameAlong(crls=came_along.crls), crl_only=True)
        return status.weight in (Weight.SETTLED, Weight.BELIEVED)


def _foremost(found: Iterator[Status]) -> Status | None:
    """A revocation wherever it is said, otherwise the first that settles the question."""
    first: Status | None = None
    for status in found:
        if status.weight is Weight.REVOKED:
            return status
        first = first or status
    return first


def _question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    both = certificate.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER)
    return b"".join(sha256(der).digest() for der in both)
