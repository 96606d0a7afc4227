"""Facts are plain values with the agreed names; what is not known is null."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.reports.facts import facts_of, rfc3339, trusted


def test_every_result_is_one_json_object_with_the_agreed_names(anything):
    facts = facts_of("an id", anything.result)
    assert json.loads(json.dumps(facts)) == facts
    assert list(facts) == ["id", "valid", "indication", "sub_indication", "reasons", "signatures"]
    for signature in facts["signatures"]:
        assert list(signature) == [
            "kind", "crypto_valid", "structure_valid", "trusted", "policy_met", "indication", "sub_indication",
            "level", "signer", "certificate_sha256", "signed_at", "covers_whole_document", "modified_after_signing",
            "qualification", "reasons",
        ]  # fmt: skip


def test_a_good_signature_is_told_whole(of_result):
    (signature,) = facts_of("x", of_result("good").result)["signatures"]
    assert signature == {
        "kind": "signature",
        "crypto_valid": True,
        "structure_valid": True,
        "trusted": True,
        "policy_met": True,
        "indication": "TOTAL-PASSED",
        "sub_indication": None,
        "level": "PAdES-BASELINE-T",
        "signer": "CN=Ana Țurcanu, C=MD",
        "certificate_sha256": hashlib.sha256(b"signer").hexdigest(),
        "signed_at": "2025-06-01T09:30:15Z",
        "covers_whole_document": True,
        "modified_after_signing": False,
        "qualification": "QESig",
        "reasons": [],
    }


def test_reasons_begin_with_the_deciding_one_and_come_once(of_result):
    facts = facts_of("x", of_result("revoked").result)
    assert facts["signatures"][0]["reasons"] == [
        "revoked-time-unproven",
        "weak-algorithm",
        "weak-algorithm-tolerated",
    ]
    assert facts["reasons"] == ["revoked-time-unproven", "weak-algorithm", "weak-algorithm-tolerated"]
    assert facts_of("x", of_result("broken").result)["signatures"][0]["reasons"] == [
        "not-valid",
        "ambiguous-structure",
        "value-not-holding",
    ]
    assert facts_of("x", of_result("good").result)["reasons"] == []


def test_a_file_has_the_worst_of_its_signatures_indications(of_result):
    told = {name: facts_of("x", of_result(name).result) for name in ("revoked", "several", "unreadable", "out-of-time")}
    assert [(one["valid"], one["indication"], one["sub_indication"]) for one in told.values()] == [
        (False, "INDETERMINATE", "REVOKED_NO_POE"),
        (True, "TOTAL-PASSED", None),
        (False, "TOTAL-FAILED", "FORMAT_FAILURE"),
        (False, "INDETERMINATE", None),
    ]


@pytest.mark.parametrize(
    ("trust", "answer"),
    [(Trust.GOOD, True), (Trust.NO_PATH, False), (Trust.REVOKED, False), (Trust.EXPIRED, False),
     (Trust.STATUS_UNKNOWN, None), (Trust.ON_HOLD, None)],
)  # fmt: skip
def test_what_could_not_be_told_about_trust_is_null(trust, answer):
    assert trusted(TrustVerdict(trust, datetime(2026, 1, 1, tzinfo=UTC))) is answer
    assert trusted(None) is None


def test_times_are_utc_with_z():
    chisinau = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 1, 0, tzinfo=chisinau)) == "2025-12-31T23:00:00Z"
    assert rfc3339(datetime(2026, 1, 1, 1, 0, 0, 250000, tzinfo=chisinau)) == "2025-12-31T23:00:00.250000Z"
    assert rfc3339(None) is None
