"""
Validation policies as data, and what they make of one signature (ETSI TS 119 312, decision 26).

A policy speaks about algorithms only. Whether a signature holds, and whether its certificate is trusted, are facts
that other modules find; this one says which of those facts are good enough, and when.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.messages import MessageKey
from gateway.domain.verdicts import IntegrityVerdict, PolicyVerdict, TimeStampVerdict


class KeyFamily(enum.Enum):
    """Kinds of public key whose sizes can be compared."""

    RSA = "rsa"
    ELLIPTIC = "elliptic"
    EDWARDS = "edwards"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KeyStrength:
    """A public key's kind and size: *bits* of the modulus or of the field."""

    family: KeyFamily
    bits: int


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Keys of *family* from *bits* on are accepted, until a date where one is given."""

    family: KeyFamily
    bits: int
    until: datetime | None = None


class Acceptance(enum.Enum):
    """What a policy makes of an algorithm."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ValidationPolicy:
    """
    One set of constraints.

    Args:
        digests: accepted in the signature itself, by name in lower case without punctuation.
        keys: a key is accepted where one rule admits it at the time in question.
        sha1_contents: whether a consumer's SHA-1 content digest is accepted, with a warning.
        sha1_signatures_until: SHA-1 in the signature's own digests is accepted, with a warning, only where a valid
            time-stamp proves a time before this; None refuses it always.
        sha1_in_tokens: whether SHA-1 inside a time-stamp token, beside its imprint, is accepted: the certificate
            reference of RFC 3161 itself is SHA-1 by definition, and most authorities still write it.
        expired_authorities: whether a time-stamp outlives its authority's certificate without a later time-stamp.

    """

    name: str
    digests: frozenset[str]
    keys: tuple[KeyRule, ...]
    sha1_contents: bool
    sha1_signatures_until: datetime | None
    sha1_in_tokens: bool
    expired_authorities: bool

    def digest(self, algorithm: DigestAlgorithm | str, proved_at: datetime | None) -> Acceptance:
        """Judge one of the signature's own digests; *proved_at* is the earliest proved time of existence."""
        name = _normal(algorithm)
        if name in self.digests:
            return Acceptance.ACCEPTED
        limit = self.sha1_signatures_until
        if name == "sha1" and limit is not None and proved_at is not None and proved_at < limit:
            return Acceptance.WARNED
        return Acceptance.REFUSED

    def token_digest(self, algorithm: str) -> Acceptance:
        """Judge a digest inside a time-stamp token other than its imprint."""
        name = _normal(algorithm)
        accepted = name in self.digests or (name == "sha1" and self.sha1_in_tokens)
        return Acceptance.ACCEPTED if accepted else Acceptance.REFUSED

    def content_digest(self, algorithm: DigestAlgorithm) -> Acceptance:
        """Judge the digest by which the consumer named the content."""
        if _normal(algorithm) in self.digests:
            return Acceptance.ACCEPTED
        if algorithm is DigestAlgorithm.SHA1 and self.sha1_contents:
            return Acceptance.WARNED
        return Acceptance.REFUSED

    def key(self, key: KeyStrength, moment: datetime) -> Acceptance:
        """Judge the signer's key as of *moment*."""
        for rule in self.keys:
            if rule.family is key.family and key.bits >= rule.bits and (rule.until is None or moment < rule.until):
                return Acceptance.ACCEPTED
        return Acceptance.REFUSED


@lru_cache(maxsize=64)
def _normal(algorithm: DigestAlgorithm | str) -> str:
    name = algorithm.value if isinstance(algorithm, DigestAlgorithm) else algorithm
    return "".join(character for character in name.lower() if character.isalnum())


_STRONG = frozenset({"sha256", "sha384", "sha512", "sha3256", "sha3384", "sha3512", "shake256"})
_CATALOGUE_END = datetime(2029, 1, 1, tzinfo=UTC)

# 1900 and 3000 stand for 2048 and 3072: real moduli fall a few bits short, and TS 119 312 leaves the same margin.
MSIGN_COMPAT = ValidationPolicy(
    name="msign-compat",
    digests=_STRONG | {"sha224"},
    keys=(
        KeyRule(KeyFamily.RSA, 1900),
        KeyRule(KeyFamily.ELLIPTIC, 256),
        KeyRule(KeyFamily.EDWARDS, 255),
    ),
    sha1_contents=True,
    sha1_signatures_until=datetime(2025, 1, 1, tzinfo=UTC),
    sha1_in_tokens=True,
    expired_authorities=True,
)
"""What consumers of MSign need today: SHA-1 contents, and national signatures of 2023 and 2024 that are SHA-1."""

ETSI = ValidationPolicy(
    name="etsi",
    digests=_STRONG,
    keys=(
        KeyRule(KeyFamily.RSA, 3000),
        KeyRule(KeyFamily.RSA, 1900, _CATALOGUE_END),
        KeyRule(KeyFamily.ELLIPTIC, 256),
        KeyRule(KeyFamily.EDWARDS, 255),
    ),
    sha1_contents=False,
    sha1_signatures_until=None,
    sha1_in_tokens=False,
    expired_authorities=False,
)
"""The European algorithm catalogue with its end dates; no SHA-1 anywhere."""

POLICIES = (MSIGN_COMPAT, ETSI)
"""Every policy, for settings to choose from by name."""


def policy_verdict(
    policy: ValidationPolicy,
    integrity: IntegrityVerdict,
    *,
    time_stamps: Sequence[TimeStampVerdict],
    key: KeyStrength | None,
    proved_at: datetime | None,
    now: datetime,
) -> PolicyVerdict:
    """
    What *policy* makes of a signature that holds.

    Args:
        time_stamps: those judged; the imprints of valid ones are asked about.
        key: the signer's public key; None where no certificate was identified, which is not this function's question.
        proved_at: the earliest proved time of existence; algorithms are judged as of then.
        now: the time of validation (UTC), where nothing is proved.

    """
    found = [policy.digest(algorithm, proved_at) for algorithm in integrity.signature_digests]
    found += [policy.digest(t.digest, t.gen_time) for t in time_stamps if t.valid and t.digest is not None]
    if integrity.content_digest is not None:
        found.append(policy.content_digest(integrity.content_digest))
    if key is not None:
        found.append(policy.key(key, proved_at or now))
    weak = (MessageKey.WEAK_ALGORITHM,)
    return PolicyVerdict(
        missed=weak if Acceptance.REFUSED in found else (),
        warnings=weak if Acceptance.WARNED in found else (),
    )
