"""A consumer is told how its own request stands, and gets what there is to be had; nobody else gets anything."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.messages import Language, MessageKey
from gateway.domain.parties import ConsumerId
from gateway.domain.requests import ContentProgress, ContentState, Outcome, SignResult, SignStatus
from gateway.errors import InvalidRequest, NotYourRequest, RequestNotFound
from gateway.operations.get_sign_response import GetSignResponse, SignResponse, parse_language


@pytest.fixture
def ask(house):
    operation = GetSignResponse(house.requests, house.clock)
    return lambda request_id, consumer=None: operation(consumer or house.consumer, request_id)


@pytest.fixture
def end(house):
    """Gives a request its outcome: *results* by index are done, the others failed."""

    def record(request_id, message=None, results=()):
        now = house.record(request_id)
        progress = tuple(
            ContentProgress(item.index, ContentState.DONE, certificate=b"cert", result=dict(results)[item.index])
            if item.index in dict(results)
            else ContentProgress(item.index, ContentState.FAILED, MessageKey.NOT_VALID)
            for item in now.progress
        )
        ended = replace(now, progress=progress, outcome=Outcome(message, house.clock()))
        house.requests.records[request_id] = ended

    return record


def test_a_new_request_is_pending_without_results(house, ask):
    assert ask(house.request(house.hashes(b"a", b"b"))) == SignResponse(SignStatus.PENDING, None, ())


def test_a_signed_request_gives_every_result_in_order(house, ask):
    request_id = house.request(house.hashes(b"a", b"b", b"c"))
    house.visit(request_id)
    response = ask(request_id)
    assert (response.status, response.message) == (SignStatus.SUCCESS, None)
    assert [r.correlation_id for r in response.results] == ["c0", "c1", "c2"]
    assert {r.certificate for r in response.results} == {house.pin.certificates["Ana"].der}
    stored = [item.result for item in house.record(request_id).progress]
    assert [r.signature for r in response.results] == stored
    assert all(isinstance(signature, bytes) for signature in stored)


def test_a_signed_document_is_given_by_reference(house, ask):
    request_id = house.request(house.documents(b"%PDF one"))
    house.visit(request_id)
    (result,) = ask(request_id).results
    assert house.contents.bytes[result.signature.content_id].startswith(b"%PDF one\n%signature")


def test_results_are_in_the_order_of_the_contents_however_progress_came(house, ask, end):
    request_id = house.request(house.hashes(b"a", b"b", b"c"))
    end(request_id, results={0: b"A", 1: b"B", 2: b"C"})
    record = house.record(request_id)
    house.requests.records[request_id] = replace(record, progress=record.progress[::-1])
    assert [r.signature for r in ask(request_id).results] == [b"A", b"B", b"C"]


def test_a_content_without_correlation_id_has_a_result_all_the_same(house, ask, end):
    request_id = house.request(house.hashes(b"a", correlation=False))
    end(request_id, results={0: b"A"})
    assert ask(request_id).results == (SignResult(None, b"cert", b"A"),)


def test_a_partial_failure_has_one_result_for_each_content(house, ask, end):
    """Without certificate and signature where there is none (decision 9)."""
    request_id = house.request(house.hashes(b"a", b"b", b"c"))
    end(request_id, MessageKey.PARTLY_SIGNED, {1: b"B"})
    response = ask(request_id)
    assert (response.status, response.message) == (SignStatus.FAILURE, MessageKey.PARTLY_SIGNED)
    assert response.results == (
        SignResult("c0", None, None),
        SignResult("c1", b"cert", b"B"),
        SignResult("c2", None, None),
    )


def test_a_certificate_without_a_signature_is_not_given(house, ask):
    """The device would not sign the second: its certificate was prepared for, and signed nothing."""
    house.pin.leaves = (1,)
    request_id = house.request(house.hashes(b"a", b"b"))
    house.visit(request_id)
    first, second = ask(request_id).results
    assert first.certificate is not None
    assert second == SignResult("c1", None, None)


@pytest.mark.parametrize("message", [MessageKey.CANCELLED, MessageKey.OTHER_PERSON])
def test_a_refusal_releases_nothing(house, ask, end, message):
    """Not even what had been signed."""
    request_id = house.request(house.hashes(b"a", b"b"))
    end(request_id, message, {0: b"A", 1: b"B"})
    assert ask(request_id) == SignResponse(SignStatus.FAILURE, message, ())


def test_cancelling_on_the_page_releases_nothing(house, ask):
    house.authority.silent = {1}
    request_id = house.request(house.hashes(b"a", b"b"))
    house.visit(request_id)
    assert house.states(request_id) == ["done", "time-stamp-missing"]
    house.signing.cancel(request_id, b"a")
    assert ask(request_id) == SignResponse(SignStatus.FAILURE, MessageKey.CANCELLED, ())


def test_nothing_is_released_before_the_end(house, ask):
    house.authority.silent = {1}
    request_id = house.request(house.hashes(b"a", b"b"))
    house.visit(request_id)
    assert ask(request_id) == SignResponse(SignStatus.PENDING, None, ())


def test_a_request_whose_time_is_over_says_so(house, ask):
    request_id = house.request(house.hashes(b"a"), lifetime=timedelta(minutes=5))
    house.clock.move(minutes=5, microseconds=-1)
    assert ask(request_id).status is SignStatus.PENDING
    house.clock.move(microseconds=1)
    assert ask(request_id) == SignResponse(SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, ())


def test_what_was_signed_and_never_finished_is_not_released_by_expiry(house, ask):
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    house.clock.move(hours=2)
    assert ask(request_id) == SignResponse(SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, ())


def test_an_end_outlasts_the_requests_lifetime(house, ask):
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    before = ask(request_id)
    house.clock.move(days=20)
    assert ask(request_id) == before
    assert before.status is SignStatus.SUCCESS


def test_asking_changes_nothing(house, ask):
    request_id = house.request(house.hashes(b"a"))
    before = house.record(request_id)
    for _ in range(3):
        ask(request_id)
    assert house.record(request_id) == before


def test_another_consumers_request_is_not_told(house, ask):
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    with pytest.raises(NotYourRequest):
        ask(request_id, replace(house.consumer, id=ConsumerId("another")))


@pytest.mark.parametrize("unknown", ["0" * 32, None, "", "x", "0" * 31, "0" * 33, "../etc/passwd", "g" * 32, "٠" * 32])
def test_what_is_no_request_of_ours_is_not_found(ask, unknown):
    with pytest.raises(RequestNotFound):
        ask(unknown)


def test_an_id_may_come_in_capitals(house, ask):
    request_id = house.request(house.hashes(b"a"))
    assert request_id != request_id.upper()
    assert ask(request_id.upper()).status is SignStatus.PENDING


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (None, Language.RO),
        ("", Language.RO),
        ("ro", Language.RO),
        ("ru", Language.RU),
        ("en", Language.EN),
        ("EN", Language.EN),
    ],
)
def test_romanian_is_spoken_unless_another_language_is_asked_for(text, language):
    assert parse_language("language", text) is language


@pytest.mark.parametrize("text", ["fr", "ro-MD", "romanian", " ", "r"])
def test_a_language_that_is_not_spoken_is_refused_by_its_field(text):
    with pytest.raises(InvalidRequest) as caught:
        parse_language("language", text)
    assert caught.value.field == "language"
    assert text.strip() == "" or text not in caught.value.reason.split()
