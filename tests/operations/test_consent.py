"""What you see is what you sign: a consent is over everything that was shown, and over nothing else."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest, ContentId, ContentType, StoredContent
from gateway.domain.parties import ConsumerId
from gateway.domain.requests import RequestId, SignContent, SignRequest
from gateway.errors import ConsentMismatch
from gateway.operations.consent import consent_token

NONCE = b"n" * 16
CERTIFICATE = b"certificate"


def digest(text):
    return ContentDigest.of(hashlib.sha256(text).digest())


def stored(name, text):
    return StoredContent(ContentId(name), len(text), hashlib.sha256(text).digest())


REQUEST = SignRequest(
    id=RequestId("0" * 32),
    consumer_id=ConsumerId("consumer"),
    content_type=ContentType.HASH,
    contents=(
        SignContent(0, "first", "first.txt", digest(b"one")),
        SignContent(1, "second", None, digest(b"two")),
    ),
    short_description="Contract",
    description="Contract of sale",
    signature_reason="I agree",
    expected_signer=None,
    created=datetime(2026, 3, 1, tzinfo=UTC),
    expires=datetime(2026, 3, 2, tzinfo=UTC),
)
FIRST, SECOND = REQUEST.contents
TOKEN = consent_token(NONCE, REQUEST, CERTIFICATE)


def with_contents(*contents):
    return replace(REQUEST, contents=contents)


def test_the_same_things_shown_make_the_same_token():
    assert consent_token(NONCE, replace(REQUEST), CERTIFICATE) == TOKEN
    assert len(bytes.fromhex(TOKEN)) == 32


@pytest.mark.parametrize(
    "shown",
    [
        replace(REQUEST, id=RequestId("1" * 32)),
        replace(REQUEST, short_description="Contract "),
        replace(REQUEST, description="Contract of purchase"),
        replace(REQUEST, signature_reason="I do not agree"),
        replace(REQUEST, signature_reason=None),
        replace(REQUEST, short_description="Contract of sale", description="Contract"),
        with_contents(replace(FIRST, content=digest(b"another")), SECOND),
        with_contents(FIRST, replace(SECOND, content=digest(b"another"))),
        with_contents(replace(FIRST, name="other.txt"), SECOND),
        with_contents(replace(FIRST, name=None), SECOND),
        with_contents(replace(FIRST, correlation_id="third"), SECOND),
        with_contents(replace(FIRST, name="first", correlation_id="first.txt"), SECOND),
        with_contents(SECOND, FIRST),
        with_contents(FIRST),
        with_contents(FIRST, SECOND, replace(SECOND, index=2)),
        with_contents(replace(FIRST, content=stored("x", b"three")), SECOND),
    ],
    ids=lambda r: "",
)
def test_anything_else_shown_makes_another_token(shown):
    assert consent_token(NONCE, shown, CERTIFICATE) != TOKEN


def test_another_certificate_or_none_makes_another_token():
    assert consent_token(NONCE, REQUEST, b"another certificate") != TOKEN
    assert consent_token(NONCE, REQUEST, None) != TOKEN


def test_another_appearance_makes_another_token():
    """Of the signature, as the document will show it."""
    seen = VisibleSignature(1, 10, 10, 200, 60)
    tokens = [consent_token(NONCE, REQUEST, CERTIFICATE, one) for one in (seen, replace(seen, text="{signer}"))]
    assert len({TOKEN, *tokens}) == 3


def test_nobody_makes_a_token_without_the_sessions_nonce():
    assert consent_token(b"m" * 16, REQUEST, CERTIFICATE) != TOKEN


def test_a_document_is_bound_by_its_bytes_and_not_by_where_they_lie():
    here, there = (with_contents(replace(FIRST, content=stored(name, b"pdf"))) for name in ("here", "there"))
    assert consent_token(NONCE, here, None) == consent_token(NONCE, there, None)


def test_a_consent_is_good_once(house):
    """The second use finds nothing, even when the first did not come to an end."""
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"one"))
    house.choose(request_id)
    token = house.token(request_id)
    house.sign(request_id, token=token)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert house.pin.opened == 1


def test_a_wrong_pin_does_not_use_a_consent_up(house):
    request_id = house.request(house.hashes(b"one"))
    house.choose(request_id)
    token = house.token(request_id)
    house.sign(request_id, token=token, pin="0000")
    assert house.sign(request_id, token=token).outcome.message is None


def test_a_consent_ends_with_another_choice(house):
    """Choosing anew, even the same key, asks for a new consent."""
    request_id = house.request(house.hashes(b"one"))
    house.choose(request_id)
    token = house.token(request_id)
    house.choose(request_id)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    house.choose(request_id, person="Ion")
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert house.pin.opened == 0


def test_there_is_no_consent_before_a_choice(house):
    request_id = house.request(house.hashes(b"one"))
    house.signing.take_pen(request_id, b"a")
    with pytest.raises(ConsentMismatch):
        house.token(request_id)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token="0" * 64)


@pytest.mark.parametrize("token", ["", "0" * 64, "not hexadecimal"])
def test_a_token_that_was_not_given_signs_nothing(house, token):
    request_id = house.request(house.hashes(b"one"))
    house.choose(request_id)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert house.pin.opened == 0


def test_what_changed_in_between_signs_nothing(house):
    """The row was tampered with after the signer saw it: the key is not even opened."""
    request_id = house.request(house.hashes(b"one", b"two"))
    house.choose(request_id)
    token = house.token(request_id)
    record = house.record(request_id)
    other = replace(record.request, contents=tuple(house.hashes(b"one", b"three")))
    house.requests.records[request_id] = replace(record, request=other)
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert house.pin.opened == 0


def test_another_key_than_the_one_consented_to_signs_nothing(house, make_certificate):
    request_id = house.request(house.hashes(b"one"))
    house.choose(request_id)
    token = house.token(request_id)
    house.pin.instead = make_certificate("somebody")
    with pytest.raises(ConsentMismatch):
        house.sign(request_id, token=token)
    assert house.states(request_id) == ["waiting"]
    assert house.pin.closed == house.pin.opened == 1
