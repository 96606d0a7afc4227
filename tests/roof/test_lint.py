"""A captured request is told everything that is wrong with it, member by member, with nothing set up."""

from __future__ import annotations

import io

import pytest
from cyclopts import App

from gateway.commands.linting import lint
from gateway.soap.limits import SoapLimits
from gateway.soap.lint import FINDINGS, lint_message

NAMESPACE = "https://msign.gov.md"
ACTION = f"{NAMESPACE}/IMSign/PostSignRequest"
GOOD = (
    "<ContentType>Hash</ContentType><Contents><SignContent><Content>AAAA</Content></SignContent></Contents>"
    "<ShortContentDescription>s</ShortContentDescription>"
)
LARGE = "AAAA" * 20_000
"""Base64 of more than stays in memory."""


def message(request=GOOD, header="", after=""):
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{header}<s:Body>'
        f'<PostSignRequest xmlns="{NAMESPACE}"><request>{request}</request></PostSignRequest>{after}</s:Body>'
        "</s:Envelope>"
    ).encode()


def found(body, action=ACTION):
    """Member, reason and mode of each finding."""
    stream = io.BytesIO(body)
    findings = lint_message(stream, len(body), action=action, limits=SoapLimits())
    return [(f.member, f.reason, "both" if f.compatible else "strict") for f in findings]


def members(body, **options):
    return {(member, mode) for member, _, mode in found(body, **options)}


def test_a_message_in_order_has_no_findings():
    assert found(message()) == []
    assert found(message(), action=None) == []


def test_everything_is_found_and_each_by_its_name_and_mode():
    body = message(
        '<Zzz/><ContentType a="1">pdf</ContentType><Contents><SignContent><Content>!!!!</Content>'
        "<MultipleSignatures>yes</MultipleSignatures></SignContent><SignContent/></Contents><Contents/>"
        "<SignatureReason/><ExpectedSigner><DelegatedRoleID>x</DelegatedRoleID></ExpectedSigner>"
    )
    assert members(body) == {
        ("request", "strict"),
        ("ContentType", "strict"),
        ("ContentType", "both"),
        ("Contents[0].Content", "both"),
        ("Contents[0].MultipleSignatures", "both"),
        ("Contents[1].Content", "strict"),
        ("Contents", "both"),
        ("ExpectedSigner", "both"),
        ("ExpectedSigner.DelegatedRoleID", "both"),
        ("ExpectedSigner.ID", "strict"),
        ("ShortContentDescription", "strict"),
    }


def test_every_attribute_and_every_missing_member_is_named():
    body = message(GOOD.replace("<Contents>", '<Contents a="1" href="#x">'))
    assert found(body) == [
        ("Contents", "has the unknown attribute a", "strict"),
        ("Contents", "is a reference (href); values are sent in place", "both"),
    ]
    assert found(message("")) == [
        ("ContentType", "is required", "both"),
        ("Contents", "is required", "strict"),
        ("ShortContentDescription", "is required", "strict"),
    ]


def test_after_a_large_content_that_is_broken_the_next_is_read():
    item = "<SignContent><Content>{}</Content></SignContent>".format
    contents = item(LARGE + "!") + item(LARGE) + item(LARGE + "A") + item("<b/>") + item(LARGE)
    body = message(GOOD.replace("<SignContent>", contents + "<SignContent>"))
    assert members(body) == {(f"Contents[{index}].Content", "both") for index in (0, 2, 3)}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (ACTION, []),
        ("", [("SOAPAction", f'The SOAPAction header is missing; it must be "{ACTION}"', "strict")]),
        (
            "urn:x",
            [
                (
                    "SOAPAction",
                    f'The SOAPAction header names another operation than the message; it must be "{ACTION}"',
                    "both",
                )
            ],
        ),
    ],
)
def test_the_action_is_compared_where_it_is_given(action, expected):
    assert found(message(), action=action) == expected


def test_a_header_that_is_not_understood_does_not_hide_the_body():
    header = '<s:Header><X s:mustUnderstand="1" xmlns="urn:z"/></s:Header>'
    assert members(message("<Zzz/>" + GOOD, header)) == {("Header", "both"), ("request", "strict")}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<x/>",
        message()[:-30],
        message(after="<x/>"),
        b"<!DOCTYPE x []>" + message(),
        message().replace(NAMESPACE.encode(), b"urn:z"),
        message().replace(b"PostSignRequest", b"Nope"),
    ],
)
def test_what_is_no_message_is_one_finding_in_both_modes(body):
    assert members(body) == {("Envelope", "both")}


def test_a_request_that_the_operation_could_not_even_be_asked_is_found():
    nil = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    assert found(message(GOOD.replace("<SignContent>", f"<SignContent {nil}/><SignContent>"))) == [
        ("Contents[0]", "must not be nil", "both")
    ]
    without = message().replace(b"<request>" + GOOD.encode() + b"</request>", b"")
    assert found(without) == [("request", "is required", "both")]


def test_findings_are_bounded():
    """Each at a member of its own, so none is a repetition."""
    body = message(GOOD.replace("<SignContent>", "<SignContent a='1'/>" * 900 + "<SignContent>"))
    assert len(found(body)) == FINDINGS + 1
    stream = io.BytesIO(message())
    small = lint_message(stream, len(message()), action=None, limits=SoapLimits(body=100))
    assert [(f.member, f.reason, f.compatible) for f in small] == [
        ("Envelope", "The request is larger than 100 bytes", True)
    ]


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
    """The command alone, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    app = App(default_command=lint)

    def run(*arguments):
        code = app([*map(str, arguments)], exit_on_error=False, result_action="return_value")
        captured = capsys.readouterr()
        return int(code), captured.out, captured.err

    return run


def test_the_command_says_what_and_why_and_its_exit_code_says_whether(command, tmp_path):
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(message())
    bad.write_bytes(message("<Zzz/>" + GOOD.replace("AAAA", "!")))
    assert command(good, "--action", f'"{ACTION}"')[:2] == (0, f"{good}: nothing to say\n")
    code, out, _ = command(bad)
    assert code == 1
    assert "request: holds the unknown element Zzz (refused in strict mode)" in out
    assert "Contents[0].Content: is not valid base64: letters, digits, + and /" in out


def test_a_file_that_cannot_be_read_is_exit_code_two(command, tmp_path):
    for unreadable in (tmp_path / "nowhere.xml", tmp_path):
        code, out, err = command(unreadable)
        assert (code, out, "cannot be read" in err) == (2, "", True)
