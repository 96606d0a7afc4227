"""Single incidents, each with its own story: what the machine is told to leave out, and what it seldom comes across."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.contents import ContentType
from gateway.domain.requests import ContentState, SignStatus
from gateway.errors import AlreadyFinished, ConsentMismatch, SessionSuperseded
from gateway.operations import maintenance
from gateway.operations.post_sign_request import PostedContent, PostedRequest
from gateway.operations.sign import Finished, TryAgain

_spec = importlib.util.spec_from_file_location("request_incidents_house", Path(__file__).with_name("house.py"))
house = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = house
_spec.loader.exec_module(house)
Disturbance, Killed = house.Disturbance, house.Killed

ONE, OTHER = b"1" * 32, b"2" * 32


@pytest.fixture
def home(tmp_path, template):
    shutil.copy(template, tmp_path / "gateway.sqlite")
    home = house.House(house.World(tmp_path))
    yield home
    home.close()


def post(home, *contents):
    kind = ContentType.PDF if contents[0].startswith(b"%PDF") else ContentType.HASH
    return home.post(house.CONSUMER, PostedRequest(kind, [PostedContent(c) for c in contents], "short"))


def digests(count):
    return [hashlib.sha256(b"%d" % i).digest() for i in range(count)]


def consent(home, request, browser=ONE, person="ana"):
    home.signing.take_pen(request, browser)
    home.signing.choose(request, browser, "hosted", {"person": person}, house.ADDRESS)
    return home.signing.confirmation(request, browser, house.ADDRESS).token


def send(home, request, token, browser=ONE, person="ana"):
    return home.signing.sign(request, browser, token, {"pin": house.PINS[person]}, house.ADDRESS)


def sign(home, request, browser=ONE, person="ana"):
    return send(home, request, consent(home, request, browser, person), browser, person)


def states(home, request):
    return [item.state for item in home.rows.get(request).progress]


def test_a_second_tab_does_not_overwrite_the_first_ones_values(home):
    """Both were consented to; the first values that were kept are the ones that are finished."""
    request = post(home, *digests(2))
    token = consent(home, request)
    home.world.silent = "every second"
    home.world.disturb(Disturbance("device", 1, "another tab"), lambda _: sign(home, request, person="ion"))
    with pytest.raises(SessionSuperseded):
        send(home, request, token)
    assert states(home, request) == [ContentState.DONE, ContentState.TIME_STAMP_MISSING]
    home.world.silent = "nobody"
    assert isinstance(home.signing.finish(request, ONE), Finished)
    results = home.response(house.CONSUMER, request).results
    assert {house.verify(r.signature).certificate for r in results} == {house.certificate_of("ion").der}


def test_power_that_fails_after_the_consent_leaves_the_signer_free_to_consent_anew(home):
    request = post(home, b"%PDF one")
    token = consent(home, request)
    home.world.disturb(Disturbance("device", 1, "before"), None)
    with pytest.raises(Killed):
        send(home, request, token)
    home.close()
    home.world.dead = False
    again = house.House(home.world)
    with pytest.raises(ConsentMismatch):
        send(again, request, token)
    assert isinstance(sign(again, request), Finished)
    assert again.response(house.CONSUMER, request).status is SignStatus.SUCCESS
    again.close()


def test_power_that_fails_after_the_values_are_kept_asks_for_no_pin_again(home):
    request = post(home, b"%PDF one", b"%PDF two")
    token = consent(home, request)
    home.world.disturb(Disturbance("commit", 2, "after"), None)
    with pytest.raises(Killed):
        send(home, request, token)
    home.close()
    home.world.dead = False
    again = house.House(home.world)
    assert isinstance(again.signing.finish(request, ONE), Finished)
    assert (home.world.batches_signed, len(home.world.consents)) == (1, 1)
    home.world.now += timedelta(hours=25)
    assert again.maintain().orphaned_contents == 2
    assert again.on_disk() == {content_id for content_id, _, _ in again.claimed()}
    again.close()


def test_finishing_before_anything_is_signed_ends_nothing(home):
    """A form that is sent too early, or again after a crash, must not be the signer's last word."""
    request = post(home, *digests(2))
    home.signing.take_pen(request, ONE)
    with pytest.raises(ConsentMismatch):
        home.signing.finish(request, ONE)
    assert home.rows.get(request).outcome is None


def test_a_slower_tab_is_told_that_the_faster_one_has_finished(home):
    """And not that another browser took over, nor does it change the outcome."""
    request = post(home, *digests(2))
    home.world.silent = "all"
    assert isinstance(sign(home, request), TryAgain)
    home.world.silent = "every second"

    def faster(_):
        home.world.silent = "nobody"
        home.signing.finish(request, ONE)

    home.world.disturb(Disturbance("save_progress", 1, "another tab"), faster)
    with pytest.raises(AlreadyFinished):
        home.signing.finish(request, ONE)
    assert home.response(house.CONSUMER, request).status is SignStatus.SUCCESS


def test_maintenance_lets_go_of_any_number_of_hash_requests(home, monkeypatch):
    monkeypatch.setattr(maintenance, "_BATCH", 2)
    made = [post(home, *digests(1)) for _ in range(5)]
    home.world.now += house.RETENTION + timedelta(seconds=1)
    home.maintain()
    assert [home.is_kept(request) for request in made] == [False] * 5


# ------------------------------------------------------------------ harm that is known


def test_a_request_that_was_kept_keeps_its_contents_though_the_answer_was_lost(home):
    """The connection fails while the commit is confirmed, or the worker is told to leave just then."""
    home.world.disturb(Disturbance("add", 1, "after", soft=True), None)
    with pytest.raises(Killed):
        post(home, b"%PDF one")
    assert home.on_disk() == {content_id for content_id, _, _ in home.claimed()}


def test_a_request_that_was_told_expired_stays_expired(home):
    """Its time runs out while the authority is asked, and the e-service looks before the answer is there."""
    request = post(home, *digests(1))
    token = consent(home, request)
    seen = []

    def hour_later(_):
        home.world.now += house.LIFETIME
        seen.append(home.response(house.CONSUMER, request).status)

    home.world.disturb(Disturbance("tokens", 1, "expired"), hour_later)
    with pytest.raises(AlreadyFinished):
        send(home, request, token)
    seen.append(home.response(house.CONSUMER, request).status)
    assert seen == [SignStatus.EXPIRED, SignStatus.EXPIRED]
