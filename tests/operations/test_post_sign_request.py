"""A posted request is kept whole, or refused by the name of the field, and then nothing of it stays."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest, ContentType, DigestAlgorithm
from gateway.domain.parties import ConsumerLimits, DelegatorType, ExpectedSigner
from gateway.domain.requests import ContentState, SignStatus, status_at
from gateway.errors import InvalidRequest, StoredContentMissing
from gateway.operations.post_sign_request import (
    PostedContent,
    PostedExpectedSigner,
    PostedRequest,
    PostSignRequest,
    RequestLimits,
)

HASH = hashlib.sha256(b"content").digest()
PDF = b"%PDF-1.7 document"
NUMBER = "2000000000007"


@pytest.fixture
def post(house):
    """Posts a request of hashes unless told otherwise; *limits* are the operation's."""

    def send(*contents, limits=RequestLimits(), monotonic=lambda: 0.0, **more):  # noqa: B008 - frozen
        operation = PostSignRequest(
            house.requests, house.contents, house.engines, limits, house.clock, house.ids, monotonic
        )
        given = {"content_type": ContentType.HASH, "short_description": "Contract", **more}
        return operation(house.consumer, PostedRequest(contents=contents or (PostedContent(HASH),), **given))

    return send


@pytest.fixture
def refusal(house, post):
    """Posts what must be refused; gives (field, reason) after seeing that nothing was kept."""

    def send(*contents, **more):
        with pytest.raises(InvalidRequest) as caught:
            post(*contents, **more)
        assert house.requests.records == {}
        assert house.contents.bytes == {}, "contents of a refused request stayed behind"
        return caught.value.field, caught.value.reason

    return send


def pdf(data=PDF, **more):
    return PostedContent(data, **more)


# ---------------------------------------------------------------- what is kept


def test_a_request_is_kept_as_it_was_posted(house, post):
    request_id = post(
        PostedContent(HASH, "one", name="a.txt"),
        PostedContent(b"x" * 64, "two"),
        short_description="Short",
        description="Long",
        signature_reason="Why",
        expected_signer=PostedExpectedSigner(NUMBER),
    )
    record = house.record(request_id)
    request = record.request
    assert request.id == request_id
    assert request.consumer_id == house.consumer.id
    assert [c.content for c in request.contents] == [
        ContentDigest(DigestAlgorithm.SHA256, HASH),
        ContentDigest(DigestAlgorithm.SHA512, b"x" * 64),
    ]
    assert [(c.index, c.correlation_id, c.name) for c in request.contents] == [(0, "one", "a.txt"), (1, "two", None)]
    assert (request.short_description, request.description, request.signature_reason) == ("Short", "Long", "Why")
    assert request.expected_signer == ExpectedSigner(NUMBER)
    assert [p.state for p in record.progress] == [ContentState.WAITING] * 2
    assert record.outcome is None
    assert record.pen is None


def test_an_id_is_what_the_source_of_ids_gave(house, post):
    assert post() == house.ids.given[-1]
    assert len(post()) == 32


def test_a_request_waits_for_its_lifetime(house, post):
    request = house.record(post(limits=RequestLimits(lifetime=timedelta(minutes=10)))).request
    assert request.created == house.clock()
    assert status_at(request.expires, None, house.clock() + timedelta(minutes=9, seconds=59)) is SignStatus.PENDING
    assert status_at(request.expires, None, house.clock() + timedelta(minutes=10)) is SignStatus.EXPIRED


def test_the_short_description_serves_where_there_is_no_long_one(house, post):
    for absent in (None, "", "  "):
        assert house.record(post(description=absent)).request.description == "Contract"


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_texts_that_may_be_absent_may_be_empty_too(house, post, absent):
    assert house.record(post(signature_reason=absent)).request.signature_reason is None


def test_a_document_in_memory_is_written_to_the_store(house, post):
    request = house.record(post(pdf(name="a.pdf"), content_type=ContentType.PDF)).request
    (content,) = request.contents
    assert house.contents.bytes[content.content.content_id] == PDF
    assert content.content.length == len(PDF)
    assert content.content.sha256 == hashlib.sha256(PDF).digest()


def test_a_document_that_was_stored_already_is_taken_as_it_is(house, post):
    stored = house.contents.keep(PDF)
    request = house.record(post(pdf(stored), content_type=ContentType.PDF)).request
    assert request.contents[0].content == stored
    assert list(house.contents.bytes) == [stored.content_id]


def test_every_document_is_inspected_with_what_was_allowed(house, post):
    post(pdf(), pdf(PDF + b"2", multiple_signatures=True), content_type=ContentType.PDF)
    assert house.engine.inspected == [(PDF, False), (PDF + b"2", True)]


def test_several_signatures_are_a_matter_of_documents(house, post):
    kept = house.record(post(PostedContent(HASH, multiple_signatures=True))).request
    assert kept.contents[0].multiple_signatures is False
    kept = house.record(post(pdf(multiple_signatures=True), content_type=ContentType.PDF)).request
    assert kept.contents[0].multiple_signatures is True


@pytest.mark.parametrize(
    ("length", "algorithm"),
    [
        (20, DigestAlgorithm.SHA1),
        (32, DigestAlgorithm.SHA256),
        (48, DigestAlgorithm.SHA384),
        (64, DigestAlgorithm.SHA512),
    ],
)
def test_the_length_of_a_hash_says_its_algorithm(house, post, length, algorithm):
    assert house.record(post(PostedContent(b"x" * length))).request.contents[0].content.algorithm is algorithm


# ---------------------------------------------------------------- descriptions


@pytest.mark.parametrize("absent", [None, "", " \n"])
def test_a_short_description_is_required(refusal, absent):
    assert refusal(short_description=absent) == ("ShortContentDescription", "is required")


@pytest.mark.parametrize(
    ("member", "field", "limit"),
    [
        ("short_description", "ShortContentDescription", 90),
        ("description", "ContentDescription", 512),
        ("signature_reason", "SignatureReason", 255),
    ],
)
def test_texts_have_the_contracts_lengths(post, refusal, member, field, limit):
    """In characters, of any alphabet."""
    post(**{member: "ș" * limit})
    post_refused = pytest.raises(InvalidRequest)
    with post_refused as caught:
        post(**{member: "ș" * (limit + 1)})
    assert caught.value.field == field
    assert caught.value.reason == f"has {limit + 1} characters; at most {limit} are accepted"


def test_a_reason_never_quotes_what_was_posted(refusal):
    _, reason = refusal(short_description="Ana are mere " * 10)
    assert "mere" not in reason


# ---------------------------------------------------------------- contents


def test_at_least_one_content_is_required(house):
    operation = PostSignRequest(house.requests, house.contents, house.engines, RequestLimits(), house.clock, house.ids)
    with pytest.raises(InvalidRequest) as caught:
        operation(house.consumer, PostedRequest(ContentType.HASH, (), "Contract"))
    assert (caught.value.field, caught.value.reason) == ("Contents", "at least one SignContent is required")


def test_contents_are_counted(post, refusal):
    limits = RequestLimits(contents=3)
    assert refusal(*[PostedContent(HASH)] * 4, limits=limits) == (
        "Contents",
        "at most 3 contents are accepted in a request",
    )
    assert post(*[PostedContent(HASH)] * 3, limits=limits)


@pytest.mark.parametrize("absent", [None, b""])
@pytest.mark.parametrize("content_type", list(ContentType))
def test_a_content_without_content_is_named_by_its_index(refusal, content_type, absent):
    good = PostedContent(HASH) if content_type is ContentType.HASH else pdf()
    assert refusal(good, PostedContent(absent), content_type=content_type) == ("Contents[1].Content", "is required")


def test_a_stored_content_that_is_empty_counts_as_none(house, refusal):
    assert refusal(pdf(), pdf(house.contents.keep(b"")), content_type=ContentType.PDF) == (
        "Contents[1].Content",
        "is required",
    )


@pytest.mark.parametrize("length", [1, 16, 19, 21, 28, 31, 33, 63, 65, 5000])
def test_a_hash_of_another_length_is_refused_by_its_index(refusal, length):
    assert refusal(PostedContent(HASH), PostedContent(HASH), PostedContent(b"x" * length)) == (
        "Contents[2].Content",
        "a hash must have 20, 32, 48 or 64 bytes",
    )


def test_a_hash_so_long_that_it_was_stored_is_no_hash(house, refusal):
    stored = house.contents.keep(b"x" * 32)
    assert refusal(PostedContent(stored)) == ("Contents[0].Content", "a hash must have 20, 32, 48 or 64 bytes")


def test_a_hash_written_in_hexadecimal_is_told_apart(refusal):
    """SHA-256 in hexadecimal is as long as SHA-512."""
    written = hashlib.sha256(b"x").hexdigest().encode()
    assert refusal(PostedContent(written)) == (
        "Contents[0].Content",
        "is a hash written in hexadecimal: send its octets",
    )


def test_sha1_may_be_refused_by_setting(post, refusal):
    sha1 = PostedContent(b"x" * 20)
    assert post(sha1)
    house_refuses = RequestLimits(sha1_contents=False)
    with pytest.raises(InvalidRequest) as caught:
        post(PostedContent(HASH), sha1, limits=house_refuses)
    assert (caught.value.field, caught.value.reason) == (
        "Contents[1].Content",
        "SHA-1 hashes are not accepted here",
    )


def test_a_document_that_cannot_be_signed_is_refused_with_the_formats_reason(refusal):
    assert refusal(pdf(), pdf(b"encrypted document"), content_type=ContentType.PDF) == (
        "Contents[1].Content",
        "is encrypted",
    )


def test_a_document_without_the_place_where_signatures_are_to_be_seen_is_refused(house):
    """Hashes have no such place, and are asked for none."""
    appearances = {house.consumer.id: VisibleSignature(2, 10, 10, 200, 60)}
    operation = PostSignRequest(
        house.requests, house.contents, house.engines, RequestLimits(), house.clock, house.ids,
        appearance_of=appearances.get,
    )  # fmt: skip
    with pytest.raises(InvalidRequest) as caught:
        operation(house.consumer, PostedRequest(ContentType.PDF, (pdf(),), "Contract"))
    assert (caught.value.field, caught.value.reason) == ("Contents[0].Content", "has no such page")
    assert operation(house.consumer, PostedRequest(ContentType.HASH, (PostedContent(HASH),), "Contract"))
    appearances.clear()
    assert operation(house.consumer, PostedRequest(ContentType.PDF, (pdf(),), "Contract"))


def test_a_signed_document_needs_leave_for_several_signatures(house, post, refusal):
    signed = PDF + house.engine.MARK + b"[]"
    assert refusal(pdf(signed), content_type=ContentType.PDF) == ("Contents[0].Content", "is signed already")
    assert post(pdf(signed, multiple_signatures=True), content_type=ContentType.PDF)


def test_documents_are_weighed_each_and_together(house, post, refusal):
    limits = RequestLimits(document_bytes=100, batch_bytes=250)
    more = {"content_type": ContentType.PDF, "limits": limits}
    assert refusal(pdf(b"%" * 100), pdf(b"%" * 101), **more) == ("Contents[1].Content", "is larger than 100 bytes")
    assert refusal(pdf(b"%" * 100), pdf(b"%" * 100), pdf(b"%" * 51), **more) == (
        "Contents",
        "together are larger than 250 bytes",
    )
    stored = house.contents.keep(b"%" * 101)
    assert refusal(pdf(stored), **more)[0] == "Contents[0].Content"
    assert post(pdf(b"%" * 100), pdf(b"%" * 100), pdf(b"%" * 50), **more)


def test_sizes_are_weighed_before_any_document_is_opened(house, refusal):
    refusal(pdf(), pdf(b"%" * 101), content_type=ContentType.PDF, limits=RequestLimits(document_bytes=100))
    assert house.engine.inspected == []


def test_names_have_the_contracts_length(post, refusal):
    post(PostedContent(HASH, name="n" * 256))
    with pytest.raises(InvalidRequest) as caught:
        post(PostedContent(HASH), PostedContent(HASH, name="n" * 257))
    assert caught.value.field == "Contents[1].Name"


# ---------------------------------------------------------------- correlation ids


def test_correlation_ids_have_the_contracts_length(post):
    assert post(PostedContent(HASH, "c" * 36))
    with pytest.raises(InvalidRequest) as caught:
        post(PostedContent(HASH, "a"), PostedContent(HASH, "c" * 37))
    assert caught.value.field == "Contents[1].CorrelationID"
    assert caught.value.reason == "has 37 characters; at most 36 are accepted"


def test_correlation_ids_are_unique(refusal):
    contents = [PostedContent(HASH, c) for c in ("a", "b", "c", "b")]
    assert refusal(*contents) == (
        "Contents[3].CorrelationID",
        "must be unique; it is the same as in Contents[1]",
    )


def test_absent_and_empty_correlation_ids_may_repeat(house, post):
    kept = house.record(post(*[PostedContent(HASH, c) for c in (None, "", None, "")])).request
    assert [c.correlation_id for c in kept.contents] == [None] * 4


# ---------------------------------------------------------------- the expected signer


@pytest.mark.parametrize(
    "number", ["", "200000000000", "20000000000070", "200000000000x", "２００００００００００００", " 2000000000007"]
)
def test_an_expected_signer_of_a_hash_has_thirteen_digits(refusal, number):
    field, reason = refusal(expected_signer=PostedExpectedSigner(number))
    assert field == "ExpectedSigner.ID"
    assert reason in ("must have 13 digits", "is required for hashes when ExpectedSigner is given")


def test_a_wrong_check_digit_is_let_pass(house, post):
    """The guide's own sample has one (decision 14)."""
    request = house.record(post(expected_signer=PostedExpectedSigner("2000000000000"))).request
    assert request.expected_signer == ExpectedSigner("2000000000000")


def test_other_countries_identifiers_are_taken_where_settings_say_so(house, post):
    limits = RequestLimits(moldovan_identifiers=False)
    request = house.record(post(expected_signer=PostedExpectedSigner("EE-38001085718"), limits=limits)).request
    assert request.expected_signer == ExpectedSigner("EE-38001085718")
    with pytest.raises(InvalidRequest) as caught:
        post(expected_signer=PostedExpectedSigner("x" * 65), limits=limits)
    assert caught.value.field == "ExpectedSigner.ID"


@pytest.mark.parametrize("absent", [None, ""])
def test_an_expected_signer_without_id_is_nobody_for_documents_and_refused_for_hashes(house, post, refusal, absent):
    """Since version 1.6 of the contract (facts: not required for PDF)."""
    kept = house.record(post(pdf(), content_type=ContentType.PDF, expected_signer=PostedExpectedSigner(absent)))
    assert kept.request.expected_signer is None
    with pytest.raises(InvalidRequest) as caught:
        post(expected_signer=PostedExpectedSigner(absent))
    assert (caught.value.field, caught.value.reason) == (
        "ExpectedSigner.ID",
        "is required for hashes when ExpectedSigner is given",
    )


@pytest.mark.parametrize(
    ("signer", "field"),
    [
        (PostedExpectedSigner(NUMBER, DelegatorType.PERSON, "2000000000014"), "ExpectedSigner.DelegatorType"),
        (PostedExpectedSigner(NUMBER, DelegatorType.ORGANIZATION, "1000000000000"), "ExpectedSigner.DelegatorType"),
        (PostedExpectedSigner(NUMBER, delegator_id="2000000000014"), "ExpectedSigner.DelegatorID"),
        (PostedExpectedSigner(NUMBER, delegated_role_id=3), "ExpectedSigner.DelegatedRoleID"),
    ],
)
def test_delegation_fails_closed(refusal, signer, field):
    """Whoever asks that somebody be represented must not get a signature of nobody's delegate (decision 13)."""
    assert refusal(expected_signer=signer)[0] == field


# ---------------------------------------------------------------- what a consumer may use


def test_a_consumers_own_limit_wins_over_the_gateways(house, post, refusal):
    of_all = RequestLimits(consumer=ConsumerLimits(request_bytes=20))
    said = refusal(pdf(PDF), pdf(PDF), content_type=ContentType.PDF, limits=of_all)
    assert said == ("Contents", "together are larger than the 20 bytes that this system may post")
    house.consumer = replace(house.consumer, limits=ConsumerLimits(request_bytes=1000))
    assert post(pdf(PDF), pdf(PDF), content_type=ContentType.PDF, limits=of_all)
    house.consumer = replace(house.consumer, limits=ConsumerLimits(request_bytes=0))
    assert post(pdf(PDF), pdf(PDF), content_type=ContentType.PDF, limits=of_all)


def test_documents_are_counted_before_they_are_looked_into(house, refusal):
    limits = RequestLimits(consumer=ConsumerLimits(open_requests=0, stored_bytes=5))
    house.consumer = replace(house.consumer, limits=ConsumerLimits(open_requests=None))
    house.requests.refuse_excess = lambda *asked: _refuse(asked)
    refusal(pdf(PDF), pdf(house.contents.keep(PDF)), content_type=ContentType.PDF, limits=limits)
    assert house.engine.inspected == []


def _refuse(asked):
    assert asked[3] == 2 * len(PDF)
    raise InvalidRequest("Contents", "too many bytes")


def test_what_is_one_too_many_when_it_is_kept_leaves_nothing_behind(house, post):
    """Another call may have been faster since the first look."""
    limits = RequestLimits(consumer=ConsumerLimits(open_requests=1))
    post(limits=limits)
    house.requests.refuse_excess, judge = (lambda *_: None), house.requests.refuse_excess
    house.requests.add = lambda request, limits: judge(request.consumer_id, request.created, limits, 0)
    with pytest.raises(InvalidRequest):
        post(pdf(), content_type=ContentType.PDF, limits=limits)
    assert house.contents.bytes == {}


def test_looking_into_many_slow_documents_has_an_end_that_is_said(house, refusal):
    """Each takes twenty seconds; after the third there is no time for a fourth."""
    ticks = iter([0.0, 20.0, 40.0, 61.0])
    found = refusal(
        *[pdf() for _ in range(5)],
        content_type=ContentType.PDF,
        limits=RequestLimits(inspecting=timedelta(seconds=60)),
        monotonic=lambda: next(ticks),
    )
    assert found == (
        "Contents[3].Content",
        "was not looked into: the documents before it took 60 seconds, all that one request may take; post fewer together",
    )
    assert len(house.engine.inspected) == 3


# ---------------------------------------------------------------- nothing stays


def test_what_came_with_a_refused_request_is_deleted(house, refusal):
    """Documents stored on the way in, and those written before the refusal."""
    before, after = house.contents.keep(PDF), house.contents.keep(PDF)
    refusal(pdf(before), pdf(), pdf(b"encrypted"), pdf(after), content_type=ContentType.PDF)


def test_what_came_with_a_text_too_long_is_deleted_unseen(house, refusal):
    stored = house.contents.keep(PDF)
    refusal(pdf(stored), content_type=ContentType.PDF, description="x" * 513)
    assert house.engine.inspected == []


def test_contents_stay_where_a_failing_database_may_have_kept_the_request(house, post):
    """Only the answer may have been lost, and then a row claims them; else maintenance finds them."""

    def fail(_request, _limits):
        raise RuntimeError("database is gone")

    house.requests.add = fail
    with pytest.raises(RuntimeError):
        post(pdf(house.contents.keep(PDF)), pdf(), content_type=ContentType.PDF)
    assert len(house.contents.bytes) == 2


def test_a_stored_content_that_is_gone_is_not_the_callers_mistake(house, post):
    stored = house.contents.keep(PDF)
    house.contents.delete(stored.content_id)
    with pytest.raises(StoredContentMissing):
        post(pdf(), pdf(replace(stored)), content_type=ContentType.PDF)
    assert house.contents.bytes == {}
    assert house.requests.records == {}
