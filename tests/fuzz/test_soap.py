"""A short share of ``gw fuzz soap`` in every run; that it finds what is wrong; and what it found, by name."""

import importlib.util
import re
from dataclasses import replace

import pytest
import structlog

from gateway.soap import service
from tests.fuzz import run, soap
from tests.fuzz.soap_house import CANARY, Finding, FuzzHouse
from tests.soap.messages import NAMESPACE, get_message, post_message
from tests.soap.messages import envelope as in_envelope

LINE = re.compile(r"(structured|raw): (\d+) inputs, seed (\d+), \d+ seconds, found (\d+)")


def said(capsys):
    return {kind: tuple(map(int, figures)) for kind, *figures in LINE.findall(capsys.readouterr().out)}


@pytest.fixture(autouse=True)
def own_log():
    """The fuzzing house sends its records to nowhere; other tests want theirs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def house(tmp_path):
    return FuzzHouse(tmp_path)


def test_a_share_of_messages_made_by_rules(capsys):
    assert run.main(["soap", "--kind", "structured", "--inputs", "150"]) == 0
    inputs, _, found = said(capsys)["structured"]
    assert inputs >= 150
    assert found == 0


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python on this machine"
)
def test_a_share_of_raw_bytes(capsys):
    assert run.main(["soap", "--kind", "raw", "--inputs", "1000", "--seed", "7"]) == 0
    inputs, seed, found = said(capsys)["raw"]
    assert inputs >= 1000
    assert (seed, found) == (7, 0)


def test_a_machine_without_atheris_is_told_so(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert soap.raw(10, None, 1) == 0
    assert "raw: not run, for atheris is not installed" in capsys.readouterr().out


def test_contents_that_are_lost_are_found(capsys, monkeypatch):
    """What cannot find anything says nothing: here a door drops all contents but the first."""
    monkeypatch.setattr(
        service,
        "posted_request",
        lambda request, made=service.posted_request: replace(made(request), contents=made(request).contents[:1]),
    )
    assert run.main(["soap", "--kind", "structured", "--inputs", "500", "--seed", "1"]) == 1
    assert said(capsys)["structured"][2] == 1


@pytest.mark.parametrize("error", [RuntimeError(CANARY), Finding("no error of ours")])
def test_an_error_behind_the_door_is_found(house, error):
    house.doors[False].operations.error = error
    with pytest.raises(Finding, match="fault code 'Server'"):
        house.knock(post_message())


def test_what_is_left_in_the_store_is_found(house, monkeypatch):
    monkeypatch.setattr("gateway.soap.deposits.Deposits.__exit__", lambda *_: None)
    with pytest.raises(Finding, match="left something"):
        house.knock(post_message(content="AAAA" * 100, extra="<ContentType>Pdf</ContentType>"))


def test_a_name_that_is_not_known_here_is_a_usage(capsys):
    assert run.main(["nothing"]) == 2
    assert "usage: gw fuzz" in capsys.readouterr().err


# What it found.


@pytest.mark.parametrize("strict", [False, True])
def test_an_item_of_empty_members_alone_is_one_item(house, strict):
    """Taken at once, it had no text to be counted by, and arrived twice."""
    item = "<SignContent><Content/></SignContent>"
    for count in (1, 2, 5):
        body = in_envelope(
            f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType>'
            f"<Contents>{item * count}</Contents><ShortContentDescription>s</ShortContentDescription>"
            "</request></PostSignRequest>"
        )
        answer = house.knock(body, strict=strict, twice=True, action=f"{NAMESPACE}/IMSign/PostSignRequest")
        assert answer.status == 200
        assert len(house.doors[strict].operations.posted[0].contents) == count


def test_a_mark_of_utf_8_counts_for_more_than_the_header(house):
    answer = house.knock(b"\xef\xbb\xbf" + get_message("x"), content_type="text/xml; charset=utf-16")
    assert answer.reason == "Cannot find such request"
