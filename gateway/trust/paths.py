"""
Certification paths: found here, within bounds, and validated by certvalidator (RFC 5280 § 6.1).

Finding is ours so that a hostile heap of certificates costs a bounded number of attempts. Time is kept apart: a path is
validated at a moment when all of its certificates are valid, and remembered with the period for which that holds;
whether the moment in question lies there is asked afterwards. So an expired certificate is told from an unknown one,
and a path is validated once. Revocation is ``judge``'s question.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeVar

from asn1crypto import x509 as asn1
from cryptography import x509
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
)
from pyhanko_certvalidator.validate import async_validate_path

from gateway.trust.anchors import TrustAnchors
from gateway.trust.listed import Period
from gateway.trust.warm import Warm

DEPTH = 8
"""Certificates below the anchor, at most."""

OTHERS = 256
"""Certificates of a signature that are looked at, at most."""

_ATTEMPTS = 16
_STEPS = 128
_RSA_BITS = 1900
_BROKEN_HASHES = frozenset({"md2", "md4", "md5"})
T = TypeVar("T")
_Plain = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class CertificationPath:
    """
    A validated path, the certificate in question first and the anchor last (only the anchor: it is trusted itself).

    *since* and *until* bound the time when the issuers below the anchor are all valid; None without such issuers.
    *anchor_periods*: when a trusted list believes the anchor; None for one that is believed about every time.
    """

    certificates: tuple[x509.Certificate, ...]
    plain_number_trusted: bool
    since: datetime | None
    until: datetime | None
    anchor_periods: tuple[Period, ...] | None = None

    def issuers_valid_at(self, moment: datetime, skew: timedelta) -> bool:
        """Whether every issuer below the anchor is within its dates at *moment*."""
        if self.since is None or self.until is None:
            return True
        return self.since - skew <= moment <= self.until + skew

    def anchored_at(self, moment: datetime) -> bool:
        """Whether the anchor is believed about *moment*."""
        periods = self.anchor_periods
        return periods is None or any(since <= moment and (end is None or moment < end) for since, end in periods)

    def fits(self, moment: datetime, skew: timedelta) -> bool:
        """Whether issuers and anchor serve for *moment*."""
        return self.anchored_at(moment) and self.issuers_valid_at(moment, skew)


@dataclass(frozen=True, slots=True)
class NoPath:
    """*broken*: issuers were found, and no path of them holds."""

    broken: bool
    detail: str


class _Candidate:
    """A certificate that may be an issuer; its key identifier is read when somebody of its name is looked for."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    @cached_property
    def key_identifier(self) -> bytes | None:
        try:
            found: bytes | None = asn1.Certificate.load(self.der).key_identifier
        except Exception:  # noqa: BLE001 - an unreadable extension only costs the certificate its place in the queue
            return None
        return found


class PathFinder:
    """Finds paths to one set of anchors. Safe for threads; never touches the network."""

    def __init__(self, anchors: TrustAnchors, *, sha1_chains: bool = False, entries: int = 1024) -> None:
        """*sha1_chains* believes SHA-1 in the issuers' signatures; *entries* bounds the paths kept warm."""
        self._anchors = _by_subject(anchors.anchors)
        self._periods = anchors.periods
        self._anchor_ders = frozenset(anchors.anchors)
        self._helpers = _by_subject(anchors.intermediates)
        self._plain_number = anchors.plain_number
        self._algorithms = DisallowWeakAlgorithmsPolicy(
            weak_hash_algos=_BROKEN_HASHES if sha1_chains else _BROKEN_HASHES | {"sha1"},
            rsa_key_size_threshold=_RSA_BITS,
        )
        self._warm: Warm[bytes, CertificationPath] = Warm(entries)

    def find(
        self, certificate: x509.Certificate, der: bytes, others: Sequence[bytes], at: datetime, skew: timedelta
    ) -> CertificationPath | NoPath:
        """
        A path for *certificate*, preferably one whose issuers and anchor serve for *at*.

        *others* are certificates that came along; unreadable ones are passed over. Raises ``ValueError`` where the
        certificate itself cannot be read.
        """
        key = sha256(der).digest()
        known = self._warm.get(key)
        if known is not None and known.fits(at, skew):
            return known
        itself = self._itself(certificate, der)
        found: CertificationPath | NoPath
        if itself is not None and itself.fits(at, skew):
            found = itself
        else:
            found = self._search(certificate, der, others, at, skew, itself)
        if isinstance(found, CertificationPath):
            self._warm.put(key, found)
            return found
        return known or found

    def _itself(self, certificate: x509.Certificate, der: bytes) -> CertificationPath | None:
        """The path of a certificate that is an anchor."""
        if der not in self._anchor_ders:
            return None
        plain = sha256(der).digest() in self._plain_number
        return CertificationPath((certificate,), plain, None, None, self._periods.get(der))

    def _search(
        self,
        certificate: x509.Certificate,
        der: bytes,
        others: Sequence[bytes],
        at: datetime,
        skew: timedelta,
        out_of_date: CertificationPath | None,
    ) -> CertificationPath | NoPath:
        came_along = _by_subject([other for other in dict.fromkeys(others[:OTHERS]) if other != der])
        broken = ""
        for attempt, chain in enumerate(self._chains(der, came_along)):
            if attempt == _ATTEMPTS:
                break
            path = self._validated(certificate, chain)
            if isinstance(path, str):
                broken = broken or path
            elif path.fits(at, skew):
                return path
            else:
                out_of_date = out_of_date or path
        if out_of_date is not None:
            return out_of_date
        return NoPath(broken=bool(broken), detail=broken or "no path to a trust anchor")

    def _chains(self, der: bytes, came_along: Mapping[_Plain, Sequence[_Candidate]]) -> Iterator[tuple[bytes, ...]]:
        """Chains of names from the certificate to an anchor, shortest first; their signatures are not checked yet."""
        waiting: list[tuple[bytes, ...]] = [(der,)]
        for _ in range(_STEPS):
            if not waiting:
                return
            chain = waiting.pop(0)
            issuer = _plain(x509.load_der_x509_certificate(chain[-1]).issuer)
            identifier = asn1.Certificate.load(chain[-1]).authority_key_identifier
            anchors = _issuers(self._anchors, issuer, identifier)
            for anchor in anchors:
                yield (*chain, anchor.der)
            if len(chain) < DEPTH:
                # What a list no longer believes may still stand below something else that is believed.
                waiting += [(*chain, a.der) for a in anchors if a.der in self._periods and a.der not in chain]
                helpers = [*_issuers(self._helpers, issuer, identifier), *_issuers(came_along, issuer, identifier)]
                waiting += [(*chain, h.der) for h in helpers if h.der not in chain and h.der not in self._anchor_ders]

    def _validated(self, certificate: x509.Certificate, chain: tuple[bytes, ...]) -> CertificationPath | str:
        """The path, or why it does not hold."""
        try:
            issuers = [x509.load_der_x509_certificate(der) for der in chain[1:]]
            below = [certificate, *issuers[:-1]]
            since = max(c.not_valid_before_utc for c in below)
            if since > min(c.not_valid_after_utc for c in below):
                return "its certificates were never valid together"
            self._validate(chain, since)
        except (ValidationError, PathError) as error:
            return f"path not valid ({type(error).__name__})"
        except Exception as error:  # noqa: BLE001 - hostile certificates break parsers in many ways; none is a path
            return f"path not readable ({type(error).__name__})"
        middle = issuers[:-1]
        return CertificationPath(
            certificates=(certificate, *issuers),
            plain_number_trusted=any(sha256(der).digest() in self._plain_number for der in chain[1:]),
            since=max((c.not_valid_before_utc for c in middle), default=None),
            until=min((c.not_valid_after_utc for c in middle), default=None),
            anchor_periods=self._periods.get(chain[-1]),
        )

    def _validate(self, chain: tuple[bytes, ...], moment: datetime) -> None:
        # Parsed anew each time: asn1crypto reads lazily, and its objects are not for several threads.
        parsed = [asn1.Certificate.load(der) for der in chain]
        leaf, middle, anchor = parsed[0], parsed[1:-1], parsed[-1]
        context = ValidationContext(
            trust_roots=[anchor],
            moment=moment,
            allow_fetching=False,
            revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
            algorithm_usage_policy=self._algorithms,
        )
        path = ValidationPath(CertTrustAnchor(anchor), middle[::-1], leaf)
        _run(async_validate_path(context, path))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that never waits: without network there is nothing to wait for, so no event loop is needed."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    work.close()
    raise RuntimeError("path validation tried to wait")


def _by_subject(ders: Sequence[bytes]) -> dict[_Plain, list[_Candidate]]:
    """Those that can be read, by name; read no further, for trusted lists bring thousands of anchors."""
    found: dict[_Plain, list[_Candidate]] = {}
    for der in ders:
        try:
            name = _plain(x509.load_der_x509_certificate(der).subject)
        except Exception:  # noqa: BLE001, S112 - what cannot be read cannot be an issuer
            continue
        found.setdefault(name, []).append(_Candidate(der))
    return found


def _plain(name: x509.Name) -> _Plain:
    """
    The same for names that RFC 5280 § 7.1 calls the same: letter case, blanks and the kind of string do not count.

    Only picks candidates; whether names chain is checked when the path is validated.
    """
    return tuple(tuple(sorted((a.oid.dotted_string, _folded(a.value)) for a in relative)) for relative in name.rdns)


def _folded(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.hex()
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _issuers(among: Mapping[_Plain, Sequence[_Candidate]], name: _Plain, identifier: bytes | None) -> list[_Candidate]:
    """Those with the issuer's name; those with its key identifier first."""
    return sorted(among.get(name, ()), key=lambda c: identifier is None or c.key_identifier != identifier)
