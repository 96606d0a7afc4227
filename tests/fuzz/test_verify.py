"""A short share of ``gw fuzz verify`` in every run; that it finds what is wrong; and what it found, by name."""

import importlib.util
import re

import pytest

from gateway.formats.pades import reading
from tests.fuzz import run, verify

LINE = re.compile(r"(xml|pdf) (structured|raw): (\d+) inputs, seed (\d+), \d+ seconds, found (\d+)")
NO_ATHERIS = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python on this machine"
)


def said(capsys):
    return {(what, kind): tuple(map(int, figures)) for what, kind, *figures in LINE.findall(capsys.readouterr().out)}


@pytest.mark.parametrize(("what", "inputs"), [("xml", 400), ("pdf", 150)])
def test_a_share_of_good_files_that_were_spoiled(capsys, what, inputs):
    assert run.main(["verify", what, "--kind", "structured", "--inputs", str(inputs), "--seed", "3"]) == 0
    assert said(capsys)[what, "structured"] == (inputs, 3, 0)


@NO_ATHERIS
@pytest.mark.parametrize(("what", "inputs"), [("xml", 300), ("pdf", 100)])
def test_a_share_of_raw_bytes(capsys, what, inputs):
    assert run.main(["verify", what, "--kind", "raw", "--inputs", str(inputs), "--seed", "3"]) == 0
    thrown, seed, found = said(capsys)[what, "raw"]
    assert thrown >= inputs
    assert (seed, found) == (3, 0)


def test_a_machine_without_atheris_is_told_so(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert verify.raw("xml", 10, None, 1) == 0
    assert "xml raw: not run, for atheris is not installed" in capsys.readouterr().out


def test_a_reader_that_forgets_the_digest_is_found(capsys, monkeypatch, tmp_path):
    """What cannot find anything says nothing: here a changed document passes for the signed one."""
    monkeypatch.setattr(verify, "kept", lambda what, _data: tmp_path / what)
    check = reading.check
    monkeypatch.setattr(reading, "check", lambda signed, _digest, others: check(signed, _named(signed), others))
    assert run.main(["verify", "pdf", "--kind", "structured", "--inputs", "60", "--seed", "1"]) == 1
    assert said(capsys)["pdf", "structured"][2] > 0


def _named(signed):
    """A digester that answers whatever the signed attributes name."""
    (value,) = signed.attributes["1.2.840.113549.1.9.4"]
    return lambda _algorithm: value[2:]
