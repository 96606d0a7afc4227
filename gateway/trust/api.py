"""The door of ``trust``: why anybody's certificate is believed, at a given time."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway.domain.evidence import Evidence
from gateway.domain.verdicts import TrustVerdict


class Purpose(enum.Enum):
    """What a certificate is judged for; each has its own trust anchors and key usages."""

    SIGNING = "signing"
    TIME_STAMPING = "time-stamping"


class CertificateJudge(Protocol):
    """Path (RFC 5280 § 6) and revocation (OCSP first, then CRL) of one certificate."""

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
        Judge *certificate* (DER) as of *at*, with what can be known at *now*.

        *at* is a proved time of existence, or *now* without proof. A revocation later than *at* does not count.
        *others*, *ocsp_responses* and *crls* are evidence found in the signature; what is missing is fetched within
        the limits of decision 30. *fresh_within* demands status of at most that age (before signing). Never raises
        for anything in its input: what cannot be told is ``Trust.STATUS_UNKNOWN``, ``NO_PATH`` or ``CHAIN_INVALID``.
        """


class EvidenceCollector(Protocol):
    """Finds what a lasting signature must carry."""

    def collect(
        self, certificate: bytes, purpose: Purpose, *, since: datetime, now: datetime, others: Sequence[bytes] = ()
    ) -> Evidence:
        """
        The path of *certificate* (DER) to its anchor, with revocation data for every certificate below the anchor; its
        own issued at *since* or later, for what is older says nothing about a signature made then. A certificate that
        needs no status (noRevAvail, valassured-ST) has none.

        Raises ``AuthorityUnavailable`` where a status cannot be had now, and ``CertificateUnusable`` where it was not
        good at *since*.
        """
