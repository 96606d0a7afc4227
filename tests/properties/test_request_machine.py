"""
Whatever two browsers, an e-service, a silent authority, the clock and a failing power supply do to a request, in any
order and in the middle of each other: it ends at most once, wholly or not at all, and nothing that was signed is lost.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateway.domain.contents import ContentType, StoredContent
from gateway.domain.messages import MessageKey
from gateway.domain.requests import ContentState, SignStatus, status_at
from gateway.errors import (
    AlreadyFinished,
    AuthorityUnavailable,
    ConsentMismatch,
    InvalidRequest,
    RequestNotFound,
    SessionSuperseded,
)
from gateway.operations.post_sign_request import PostedContent, PostedRequest
from gateway.operations.sign import Finished, TryAgain

_spec = importlib.util.spec_from_file_location("request_machine_house", Path(__file__).with_name("house.py"))
house = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = house
_spec.loader.exec_module(house)
World, House, Disturbance, Killed, OUTSIDE = house.World, house.House, house.Disturbance, house.Killed, house.OUTSIDE

BROWSERS = (b"1" * 32, b"2" * 32)
HASHES = [hashlib.sha256(b"%d" % i).digest() for i in range(3)]
DOCUMENTS = [b"%PDF one", b"%PDF two", house.UNSIGNABLE]
TOLD = (AlreadyFinished, SessionSuperseded, ConsentMismatch, AuthorityUnavailable, RequestNotFound)
"""What a front door may hear at any moment; anything else is a defect."""
VISITS = ["signed in another tab", "taken over", "signed elsewhere", "finished", "cancelled", "expired"]
KEPT = (ContentState.SIGNED, ContentState.TIME_STAMP_MISSING)


nth = st.sampled_from([1, 1, 1, 2])


def disturbed(places, visits=(), visited=None):
    """Nothing, a kill around one of *places*, or a visit in one of *visited*, where others commonly come between."""
    kills = st.builds(Disturbance, st.sampled_from(places), nth, st.sampled_from(["before", "after"]), st.booleans())
    meetings = st.builds(
        Disturbance, st.sampled_from(visited or places), nth, st.sampled_from(visits or ["maintained"])
    )
    return st.one_of(st.none(), kills, meetings)


WRITES = [
    "take_pen",
    "update_session",
    "keep_memo",
    "use_consent",
    "save_progress",
    "record_outcome",
    "create",
    "commit",
]
while_posting = disturbed(["create", "write", "commit", "open", "add", "delete"])
while_taking = disturbed(["take_pen"], VISITS)
while_choosing = disturbed(["judge", "update_session"], VISITS)
while_signing = disturbed([*WRITES, *OUTSIDE], VISITS, [*OUTSIDE, "use_consent", "save_progress", "record_outcome"])
while_finishing = disturbed(["tokens", "save_progress", "record_outcome", "create", "commit"], VISITS)
while_cancelling = disturbed(["take_pen", "record_outcome"], VISITS)
while_maintaining = disturbed(["delete_created_before", "contents_in_use", "delete"])
browsers = st.sampled_from([BROWSERS[0], *BROWSERS])
people = st.sampled_from(sorted(house.PINS))
silences = st.sampled_from(["nobody", "nobody", "every second", "all", "status"])
which = st.integers(0, 9)
""" "Which request": the last number means any, the others one that is still open, where there is one."""
is_posted = precondition(lambda self: bool(self.posted))
is_idle = precondition(lambda self: len(self.still_open()) < 2 and len(self.posted) < 6)


class RequestMachine(RuleBasedStateMachine):
    """The model is what was posted, and what was last seen of every request."""

    def __init__(self, folder, template):
        super().__init__()
        folder.mkdir()
        shutil.copy(template, folder / "gateway.sqlite")
        self.world = World(folder)
        self.house = House(self.world)
        self.posted, self.seen, self.pages, self.met = {}, {}, [], None

    def pick(self, number):
        """A request to do something about."""
        among = self.still_open() if self.still_open() and number < 9 else list(self.posted)
        return among[number % len(among)]

    def still_open(self):
        return [r for r in self.posted if r in self.seen and self.seen[r][1] is SignStatus.PENDING]

    # ------------------------------------------------------------------ how things are done

    def do(self, act, disturbance=None, request=None, browser=None):
        """The answer of *act*, or what was told instead; None where it was cut off."""
        self.met = None
        self.world.disturb(disturbance, lambda name: self.meanwhile(name, request, browser))
        try:
            return act()
        except Killed:
            return None
        except TOLD as told:
            return told
        finally:
            self.world.disturb(None, None)
            if self.world.dead:
                self.rebuild()

    def meanwhile(self, name, request, browser):
        """What somebody else does in the middle of a call; the e-service looks, too."""
        self.met = name
        signing, other = self.house.signing, BROWSERS[browser == BROWSERS[0]]
        try:
            if name == "expired":
                self.world.now += house.LIFETIME
            elif name == "maintained":
                self.house.maintain()
            elif request is None:
                return
            elif name == "taken over":
                signing.take_pen(request, other, take_over=True)
            elif name == "signed elsewhere":
                signing.take_pen(request, other, take_over=True)
                self.sign_as(request, other, "ion")
            elif name == "signed in another tab":
                self.sign_as(request, browser, "ion")
            elif name == "finished":
                signing.finish(request, browser)
            elif name == "cancelled":
                signing.cancel(request, browser)
        except TOLD:
            self.met = None
        self.every_request_stands_as_it_may()

    def sign_as(self, request, browser, person):
        """A signer's whole visit, once the pen is held; where all is signed already, its end."""
        signing = self.house.signing
        if signing.standing(request, browser).values_kept:
            return signing.finish(request, browser)
        signing.choose(request, browser, "hosted", {"person": person}, house.ADDRESS)
        token = signing.confirmation(request, browser, house.ADDRESS).token
        return signing.sign(request, browser, token, {"pin": house.PINS[person]}, house.ADDRESS)

    def rebuild(self):
        self.house.close()
        self.world.dead = False
        self.house = House(self.world)

    def told_rightly(self, request, answer):
        """What a signer is told is how it stands."""
        if request not in self.posted or self.is_gone(request):
            return
        record = self.house.rows.get(request)
        if isinstance(answer, Finished):
            assert record.outcome == answer.outcome
        if isinstance(answer, TryAgain):
            assert answer.waiting > 0

    def is_gone(self, request):
        return self.world.now - self.posted[request][1] > house.RETENTION

    # ------------------------------------------------------------------ the e-service

    @is_idle
    @rule(contents=st.lists(st.sampled_from(HASHES), min_size=1, max_size=3), disturbance=while_posting)
    def post_hashes(self, contents, disturbance):
        self.post(ContentType.HASH, [PostedContent(c, f"c{i}") for i, c in enumerate(contents)], contents, disturbance)

    @is_idle
    @rule(
        contents=st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=3),
        streamed=st.booleans(),
        refused=st.sampled_from([False, False, False, True]),
        disturbance=while_posting,
    )
    def post_documents(self, contents, streamed, refused, disturbance):
        """In memory, or written to the store while the envelope was read."""
        contents = [*contents, house.REFUSED] if refused else contents

        def written():
            kept = [self.write(content) if streamed else content for content in contents]
            return [PostedContent(content, f"c{i}") for i, content in enumerate(kept)]

        self.post(ContentType.PDF, written, contents, disturbance)

    def post(self, content_type, posted, contents, disturbance):
        now = self.world.now

        def act():
            sent = posted() if callable(posted) else posted
            try:
                return self.house.post(house.CONSUMER, PostedRequest(content_type, sent, "short"))
            except InvalidRequest as refused:
                return refused

        request = self.do(act, disturbance)
        if isinstance(request, str):
            assert house.REFUSED not in contents
            self.posted[request] = (contents, now)

    def write(self, content):
        with self.house.contents.create() as writer:
            writer.write(content)
            return writer.commit()

    # ------------------------------------------------------------------ signers

    @is_posted
    @rule(number=which, browser=browsers, take_over=st.booleans(), disturbance=while_taking)
    def take_pen(self, number, browser, take_over, disturbance):
        """Without a word about taking over, nobody loses the pen."""
        request = self.pick(number)
        self.do(
            lambda: self.house.signing.take_pen(request, browser, take_over=take_over), disturbance, request, browser
        )
        if self.met == "taken over" and not take_over:
            assert self.house.rows.get(request).pen.browser != browser

    @is_posted
    @rule(number=which, browser=browsers, person=people, disturbance=while_choosing)
    def open_the_confirm_page(self, number, browser, person, disturbance):
        """By way of a choice; the page's token is remembered, and may be sent much later."""
        request = self.pick(number)
        self.do(lambda: self.house.signing.take_pen(request, browser, take_over=number < 7))
        self.do(
            lambda: self.house.signing.choose(request, browser, "hosted", {"person": person}, house.ADDRESS),
            disturbance,
            request,
            browser,
        )
        page = self.do(lambda: self.house.signing.confirmation(request, browser, house.ADDRESS))
        if not isinstance(page, TOLD):
            self.pages.append((request, browser, page.token, person))

    @precondition(lambda self: bool(self.pages))
    @rule(
        back=st.sampled_from([0, 0, 0, 1, 2]),
        right=st.sampled_from([True, True, False]),
        twice=st.booleans(),
        silent=silences,
        disturbance=while_signing,
    )
    def send_a_confirm_form(self, back, right, twice, silent, disturbance):
        """Of a page that was ever shown: the newest, or an older one; perhaps with a double click."""
        request, browser, token, person = self.pages[-1 - min(back, len(self.pages) - 1)]
        self.world.silent = silent
        pin = house.PINS[person] if right else "0000"
        batches = self.world.batches_signed

        def send():
            return self.house.signing.sign(request, browser, token, {"pin": pin}, house.ADDRESS)

        answer = self.do(send, disturbance, request, browser)
        self.told_rightly(request, answer)
        if twice:
            self.told_rightly(request, self.do(send))
        if not right and (disturbance is None or disturbance.kills):
            assert self.world.batches_signed == batches

    @is_posted
    @rule(
        number=which,
        browser=browsers,
        person=people,
        leaves_last=st.booleans(),
        silent=silences,
        disturbance=while_signing,
    )
    def sign(self, number, browser, person, leaves_last, silent, disturbance):
        """A whole visit: with everything in order it gets as far as the authorities let it."""
        request = self.pick(number)
        self.world.silent, self.world.device_leaves_last = silent, leaves_last
        self.do(lambda: self.house.signing.take_pen(request, browser, take_over=True))
        answer = self.do(lambda: self.sign_as(request, browser, person), disturbance, request, browser)
        self.world.device_leaves_last = False
        self.told_rightly(request, answer)
        if disturbance is None and silent != "status" and request in self.still_open() and self.in_time(request):
            assert isinstance(answer, Finished if silent == "nobody" else Finished | TryAgain)

    def in_time(self, request):
        return self.world.now < self.posted[request][1] + house.LIFETIME

    def waiting(self):
        return [r for r, (record, status) in self.seen.items() if status is SignStatus.PENDING and _waits(record)]

    @rule(number=which, browser=browsers)
    @is_posted
    def finish_too_early_or_too_late(self, number, browser):
        """Where nothing waits for a time-stamp there is nothing to finish, and it does no harm to ask."""
        request = self.pick(number)
        if request not in self.waiting():
            self.told_rightly(request, self.do(lambda: self.house.signing.finish(request, browser)))

    @precondition(lambda self: bool(self.waiting()))
    @rule(number=which, silent=silences, disturbance=while_finishing)
    def finish(self, number, silent, disturbance):
        """Without the signer's PIN, in the browser that holds the pen."""
        request = self.waiting()[number % len(self.waiting())]
        browser = self.seen[request][0].pen.browser
        self.world.silent = silent
        answer = self.do(lambda: self.house.signing.finish(request, browser), disturbance, request, browser)
        self.told_rightly(request, answer)
        if disturbance is None and silent in ("nobody", "status") and self.in_time(request):
            assert isinstance(answer, Finished)

    @is_posted
    @rule(number=which, browser=browsers, sure=st.sampled_from([False, False, True]), disturbance=while_cancelling)
    def cancel(self, number, browser, sure, disturbance):
        if not sure:
            return
        request = self.pick(number)
        answer = self.do(lambda: self.house.signing.cancel(request, browser), disturbance, request, browser)
        self.told_rightly(request, answer)

    # ------------------------------------------------------------------ the world

    @is_posted
    @rule(minutes=st.sampled_from([1, 1, 2, 5, 10, 20, 61, 60 * 24 * 31]), disturbance=while_maintaining)
    def time_passes_and_maintenance_runs(self, minutes, disturbance):
        self.world.now += timedelta(minutes=minutes)
        self.do(self.house.maintain, disturbance)

    @rule()
    def the_process_is_restarted(self):
        self.rebuild()

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def every_request_stands_as_it_may(self):
        for request, (contents, created) in self.posted.items():
            try:
                record = self.house.rows.get(request)
            except RequestNotFound:
                assert self.world.now - created > house.RETENTION
                self.seen.pop(request, None)
                continue
            status = status_at(record.request.expires, record.outcome, self.world.now)
            self.moves_only_forward(request, record, status)
            self.releases_what_it_may(request, contents, record, status)
            self.seen[request] = (record, status)

    def moves_only_forward(self, request, record, status):
        if request not in self.seen:
            return
        before, earlier = self.seen[request]
        assert record.request == before.request
        if earlier is not SignStatus.PENDING:
            assert (record, status) == (before, earlier)
        for kept, item in zip(before.progress, record.progress, strict=True):
            if record.outcome is None:
                self.keeps(kept, item)

    def keeps(self, kept, item):
        """A value stays, or has become a result with that very value in it; what is finished stays finished."""
        if kept.state in KEPT:
            assert item.value == kept.value if item.state in KEPT else self.result(item).value == kept.value
        if kept.state in (ContentState.DONE, ContentState.FAILED):
            assert item.state is kept.state

    def result(self, item):
        assert item.state is ContentState.DONE
        return house.verify(self.bytes_of(item.result))

    def bytes_of(self, result):
        if not isinstance(result, StoredContent):
            return result
        with self.house.files.open(result.content_id) as stream:
            return stream.read()

    def releases_what_it_may(self, request, contents, record, status):
        response = self.house.response(house.CONSUMER, request)
        assert response.status is status
        if status in (SignStatus.PENDING, SignStatus.EXPIRED) or response.message is MessageKey.CANCELLED:
            assert response.results == ()
            return
        assert [r.correlation_id for r in response.results] == [f"c{i}" for i in range(len(contents))]
        whole = [r.signature is not None for r in response.results]
        expected = {
            None: all(whole),
            MessageKey.PARTLY_SIGNED: any(whole) and not all(whole),
            MessageKey.NOTHING_SIGNED: not any(whole),
        }
        assert expected[response.message]
        assert (status is SignStatus.SUCCESS) == (response.message is None)
        for content, given in zip(contents, response.results, strict=True):
            assert (given.certificate is None) == (given.signature is None)
            if given.signature is not None:
                self.is_bound_to(content, given, document=record.request.content_type is ContentType.PDF)

    def is_bound_to(self, content, given, *, document):
        signature = self.bytes_of(given.signature)
        found = house.verify(signature)
        assert found.certificate == given.certificate
        assert found.content == (hashlib.sha256(content).digest() if document else content)
        assert signature.startswith(content if document else b"\n%SIGNATURE ")

    @invariant()
    def nothing_happens_twice(self):
        assert len(set(self.world.consents)) == len(self.world.consents)
        assert self.world.batches_signed <= len(self.world.consents)
        assert len(set(self.world.outcomes)) == len(self.world.outcomes)

    @invariant()
    def every_claimed_content_exists(self):
        for content_id, length, digest in self.house.claimed():
            with self.house.files.open(content_id) as stream:
                held = stream.read()
            assert (len(held), hashlib.sha256(held).digest()) == (length, digest)

    # ------------------------------------------------------------------ how it ends

    def teardown(self):
        try:
            self.everything_can_still_be_ended()
            self.nothing_stays_for_ever()
        finally:
            self.house.close()

    def everything_can_still_be_ended(self):
        """Whatever happened, a signer who comes again and an authority that answers bring a request to its outcome."""
        self.world.silent = "nobody"
        for request in self.posted:
            if not self.in_time(request) or self.house.rows.get(request).outcome is not None:
                continue
            self.house.signing.take_pen(request, BROWSERS[0], take_over=True)
            try:
                answer = self.house.signing.finish(request, BROWSERS[0])
            except ConsentMismatch:
                answer = self.sign_as(request, BROWSERS[0], "ana")
            assert isinstance(answer, Finished)
        self.every_request_stands_as_it_may()

    def nothing_stays_for_ever(self):
        self.world.now += timedelta(hours=25)
        self.house.maintain()
        assert self.house.on_disk() == {content_id for content_id, _, _ in self.house.claimed()}
        self.world.now += house.RETENTION
        self.house.maintain()
        assert self.house.on_disk() == set()
        assert self.house.claimed() == []


def _waits(record):
    return any(item.state in KEPT for item in record.progress)


def test_any_interleaving_of_visits_kills_and_time(tmp_path, template):
    number = count()
    run_state_machine_as_test(
        lambda: RequestMachine(tmp_path / str(next(number)), template),
        settings=settings(
            max_examples=100,
            stateful_step_count=25,
            deadline=None,
            derandomize=os.environ.get("CI") == "true",
            suppress_health_check=list(HealthCheck),
        ),
    )
