"""
Certification paths: found here, within bounds, and validated by certvalidator (RFC 5280 § 6.1).

Finding is ours so that a hostile heap of certificates costs a bounded number of attempts. Time is kept apart: a path is
validated at a moment when all of its certificates are valid, and remembered with the period for which that holds;
whether the moment in question lies there is asked afterwards. So an expired certificate is told from an unknown one,
and a path is validated once. Revocation is ``judge``'s question.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class CertificationPath:
    """
    A validated path, the certificate in question first and the anchor last (only the anchor: it is trusted itself).

    *since* and *until* bound the time when the issuers below the anchor are all valid; None without such issuers.
    """

    certificates: tuple[x509.Certificate, ...]
    plain_number_trusted: bool
    since: datetime | None
    until: datetime | None

    def issuers_valid_at(self, moment: datetime, skew: timedelta) -> bool:
        """Whether every issuer below the anchor is within its dates at *moment*."""
        if self.since is None or self.until is None:
            return True
        return self.since - skew <= moment <= self.until + skew


@dataclass(frozen=True, slots=True)
class NoPath:
    """*broken*: issuers were found, and no path of them holds."""

    broken: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    der: bytes
    subject: str
    key_identifier: bytes | None


class PathFinder:
    """Finds paths to one set of anchors. Safe for threads; never touches the network."""

    def __init__(self, anchors: TrustAnchors, *, sha1_chains: bool = False, entries: int = 1024) -> None:
        """*sha1_chains* believes SHA-1 in the issuers' signatures; *entries* bounds the paths kept warm."""
        self._anchors = [c for c in map(_candidate, anchors.anchors) if c is not None]
        self._anchor_ders = frozenset(anchors.anchors)
        self._helpers = [c for c in map(_candidate, anchors.intermediates) if c is not None]
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
        A path for *certificate*, preferably one whose issuers are valid at *at*.

        *others* are certificates that came along; unreadable ones are passed over. Raises ``ValueError`` where the
        certificate itself cannot be read.
        """
        key = sha256(der).digest()
        known = self._warm.get(key)
        if known is not None and known.issuers_valid_at(at, skew):
            return known
        if der in self._anchor_ders:
            found: CertificationPath | NoPath = CertificationPath((certificate,), key in self._plain_number, None, None)
        else:
            found = self._search(certificate, der, others, at, skew)
        if isinstance(found, CertificationPath):
            self._warm.put(key, found)
            return found
        return known or found

    def _search(
        self, certificate: x509.Certificate, der: bytes, others: Sequence[bytes], at: datetime, skew: timedelta
    ) -> CertificationPath | NoPath:
        came_along = [c for c in map(_candidate, dict.fromkeys(others[:OTHERS])) if c is not None and c.der != der]
        out_of_date: CertificationPath | None = None
        broken = ""
        for attempt, chain in enumerate(self._chains(der, came_along)):
            if attempt == _ATTEMPTS:
                break
            path = self._validated(certificate, chain)
            if isinstance(path, str):
                broken = broken or path
            elif path.issuers_valid_at(at, skew):
                return path
            else:
                out_of_date = out_of_date or path
        if out_of_date is not None:
            return out_of_date
        return NoPath(broken=bool(broken), detail=broken or "no path to a trust anchor")

    def _chains(self, der: bytes, came_along: Sequence[_Candidate]) -> Iterator[tuple[bytes, ...]]:
        """Chains of names from the certificate to an anchor, shortest first; their signatures are not checked yet."""
        waiting: list[tuple[bytes, ...]] = [(der,)]
        for _ in range(_STEPS):
            if not waiting:
                return
            chain = waiting.pop(0)
            last = asn1.Certificate.load(chain[-1])
            issuer, identifier = last.issuer.hashable, last.authority_key_identifier
            for anchor in _issuers(self._anchors, issuer, identifier):
                yield (*chain, anchor.der)
            if len(chain) < DEPTH:
                helpers = _issuers([*self._helpers, *came_along], issuer, identifier)
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


def _candidate(der: bytes) -> _Candidate | None:
    try:
        parsed = asn1.Certificate.load(der, strict=True)
        return _Candidate(der, parsed.subject.hashable, parsed.key_identifier)
    except Exception:  # noqa: BLE001 - what cannot be read cannot be an issuer
        return None


def _issuers(among: Sequence[_Candidate], name: str, identifier: bytes | None) -> list[_Candidate]:
    """Those with the issuer's name; those with its key identifier first."""
    named = [c for c in among if c.subject == name]
    return sorted(named, key=lambda c: identifier is None or c.key_identifier != identifier)
