"""One certificate judged: a path to an anchor, its dates, its usage, and the status of everything below the anchor."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.trust.addresses import FetchFailed
from gateway.trust.anchors import TrustAnchors
from gateway.trust.api import Purpose
from gateway.trust.fetching import HttpFetcher
from gateway.trust.listed import ServiceIndex
from gateway.trust.lists import ReadLists
from gateway.trust.paths import CertificationPath, NoPath, PathFinder
from gateway.trust.pointers import issuer_addresses
from gateway.trust.qualification import qualification
from gateway.trust.revocation import Moment, Weight
from gateway.trust.status import Ages, CameAlong, Status, StatusFinder
from gateway.trust.usage import wrong_usage
from gateway.trust.warm import Warm

_AGES = Ages()
_ISSUER_STEPS = 3
_ISSUER_ADDRESSES = 3
_ISSUER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Listed:
    """Path finders for one state of the trusted lists."""

    index: ServiceIndex | None
    finders: Mapping[Purpose, PathFinder]


class PathJudge:
    """
    ``CertificateJudge`` by RFC 5280 § 6 and RFC 6960, with separate anchors for each purpose.

    The order: readable, path, dates, usage, then status from the certificate up to the last one below the anchor.
    An issuer out of its dates makes the chain invalid, and one that is revoked is named as that. Safe for threads; what
    it keeps warm is bounded.
    """

    def __init__(
        self,
        anchors: Mapping[Purpose, TrustAnchors],
        fetcher: HttpFetcher | None,
        *,
        clock_skew: timedelta = timedelta(minutes=5),
        ocsp_max_age: timedelta = _AGES.ocsp,
        crl_max_age: timedelta = _AGES.crl,
        ocsp_reuse: timedelta = _AGES.ocsp_reuse,
        crl_reuse: timedelta = _AGES.crl_reuse,
        sha1_chains: bool = False,
        nonce: Callable[[int], bytes] = secrets.token_bytes,
        lists: ReadLists | None = None,
    ) -> None:
        """
        Wire a judge.

        Args:
            anchors: one entry for each purpose that will be asked about.
            fetcher: None never goes to the network.
            clock_skew: what clocks may differ by.
            ocsp_max_age: age at which an OCSP response is no longer believed, even before its nextUpdate.
            crl_max_age: the same for CRLs.
            ocsp_reuse: for how long a fetched response is used again without asking anew.
            crl_reuse: the same for CRLs.
            sha1_chains: whether SHA-1 in the signatures of certificates, CRLs and responses is believed.
            nonce: random bytes for OCSP requests.
            lists: services of trusted lists as of a time: they are anchors too, and say what is qualified.

        """
        self._anchors = dict(anchors)
        self._sha1_chains = sha1_chains
        self._lists = lists
        self._listed = _Listed(None, self._finders(None))
        self._fetcher = fetcher
        self._skew = clock_skew
        ages = Ages(ocsp_max_age, crl_max_age, ocsp_reuse, crl_reuse)
        self._status = StatusFinder(fetcher, ages, sha1_signatures=sha1_chains, nonce=nonce)
        self._issuers: Warm[str, tuple[bytes, ...]] = Warm(256)

    def judge(
        self,
        certificate: bytes,
        purpose: Purpose,
        *,
        at: datetime,
        now: datetime,
        others: Sequence[bytes] = (),
        ocsp_responses: Sequence[bytes] = (),
        crls: Sequence[bytes] = (),
        fresh_within: timedelta | None = None,
    ) -> TrustVerdict:
        """
        As ``CertificateJudge.judge``.

        *fresh_within* is demanded of *certificate*'s own status; issuers' CRLs are published for days or months, and
        for them their nextUpdate counts. Without a path nothing is fetched, except issuers from hosts that the operator
        named.
        """
        moment = Moment(at, now, self._skew, purpose, fresh_within)
        try:
            return self._judge(certificate, moment, list(others), CameAlong(ocsp_responses, crls))
        except Exception as error:  # noqa: BLE001 - the door promises never to raise for anything in its input
            return TrustVerdict(Trust.CHAIN_INVALID, at, detail=f"certificate not readable ({type(error).__name__})")

    def _judge(self, der: bytes, moment: Moment, others: list[bytes], came_along: CameAlong) -> TrustVerdict:
        leaf = x509.load_der_x509_certificate(der)
        listed = self._current(moment.now)
        path = self._path(listed.finders, leaf, der, moment, others)
        if isinstance(path, CertificationPath) and not path.anchored_at(moment.at):
            path = NoPath(broken=False, detail="its authority was not trusted by its trusted list at that time")
        if isinstance(path, NoPath):
            return TrustVerdict(Trust.CHAIN_INVALID if path.broken else Trust.NO_PATH, moment.at, detail=path.detail)
        trust, revoked_at, detail = self._below(path, moment, came_along)
        return TrustVerdict(
            trust=trust,
            judged_at=moment.at,
            path=tuple(c.public_bytes(Encoding.DER) for c in path.certificates),
            revoked_at=revoked_at,
            plain_number_trusted=path.plain_number_trusted,
            detail=detail,
            not_revoked=trust is Trust.EXPIRED and self._was_good(path, moment, came_along),
            qualification=_qualification(path, listed.index, moment) if trust is Trust.GOOD else None,
            by_list=listed.index is not None,
        )

    def _finders(self, index: ServiceIndex | None) -> dict[Purpose, PathFinder]:
        finders = {}
        for purpose, anchors in self._anchors.items():
            all_anchors = anchors if index is None else anchors.with_listed(index.anchors(purpose))
            finders[purpose] = PathFinder(all_anchors, sha1_chains=self._sha1_chains)
        return finders

    def _current(self, now: datetime) -> _Listed:
        """The finders for the lists as they are; another thread's newer ones do no harm."""
        if self._lists is None:
            return self._listed
        index = self._lists(now)
        listed = self._listed
        if index is not listed.index:
            listed = self._listed = _Listed(index, self._finders(index))
        return listed

    def _path(
        self,
        finders: Mapping[Purpose, PathFinder],
        leaf: x509.Certificate,
        der: bytes,
        moment: Moment,
        others: list[bytes],
    ) -> CertificationPath | NoPath:
        finder = finders.get(moment.purpose)
        if finder is None:
            return NoPath(broken=False, detail=f"no trust anchors for {moment.purpose.value}")
        found = finder.find(leaf, der, others, moment.at, self._skew)
        last = leaf
        for _ in range(_ISSUER_STEPS):
            if isinstance(found, CertificationPath) or found.broken:
                return found
            fetched = self._fetch_issuers(last)
            if not fetched:
                return found
            found = finder.find(leaf, der, [*fetched, *others], moment.at, self._skew)
            others = [*fetched, *others]
            last = x509.load_der_x509_certificate(fetched[0])
        return found

    def _fetch_issuers(self, certificate: x509.Certificate) -> tuple[bytes, ...]:
        """Issuers by authorityInfoAccess, from hosts that the operator named and nowhere else."""
        for url in issuer_addresses(certificate)[:_ISSUER_ADDRESSES]:
            if self._fetcher is None or not self._fetcher.names(url):
                continue
            known = self._issuers.get(url)
            if known is None:
                try:
                    known = _certificates(self._fetcher.get(url, max_bytes=_ISSUER_BYTES))
                except (FetchFailed, ValueError):
                    continue
                self._issuers.put(url, known)
            if known:
                return known
        return ()

    def _below(
        self, path: CertificationPath, moment: Moment, came_along: CameAlong
    ) -> tuple[Trust, datetime | None, str]:
        """Dates, usage and status of everything below the anchor."""
        leaf = path.certificates[0]
        if moment.at < leaf.not_valid_before_utc - moment.skew:
            return Trust.NOT_YET_VALID, None, ""
        if moment.at > leaf.not_valid_after_utc + moment.skew:
            return Trust.EXPIRED, None, ""
        if not path.issuers_valid_at(moment.at, moment.skew):
            return Trust.CHAIN_INVALID, None, "an issuer's certificate is out of its dates"
        misuse = wrong_usage(leaf, moment.purpose)
        if misuse is not None:
            return Trust.WRONG_USAGE, None, misuse
        return self._statuses(path, moment, came_along)

    def _was_good(self, path: CertificationPath, moment: Moment, came_along: CameAlong) -> bool:
        """Whether status shows that an expired certificate was not revoked before it ended (§ 5.2.6.4)."""
        end = path.certificates[0].not_valid_after_utc
        asked = Moment(end, moment.now, moment.skew, moment.purpose)
        return path.issuers_valid_at(end, moment.skew) and self._statuses(path, asked, came_along)[0] is Trust.GOOD

    def _statuses(
        self, path: CertificationPath, moment: Moment, came_along: CameAlong
    ) -> tuple[Trust, datetime | None, str]:
        issuer_moment = Moment(moment.at, moment.now, moment.skew, Purpose.SIGNING)
        unknown: tuple[Trust, datetime | None, str] | None = None
        for position, (certificate, issuer) in enumerate(zip(path.certificates, path.certificates[1:], strict=False)):
            asked = moment if position == 0 else issuer_moment
            found = self._status.status(certificate, issuer, asked, came_along)
            worst = _leaf(found) if position == 0 else _issuer(found)
            if worst is not None and worst[0] in (Trust.REVOKED, Trust.ISSUER_REVOKED):
                return worst
            unknown = unknown or worst
        return unknown or (Trust.GOOD, None, "")


def _qualification(path: CertificationPath, index: ServiceIndex | None, moment: Moment) -> str | None:
    """What the lists say about signers; unreadable particulars of a certificate that is trusted leave it open."""
    if index is None or moment.purpose is not Purpose.SIGNING:
        return None
    try:
        return qualification(path.certificates, index, moment.at)
    except Exception:  # noqa: BLE001 - hostile extensions break parsers in many ways; none of them qualifies anything
        return None


def _leaf(status: Status) -> tuple[Trust, datetime | None, str] | None:
    if status.weight is Weight.REVOKED:
        return Trust.REVOKED, status.revoked_at, ""
    if status.weight is Weight.ON_HOLD:
        return Trust.ON_HOLD, None, ""
    return (Trust.STATUS_UNKNOWN, None, status.detail) if status.weight is Weight.STALE else None


def _issuer(status: Status) -> tuple[Trust, datetime | None, str] | None:
    if status.weight is Weight.REVOKED:
        return Trust.ISSUER_REVOKED, None, "an issuer's certificate is revoked"
    if status.weight is Weight.ON_HOLD:
        return Trust.STATUS_UNKNOWN, None, "an issuer's certificate is on hold"
    return (Trust.STATUS_UNKNOWN, None, f"issuer: {status.detail}") if status.weight is Weight.STALE else None


def _certificates(body: bytes) -> tuple[bytes, ...]:
    """One certificate, or a certs-only message (RFC 5280 § 4.2.2.1). Raises ``ValueError``."""
    try:
        found = [x509.load_der_x509_certificate(body)]
    except ValueError:
        pem = body.lstrip().startswith(b"-----BEGIN")
        found = [x509.load_pem_x509_certificate(body)] if pem else list(pkcs7.load_der_pkcs7_certificates(body))
    return tuple(c.public_bytes(Encoding.DER) for c in found[:16])
