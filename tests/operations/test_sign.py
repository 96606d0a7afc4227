"""One signer, one pen, one consent: what a visit may do, what it may not, and how it ends."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.appearance import VisibleSignature
from gateway.domain.messages import MessageKey
from gateway.domain.requests import SignStatus
from gateway.domain.sessions import SigningSession
from gateway.domain.verdicts import Trust
from gateway.errors import (
    AlreadyFinished,
    AuthorityUnavailable,
    CertificateUnusable,
    ConsentMismatch,
    InstrumentUnavailable,
    KeyStoreUnavailable,
    RequestNotFound,
    SessionSuperseded,
    SigningDeclined,
)
from gateway.instruments.api import Ask, Choice, Wait
from gateway.operations.sign import Finished, TryAgain
from gateway.trust.api import Purpose

A, B = b"browser a", b"browser b"
ADDRESS = "192.0.2.7"


@pytest.fixture
def request_id(house):
    """A request of two hashes."""
    return house.request(house.hashes(b"one", b"two"))


# ---------------------------------------------------------------- a whole visit


def test_a_visit_signs_every_content(house, request_id):
    found = house.visit(request_id)
    assert isinstance(found, Finished)
    assert (found.outcome.status, found.outcome.message) == (SignStatus.SUCCESS, None)
    record = house.record(request_id)
    assert record.outcome == found.outcome
    for content, item in zip(record.request.contents, record.progress, strict=True):
        import io

        (verdict,) = house.engine.read(io.BytesIO(item.result), content.content.value)
        assert verdict.crypto_valid


def test_what_a_signature_says_besides_its_content(house, request_id):
    house.visit(request_id)
    first, second = house.engine.prepared
    assert first.certificate == house.pin.certificates["Ana"]
    assert first.signing_time == house.clock().replace(microsecond=0)
    assert first.reason == "I agree"
    assert first.signature_id != second.signature_id
    assert len(first.signature_id) == 32


def test_signatures_in_documents_are_seen_as_their_consumer_wants(house, request_id):
    """And those over hashes not at all."""
    wanted = VisibleSignature(1, 10, 10, 200, 60)
    house.signing._appearance_of = {house.consumer.id: wanted}.get
    house.visit(request_id)
    house.visit(house.request(house.documents(b"%PDF one")))
    assert [one.appearance for one in house.engine.prepared] == [None, None, wanted]


def test_a_consent_is_over_what_will_be_seen(house):
    """Where the consumer's wish is another by then, the signer is asked again."""
    appearances = {house.consumer.id: VisibleSignature(1, 10, 10, 200, 60)}
    house.signing._appearance_of = appearances.get
    request_id = house.request(house.documents(b"%PDF one"))
    house.choose(request_id)
    token = house.token(request_id)
    appearances[house.consumer.id] = VisibleSignature(1, 10, 10, 200, 61)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert isinstance(house.sign(request_id), Finished)


def test_the_device_is_closed_whatever_happens(house, request_id):
    house.visit(request_id)

    def fail(_data, _memo):
        raise KeyStoreUnavailable

    other = house.request(house.hashes(b"three"))
    house.pin.while_signing = fail
    with pytest.raises(KeyStoreUnavailable):
        house.visit(other)
    assert house.pin.opened == house.pin.closed == 2


def test_an_instrument_is_told_when_from_where_and_who_is_expected(house, expected_signer):
    signer = expected_signer("2000000000007")
    request_id = house.request(house.hashes(b"one"), expected_signer=signer)
    house.visit(request_id)
    assert {(v.now, v.address, v.expected_signer) for v in house.pin.visits} == {(house.clock(), ADDRESS, signer)}


def test_looking_changes_nothing(house, request_id):
    before = house.record(request_id)
    standing = house.signing.standing(request_id, A)
    assert (standing.status, standing.holds_pen, standing.taken) == (SignStatus.PENDING, False, False)
    assert house.signing.standing(request_id, None).holds_pen is False
    assert house.record(request_id) == before


@pytest.mark.parametrize("step", ["standing", "take_pen", "finish", "cancel"])
def test_a_request_that_is_not_there_is_not_found(house, step):
    with pytest.raises(RequestNotFound):
        getattr(house.signing, step)("0" * 32, A)


# ---------------------------------------------------------------- the pen


def test_the_first_browser_that_posts_takes_the_pen(house, request_id):
    session = house.signing.take_pen(request_id, A)
    assert session == SigningSession(house.ids.given[-1], request_id, A, house.clock())
    assert house.signing.standing(request_id, A).holds_pen
    assert house.signing.standing(request_id, B).taken
    assert not house.signing.standing(request_id, B).holds_pen
    assert not house.signing.standing(request_id, None).holds_pen


def test_taking_the_pen_again_is_the_same_visit(house, request_id):
    first = house.signing.take_pen(request_id, A)
    assert house.signing.take_pen(request_id, A) == first
    assert house.signing.take_pen(request_id, A, take_over=True) == first


def test_a_second_browser_does_not_get_the_pen_by_itself(house, request_id):
    house.signing.take_pen(request_id, A)
    with pytest.raises(SessionSuperseded):
        house.signing.take_pen(request_id, B)
    assert house.signing.standing(request_id, A).holds_pen


def test_a_second_browser_may_take_over_and_the_first_is_told(house, request_id):
    house.choose(request_id, A)
    token = house.token(request_id, A)
    house.signing.take_pen(request_id, B, take_over=True)
    assert house.signing.standing(request_id, A).taken
    for step in (
        lambda: house.signing.take_pen(request_id, A),
        lambda: house.signing.choose(request_id, A, "pin", {"person": "Ana"}, ADDRESS),
        lambda: house.signing.confirmation(request_id, A, ADDRESS),
        lambda: house.sign(request_id, A, token),
        lambda: house.signing.finish(request_id, A),
        lambda: house.signing.cancel(request_id, A),
    ):
        with pytest.raises(SessionSuperseded):
            step()
    assert house.pin.opened == 0
    assert house.visit(request_id, B).outcome.message is None


def test_a_taken_over_visit_begins_anew(house, request_id):
    """Neither the choice nor the consent of the first browser is worth anything to the second."""
    house.choose(request_id, A)
    token = house.token(request_id, A)
    house.signing.take_pen(request_id, B, take_over=True)
    with pytest.raises(ConsentMismatch):
        house.signing.confirmation(request_id, B, ADDRESS)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, B, token)


@pytest.mark.parametrize("step", ["choose", "confirmation", "sign", "finish"])
def test_no_step_is_made_without_the_pen(house, request_id, step):
    given = {
        "choose": ("pin", {"person": "Ana"}, ADDRESS),
        "confirmation": (ADDRESS,),
        "sign": ("0" * 64, {"pin": "1234"}, ADDRESS),
        "finish": (),
    }[step]
    with pytest.raises(SessionSuperseded):
        getattr(house.signing, step)(request_id, A, *given)


def test_a_pen_taken_over_while_the_device_signs_keeps_no_value(house, request_id):
    def take_over(_data, _memo):
        house.signing.take_pen(request_id, B, take_over=True)

    house.pin.while_signing = take_over
    with pytest.raises(SessionSuperseded):
        house.visit(request_id, A)
    assert house.states(request_id) == ["waiting", "waiting"]
    house.pin.while_signing = None
    assert house.visit(request_id, B).outcome.message is None


@pytest.mark.parametrize("silent", [frozenset(), {0}, "all"], ids=["answers", "in part", "silent"])
def test_a_pen_taken_over_while_the_authority_stamps_records_nothing(house, request_id, silent):
    house.authority.silent = silent
    tokens = house.authority.tokens

    def take_over(imprints, algorithm, now):
        house.signing.take_pen(request_id, B, take_over=True)
        return tokens(imprints, algorithm, now)

    house.authority.tokens = take_over
    with pytest.raises(SessionSuperseded):
        house.visit(request_id, A)
    assert house.record(request_id).outcome is None
    assert house.states(request_id) == ["signed", "signed"]
    house.authority.tokens, house.authority.silent = tokens, frozenset()
    assert house.signing.finish(request_id, B).outcome.message is None


def test_values_that_wait_can_be_finished_in_the_browser_that_took_over(house, request_id):
    house.authority.silent = "all"
    house.visit(request_id, A)
    house.authority.silent = frozenset()
    house.signing.take_pen(request_id, B, take_over=True)
    assert house.signing.finish(request_id, B).outcome.message is None
    assert house.pin.opened == 1


def test_a_pen_that_somebody_else_takes_in_the_same_moment_is_not_taken_twice(house, request_id):
    take = house.requests.take_pen

    def beaten(session, now, *, superseding):
        take(replace(session, id="another", browser=B), now, superseding=superseding)
        return take(session, now, superseding=superseding)

    house.requests.take_pen = beaten
    with pytest.raises(SessionSuperseded):
        house.signing.take_pen(request_id, A)
    assert house.signing.standing(request_id, B).holds_pen


def test_a_double_click_is_one_visit(house, request_id):
    """Two posts of one browser in the same moment: the second finds the pen in its own hand."""
    take = house.requests.take_pen

    def beaten(session, now, *, superseding):
        take(replace(session, id="first click"), now, superseding=superseding)
        return take(session, now, superseding=superseding)

    house.requests.take_pen = beaten
    assert house.signing.take_pen(request_id, A).id == "first click"


# ---------------------------------------------------------------- choosing


def test_choosing_asks_before_it_knows(house, request_id):
    house.signing.take_pen(request_id, A)
    asked = house.signing.choose(request_id, A, "pin", {}, ADDRESS)
    assert isinstance(asked, Ask)
    assert [f.name for f in asked.fields] == ["person"]
    again = house.signing.choose(request_id, A, "pin", {"person": "Nobody"}, ADDRESS)
    assert again.problem == "unknown-person"
    assert house.record(request_id).pen.instrument is None


def test_a_choice_is_remembered_with_the_visit(house, request_id):
    chosen = house.choose(request_id)
    assert isinstance(chosen, Choice)
    pen = house.record(request_id).pen
    assert (pen.instrument, pen.holder, pen.certificate) == ("pin", "Ana", chosen.certificate.der)
    assert pen.memo == {"chosen": "Ana"}
    assert len(pen.consent_nonce) == 16


def test_an_instrument_that_is_not_there_is_said_to_be_unavailable(house, request_id):
    house.signing.take_pen(request_id, A)
    with pytest.raises(InstrumentUnavailable, match="mobile"):
        house.signing.choose(request_id, A, "mobile", {}, ADDRESS)


def test_the_confirm_page_is_given_what_it_shows(house, request_id):
    house.choose(request_id)
    shown = house.signing.confirmation(request_id, b"a", ADDRESS)
    assert shown.instrument == "pin"
    assert shown.certificate == house.pin.certificates["Ana"]
    assert [f.name for f in shown.ask.fields] == ["pin"]
    assert len(bytes.fromhex(shown.token)) == 32


def test_showing_the_confirm_page_changes_nothing(house, request_id):
    house.choose(request_id)
    before = house.record(request_id)
    assert house.token(request_id) == house.token(request_id)
    assert house.record(request_id) == before


def test_a_key_made_only_after_consent_is_checked_when_it_is_there(house, request_id):
    house.pin.late = {"Ana"}
    house.choose(request_id)
    assert house.judge.asked == []
    shown = house.signing.confirmation(request_id, b"a", ADDRESS)
    assert shown.certificate is None
    assert house.sign(request_id, token=shown.token).outcome.message is None
    assert [c for c, _, _ in house.judge.asked] == [house.pin.certificates["Ana"].der]


def test_a_key_made_only_after_consent_must_still_be_the_expected_persons(house, expected_signer):
    house.pin.late = {"Ion"}
    request_id = house.request(house.hashes(b"one"), expected_signer=expected_signer("2000000000007"))
    house.choose(request_id, person="Ion")
    token = house.token(request_id)
    with pytest.raises(CertificateUnusable, match="other-person"):
        house.sign(request_id, token=token)
    assert house.states(request_id) == ["waiting"]
    assert house.record(request_id).pen.consent_nonce is not None


# ---------------------------------------------------------------- whose certificate may sign


def test_the_expected_signer_may_sign(house, expected_signer):
    request_id = house.request(house.hashes(b"one"), expected_signer=expected_signer("2000000000007"))
    assert house.visit(request_id).outcome.message is None


def test_another_person_may_not(house, expected_signer):
    request_id = house.request(house.hashes(b"one"), expected_signer=expected_signer("2000000000014"))
    with pytest.raises(CertificateUnusable) as caught:
        house.choose(request_id)
    assert caught.value.key == "other-person"
    assert house.record(request_id).pen.certificate is None
    assert house.visit(request_id, person="Ion").outcome.message is None


@pytest.mark.parametrize(
    "attribute", [None, "2000000000007", "PNORO-2000000000007", "PNOMD-2000000000014", "IDCMD-2000000000007"]
)
def test_a_person_is_known_by_the_moldovan_number_alone(house, expected_signer, make_certificate, attribute):
    house.pin.certificates["Ana"] = make_certificate("Ana", serial_number_attribute=attribute)
    request_id = house.request(house.hashes(b"one"), expected_signer=expected_signer("2000000000007"))
    with pytest.raises(CertificateUnusable, match="other-person"):
        house.choose(request_id)


def test_a_plain_number_counts_below_anchors_configured_so(house, expected_signer, make_certificate):
    house.judge.plain_number_trusted = True
    house.pin.certificates["Ana"] = make_certificate("Ana", serial_number_attribute="2000000000007")
    request_id = house.request(house.hashes(b"one"), expected_signer=expected_signer("2000000000007"))
    assert isinstance(house.choose(request_id), Choice)


def test_anybody_may_sign_where_nobody_is_expected(house, request_id, make_certificate):
    house.pin.certificates["Ana"] = make_certificate("Ana", serial_number_attribute=None)
    assert isinstance(house.choose(request_id), Choice)


@pytest.mark.parametrize(
    ("trust", "key"),
    [
        (Trust.NO_PATH, "certificate-not-trusted"),
        (Trust.CHAIN_INVALID, "certificate-not-trusted"),
        (Trust.REVOKED, "certificate-revoked"),
        (Trust.ON_HOLD, "certificate-suspended"),
        (Trust.EXPIRED, "certificate-expired"),
        (Trust.NOT_YET_VALID, "certificate-not-yet-valid"),
        (Trust.WRONG_USAGE, "certificate-wrong-usage"),
    ],
)
def test_a_certificate_that_is_not_good_is_refused_by_its_reason(house, request_id, trust, key):
    house.judge.trust = trust
    with pytest.raises(CertificateUnusable) as caught:
        house.choose(request_id)
    assert caught.value.key == key
    assert house.signing.standing(request_id, b"a").status is SignStatus.PENDING


def test_every_standing_that_a_certificate_may_have_is_answered(house, request_id):
    """None is let through for want of a word: all but GOOD refuse."""
    for trust in set(Trust) - {Trust.GOOD}:
        house.judge.trust = trust
        with pytest.raises((CertificateUnusable, AuthorityUnavailable)):
            house.choose(request_id)


def test_a_status_that_cannot_be_had_is_no_refusal(house, request_id):
    house.judge.trust = Trust.STATUS_UNKNOWN
    with pytest.raises(AuthorityUnavailable, match="OCSP responder does not answer"):
        house.choose(request_id)
    house.judge.trust = Trust.GOOD
    assert house.visit(request_id).outcome.message is None


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"may_sign": False}, "certificate-wrong-usage"),
        ({"key_algorithm": None}, "certificate-wrong-usage"),
        ({"starts": timedelta(seconds=1)}, "certificate-not-yet-valid"),
        ({"ends": timedelta(seconds=-1)}, "certificate-expired"),
    ],
)
def test_a_certificate_that_says_itself_that_it_may_not_is_refused_without_asking(
    house, request_id, make_certificate, more, key
):
    given = dict(more)
    if "starts" in given:
        given["not_before"] = house.clock() + given.pop("starts")
    if "ends" in given:
        given["not_after"] = house.clock() + given.pop("ends")
    house.pin.certificates["Ana"] = make_certificate("Ana", **given)
    with pytest.raises(CertificateUnusable) as caught:
        house.choose(request_id)
    assert caught.value.key == key
    assert house.judge.asked == []


def test_status_is_asked_now_fresh_and_with_the_chain(house, request_id):
    house.choose(request_id)
    ((certificate, purpose, asked),) = house.judge.asked
    assert certificate == house.pin.certificates["Ana"].der
    assert purpose is Purpose.SIGNING
    assert asked["at"] == asked["now"] == house.clock()
    assert asked["others"] == (b"issuer",)
    assert asked["fresh_within"] == timedelta(minutes=5)


def test_a_certificate_revoked_since_the_choice_signs_nothing(house, request_id):
    house.choose(request_id)
    token = house.token(request_id)
    house.judge.trust = Trust.REVOKED
    with pytest.raises(CertificateUnusable, match="certificate-revoked"):
        house.sign(request_id, token=token)
    assert house.states(request_id) == ["waiting", "waiting"]


def test_a_status_that_cannot_be_had_at_the_end_costs_no_consent(house, request_id):
    house.choose(request_id)
    token = house.token(request_id)
    house.judge.trust = Trust.STATUS_UNKNOWN
    with pytest.raises(AuthorityUnavailable):
        house.sign(request_id, token=token)
    house.judge.trust = Trust.GOOD
    assert house.sign(request_id, token=token).outcome.message is None


# ---------------------------------------------------------------- the PIN


def test_a_wrong_pin_is_asked_again_with_what_is_left(house, request_id):
    house.choose(request_id)
    again = house.sign(request_id, pin="0000")
    assert isinstance(again, Ask)
    assert (again.problem, again.problem_field, again.attempts_left) == ("wrong-pin", "pin", 4)
    assert house.states(request_id) == ["waiting", "waiting"]
    assert house.record(request_id).outcome is None
    assert house.sign(request_id).outcome.message is None


def test_no_answer_of_a_signer_is_kept(house, request_id):
    house.authority.silent = "all"
    house.choose(request_id)
    house.sign(request_id, pin="wrong words")
    house.pin.pins["Ana"] = "right words"
    assert isinstance(house.sign(request_id, pin="right words"), TryAgain)
    kept = repr(house.requests.records)
    assert "words" not in kept
    assert b"words".hex() not in kept


# ---------------------------------------------------------------- how it ends


def test_some_contents_may_fail_without_the_others(house):
    """A document that can no longer be prepared, and one that the device would not sign."""
    documents = house.documents(b"%PDF one", b"%PDF two", b"%PDF three", b"%PDF four")
    house.engine.unsignable = b"two"
    house.pin.leaves = (1,)
    request_id = house.request(documents)
    found = house.visit(request_id)
    assert found.outcome.status is SignStatus.FAILURE
    assert found.outcome.message is MessageKey.PARTLY_SIGNED
    record = house.record(request_id)
    assert [item.result is not None for item in record.progress] == [True, False, False, True]
    assert record.progress[1].reason is MessageKey.DOCUMENT_UNSIGNABLE


def test_where_nothing_is_signed_the_failure_says_so(house, request_id):
    house.pin.leaves = (0, 1)
    found = house.visit(request_id)
    assert (found.outcome.status, found.outcome.message) == (SignStatus.FAILURE, MessageKey.NOTHING_SIGNED)


def test_an_authority_that_is_silent_for_some_is_waited_for_before_the_end(house):
    """Failed contents do not make a Failure while others may still come."""
    house.engine.unsignable = b"two"
    house.authority.silent = {1}
    request_id = house.request(house.documents(b"%PDF one", b"%PDF two", b"%PDF three"))
    assert house.visit(request_id) == TryAgain(MessageKey.NO_TIME_STAMP, 1)
    assert house.record(request_id).outcome is None
    house.authority.silent = frozenset()
    assert house.signing.finish(request_id, b"a").outcome.message is MessageKey.PARTLY_SIGNED


@pytest.mark.parametrize(
    ("key", "message"), [("cancelled", MessageKey.CANCELLED), ("a device's own word", MessageKey.CANCELLED)]
)
def test_a_device_that_declines_ends_the_request_and_releases_nothing(house, request_id, key, message):
    """Decision 9: a refusal is Failure, final, wherever the signer says it."""

    def decline(_data, _memo):
        raise SigningDeclined(key)

    house.pin.while_signing = decline
    assert house.visit(request_id).outcome.message is message
    assert house.states(request_id) == ["failed", "failed"]
    with pytest.raises(AlreadyFinished):
        house.visit(request_id)


def test_a_choice_made_while_the_request_is_cancelled_says_that_it_is_finished(house, request_id):
    """Not that another browser continued it."""
    inner = house.pin.choose

    def cancelled_meanwhile(*arguments):
        house.signing.cancel(request_id, b"a")
        return inner(*arguments)

    house.pin.choose = cancelled_meanwhile
    with pytest.raises(AlreadyFinished):
        house.choose(request_id)


def test_a_key_store_that_goes_away_leaves_the_request_to_be_signed_anew(house, request_id):
    def fail(_data, _memo):
        raise KeyStoreUnavailable

    house.pin.while_signing = fail
    with pytest.raises(KeyStoreUnavailable):
        house.visit(request_id)
    house.pin.while_signing = None
    with pytest.raises(ConsentMismatch):
        house.token(request_id)
    assert house.visit(request_id).outcome.message is None


def test_cancelling_is_final_and_keeps_nothing(house, request_id):
    house.authority.silent = "all"
    house.visit(request_id)
    found = house.signing.cancel(request_id, b"a")
    assert found.outcome.status is SignStatus.FAILURE
    record = house.record(request_id)
    assert record.outcome.message is MessageKey.CANCELLED
    for item in record.progress:
        assert item.reason is MessageKey.CANCELLED
        assert (item.value, item.result, item.certificate, item.prepared_octets) == (None,) * 4
    for step in (
        lambda: house.signing.take_pen(request_id, b"a"),
        lambda: house.signing.take_pen(request_id, B, take_over=True),
        lambda: house.choose(request_id),
        lambda: house.signing.finish(request_id, b"a"),
        lambda: house.signing.cancel(request_id, b"a"),
    ):
        with pytest.raises(AlreadyFinished):
            step()
    assert house.record(request_id) == record


def test_who_has_not_begun_may_cancel(house, request_id):
    assert house.signing.cancel(request_id, A).outcome.message is MessageKey.CANCELLED


def test_who_does_not_hold_the_pen_may_not_cancel(house, request_id):
    house.signing.take_pen(request_id, A)
    with pytest.raises(SessionSuperseded):
        house.signing.cancel(request_id, B)
    assert house.record(request_id).outcome is None


def test_a_signed_request_cannot_be_cancelled_or_signed_again(house, request_id):
    house.visit(request_id)
    record = house.record(request_id)
    for step in (
        lambda: house.signing.cancel(request_id, b"a"),
        lambda: house.choose(request_id, person="Ion"),
        lambda: house.signing.finish(request_id, b"a"),
        lambda: house.signing.confirmation(request_id, b"a", ADDRESS),
    ):
        with pytest.raises(AlreadyFinished):
            step()
    assert house.record(request_id) == record


def test_a_request_whose_time_is_over_cannot_be_touched(house):
    request_id = house.request(house.hashes(b"one"), lifetime=timedelta(minutes=5))
    house.choose(request_id)
    token = house.token(request_id)
    house.clock.move(minutes=5)
    for step in (
        lambda: house.signing.take_pen(request_id, b"a"),
        lambda: house.choose(request_id),
        lambda: house.sign(request_id, token=token),
        lambda: house.signing.cancel(request_id, b"a"),
    ):
        with pytest.raises(AlreadyFinished):
            step()
    assert house.signing.standing(request_id, b"a").status is SignStatus.EXPIRED
    assert house.pin.opened == 0


def test_time_that_ends_while_the_device_signs_ends_the_request(house):
    request_id = house.request(house.hashes(b"one"), lifetime=timedelta(minutes=5))
    house.pin.while_signing = lambda _data, _memo: house.clock.move(minutes=5)
    with pytest.raises(AlreadyFinished):
        house.visit(request_id)
    assert house.record(request_id).outcome is None


def test_two_finishes_at_once_have_one_outcome(house, request_id):
    """The second to come is told the first one's word; nothing is recorded twice."""
    house.authority.silent = "all"
    house.visit(request_id)
    house.authority.silent = frozenset()
    tokens, both = house.authority.tokens, threading.Barrier(2, timeout=10)

    def together(imprints, algorithm, now):
        both.wait()
        return tokens(imprints, algorithm, now)

    house.authority.tokens = together
    found = []
    threads = [threading.Thread(target=lambda: found.append(house.signing.finish(request_id, b"a"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 2
    assert found[0] == found[1] == Finished(house.record(request_id).outcome)


def test_a_cancel_that_comes_first_wins(house, request_id):
    house.choose(request_id)
    token = house.token(request_id)
    house.pin.while_signing = lambda _data, _memo: house.signing.cancel(request_id, b"a") and None
    with pytest.raises((AlreadyFinished, SessionSuperseded)):
        house.sign(request_id, token=token)
    assert house.record(request_id).outcome.message is MessageKey.CANCELLED


def test_a_signer_whose_device_waited_may_choose_anew(house, request_id):
    house.pin.while_signing = lambda _data, _memo: Wait(2, "4711")
    assert isinstance(house.visit(request_id), Wait)
    assert house.record(request_id).outcome is None
    house.pin.while_signing = None
    assert house.visit(request_id, person="Ion").outcome.message is None
    assert {item.certificate for item in house.record(request_id).progress} == {house.pin.certificates["Ion"].der}


# ---------------------------------------------------------------- found wanting


def test_finishing_before_anything_is_signed_ends_nothing(house, request_id):
    """A stale page, or a second tab while the key is at work, must not turn a pending request into a Failure."""
    house.choose(request_id)
    with pytest.raises(ConsentMismatch):
        house.signing.finish(request_id, b"a")
    assert house.record(request_id).outcome is None
    assert house.sign(request_id).outcome.message is None


def test_finishing_while_the_key_is_at_work_ends_nothing(house, request_id):
    def second_tab(_data, _memo):
        with pytest.raises(ConsentMismatch):
            house.signing.finish(request_id, b"a")

    house.pin.while_signing = second_tab
    assert house.visit(request_id).outcome.message is None


def test_an_instruments_notes_are_kept_while_it_waits(house, request_id):
    seen = []

    def look_up(_answers, memo):
        seen.append(dict(memo))
        return Wait(2, "4711", {"transaction": "t1"}) if "transaction" not in memo else None

    house.pin.on_choose = look_up
    house.signing.take_pen(request_id, A)
    for _ in range(2):
        house.signing.choose(request_id, A, "pin", {}, ADDRESS)
    assert seen == [{}, {"transaction": "t1"}]


def test_a_device_that_waits_is_asked_again_with_the_same_consent_over_the_same_octets(house, request_id):
    """A phone answers in a minute: what it signs is what was prepared, for the signing time is signed."""
    house.choose(request_id)
    token = house.token(request_id)
    asked = []

    def phone(data, _memo):
        asked.append([item.octets for item in data])
        return Wait(2, "4711", {"transaction": "t1"}) if len(asked) == 1 else None

    house.pin.while_signing = phone
    assert isinstance(house.sign(request_id, token=token), Wait)
    assert house.states(request_id) == ["prepared", "prepared"]
    house.clock.move(seconds=5)
    assert house.sign(request_id, token=token).outcome.message is None
    assert asked[0] == asked[1]


def test_a_token_in_other_letters_is_no_token(house, request_id):
    house.choose(request_id)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token="ș" * 64)


def test_a_content_that_the_device_would_not_sign_is_failed(house, request_id):
    house.pin.leaves = (0,)
    house.visit(request_id)
    assert house.states(request_id) == ["failed", "done"]
    assert house.record(request_id).progress[0].reason is not None


def test_a_document_that_was_changed_in_the_store_is_not_signed(house):
    """What the consent names is what was posted and shown, whatever lies in the store by now."""
    documents = house.documents(b"%PDF one", b"%PDF two")
    request_id = house.request(documents)
    house.choose(request_id)
    house.contents.bytes[documents[0].content.content_id] = b"%PDF swapped"
    found = house.sign(request_id)
    assert found.outcome.message is MessageKey.PARTLY_SIGNED
    assert house.record(request_id).progress[0].reason is MessageKey.DOCUMENT_UNSIGNABLE
