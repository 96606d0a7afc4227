"""Three verdicts come to one conclusion, each failure with its own indication and reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.conclusions import conclude
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import MessageKey
from gateway.domain.reasons import reasons_of
from gateway.domain.verdicts import (
    IntegrityFailure,
    IntegrityVerdict,
    PolicyVerdict,
    SignatureKind,
    TimeStampKind,
    TimeStampVerdict,
    Trust,
    TrustVerdict,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FAILED, OPEN, PASSED = Indication.TOTAL_FAILED, Indication.INDETERMINATE, Indication.TOTAL_PASSED
MET = PolicyVerdict()
GOOD_TRUST = TrustVerdict(Trust.GOOD, NOW)
HOLDS = IntegrityVerdict(
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
PDF = replace(HOLDS, content_digest=None, covers_whole_document=True, modified_after_signing=False)
STAMP = TimeStampVerdict(True, NOW - timedelta(days=1), DigestAlgorithm.SHA256, GOOD_TRUST)
BROKEN = TimeStampVerdict(False, NOW - timedelta(days=2), DigestAlgorithm.SHA256, None, "imprint of something else")


def told(integrity=HOLDS, stamps=(), trust=GOOD_TRUST, policy=MET, **more):
    found = conclude(integrity, stamps, trust, policy, "CN=Signer", **more)
    return found.indication, found.sub_indication, found.message


def trusting(trust):
    return TrustVerdict(trust, NOW)


def test_what_holds_is_trusted_and_meets_the_policy_has_passed():
    found = conclude(HOLDS, (STAMP,), GOOD_TRUST, MET, "CN=Signer")
    assert (found.indication, found.sub_indication, found.message) == (PASSED, None, MessageKey.VALID)
    assert found.signed_at == STAMP.gen_time
    assert (found.certificate, found.subject) == (b"certificate", "CN=Signer")
    assert (found.integrity, found.trust, found.policy, found.time_stamps) == (HOLDS, GOOD_TRUST, MET, (STAMP,))


def test_without_a_time_stamp_a_signature_may_pass_and_has_no_time():
    assert told() == (PASSED, None, MessageKey.VALID)
    assert conclude(HOLDS, (), GOOD_TRUST, MET, None).signed_at is None


def test_the_earliest_valid_time_stamp_is_the_time():
    later = replace(STAMP, gen_time=NOW)
    assert conclude(HOLDS, (later, STAMP, BROKEN), GOOD_TRUST, MET, None).signed_at == STAMP.gen_time


@pytest.mark.parametrize(
    ("failure", "sub", "message"),
    [
        (IntegrityFailure.FORMAT, SubIndication.FORMAT_FAILURE, MessageKey.UNREADABLE),
        (IntegrityFailure.AMBIGUOUS, SubIndication.FORMAT_FAILURE, MessageKey.NOT_VALID),
        (IntegrityFailure.OTHER_CONTENT, SubIndication.HASH_FAILURE, MessageKey.OTHER_CONTENT),
        (IntegrityFailure.DIGEST, SubIndication.HASH_FAILURE, MessageKey.NOT_VALID),
        (IntegrityFailure.VALUE, SubIndication.SIG_CRYPTO_FAILURE, MessageKey.NOT_VALID),
        (None, SubIndication.SIG_CRYPTO_FAILURE, MessageKey.NOT_VALID),
    ],
)
def test_what_does_not_hold_has_failed_whatever_else_is_known(failure, sub, message):
    broken = replace(HOLDS, crypto_valid=False, failure=failure)
    assert told(broken) == (FAILED, sub, message)
    assert told(broken, trust=None, policy=None) == (FAILED, sub, message)
    assert told(broken, trust=trusting(Trust.NO_PATH), stamps=(BROKEN,)) == (FAILED, sub, message)


def test_a_document_whose_digest_fails_was_changed():
    changed = (FAILED, SubIndication.HASH_FAILURE, MessageKey.CHANGED_AFTER_SIGNING)
    assert told(replace(PDF, crypto_valid=False, failure=IntegrityFailure.DIGEST)) == changed
    unknown = replace(HOLDS, crypto_valid=False, failure=IntegrityFailure.DIGEST, content_digest=None)
    assert told(unknown, document=True) == changed


def test_a_document_changed_by_a_later_revision_has_failed():
    found = told(replace(PDF, covers_whole_document=False, modified_after_signing=True))
    assert found == (FAILED, SubIndication.FORMAT_FAILURE, MessageKey.CHANGED_AFTER_SIGNING)
    assert told(replace(PDF, covers_whole_document=False))[0] is PASSED


def test_an_analysis_that_failed_never_counts_as_unchanged():
    undetermined = (OPEN, SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.UNDETERMINED)
    assert told(replace(PDF, covers_whole_document=False, modified_after_signing=None)) == undetermined
    assert told(replace(PDF, structure_valid=None)) == undetermined


def test_an_ambiguous_structure_has_failed_though_the_value_holds():
    found = told(replace(HOLDS, structure_valid=False, failure=IntegrityFailure.AMBIGUOUS))
    assert found == (FAILED, SubIndication.FORMAT_FAILURE, MessageKey.NOT_VALID)


@pytest.mark.parametrize("missing", [{"certificate": None}, {"certificate_reference_matches": False}])
def test_a_signer_who_cannot_be_told_is_not_concluded_about(missing):
    expected = (OPEN, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, MessageKey.UNDETERMINED)
    assert told(replace(HOLDS, **missing)) == expected
    assert told(trust=None) == expected
    assert told(replace(HOLDS, certificate_reference_matches=None))[0] is PASSED


@pytest.mark.parametrize(
    ("trust", "indication", "sub", "message"),
    [
        (Trust.NO_PATH, OPEN, SubIndication.NO_CERTIFICATE_CHAIN_FOUND, MessageKey.NOT_TRUSTED),
        (Trust.CHAIN_INVALID, OPEN, SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, MessageKey.NOT_TRUSTED),
        (Trust.WRONG_USAGE, OPEN, SubIndication.CHAIN_CONSTRAINTS_FAILURE, MessageKey.CERTIFICATE_UNUSABLE),
        (Trust.REVOKED, OPEN, SubIndication.REVOKED_NO_POE, MessageKey.REVOKED_UNPROVEN),
        (Trust.EXPIRED, OPEN, SubIndication.OUT_OF_BOUNDS_NO_POE, MessageKey.EXPIRED_UNPROVEN),
        (Trust.NOT_YET_VALID, FAILED, SubIndication.NOT_YET_VALID, MessageKey.NOT_YET_VALID),
        (Trust.ON_HOLD, OPEN, SubIndication.TRY_LATER, MessageKey.STATUS_UNKNOWN),
        (Trust.STATUS_UNKNOWN, OPEN, SubIndication.TRY_LATER, MessageKey.STATUS_UNKNOWN),
    ],
)
def test_each_standing_of_a_certificate_has_its_own_conclusion(trust, indication, sub, message):
    assert told(trust=trusting(trust)) == (indication, sub, message)
    assert told(trust=trusting(trust), policy=PolicyVerdict(missed=(MessageKey.WEAK_ALGORITHM,))) == (
        indication,
        sub,
        message,
    )


def test_every_standing_is_concluded_about():
    assert all(told(trust=trusting(trust))[0] is not PASSED for trust in Trust if trust is not Trust.GOOD)


@pytest.mark.parametrize(
    ("trust", "sub", "message"),
    [
        (Trust.REVOKED, SubIndication.REVOKED, MessageKey.REVOKED),
        (Trust.EXPIRED, SubIndication.EXPIRED, MessageKey.EXPIRED_CERTIFICATE),
    ],
)
def test_only_a_time_before_the_signing_proves_that_it_was_revoked_or_expired_then(trust, sub, message):
    """A time-stamp over a signature says that it is older; that it is younger, only one that it covers can say."""
    standing = trusting(trust)
    assert told(PDF, (STAMP,), standing)[0] is OPEN
    assert told(PDF, (STAMP,), standing, trust_before_signing=standing) == (FAILED, sub, message)
    assert told(PDF, (), standing, trust_before_signing=GOOD_TRUST)[0] is OPEN


def test_a_broken_time_stamp_gives_its_own_reason():
    expected = (OPEN, SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.TIME_STAMP_NOT_VALID)
    assert told(stamps=(BROKEN,)) == expected
    assert told(stamps=(BROKEN,), trust=trusting(Trust.EXPIRED)) == expected
    assert told(stamps=(BROKEN,), policy=PolicyVerdict(missed=(MessageKey.WEAK_ALGORITHM,))) == expected
    assert conclude(HOLDS, (BROKEN,), GOOD_TRUST, MET, None).signed_at is None


def test_a_broken_time_stamp_beside_a_valid_one_does_no_harm():
    assert told(stamps=(BROKEN, STAMP)) == (PASSED, None, MessageKey.VALID)


def test_who_signed_comes_before_when():
    assert told(stamps=(BROKEN,), trust=trusting(Trust.NO_PATH))[2] is MessageKey.NOT_TRUSTED


@pytest.mark.parametrize("missing", [Trust.STATUS_UNKNOWN, Trust.ON_HOLD])
def test_a_time_stamp_whose_authoritys_status_is_missing_may_be_tried_later(missing):
    waiting = replace(STAMP, valid=False, trust=trusting(missing))
    assert told(stamps=(waiting,)) == (OPEN, SubIndication.TRY_LATER, MessageKey.STATUS_UNKNOWN)
    assert told(stamps=(waiting, BROKEN))[2] is MessageKey.TIME_STAMP_NOT_VALID
    untrusted = replace(STAMP, valid=False, trust=trusting(Trust.NO_PATH))
    assert told(stamps=(untrusted,))[2] is MessageKey.TIME_STAMP_NOT_VALID


def test_a_missed_policy_leaves_a_good_signature_open():
    weak = PolicyVerdict(missed=(MessageKey.WEAK_ALGORITHM,))
    assert told(policy=weak) == (OPEN, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, MessageKey.WEAK_ALGORITHM)
    other = PolicyVerdict(missed=(MessageKey.NO_TIME_STAMP,))
    assert told(policy=other) == (OPEN, SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.NO_TIME_STAMP)
    assert told(policy=PolicyVerdict(warnings=(MessageKey.WEAK_ALGORITHM,))) == (PASSED, None, MessageKey.VALID)


def test_nothing_passes_without_a_policy():
    assert told(policy=None) == (OPEN, SubIndication.POLICY_PROCESSING_ERROR, MessageKey.UNDETERMINED)


def test_a_document_time_stamp_is_concluded_about_by_its_token():
    stamp = replace(PDF, kind=SignatureKind.DOCUMENT_TIME_STAMP)
    assert told(stamp, (STAMP,), GOOD_TRUST, None) == (PASSED, None, MessageKey.VALID)
    assert told(stamp, (BROKEN,), None, None)[2] is MessageKey.TIME_STAMP_NOT_VALID
    assert told(stamp, (), None, None)[2] is MessageKey.TIME_STAMP_NOT_VALID
    waiting = replace(STAMP, valid=False, trust=trusting(Trust.STATUS_UNKNOWN))
    assert told(stamp, (waiting,), waiting.trust, None)[1] is SubIndication.TRY_LATER


def test_only_what_passed_is_without_a_sub_indication():
    for trust in Trust:
        for integrity in (HOLDS, replace(HOLDS, crypto_valid=False), replace(HOLDS, structure_valid=None)):
            for stamps in ((), (STAMP,), (BROKEN,)):
                indication, sub, message = told(integrity, stamps, trusting(trust))
                assert (indication is PASSED) == (sub is None) == (message is MessageKey.VALID)


def test_a_container_with_more_than_is_signed_is_not_passed_and_says_so():
    partly = replace(HOLDS, content_digest=None, covers_whole_document=False, covers=("a.txt",))
    assert told(partly) == (OPEN, SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.PARTLY_COVERED)
    assert reasons_of(conclude(partly, (), GOOD_TRUST, MET, None)) == (MessageKey.PARTLY_COVERED,)


def stamp(kind, days, **more):
    return replace(STAMP, kind=kind, gen_time=NOW - timedelta(days=days), **more)


@pytest.mark.parametrize("kind", [TimeStampKind.CONTENT, TimeStampKind.REFERENCES])
def test_time_stamps_that_do_not_cover_the_value_neither_prove_a_time_nor_spoil_it(kind):
    assert conclude(HOLDS, (stamp(kind, 1),), GOOD_TRUST, MET, None).signed_at is None
    assert told(stamps=(stamp(kind, 1, valid=False),)) == (PASSED, None, MessageKey.VALID)


@pytest.mark.parametrize(
    ("days", "in_order"),
    [((4, 3, 2, 1), True), ((1, 1, 1, 1), True), ((3, 4, 2, 1), False), ((4, 2, 3, 1), False), ((4, 3, 1, 2), False),
     ((1, 3, 2, 2), False)],
)  # fmt: skip
def test_time_stamps_are_as_old_as_what_they_cover_allows(days, in_order):
    kinds = (TimeStampKind.CONTENT, TimeStampKind.SIGNATURE, TimeStampKind.REFERENCES, TimeStampKind.ARCHIVE)
    stamps = tuple(stamp(kind, ago) for kind, ago in zip(kinds, days, strict=True))
    disorder = (OPEN, SubIndication.TIMESTAMP_ORDER_FAILURE, MessageKey.TIME_STAMP_ORDER)
    assert told(stamps=stamps) == ((PASSED, None, MessageKey.VALID) if in_order else disorder)


def test_a_time_stamp_that_is_not_valid_contradicts_nothing():
    stamps = (stamp(TimeStampKind.SIGNATURE, 1), stamp(TimeStampKind.ARCHIVE, 2, valid=False))
    assert told(stamps=stamps) == (PASSED, None, MessageKey.VALID)


def test_missing_content_leaves_everything_open():
    missing = replace(HOLDS, crypto_valid=False, structure_valid=None, failure=IntegrityFailure.CONTENT_MISSING)
    assert told(missing) == (OPEN, SubIndication.SIGNED_DATA_NOT_FOUND, MessageKey.CONTENT_MISSING)


def test_without_anchors_nothing_is_passed_and_what_holds_is_accepted():
    found = conclude(HOLDS, (), None, MET, None, anchored=False)
    assert (found.indication, found.message, found.accepted) == (OPEN, MessageKey.TRUST_NOT_JUDGED, True)
    weak = PolicyVerdict(missed=(MessageKey.WEAK_ALGORITHM,))
    for one in (
        conclude(HOLDS, (), None, weak, None, anchored=False),
        conclude(HOLDS, (BROKEN,), None, MET, None, anchored=False),
        conclude(replace(HOLDS, certificate_reference_matches=False), (), None, MET, None, anchored=False),
        conclude(replace(HOLDS, structure_valid=False), (), None, MET, None, anchored=False),
        conclude(replace(HOLDS, structure_valid=None), (), None, MET, None, anchored=False),
    ):
        assert not one.accepted
    assert not conclude(HOLDS, (), None, MET, None).accepted


@pytest.mark.parametrize(
    ("integrity", "more", "reasons"),
    [
        (replace(HOLDS, structure_valid=False), {}, (MessageKey.NOT_VALID, MessageKey.AMBIGUOUS_STRUCTURE)),
        (replace(HOLDS, certificate_reference_matches=False), {}, (MessageKey.UNDETERMINED, MessageKey.SIGNER_NOT_NAMED)),
        (replace(PDF, covers_whole_document=False, modified_after_signing=None), {},
         (MessageKey.UNDETERMINED, MessageKey.CHANGES_NOT_JUDGED)),
        (replace(PDF, modified_after_signing=True), {}, (MessageKey.CHANGED_AFTER_SIGNING,)),
        (HOLDS, {"trust": trusting(Trust.CHAIN_INVALID)}, (MessageKey.NOT_TRUSTED, MessageKey.CHAIN_NOT_VALID)),
        (HOLDS, {"stamps": (STAMP, BROKEN)}, (MessageKey.TIME_STAMP_NOT_VALID,)),
        (HOLDS, {"stamps": (STAMP, replace(BROKEN, judged=False))}, (MessageKey.TIME_STAMP_NOT_JUDGED,)),
        (HOLDS, {"policy": PolicyVerdict((), (MessageKey.WEAK_ALGORITHM,))}, (MessageKey.WEAK_ALGORITHM_TOLERATED,)),
        (HOLDS, {}, ()),
    ],
)  # fmt: skip
def test_reasons_say_everything_that_was_found_and_the_deciding_one_first(integrity, more, reasons):
    given = {"stamps": (), "trust": GOOD_TRUST, "policy": MET, **more}
    found = conclude(integrity, given["stamps"], given["trust"], given["policy"], None)
    assert reasons_of(found) == reasons
