"""``gateway demo`` as a new user runs it, and EU DSS on everything that it signed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.sandbox.founding import Places
from gateway.sandbox.layout import open_sandbox
from gateway.sandbox.running import served

ROOT = Path(__file__).parents[2]


def demo(places: Places, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "demo", "--once", "--data", places.data, *options]
    command += ["--soap-port", places.soap_port, "--page-port", places.page_port]
    command += ["--sandbox-port", places.sandbox_port]
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory, free_ports):
    """The demo, played once."""
    places = Places(tmp_path_factory.mktemp("demo") / "data", *free_ports(3))
    return places, demo(places)


def test_the_demo_ends_well_with_every_line_right(played):
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout
    for expected in ("in the hash signature", "in the PDF", "in the time-stamp", "pyHanko accepts", "signxml accepts"):
        assert expected in done.stdout


def test_its_folder_is_used_again_and_the_rest_of_the_machine_left_alone(played):
    places, _ = played
    again = demo(places)
    assert again.returncode == 0, again.stdout + again.stderr
    assert {"gateway.toml", "gateway.sqlite", "contents", "keys", "sandbox", "secrets", "demo"} <= {
        entry.name for entry in places.data.iterdir()
    }
    assert (places.data.stat().st_mode & 0o077) == 0


def test_the_other_kind_of_key_store_wants_another_folder(played):
    places, _ = played
    done = demo(places, "--hsm")
    assert done.returncode == 2
    assert "choose another --data folder" in done.stderr


def test_without_softhsm_the_install_line_is_said(tmp_path, free_ports):
    done = demo(Places(tmp_path / "data", *free_ports(3)), "--hsm", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "apt-get install softhsm2" in done.stderr


def test_a_port_in_use_is_named(played):
    places, _ = played
    with served(places, open_sandbox(places.sandbox_folder)):
        done = demo(places)
    assert done.returncode == 2
    assert f"--soap-port: port {places.soap_port} is in use" in done.stderr


@pytest.mark.java
@pytest.mark.oracle
def test_eu_dss_passes_all_that_the_demo_signed_at_level_t(played, tmp_path):
    """Of the SHA-1 content it names that algorithm, and nothing else."""
    spec = importlib.util.spec_from_file_location("dss_for_demo", ROOT / "tests" / "oracles" / "dss_oracle.py")
    oracle = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = oracle
    spec.loader.exec_module(oracle)
    try:
        oracle.build()
    except oracle.DssUnavailable as lacking:
        pytest.skip(str(lacking))
    places, _ = played
    sandbox = open_sandbox(places.sandbox_folder)
    files = []
    for name in ("sha1", "sha256", "sha512"):
        content = (places.data / "demo" / f"hash-{name}.txt").read_bytes()
        digest = hashlib.new(name, content).digest()
        files.append(oracle.DssInput(places.data / "demo" / f"hash-{name}.xml", name.upper(), digest))
    files += [oracle.DssInput(places.data / "demo" / f"{name}.pdf") for name in ("agreement", "minutes")]
    with served(places, sandbox):
        sha1, *reports = oracle.validate(files, [sandbox.signer_anchors, sandbox.tsa_anchors])
    signatures = [signature for report in reports for signature in report.signatures]
    assert [len(report.signatures) for report in reports] == [1, 1, 1, 2]
    for signature in signatures:
        assert (signature.indication, signature.errors) == ("TOTAL-PASSED", ())
        assert signature.level in ("XAdES-BASELINE-T", "PAdES-BASELINE-T")
        (stamp,) = signature.time_stamps
        assert stamp.indication == "PASSED"
        assert signature.best_signature_time == stamp.production_time
    (weak,) = sha1.signatures
    assert weak.level == "XAdES-BASELINE-T"
    assert weak.intact
    assert [stamp.indication for stamp in weak.time_stamps] == ["PASSED"]
    assert weak.indication == "INDETERMINATE"
    assert [e for e in weak.errors if "long term availability" not in e and "SHA1" not in e] == []
