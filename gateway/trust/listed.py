"""
What trusted lists say about services (ETSI TS 119 612 § 5.5), as plain values: which authorities, of which type, in
which status, since when. No XML and no network here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from gateway.trust.api import Purpose

CA_QC = "CA/QC"
"""Service type of an authority that issues qualified certificates (TS 119 612 § 5.5.1.1)."""

_AUTHORITIES = frozenset({CA_QC, "CA/PKC"})
_STAMPING = frozenset({"TSA/QTST", "TSA", "TSA/TSS-QC", "TSA/TSS-AdESQCandQES"})
_TYPES = {Purpose.SIGNING: _AUTHORITIES, Purpose.TIME_STAMPING: _AUTHORITIES | _STAMPING}

QUALIFIED_STATUSES = frozenset({"granted", "undersupervision", "supervisionincessation", "accredited"})
"""Statuses under which a service counted as qualified, before and since eIDAS (TS 119 615 § 4.3)."""

TRUSTED_STATUSES = QUALIFIED_STATUSES | {"recognisedatnationallevel", "setbynationallaw"}

Period = tuple[datetime, datetime | None]
"""From the first moment up to, and without, the last; None has not ended."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """
    Which certificates a qualifier is about (TS 119 612 § 5.5.9.2.3): *combine* is all, atLeastOne or none.

    *usages* are sets of key usage bits with the value each must have; *policies*, *purposes* and *attributes* are sets
    of object identifiers that must all be there. *unreadable*: it says something that is not understood here.
    """

    combine: str
    usages: tuple[tuple[tuple[str, bool], ...], ...] = ()
    policies: tuple[tuple[str, ...], ...] = ()
    purposes: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[tuple[str, ...], ...] = ()
    inner: tuple[Criteria, ...] = ()
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Qualifiers:
    """Qualifiers by the last part of their URI, such as QCWithQSCD, for the certificates that meet *criteria*."""

    names: frozenset[str]
    criteria: Criteria


@dataclass(frozen=True, slots=True)
class ServicePeriod:
    """
    A service in one status, from *since* until the next status began.

    *type* and *status* are the last parts of their URIs: ``CA/QC``, ``granted``. *kinds* are those of
    additionalServiceInformation: ForeSignatures, ForeSeals, ForWebSiteAuthentication.
    """

    type: str
    status: str
    since: datetime
    until: datetime | None
    kinds: frozenset[str] = frozenset()
    qualifiers: tuple[Qualifiers, ...] = ()
    unreadable: bool = False

    def covers(self, moment: datetime) -> bool:
        """Whether *moment* lies in it."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class ListedService:
    """One service: the certificates that identify it (DER), and its life, the present status first."""

    certificates: tuple[bytes, ...]
    periods: tuple[ServicePeriod, ...]

    def at(self, moment: datetime) -> ServicePeriod | None:
        """Its standing at *moment*; None before it was listed."""
        return next((period for period in self.periods if period.covers(moment)), None)


@dataclass(frozen=True, slots=True)
class ListPointer:
    """Another list that a list of lists names, and the certificates that may sign it (DER)."""

    url: str
    territory: str
    signers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TrustedList:
    """A list whose signature was checked. *next_update* None: the scheme is closed and this its last list."""

    territory: str
    sequence: int
    issued: datetime
    next_update: datetime | None
    services: tuple[ListedService, ...] = ()
    pointers: tuple[ListPointer, ...] = ()


class ServiceIndex:
    """The services of every list in use, found by certificate. Immutable once made, so safe for threads."""

    def __init__(self, services: Sequence[ListedService]) -> None:
        """Index *services*."""
        self._by_certificate: dict[bytes, list[ListedService]] = {}
        self._services = tuple(services)
        for service in self._services:
            for der in service.certificates:
                self._by_certificate.setdefault(sha256(der).digest(), []).append(service)

    def of(self, certificate: bytes) -> Sequence[ListedService]:
        """The services that *certificate* (DER) identifies."""
        return self._by_certificate.get(sha256(certificate).digest(), ())

    def anchors(self, purpose: Purpose) -> dict[bytes, tuple[Period, ...]]:
        """Certificates (DER) that are anchors for *purpose*, with the periods in which they are."""
        found: dict[bytes, dict[Period, None]] = {}
        for service in self._services:
            periods = list(_trusted(service, _TYPES[purpose]))
            if periods:
                for der in service.certificates:
                    found.setdefault(der, {}).update(dict.fromkeys(periods))
        return {der: tuple(periods) for der, periods in found.items()}


def _trusted(service: ListedService, types: frozenset[str]) -> Iterator[Period]:
    for period in service.periods:
        if period.type in types and period.status in TRUSTED_STATUSES:
            yield period.since, period.until


@dataclass(frozen=True, slots=True)
class KeptList:
    """
    A list as it is kept: where from, and *confirmed*, when it was last fetched and found good (never later than its own
    nextUpdate, so that an old list served again and again grows old).
    """

    url: str
    fetched: datetime
    confirmed: datetime
    trusted_list: TrustedList = field(repr=False)
