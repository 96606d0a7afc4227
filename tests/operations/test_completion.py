"""Values become signatures with their time, each content on its own; a silent authority costs nothing but time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.messages import MessageKey
from gateway.domain.requests import ContentProgress, ContentState, SignStatus
from gateway.domain.signatures import DataToBeSigned, PreparedSignature
from gateway.errors import ServiceBusy, UnreadableSignature
from gateway.operations.completion import pack_state, unpack_state
from gateway.operations.sign import Finished, TryAgain


def progress_of(house, request_id):
    return house.record(request_id).progress


def test_a_batch_is_stamped_by_one_question(house):
    request_id = house.request(house.hashes(b"a", b"b", b"c"))
    house.visit(request_id)
    (imprints,) = house.authority.asked
    assert len(imprints) == len(set(imprints)) == 3
    for item, imprint in zip(progress_of(house, request_id), imprints, strict=True):
        assert (b"token over " + imprint).hex().encode() in item.result


def test_a_finished_content_keeps_its_result_and_certificate_only(house):
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    (item,) = progress_of(house, request_id)
    assert item.state is ContentState.DONE
    assert item.certificate == house.pin.certificates["Ana"].der
    assert (item.prepared_octets, item.prepared_state, item.value) == (None, None, None)


def test_a_silent_authority_keeps_every_value(house):
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a", b"b"))
    found = house.visit(request_id)
    assert found == TryAgain(MessageKey.NO_TIME_STAMP, 2)
    for item in progress_of(house, request_id):
        assert item.state is ContentState.TIME_STAMP_MISSING
        assert None not in (item.prepared_octets, item.prepared_state, item.value, item.certificate)
        assert item.result is None
    standing = house.signing.standing(request_id, b"a")
    assert standing.status is SignStatus.PENDING
    assert standing.values_kept


def test_a_later_finish_needs_no_pin_and_no_key(house):
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a", b"b"))
    house.visit(request_id)
    opened = house.pin.opened
    signed = [item.value for item in progress_of(house, request_id)]
    house.authority.silent = frozenset()
    house.clock.move(minutes=30)
    found = house.signing.finish(request_id, b"a")
    assert isinstance(found, Finished)
    assert found.outcome.message is None
    assert found.outcome.recorded == house.clock()
    assert house.pin.opened == opened
    for item, value in zip(progress_of(house, request_id), signed, strict=True):
        assert value.hex().encode() in item.result


def test_only_what_is_missing_is_asked_for_again(house):
    house.authority.silent = {1}
    request_id = house.request(house.hashes(b"a", b"b", b"c"))
    assert house.visit(request_id) == TryAgain(MessageKey.NO_TIME_STAMP, 1)
    assert house.states(request_id) == ["done", "time-stamp-missing", "done"]
    first = progress_of(house, request_id)[0]
    house.authority.silent = frozenset()
    assert isinstance(house.signing.finish(request_id, b"a"), Finished)
    assert [len(imprints) for imprints in house.authority.asked] == [3, 1]
    assert progress_of(house, request_id)[0] == first


def test_finishing_again_and_again_at_a_silent_authority_loses_nothing(house):
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    before = progress_of(house, request_id)
    for _ in range(3):
        assert house.signing.finish(request_id, b"a") == TryAgain(MessageKey.NO_TIME_STAMP, 1)
    assert progress_of(house, request_id) == before


def test_the_moment_stamped_is_that_of_the_question(house):
    moments = []
    tokens = house.authority.tokens

    def remember(imprints, algorithm, now):
        moments.append((algorithm, now))
        return tokens(imprints, algorithm, now)

    house.authority.tokens = remember
    house.visit(house.request(house.hashes(b"a")))
    assert moments == [(DigestAlgorithm.SHA256, house.clock())]


def test_a_document_is_written_beside_the_one_that_was_posted(house):
    posted = house.documents(b"%PDF one", b"%PDF two")
    request_id = house.request(posted)
    house.visit(request_id)
    for content, item in zip(posted, progress_of(house, request_id), strict=True):
        original = house.contents.bytes[content.content.content_id]
        written = house.contents.bytes[item.result.content_id]
        assert original in (b"%PDF one", b"%PDF two")
        assert written.startswith(original + house.engine.MARK)
        assert item.result.length == len(written)


@pytest.mark.parametrize("fault", ["spoils", "forgets"])
def test_what_does_not_read_back_fails_alone(house, fault):
    """A value over something else, or no signature at all (decision 22)."""
    documents = house.documents(b"%PDF one", b"%PDF two", b"%PDF three")
    setattr(house.engine, fault, b"two")
    request_id = house.request(documents)
    found = house.visit(request_id)
    assert found.outcome.message is MessageKey.PARTLY_SIGNED
    assert house.states(request_id) == ["done", "failed", "done"]
    failed = progress_of(house, request_id)[1]
    assert failed == ContentProgress(1, ContentState.FAILED, MessageKey.NOT_VALID)


@pytest.mark.parametrize("fault", ["spoils", "forgets"])
def test_a_file_that_does_not_read_back_is_deleted(house, fault):
    documents = house.documents(b"%PDF one", b"%PDF two")
    setattr(house.engine, fault, b"two")
    request_id = house.request(documents)
    house.visit(request_id)
    left = set(house.contents.bytes) - {content.content.content_id for content in documents}
    assert left == {progress_of(house, request_id)[0].result.content_id}


def test_a_hash_whose_signature_does_not_read_back_fails_alone(house):
    contents = house.hashes(b"a", b"b")
    house.engine.spoils = contents[0].content.value
    request_id = house.request(contents)
    assert house.visit(request_id).outcome.message is MessageKey.PARTLY_SIGNED
    assert house.states(request_id) == ["failed", "done"]


def altered(house, **changes):
    """The reader finds something else than what was written."""
    read = house.engine.read
    house.engine.read = lambda signature, content: [replace(v, **changes) for v in read(signature, content)]


@pytest.mark.parametrize(
    "changes",
    [
        {"crypto_valid": False},
        {"structure_valid": False},
        {"modified_after_signing": True},
        {"certificate": b"certificate of somebody else"},
        {"certificate": None},
        {"time_stamps": ()},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_signature_must_read_back_whole_ours_and_stamped(house, changes):
    altered(house, **changes)
    request_id = house.request(house.hashes(b"a"))
    assert house.visit(request_id).outcome.message is MessageKey.NOTHING_SIGNED
    assert house.states(request_id) == ["failed"]


def test_what_the_reader_cannot_tell_is_no_failure(house):
    altered(house, structure_valid=None, modified_after_signing=None)
    assert house.visit(house.request(house.hashes(b"a"))).outcome.message is None


@pytest.mark.parametrize("person", ["Ana", "Ion"])
def test_an_earlier_signature_in_the_document_is_not_mistaken_for_ours(house, person):
    """Not even one of the same signer: ours is the last, with the token that was just given."""
    request_id = house.request(house.documents(b"%PDF one"))
    house.visit(request_id, person="Ana")
    signed = house.contents.bytes[progress_of(house, request_id)[0].result.content_id]
    contents = house.documents(signed)
    house.engine.forgets = signed
    again = house.request(contents)
    assert house.visit(again, person=person).outcome.message is MessageKey.NOTHING_SIGNED


def test_a_document_may_be_signed_by_one_after_another(house):
    request_id = house.request(house.documents(b"%PDF one"))
    house.visit(request_id, person="Ana")
    signed = house.contents.bytes[progress_of(house, request_id)[0].result.content_id]
    again = house.request(house.documents(signed))
    assert house.visit(again, person="Ion").outcome.message is None
    written = house.contents.open(progress_of(house, again)[0].result.content_id)
    found = [verdict.certificate for verdict in house.engine.read(written, None)]
    assert found == [house.pin.certificates[name].der for name in ("Ana", "Ion")]


def test_nothing_is_asked_when_nothing_waits(house):
    request_id = house.request(house.hashes(b"a"))
    assert house.completion.complete(house.record(request_id), house.clock()) == []
    assert house.authority.asked == []


def test_a_signature_is_completed_as_it_was_prepared_after_any_time(house):
    """The signing time is signed, so nothing is prepared anew."""
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a"))
    house.visit(request_id)
    house.authority.silent = frozenset()
    house.clock.move(minutes=59)
    house.signing.finish(request_id, b"a")
    assert len(house.engine.prepared) == 1
    assert house.engine.prepared[0].signing_time.isoformat().encode() in progress_of(house, request_id)[0].result


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize("state", [b"", b"one\ntwo\n", b"\x00\xff"])
def test_a_stored_state_comes_back_as_it_was(algorithm, state):
    prepared = PreparedSignature(DataToBeSigned(b"octets", algorithm), state)
    assert unpack_state(b"octets", pack_state(prepared)) == prepared


@pytest.fixture
def two_documents(house):
    """A request whose two documents have values and no time-stamps."""
    house.authority.silent = "all"
    documents = house.documents(b"%PDF one", b"%PDF two")
    request_id = house.request(documents)
    house.visit(request_id)
    house.authority.silent = frozenset()
    return request_id, documents[0].content.content_id


def test_a_document_that_is_away_for_a_moment_is_finished_later(house, two_documents):
    """A store that is not mounted looks like one that lost a document: its signature must not be thrown away."""
    request_id, first = two_documents
    octets = house.contents.bytes.pop(first)
    assert house.signing.finish(request_id, b"a") == TryAgain(MessageKey.NO_TIME_STAMP, 1)
    assert house.states(request_id) == ["time-stamp-missing", "done"]
    assert progress_of(house, request_id)[0].value is not None
    house.contents.bytes[first] = octets
    found = house.signing.finish(request_id, b"a")
    assert found.outcome.message is None
    assert house.states(request_id) == ["done", "done"]


def test_a_document_that_was_lost_fails_alone_after_ten_minutes(house, two_documents):
    """Decision 9: one result per content; the others need not suffer, at every try, until the request expires."""
    request_id, first = two_documents
    house.contents.delete(first)
    house.clock.move(minutes=9)
    assert house.signing.finish(request_id, b"a") == TryAgain(MessageKey.NO_TIME_STAMP, 1)
    house.clock.move(minutes=1)
    found = house.signing.finish(request_id, b"a")
    assert found.outcome.message is MessageKey.PARTLY_SIGNED
    assert house.states(request_id) == ["failed", "done"]
    assert progress_of(house, request_id)[0].reason is MessageKey.DOCUMENT_UNSIGNABLE


def test_a_store_that_takes_nothing_now_keeps_every_value(house, two_documents, monkeypatch):
    request_id, _ = two_documents

    def full():
        raise ServiceBusy(30)

    monkeypatch.setattr(house.contents, "create", full)
    assert house.signing.finish(request_id, b"a") == TryAgain(MessageKey.NO_TIME_STAMP, 2)
    monkeypatch.undo()
    assert house.signing.finish(request_id, b"a").outcome.message is None


def test_a_request_whose_time_is_over_is_not_finished(house):
    from gateway.errors import AlreadyFinished

    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"a"), lifetime=timedelta(minutes=5))
    house.visit(request_id)
    house.clock.move(minutes=5)
    asked = len(house.authority.asked)
    with pytest.raises(AlreadyFinished):
        house.signing.finish(request_id, b"a")
    assert len(house.authority.asked) == asked


def test_a_damaged_preparation_fails_alone(house):
    """A state that cannot be read costs its own content, and no time-stamp is asked for it."""
    house.authority.silent = "all"
    request_id = house.request(house.hashes(b"one", b"two"))
    house.visit(request_id)
    house.authority.silent = frozenset()
    imprint = house.engine.imprint
    damaged = house.record(request_id).progress[0].prepared_octets

    def refusing(prepared, value):
        if prepared.data.octets == damaged:
            raise UnreadableSignature("damaged")
        return imprint(prepared, value)

    house.engine.imprint = refusing
    house.signing.finish(request_id, b"a")
    assert house.states(request_id) == ["failed", "done"]
