"""
What an answer about a certificate's status says, and what it is worth at a given time.

Reading is done elsewhere in this room (``ocsp`` for RFC 6960, ``crl`` for RFC 5280 § 5): both end in the same
``StatusEvidence``, whose signature and jurisdiction have been checked. Here it is weighed. No network.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway.trust.api import Purpose


class UnusableEvidence(Exception):
    """An OCSP response or CRL does not answer for this certificate; the text says why, without content of it."""


class Weight(enum.Enum):
    """What a piece of evidence comes to."""

    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    SETTLED = "settled"
    """Not revoked as of the moment: said after it."""
    BELIEVED = "believed"
    """Not revoked when it was said, a little before the moment, and within its own period."""
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class StatusEvidence:
    """
    One authority's word on one certificate, its signature checked. Times are UTC.

    *reason* None: none was given. *retained_since*: status is kept for certificates that expired after this time
    (archiveCutoff, RFC 6960 § 4.4.4; expiredCertsOnCRL). *responder* is set where the signer of an OCSP response has
    a status of its own to be looked up.
    """

    revoked_at: datetime | None
    reason: x509.ReasonFlags | None
    this_update: datetime
    next_update: datetime | None
    produced_at: datetime
    retained_since: datetime | None = None
    responder: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The question: status as of *at*, asked at *now*; *fresh_within* demands an answer of at most that age."""

    at: datetime
    now: datetime
    skew: timedelta
    purpose: Purpose
    fresh_within: timedelta | None = None


# RFC 3161 § 4: revoked for these reasons, said outright, an authority's earlier tokens stay good.
_KEY_UNHARMED = frozenset(
    {
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
    }
)


def weigh(evidence: StatusEvidence, moment: Moment, not_after: datetime, max_age: timedelta) -> Weight:
    """
    What *evidence* comes to for a certificate that ends at *not_after*.

    A revocation counts from its date on, and for ever; a hold counts while the evidence is in its period. Absence of a
    revocation counts where it was said after the moment, or before it within nextUpdate and *max_age*; never where
    it was said after the certificate had expired by somebody who forgets expired certificates.
    """
    if evidence.this_update > moment.now + moment.skew:
        return Weight.STALE
    in_period = _in_period(evidence, moment, max_age)
    if evidence.revoked_at is not None and evidence.reason is not x509.ReasonFlags.remove_from_crl:
        held = evidence.reason is x509.ReasonFlags.certificate_hold
        if evidence.revoked_at <= moment.at or (not held and _taints_the_past(evidence, moment)):
            if not held:
                return Weight.REVOKED
            return Weight.ON_HOLD if in_period else Weight.STALE
        return Weight.SETTLED if _is_fresh(evidence, moment) else Weight.STALE
    forgotten = evidence.this_update > not_after and (
        evidence.retained_since is None or evidence.retained_since > not_after
    )
    if forgotten or not _is_fresh(evidence, moment):
        return Weight.STALE
    if evidence.this_update + moment.skew >= moment.at:
        return Weight.SETTLED
    return Weight.BELIEVED if in_period else Weight.STALE


def _in_period(evidence: StatusEvidence, moment: Moment, max_age: timedelta) -> bool:
    limit = evidence.this_update + max_age
    if evidence.next_update is not None:
        limit = min(limit, evidence.next_update)
    return moment.at <= limit + moment.skew


def _is_fresh(evidence: StatusEvidence, moment: Moment) -> bool:
    if moment.fresh_within is None:
        return True
    said = [t for t in (evidence.this_update, evidence.produced_at) if t <= moment.now + moment.skew]
    return bool(said) and max(said) >= moment.now - moment.fresh_within


def _taints_the_past(evidence: StatusEvidence, moment: Moment) -> bool:
    """An authority's key that may have been stolen could have signed tokens with any time (RFC 3161 § 4)."""
    return moment.purpose is Purpose.TIME_STAMPING and evidence.reason not in _KEY_UNHARMED
