"""A policy says which algorithms are good enough, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.messages import MessageKey
from gateway.domain.policy import (
    ETSI,
    MSIGN_COMPAT,
    POLICIES,
    Acceptance,
    KeyFamily,
    KeyStrength,
    policy_verdict,
)
from gateway.domain.verdicts import IntegrityVerdict, PolicyVerdict, SignatureKind, TimeStampVerdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
IN_2023 = datetime(2023, 6, 1, tzinfo=UTC)
P256 = KeyStrength(KeyFamily.ELLIPTIC, 256)
WEAK = (MessageKey.WEAK_ALGORITHM,)
GOOD = IntegrityVerdict(
    kind=SignatureKind.SIGNATURE,
    crypto_valid=True,
    structure_valid=True,
    failure=None,
    certificate=b"certificate",
    certificate_reference_matches=True,
    other_certificates=(),
    time_stamps=(),
    claimed_signing_time=None,
    signature_digests=frozenset({DigestAlgorithm.SHA256}),
    content_digest=DigestAlgorithm.SHA256,
)


def verdict(policy, integrity=GOOD, time_stamps=(), key=P256, proved_at=None, now=NOW):
    return policy_verdict(policy, integrity, time_stamps=time_stamps, key=key, proved_at=proved_at, now=now)


def test_policies_are_known_by_name():
    assert [policy.name for policy in POLICIES] == ["msign-compat", "etsi"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("digest", ["sha256", "SHA-384", "sha3_512", DigestAlgorithm.SHA512])
def test_strong_digests_are_met_without_warning(policy, digest):
    assert verdict(policy, replace(GOOD, signature_digests=frozenset({digest}))) == PolicyVerdict()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("digest", ["md5", "ripemd160", "md2", "unknown"])
def test_broken_and_unknown_digests_are_missed_at_any_time(policy, digest):
    integrity = replace(GOOD, signature_digests=frozenset({DigestAlgorithm.SHA256, digest}))
    assert verdict(policy, integrity, proved_at=IN_2023).missed == WEAK


def test_a_sha1_content_digest_is_warned_about_by_one_policy_and_refused_by_the_other():
    integrity = replace(GOOD, content_digest=DigestAlgorithm.SHA1)
    assert verdict(MSIGN_COMPAT, integrity) == PolicyVerdict(warnings=WEAK)
    assert verdict(ETSI, integrity) == PolicyVerdict(missed=WEAK)


def test_a_document_has_no_content_digest_to_ask_about():
    assert verdict(ETSI, replace(GOOD, content_digest=None)) == PolicyVerdict()


def test_sha1_in_the_signature_needs_a_proved_time_before_the_date():
    integrity = replace(GOOD, signature_digests=frozenset({DigestAlgorithm.SHA1}))
    limit = MSIGN_COMPAT.sha1_signatures_until
    assert verdict(MSIGN_COMPAT, integrity, proved_at=IN_2023) == PolicyVerdict(warnings=WEAK)
    assert verdict(MSIGN_COMPAT, integrity, proved_at=limit - timedelta(seconds=1)).missed == ()
    assert verdict(MSIGN_COMPAT, integrity, proved_at=limit).missed == WEAK
    assert verdict(MSIGN_COMPAT, integrity, now=IN_2023).missed == WEAK
    assert verdict(ETSI, integrity, proved_at=IN_2023).missed == WEAK


def test_a_sha1_imprint_of_a_used_time_stamp_is_warned_about():
    stamp = TimeStampVerdict(True, IN_2023, DigestAlgorithm.SHA1, None)
    assert verdict(MSIGN_COMPAT, time_stamps=[stamp], proved_at=IN_2023) == PolicyVerdict(warnings=WEAK)
    assert verdict(ETSI, time_stamps=[stamp], proved_at=IN_2023).missed == WEAK
    unused = replace(stamp, valid=False)
    assert verdict(ETSI, time_stamps=[unused]) == PolicyVerdict()


def test_sha1_beside_the_imprint_of_a_token_is_the_older_standards_own():
    assert MSIGN_COMPAT.token_digest("sha1") is Acceptance.ACCEPTED
    assert ETSI.token_digest("sha1") is Acceptance.REFUSED
    assert MSIGN_COMPAT.token_digest("md5") is Acceptance.REFUSED


@pytest.mark.parametrize(
    ("family", "bits", "compat", "etsi_now", "etsi_2030"),
    [
        (KeyFamily.RSA, 1024, False, False, False),
        (KeyFamily.RSA, 1536, False, False, False),
        (KeyFamily.RSA, 2047, True, True, False),
        (KeyFamily.RSA, 2048, True, True, False),
        (KeyFamily.RSA, 3071, True, True, True),
        (KeyFamily.RSA, 4096, True, True, True),
        (KeyFamily.ELLIPTIC, 192, False, False, False),
        (KeyFamily.ELLIPTIC, 256, True, True, True),
        (KeyFamily.ELLIPTIC, 521, True, True, True),
        (KeyFamily.EDWARDS, 255, True, True, True),
        (KeyFamily.OTHER, 0, False, False, False),
    ],
)
def test_keys_are_judged_by_kind_size_and_date(family, bits, compat, etsi_now, etsi_2030):
    key = KeyStrength(family, bits)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert (verdict(MSIGN_COMPAT, key=key).missed == ()) is compat
    assert (verdict(ETSI, key=key).missed == ()) is etsi_now
    assert (verdict(ETSI, key=key, now=later).missed == ()) is etsi_2030
    assert (verdict(ETSI, key=key, now=later, proved_at=NOW).missed == ()) is etsi_now


def test_an_unidentified_key_is_not_this_verdicts_question():
    assert verdict(ETSI, key=None) == PolicyVerdict()
