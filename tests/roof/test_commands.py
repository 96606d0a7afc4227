"""The command line answers plainly, and its exit codes say whether it was no or wrong usage."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import House
from gateway.commands.reference import reference
from gateway.demo import documents
from gateway.domain.appearance import LAST_PAGE, VisibleSignature
from gateway.domain.parties import ConsumerLimits
from gateway.formats.pictures import read_picture
from gateway.sandbox.layout import open_sandbox
from gateway.sandbox.persons import PERSONS
from gateway.settings import load_settings

ROOT = Path(__file__).parents[2]


def test_help_names_every_command_and_the_exit_codes(run):
    code, out, _ = run("--help", config=False)
    assert code == 0
    for command in (
        "demo",
        "serve",
        "check",
        "consumers",
        "persons",
        "verify",
        "lint",
        "maintain",
        "migrate",
        "settings",
    ):
        assert command in out
    assert "Exit codes" in out


@pytest.mark.parametrize("arguments", [["nonsense"], ["verify", "--no-such-option"], ["consumers", "add"]])
def test_wrong_usage_is_exit_code_two(run, arguments):
    assert run(*arguments, config=False)[0] == 2


def test_settings_that_cannot_be_read_are_exit_code_two_and_named(run, tmp_path):
    code, _, err = run("check", "--config", tmp_path / "nowhere.toml", config=False)
    assert code == 2
    assert "nowhere.toml: cannot be read" in err


def test_without_settings_of_its_own_a_folder_has_those_of_the_demo_and_it_is_said(run, places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("persons", config=False)
    assert (code, "gateway.toml: cannot be read" in err) == (2, True)
    (tmp_path / "demo-data").symlink_to(places.data)
    code, out, err = run("persons", config=False)
    assert code == 0
    assert PERSONS[0].personal_identifier in out
    assert "gateway.toml is not here; using demo-data/gateway.toml" in err


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080000000"
    "03a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


def test_the_configuration_page_is_what_the_command_prints():
    """docs/configuration.md, made with ./gw settings."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference()


def test_consumers_are_added_listed_and_disabled(run, places):
    certificate = places.sandbox_folder / "certificates" / "stranger.pem"
    code, out, _ = run(
        "consumers", "add", "Another", "--certificate", certificate, "--return-origin", "https://A.example:443",
        "--address", "10.1.2.3/8",
    )  # fmt: skip
    assert (code, "registered, serial" in out) == (0, True)
    code, out, _ = run("consumers", "list")
    assert "Another" in out
    assert run("consumers", "disable", "Another")[0] == 0
    code, _, err = run("consumers", "disable", "Nobody")
    assert (code, "no such consumer" in err) == (1, True)


def test_a_consumer_is_enabled_again(run, places):
    certificate = places.sandbox_folder / "certificates" / "root.pem"
    assert run("consumers", "add", "Onoff", "--certificate", certificate)[0] == 0
    assert run("consumers", "disable", "Onoff")[0] == 0
    assert not _registered(places, "Onoff").enabled
    code, out, _ = run("consumers", "enable", "Onoff")
    assert (code, out) == (0, "Onoff: enabled\n")
    assert run("consumers", "enable", "Nobody")[0] == 1
    assert _registered(places, "Onoff").enabled


def test_a_renewed_certificate_keeps_the_consumer(run, places):
    folder = places.sandbox_folder / "certificates"
    origin = ("--return-origin", "https://renewed.example")
    assert run("consumers", "add", "Renewed", "--certificate", folder / "issuing.pem", *origin)[0] == 0
    before = _registered(places, "Renewed")
    code, out, _ = run("consumers", "renew", "Renewed", "--certificate", folder / "time-stamping.pem")
    assert (code, out.startswith("Renewed: renewed, serial ")) == (0, True)
    after = _registered(places, "Renewed")
    assert after.serial != before.serial
    assert replace(after, issuer=before.issuer, serial=before.serial) == before
    code, _, err = run("consumers", "renew", "Renewed", "--certificate", folder / "consumer.pem")
    assert (code, "is registered for" in err) == (2, True)
    assert run("consumers", "renew", "Nobody", "--certificate", folder / "tls.pem")[0] == 1


def test_a_consumer_has_limits_of_its_own(run, places):
    certificate = places.sandbox_folder / "certificates" / "tls.pem"
    given = ("--open-requests", 5, "--request-bytes", 0)
    assert run("consumers", "add", "Limited", "--certificate", certificate, *given)[0] == 0
    assert _registered(places, "Limited").limits == ConsumerLimits(open_requests=5, request_bytes=0)
    code, out, _ = run("consumers", "limits", "Limited", "--stored-bytes", 1000)
    assert (code, out) == (0, "Limited: 1000 stored bytes\n")
    assert _registered(places, "Limited").limits == ConsumerLimits(stored_bytes=1000)
    assert run("consumers", "limits", "Limited")[1] == "Limited: as the settings say\n"
    assert run("consumers", "limits", "Limited", "--open-requests", -1)[0] == 2
    assert run("consumers", "limits", "Nobody")[0] == 1


def test_a_consumers_signatures_are_made_visible(run, places, tmp_path):
    """When it is registered and later; the picture is found beside the file."""
    file = tmp_path / "seen.toml"
    file.write_text(
        'page = "last"\nx = 36\ny = 36.5\nwidth = 200\nheight = 60\ntext = "Semnat: {signer}"\npicture = "p.png"\n',
        encoding="utf-8",
    )
    (tmp_path / "p.png").write_bytes(PIXEL)
    certificate = places.sandbox_folder / "certificates" / "tls-ocsp.pem"
    assert run("consumers", "add", "Seen", "--certificate", certificate, "--appearance", file)[0] == 0
    directory = House(load_settings(places.settings_file)).consumers
    consumer = _registered(places, "Seen")
    expected = VisibleSignature(LAST_PAGE, 36, 36.5, 200, 60, text="Semnat: {signer}", picture=read_picture(PIXEL))
    assert directory.appearance(consumer.id) == expected
    assert "visible" in run("consumers", "list")[1]
    code, out, _ = run("consumers", "appearance", "Seen", "--invisible")
    assert (code, out) == (0, "Seen: signatures in PDFs are invisible\n")
    assert directory.appearance(consumer.id) is None
    assert "visible" not in run("consumers", "list")[1]
    file.write_text('field = "Semnătura"\n', encoding="utf-8")
    assert run("consumers", "appearance", "Seen", file)[1] == "Seen: signatures in PDFs are visible\n"
    assert directory.appearance(consumer.id) == VisibleSignature(field="Semnătura")
    assert run("consumers", "appearance", "Nobody", file)[0] == 1
    assert run("consumers", "appearance", "Seen")[0] == 2
    assert run("consumers", "appearance", "Seen", file, "--invisible")[0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("page = 1\nx = 0\ny = 0\nwidth = 9\nheight = 50", "seen.toml: width: is 12 to 14400 points"),
        ("page = 1\nx = 0\ny = 0\nwidth = 90", "seen.toml: height: is missing"),
        ('page = "middle"\nx = 0\ny = 0\nwidth = 90\nheight = 50', 'seen.toml: page: is "first", "last" or a number'),
        ("page = true\nx = 0\ny = 0\nwidth = 90\nheight = 50", "seen.toml: page: is a whole number or a text"),
        ('field = "a"\nx = 5', "seen.toml: x: the field has its own page and box"),
        ('field = "a"\ncolour = "red"', "seen.toml: colour: is not known; there are page, x,"),
        ('field = "a"\ntext = "{idnp}"', "seen.toml: text: braces hold signer, time or reason"),
        ('field = "a"\npicture = "none.png"', "none.png cannot be read (No such file or directory)"),
        ('field = "a"\npicture = "seen.toml"', "seen.toml: picture: is neither PNG nor JPEG"),
        ("field = ", "seen.toml: "),
        ("#" * 70_000, "seen.toml: is larger than 65536 bytes"),
    ],
)
def test_an_appearance_that_makes_no_sense_is_named(run, tmp_path, text, said):
    file = tmp_path / "seen.toml"
    file.write_text(text, encoding="utf-8")
    code, _, err = run("consumers", "appearance", "Nobody", file)
    assert (code, said in err) == (2, True), err


def _registered(places, name):
    (found,) = [c for c in House(load_settings(places.settings_file)).consumers.all() if c.name == name]
    return found


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--return-origin", "https://a.example/path", "--return-origin: https://a.example/path is not of the form"),
        ("--return-origin", "ftp://a.example", "is not of the form scheme://host"),
        ("--address", "everywhere", "--address: everywhere is no network address"),
    ],
)
def test_what_cannot_be_registered_is_named(run, places, option, value, named):
    certificate = places.sandbox_folder / "certificates" / "tls.pem"
    code, _, err = run("consumers", "add", "Wrong", "--certificate", certificate, option, value)
    assert code == 2
    assert named in err


def test_a_private_key_is_not_taken_for_a_certificate(run, places):
    key = places.sandbox_folder / "private" / "consumer.pem"
    code, _, err = run("consumers", "add", "Wrong", "--certificate", key)
    assert (code, "holds a private key" in err) == (2, True)


def test_a_consumer_cannot_be_registered_twice(run, places):
    certificate = places.sandbox_folder / "certificates" / "consumer.pem"
    assert run("consumers", "add", "Twice", "--certificate", certificate)[0] == 2


def test_persons_are_listed_with_numbers_and_pins(run):
    code, out, _ = run("persons")
    assert code == 0
    for person in PERSONS:
        assert person.personal_identifier in out
        assert person.pin in out


def test_maintain_and_migrate_may_be_run_at_any_time(run):
    assert run("maintain")[0] == 0
    assert run("migrate")[0] == 0


def test_check_tries_everything_and_hides_secrets(run, places):
    code, out, _ = run("check")
    assert code == 1  # nobody serves the sandbox: the time-stamping authority is the one thing wrong
    lines = [line for line in out.splitlines() if line.startswith(("ok", "WRONG"))]
    assert [line.split()[1] for line in lines if line.startswith("WRONG")] == ["time-stamps"]
    assert len(lines) == 8
    secret = (places.data / "secrets" / "pages").read_text().strip()
    assert secret not in out


def test_check_names_each_thing_that_is_wrong(run, places, monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWAY_TRUST__SIGNER_ANCHORS", str(tmp_path / "none"))
    monkeypatch.setenv("GATEWAY_STORAGE__DATABASE", f"sqlite:///{tmp_path}/empty.sqlite")
    monkeypatch.setenv("GATEWAY_SOAP__PRIVATE_KEY", str(places.sandbox_folder / "certificates" / "server.pem"))
    code, out, _ = run("check")
    assert code == 1
    wrong = [line.split()[1] for line in out.splitlines() if line.startswith("WRONG")]
    assert {"database", "listeners", "trust"} <= set(wrong)


@pytest.fixture
def signed_pdf(places, tmp_path):
    """A PDF signed by the stranger, without a time-stamp."""
    sandbox = open_sandbox(places.sandbox_folder)
    file = tmp_path / "signed.pdf"
    file.write_bytes(documents.signed_by_a_stranger(documents.letter("TEST", ["x"]), sandbox.stranger(), None))
    return file


def test_verify_answers_one_json_object_for_each_file(run, signed_pdf, tmp_path):
    unsigned = tmp_path / "unsigned.pdf"
    unsigned.write_bytes(documents.letter("TEST", ["x"]))
    code, out, _ = run("verify", "--json", "--lang", "ro", signed_pdf, unsigned)
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert (first["id"], first["valid"]) == (str(signed_pdf), False)
    signature = first["signatures"][0]
    assert (signature["crypto_valid"], signature["trusted"], signature["policy_met"]) == (True, None, True)
    assert signature["sub_indication"] == "TRY_LATER"  # nobody serves its status
    assert signature["reasons"] == ["status-unknown"]
    assert (second["valid"], second["message"], second["signatures"]) == (False, "Documentul nu este semnat", [])
    assert (second["indication"], second["sub_indication"]) == ("TOTAL-FAILED", "FORMAT_FAILURE")


def test_verify_can_be_told_to_fail(run, signed_pdf):
    assert run("verify", "--fail-invalid", signed_pdf)[0] == 1


def test_verify_without_anchors_needs_no_settings_and_says_that_nobody_was_judged(run, signed_pdf, tmp_path):
    code, out, _ = run(
        "verify", "--trust", "self", "--json", signed_pdf, "--config", tmp_path / "none.toml", config=False
    )
    facts = json.loads(out)
    assert (code, facts["valid"], facts["indication"]) == (0, True, "INDETERMINATE")
    signature = facts["signatures"][0]
    assert (signature["trusted"], signature["qualification"], signature["reasons"]) == (
        None,
        None,
        ["trust-not-judged"],
    )


def test_verify_takes_a_folder_of_anchors_instead_of_settings(run, places, signed_pdf, tmp_path):
    anchors = places.sandbox_folder / "anchors" / "tsa"
    code, out, _ = run(
        "verify", "--anchors", anchors, "--json", signed_pdf, "--config", tmp_path / "none.toml", config=False
    )
    assert (code, json.loads(out)["signatures"][0]["trusted"]) == (0, False)


def test_verify_prints_the_reasons_for_people(run, signed_pdf):
    code, out, _ = run("verify", "--trust", "self", "--lang", "ro", signed_pdf)
    assert code == 0
    assert "Semnătura este intactă" in out
    assert "(trust-not-judged)" in out


def test_verify_of_what_is_no_signature_file_says_so(run, tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(b"\x89PNG\r\n")
    code, out, _ = run("verify", file)
    assert (code, "neither a PDF, an XML file nor a signature container" in out) == (0, True)
    file.write_text("<x/>")
    code, out, _ = run("verify", "--hash", hashlib.sha256(b"").hexdigest(), file)
    assert (code, "could not be read" in out or "not signed" in out) == (0, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hash", "zz"], "--hash: "),
        (["--hash", "abcd"], "--hash: a hash must have 20, 32, 48 or 64 bytes"),
        (["--content", "nowhere"], "--content: nowhere is not a file"),
        (["--policy", "mine"], "policy: must be one of msign-compat, etsi"),
        (["--jsonl", "x"], "go with --manifest"),
        (["--trust", "self", "--anchors", "x"], "give one of them"),
        (["--anchors", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_verify_names_the_option_that_cannot_be_used(run, signed_pdf, options, said):
    code, _, err = run("verify", *options, signed_pdf)
    assert (code, said in err) == (2, True)


def test_verify_writes_reports_for_archives_and_for_people(run, places, signed_pdf, tmp_path, monkeypatch):
    xml, html = tmp_path / "report.xml", tmp_path / "report.html"
    asked = ["verify", "--lang", "ru", "--report-xml", xml, "--report-html", html, signed_pdf]
    assert run(*asked)[0] == 0
    assert b"urn:etsi:019102:subindication:TRY_LATER" in xml.read_bytes()
    assert '<html lang="ru">' in html.read_text(encoding="utf-8")
    assert hashlib.sha256(signed_pdf.read_bytes()).hexdigest() in html.read_text(encoding="utf-8")
    monkeypatch.setenv("GATEWAY_REPORTS__SEAL_CERTIFICATE", str(places.sandbox_folder / "certificates" / "server.pem"))
    code, _, err = run(*asked)
    assert (code, "go together" in err) == (2, True)
    monkeypatch.setenv("GATEWAY_REPORTS__SEAL_PRIVATE_KEY", str(places.sandbox_folder / "private" / "server.pem"))
    assert run(*asked)[0] == 0
    assert b"SignatureValue>" in xml.read_bytes()
    code, _, err = run("verify", "--report-xml", xml, signed_pdf, signed_pdf)
    assert (code, "are about one FILE" in err) == (2, True)
    code, _, err = run("verify", "--report-html", tmp_path / "none" / "x", signed_pdf)
    assert (code, "cannot be written" in err) == (2, True)


def test_verify_names_a_file_that_is_not_there(run, tmp_path):
    code, _, err = run("verify", tmp_path / "nothing.pdf")
    assert (code, "nothing.pdf: cannot be read" in err) == (2, True)
