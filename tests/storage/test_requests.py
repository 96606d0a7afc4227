"""A request is kept as it was posted, has one pen and at most one outcome, whoever tries at once, on either database."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.domain.contents import ContentDigest, ContentId, ContentType, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.parties import ConsumerId, DelegatorType, ExpectedSigner
from gateway.domain.requests import ContentProgress, ContentState, Outcome, RequestId, SignContent, SignRequest
from gateway.domain.sessions import SessionId
from gateway.errors import RequestNotFound
from gateway.storage.api import Forgotten
from gateway.storage.tables import metadata

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SHARED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def signed(index, value=b"value", state=ContentState.SIGNED):
    return ContentProgress(
        index, state, prepared_octets=b"octets", prepared_state=b"state", value=value, certificate=b"certificate"
    )


def done(index, result=b"<Signature/>"):
    return ContentProgress(index, ContentState.DONE, certificate=b"certificate", result=result)


def failed(index, reason=MessageKey.CANCELLED):
    return ContentProgress(index, ContentState.FAILED, reason)


def stored():
    return StoredContent(ContentId(secrets.token_hex(16)), 7, b"7" * 32)


def rows(database):
    with database.connect() as connection:
        return sum(connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in metadata.tables)


# ------------------------------------------------------------------ what was posted

texts = st.text(st.characters(), max_size=20)
moments = st.timedeltas(timedelta(days=-12_000), timedelta(days=60_000)).flatmap(
    lambda passed: st.sampled_from([UTC, timezone(5 * HOUR / 2)]).map(
        lambda zone: datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone) + passed
    )
)
digests = st.sampled_from([20, 32, 48, 64]).flatmap(lambda n: st.binary(min_size=n, max_size=n)).map(ContentDigest.of)
documents = st.builds(
    StoredContent,
    st.binary(min_size=16, max_size=16).map(lambda b: ContentId(b.hex())),
    st.integers(1, 2**40),
    st.binary(min_size=32, max_size=32),
)
signers = st.builds(
    ExpectedSigner,
    st.none() | texts,
    st.sampled_from(DelegatorType),
    st.none() | texts,
    st.integers(-(2**63), 2**63 - 1),
)


@st.composite
def posted(draw):
    content_type = draw(st.sampled_from(ContentType))
    kinds = digests if content_type is ContentType.HASH else documents
    contents = [
        SignContent(index, draw(st.none() | texts), draw(st.none() | texts), draw(kinds), draw(st.booleans()))
        for index in range(draw(st.integers(1, 4)))
    ]
    return SignRequest(
        RequestId(secrets.token_hex(16)),
        ConsumerId(draw(texts)),
        content_type,
        tuple(contents),
        draw(texts),
        draw(texts),
        draw(st.none() | texts),
        draw(st.none() | signers),
        draw(moments),
        draw(moments),
    )


@SHARED
@given(request=posted())
def test_a_request_is_found_as_it_was_posted(requests, request):
    """To the microsecond and to the last character, NUL and lone surrogates included; every content waits."""
    requests.add(request)
    record = requests.get(request.id)
    assert record.request == request
    assert record.request.created.utcoffset() == timedelta(0)
    assert (record.outcome, record.pen) == (None, None)
    assert record.progress == tuple(ContentProgress(index) for index in range(len(request.contents)))


def test_a_thousand_contents_keep_their_order(requests, held):
    request, session = held(1000)
    updates = [signed(index, value=b"%d" % index) for index in range(1000)]
    assert requests.save_progress(session.id, list(reversed(updates)), request.created)
    record = requests.get(request.id)
    assert record.request == request
    assert list(record.progress) == updates


@pytest.mark.parametrize("request_id", ["0" * 32, "", "\0", "\ud800", "x' OR '1'='1"])
def test_other_ids_find_no_request(requests, held, request_id):
    held()
    with pytest.raises(RequestNotFound):
        requests.get(RequestId(request_id))


def test_a_request_is_kept_whole_or_not_at_all(database, requests, make_request):
    request = make_request()
    broken = replace(request, contents=(*request.contents, request.contents[0]))
    with pytest.raises(Exception, match="contents"):
        requests.add(broken)
    assert rows(database) == 0


# ------------------------------------------------------------------ the pen


def test_the_pen_is_taken_once_and_kept_with_the_session(requests, make_request, make_session, now):
    request = make_request()
    requests.add(request)
    first, second = make_session(request, memo={"note": "ă\0"}), make_session(request, browser=b"c" * 32)
    assert requests.take_pen(first, now, superseding=None)
    assert requests.get(request.id).pen == first
    assert not requests.take_pen(second, now, superseding=None)
    assert not requests.take_pen(second, now, superseding=SessionId("somebody else's"))
    assert requests.get(request.id).pen == first
    assert requests.take_pen(second, now, superseding=first.id)
    assert requests.get(request.id).pen == second
    assert not requests.take_pen(first, now, superseding=first.id)


def test_the_pen_of_no_request_cannot_be_taken(requests, make_request, make_session, now):
    assert not requests.take_pen(make_session(make_request()), now, superseding=None)


@pytest.mark.parametrize("take_over", [False, True])
def test_of_browsers_that_take_the_pen_at_once_one_gets_it(
    requests, held, make_request, make_session, at_once, now, take_over
):
    if take_over:
        request, holder = held()
    else:
        request, holder = make_request(), None
        requests.add(request)
    sessions = [make_session(request, browser=bytes([i]) * 32) for i in range(8)]
    superseding = holder.id if holder is not None else None
    taken = at_once(*(lambda s=s: requests.take_pen(s, now, superseding=superseding) for s in sessions))
    assert sorted(taken, key=str) == [False] * 7 + [True], taken
    assert requests.get(request.id).pen == sessions[taken.index(True)]


def test_a_session_is_kept_while_it_holds_the_pen(requests, held, make_session, now):
    request, session = held()
    chosen = replace(
        session, instrument="hosted", holder="key 1", certificate=b"der", consent_nonce=b"n" * 16, memo={"a": "b"}
    )
    assert requests.update_session(chosen, now)
    assert requests.get(request.id).pen == chosen
    other = make_session(request, browser=b"c" * 32)
    assert requests.take_pen(other, now, superseding=session.id)
    assert not requests.update_session(chosen, now)
    assert requests.get(request.id).pen == other


def test_a_session_changes_neither_browser_nor_beginning(requests, held, now):
    request, session = held()
    assert requests.update_session(replace(session, browser=b"x" * 32, created=now + HOUR), now)
    assert requests.get(request.id).pen == session


# ------------------------------------------------------------------ consent


@pytest.fixture
def asked(requests, held, now):
    """A request whose signer may consent."""
    request, session = held()
    session = replace(session, instrument="hosted", holder="key", certificate=b"der", consent_nonce=b"n" * 16)
    assert requests.update_session(session, now)
    return request, session


def test_a_consent_is_used_once(requests, asked, now):
    request, session = asked
    assert not requests.use_consent(session.id, b"other nonce", now)
    assert requests.get(request.id).pen == session
    assert requests.use_consent(session.id, b"n" * 16, now + SECOND)
    assert requests.get(request.id).pen == replace(session, consent_nonce=None, consented=now + SECOND)
    assert not requests.use_consent(session.id, b"n" * 16, now + SECOND)


def test_without_a_nonce_there_is_no_consent(requests, held, now):
    _, session = held()
    assert not requests.use_consent(session.id, b"", now)


def test_a_consent_that_is_used_at_once_is_used_once(requests, asked, at_once, now):
    _, session = asked
    used = at_once(*[lambda: requests.use_consent(session.id, b"n" * 16, now)] * 8)
    assert sorted(used, key=str) == [False] * 7 + [True], used


def test_a_consent_needs_the_pen(requests, asked, make_session, now):
    request, session = asked
    requests.take_pen(make_session(request), now, superseding=session.id)
    assert not requests.use_consent(session.id, b"n" * 16, now)


def test_a_new_choice_opens_a_new_consent(requests, asked, now):
    request, session = asked
    assert requests.use_consent(session.id, b"n" * 16, now)
    assert requests.update_session(replace(session, consent_nonce=b"m" * 16), now)
    assert requests.get(request.id).pen.consented is None
    assert not requests.use_consent(session.id, b"n" * 16, now)
    assert requests.use_consent(session.id, b"m" * 16, now)


# ------------------------------------------------------------------ progress


def test_progress_is_kept_as_given(requests, held, now):
    request, session = held(4, content_type=ContentType.PDF)
    updates = [signed(0), done(1), done(2, stored()), failed(3, MessageKey.UNREADABLE)]
    assert requests.save_progress(session.id, updates, now)
    assert list(requests.get(request.id).progress) == updates
    assert requests.save_progress(session.id, [], now)
    assert requests.save_progress(session.id, [done(0)], now)
    assert list(requests.get(request.id).progress) == [done(0), *updates[1:]]


def test_progress_needs_the_pen(requests, held, make_session, now):
    request, session = held()
    requests.take_pen(make_session(request), now, superseding=session.id)
    assert not requests.save_progress(session.id, [signed(0)], now)
    assert not requests.save_progress(SessionId("nobody's"), [], now)
    assert requests.get(request.id).progress[0].state is ContentState.WAITING


def test_progress_of_a_content_that_is_not_there_keeps_nothing(requests, held, now):
    request, session = held(2)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        requests.save_progress(session.id, [signed(0), signed(2)], now)
    assert requests.get(request.id).progress[0].state is ContentState.WAITING


@pytest.mark.parametrize(
    ("kept", "later"),
    [
        (signed(1), signed(1, b"another value")),
        (signed(1), ContentProgress(1, ContentState.PREPARED, prepared_octets=b"o", prepared_state=b"s")),
        (signed(1, state=ContentState.TIME_STAMP_MISSING), signed(1, b"another value")),
        (done(1), signed(1)),
        (done(1), failed(1)),
        (failed(1), done(1)),
        (signed(1), ContentProgress(1)),
    ],
)
def test_a_slower_visit_does_not_undo_what_is_kept(requests, held, now, kept, later):
    """All or none: the other contents of the late update are not taken either."""
    request, session = held()
    assert requests.save_progress(session.id, [kept], now)
    assert not requests.save_progress(session.id, [signed(0), later], now)
    assert requests.get(request.id).progress == (ContentProgress(0), kept)


def test_what_waits_for_its_time_stamp_may_be_told_again(requests, held, now):
    request, session = held(1)
    for state in (ContentState.SIGNED, ContentState.TIME_STAMP_MISSING, ContentState.TIME_STAMP_MISSING):
        assert requests.save_progress(session.id, [signed(0, state=state)], now)
        assert requests.get(request.id).progress == (signed(0, state=state),)
    assert requests.save_progress(session.id, [done(0)], now)


# ------------------------------------------------------------------ outcome


@pytest.mark.parametrize("message", [None, MessageKey.PARTLY_SIGNED])
def test_an_outcome_is_recorded_with_the_last_progress_and_never_changes(requests, held, make_session, now, message):
    request, session = held()
    updates = [done(0), done(1) if message is None else failed(1)]
    outcome = Outcome(message, now + SECOND)
    assert requests.record_outcome(session.id, updates, outcome, now + SECOND)
    record = requests.get(request.id)
    assert (record.outcome, list(record.progress)) == (outcome, updates)

    assert not requests.record_outcome(session.id, [failed(0)], Outcome(MessageKey.CANCELLED, now), now)
    assert not requests.save_progress(session.id, [done(0, b"other")], now)
    assert not requests.update_session(replace(session, instrument="other"), now)
    assert not requests.take_pen(make_session(request), now, superseding=session.id)
    assert requests.get(request.id) == record


def test_an_outcome_needs_the_pen(requests, held, make_session, now):
    request, session = held()
    requests.take_pen(make_session(request), now, superseding=session.id)
    assert not requests.record_outcome(session.id, [done(0), done(1)], Outcome(None, now), now)
    record = requests.get(request.id)
    assert record.outcome is None
    assert record.progress[0].state is ContentState.WAITING


def test_a_cancelled_request_forgets_its_values(requests, held, now):
    request, session = held()
    requests.save_progress(session.id, [signed(0), done(1)], now)
    assert requests.record_outcome(session.id, [failed(0), failed(1)], Outcome(MessageKey.CANCELLED, now), now)
    assert requests.get(request.id).progress == (failed(0), failed(1))


@pytest.mark.parametrize("kept", [[], [signed(1)], [failed(1)]])
def test_success_needs_every_content_done(requests, held, now, kept):
    """A visit that looked too early cannot call a half-written request a success."""
    request, session = held()
    requests.save_progress(session.id, kept, now)
    before = requests.get(request.id)
    assert not requests.record_outcome(session.id, [done(0)], Outcome(None, now), now)
    assert requests.get(request.id) == before


def test_success_counts_what_was_done_before(requests, held, now):
    request, session = held()
    assert requests.save_progress(session.id, [done(0)], now)
    assert requests.record_outcome(session.id, [done(1)], Outcome(None, now), now)
    assert requests.get(request.id).progress == (done(0), done(1))


def test_of_outcomes_recorded_at_once_the_first_stands(requests, held, at_once, now):
    request, session = held(20)
    outcomes = [Outcome(None if i % 2 else MessageKey.CANCELLED, now + i * SECOND) for i in range(8)]

    def record(outcome):
        make = failed if outcome.message else done
        return requests.record_outcome(session.id, [make(i) for i in range(20)], outcome, now)

    taken = at_once(*(lambda o=o: record(o) for o in outcomes))
    assert sorted(taken, key=str) == [False] * 7 + [True], taken
    found = requests.get(request.id)
    assert found.outcome == outcomes[taken.index(True)]
    expected = ContentState.FAILED if found.outcome.message else ContentState.DONE
    assert {item.state for item in found.progress} == {expected}


def test_progress_saved_while_the_outcome_is_recorded_never_follows_it(requests, held, at_once, now):
    """Whichever comes first, what stands afterwards is the outcome's progress."""
    for _ in range(10):
        request, session = held(20)
        saved, recorded = at_once(
            lambda s=session: requests.save_progress(s.id, [signed(i) for i in range(20)], now),
            lambda s=session: requests.record_outcome(s.id, [done(i) for i in range(20)], Outcome(None, now), now),
        )
        assert recorded is True
        assert saved in (True, False)
        assert requests.get(request.id).progress == tuple(done(i) for i in range(20))


def test_a_take_over_and_an_outcome_at_once_do_not_both_win(requests, held, make_session, at_once, now):
    for _ in range(10):
        request, session = held(1)
        other = make_session(request, browser=b"c" * 32)
        taken, recorded = at_once(
            lambda s=session, o=other: requests.take_pen(o, now, superseding=s.id),
            lambda s=session: requests.record_outcome(s.id, [done(0)], Outcome(None, now), now),
        )
        assert {taken, recorded} == {True, False}
        record = requests.get(request.id)
        assert (record.outcome is not None, record.pen == other) == (recorded, taken)


# ------------------------------------------------------------------ time


def test_a_request_past_its_time_takes_nothing_more(requests, held, make_session, now):
    """Its end is not part of its time, as ``status_at`` says."""
    request, session = held()
    session = replace(session, consent_nonce=b"n" * 16)
    last = request.expires - timedelta(microseconds=1)
    assert requests.update_session(session, last)
    assert requests.save_progress(session.id, [signed(0)], last)
    before = requests.get(request.id)
    for late in (request.expires, request.expires + HOUR):
        assert not requests.take_pen(make_session(request), late, superseding=session.id)
        assert not requests.update_session(replace(session, instrument="other"), late)
        assert not requests.use_consent(session.id, b"n" * 16, late)
        assert not requests.save_progress(session.id, [signed(1)], late)
        assert not requests.record_outcome(
            session.id, [failed(0), failed(1)], Outcome(MessageKey.CANCELLED, late), late
        )
    assert requests.get(request.id) == before
    assert requests.record_outcome(session.id, [failed(0), failed(1)], Outcome(MessageKey.CANCELLED, last), last)


def test_moments_are_compared_as_moments_whatever_their_zone(requests, held, make_session, now):
    request, session = held()
    east = timezone(5 * HOUR)
    assert not requests.take_pen(make_session(request), request.expires.astimezone(east), superseding=session.id)
    assert requests.take_pen(make_session(request), (request.expires - SECOND).astimezone(east), superseding=session.id)


# ------------------------------------------------------------------ letting go


def test_contents_and_results_are_in_use_while_a_row_claims_them(requests, held, now):
    request, session = held(2, content_type=ContentType.PDF)
    results = [stored(), stored()]
    requests.save_progress(session.id, [done(0, results[0])], now)
    sources = [content.content.content_id for content in request.contents]
    asked = [*sources, *(result.content_id for result in results), ContentId("0" * 32), ContentId("../\0")]
    assert requests.contents_in_use(asked) == {*sources, results[0].content_id}
    assert requests.contents_in_use([]) == set()


def test_thousands_of_contents_may_be_asked_about(requests, held):
    request, _ = held(1000, content_type=ContentType.PDF)
    claimed = [content.content.content_id for content in request.contents]
    unclaimed = [ContentId(secrets.token_hex(16)) for _ in range(70_000)]
    assert requests.contents_in_use([*unclaimed, *claimed]) == set(claimed)


def test_old_requests_are_forgotten_with_everything_of_theirs(database, requests, held, now):
    old, session = held(2, content_type=ContentType.PDF, created=now - HOUR)
    result = stored()
    requests.save_progress(session.id, [done(0, result)], now)
    kept, _ = held(1, content_type=ContentType.PDF)
    before = rows(database)
    assert requests.delete_created_before(now - HOUR, 10) == Forgotten(0, ())
    gone = requests.delete_created_before(now, 10)
    assert gone.requests == 1
    assert sorted(gone.contents) == sorted([*(c.content.content_id for c in old.contents), result.content_id])
    assert rows(database) == before - 4
    with pytest.raises(RequestNotFound):
        requests.get(old.id)
    assert requests.get(kept.id).request == kept
    assert requests.delete_created_before(now, 10) == Forgotten(0, ())


def test_the_oldest_go_first_and_no_more_than_asked(requests, held, now):
    ages = [3, 1, 2]
    made = {age: held(1, content_type=ContentType.PDF, created=now - age * HOUR)[0] for age in ages}
    gone = [requests.delete_created_before(now, 1) for _ in range(4)]
    oldest_first = [Forgotten(1, (made[age].contents[0].content.content_id,)) for age in (3, 2, 1)]
    assert gone == [*oldest_first, Forgotten(0, ())]


def test_a_content_that_another_request_claims_stays(requests, make_request, now):
    first, second = (make_request(1, content_type=ContentType.PDF, created=now - age * HOUR) for age in (2, 1))
    second = replace(second, contents=first.contents)
    requests.add(first)
    requests.add(second)
    assert requests.delete_created_before(now, 1) == Forgotten(1, ())
    assert requests.delete_created_before(now, 1) == Forgotten(1, (first.contents[0].content.content_id,))


def test_two_runs_at_once_let_go_of_everything_once(requests, make_request, at_once, now):
    made = [make_request(1, content_type=ContentType.PDF, created=now - HOUR) for _ in range(30)]
    for request in made:
        requests.add(request)

    def run():
        found = []
        while (gone := requests.delete_created_before(now, 4)).requests:
            found += gone.contents
        return found

    gone = at_once(run, run, run)
    assert sorted(chain(*gone)) == sorted(r.contents[0].content.content_id for r in made)


def test_notes_are_kept_without_touching_anything_else_of_the_visit(requests, held, now):
    """A slower tab must not bring back what another has changed meanwhile."""
    _, session = held(1)
    chosen = replace(session, instrument="device", consent_nonce=b"n" * 16)
    requests.update_session(chosen, now)
    assert requests.keep_memo(session.id, {"transaction": "t1"}, now, consent=None)
    assert requests.get(session.request_id).pen == replace(chosen, memo={"transaction": "t1"})


def test_a_consent_is_given_back_once_and_only_where_there_is_no_other(requests, held, now):
    _, session = held(1)
    requests.update_session(replace(session, consent_nonce=b"n" * 16), now)
    assert not requests.keep_memo(session.id, {"a": "b"}, now, consent=b"n" * 16)
    assert requests.use_consent(session.id, b"n" * 16, now)
    assert requests.keep_memo(session.id, {"a": "b"}, now, consent=b"n" * 16)
    pen = requests.get(session.request_id).pen
    assert (pen.consent_nonce, pen.consented, pen.memo) == (b"n" * 16, None, {"a": "b"})
    assert requests.use_consent(session.id, b"n" * 16, now)


def test_notes_of_a_visit_that_was_superseded_are_not_kept(requests, held, now):
    request, session = held(1)
    other = replace(session, id=SessionId("other"), browser=b"y" * 32)
    assert requests.take_pen(other, now, superseding=session.id)
    assert not requests.keep_memo(session.id, {"a": "b"}, now, consent=None)
    assert not requests.keep_memo(other.id, {"a": "b"}, request.expires, consent=None)
