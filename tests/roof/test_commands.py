"""The command line answers plainly, and its exit codes say whether it was no or wrong usage."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gateway.commands.reference import reference
from gateway.demo import documents
from gateway.sandbox.layout import open_sandbox
from gateway.sandbox.persons import PERSONS

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
    assert (first["valid"], first["signatures"][0]["crypto_valid"]) == (False, True)
    assert first["signatures"][0]["sub_indication"] == "TRY_LATER"  # nobody serves its status
    assert (second["valid"], second["message"], second["signatures"]) == (False, "Documentul nu este semnat", [])


def test_verify_can_be_told_to_fail(run, signed_pdf):
    assert run("verify", "--fail-invalid", signed_pdf)[0] == 1


def test_verify_of_a_hash_signature_wants_its_content(run, tmp_path):
    file = tmp_path / "signature.xml"
    file.write_text("<x/>")
    code, _, err = run("verify", file)
    assert (code, "--content, --hash: one of them is needed" in err) == (2, True)
    code, out, _ = run("verify", "--hash", hashlib.sha256(b"").hexdigest(), file)
    assert (code, "could not be read" in out) == (0, True)


def test_verify_names_a_file_that_is_not_there(run, tmp_path):
    code, _, err = run("verify", tmp_path / "nothing.pdf")
    assert (code, "nothing.pdf: cannot be read" in err) == (2, True)
