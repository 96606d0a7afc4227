"""A SoftHSM token made for the sandbox, found again, and what is said where SoftHSM is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from gateway.errors import ConfigurationError
from gateway.sandbox import softhsm
from gateway.sandbox.softhsm import create_token, find_module, use_token

PIN, SO_PIN = "operator-1", "officer-12345678"

USE = """
import sys
from pathlib import Path
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.sandbox.softhsm import use_token
module = use_token(Path(sys.argv[1]))
print(Pkcs11KeyStore(module, sys.argv[2], sys.argv[3]).check())
"""


@pytest.fixture
def installed():
    if shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2-util is not installed: apt-get install softhsm2")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Whatever a test sets is taken back."""
    monkeypatch.setenv("SOFTHSM2_CONF", "/nowhere/softhsm2.conf")


def used(configuration, label, pin):
    """The token's own line, from a process that uses nothing but the configuration."""
    done = subprocess.run(
        [sys.executable, "-c", USE, str(configuration), label, pin],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tokens_of(configuration):
    return sorted(path.name for path in (configuration.parent / "tokens").iterdir())


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_a_token_is_made_that_a_key_store_can_use(tmp_path):
    configuration = create_token(tmp_path / "hsm", "gateway TEST", PIN, SO_PIN)
    assert configuration == tmp_path / "hsm" / "softhsm2.conf"
    assert used(configuration, "gateway TEST", PIN).startswith("token 'gateway TEST' (SoftHSM")


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_a_token_that_is_there_is_kept_with_its_pin(tmp_path):
    configuration = create_token(tmp_path, "gateway", PIN, SO_PIN)
    before = tokens_of(configuration), configuration.read_bytes()
    assert create_token(tmp_path, "gateway", "another-pin", SO_PIN) == configuration
    assert (tokens_of(configuration), configuration.read_bytes()) == before
    assert "'gateway'" in used(configuration, "gateway", PIN)


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_a_folder_holds_tokens_of_different_labels(tmp_path):
    first = create_token(tmp_path, "gate", PIN, SO_PIN)
    second = create_token(tmp_path, "gateway", PIN, SO_PIN)
    assert first == second
    assert len(tokens_of(first)) == 2


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_a_folder_with_spaces_and_letters_of_all_kinds_will_do(tmp_path):
    configuration = create_token(tmp_path / "cheile mele șț", "gateway", PIN, SO_PIN)
    assert "'gateway'" in used(configuration, "gateway", PIN)


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_two_that_make_one_token_at_once_make_one(tmp_path):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(create_token(tmp_path, "gateway", PIN, SO_PIN))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(tokens_of(made[0])) == 1


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_what_is_made_is_for_its_owner_only(tmp_path):
    configuration = create_token(tmp_path / "hsm", "gateway", PIN, SO_PIN)
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    for folder in (configuration.parent, configuration.parent / "tokens"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert PIN not in configuration.read_text()


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_the_configuration_lets_forked_workers_start_afresh(tmp_path):
    assert "library.reset_on_fork = true" in create_token(tmp_path, "gateway", PIN, SO_PIN).read_text()


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_a_pin_that_softhsm_refuses_is_not_quoted(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        create_token(tmp_path, "gateway", "77", SO_PIN)
    assert "77" not in str(refused.value).split("failed: ")[1]
    assert "softhsm2-util --init-token failed" in str(refused.value)


@pytest.mark.parametrize("label", ["", "x" * 33, "ț" * 17, " gateway", "gate\nway", "\ud800"])
def test_a_label_that_no_token_can_have_is_refused(tmp_path, monkeypatch, label):
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/false")
    with pytest.raises(ConfigurationError, match="label"):
        create_token(tmp_path, label, PIN, SO_PIN)


def test_a_folder_that_cannot_be_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/false")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "hsm", tmp_path / "two\nlines"):
        with pytest.raises(ConfigurationError, match="folder"):
            create_token(folder, "gateway", PIN, SO_PIN)


def test_a_missing_utility_is_told_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigurationError) as refused:
        create_token(tmp_path / "hsm", "gateway", PIN, SO_PIN)
    assert str(refused.value).endswith("apt-get install softhsm2")
    assert not (tmp_path / "hsm").exists()


def test_a_missing_module_is_told_with_what_to_install(tmp_path, monkeypatch):
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text("")
    monkeypatch.setattr(softhsm, "_PLACES", ())
    monkeypatch.setattr(softhsm, "_MULTIARCH", str(tmp_path))
    with pytest.raises(ConfigurationError) as refused:
        use_token(configuration)
    assert str(refused.value).endswith("apt-get install softhsm2")
    assert os.environ["SOFTHSM2_CONF"] == "/nowhere/softhsm2.conf"


def test_the_module_is_found_in_the_first_place_that_has_it(tmp_path):
    for place in ("b", "c"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "libsofthsm2.so").write_text("")
    places = [str(tmp_path / place) for place in "abc"]
    assert find_module(places) == str(tmp_path / "b" / "libsofthsm2.so")


@pytest.mark.softhsm
@pytest.mark.usefixtures("installed")
def test_using_a_token_sets_its_configuration_for_this_process(tmp_path):
    configuration = create_token(tmp_path, "gateway", PIN, SO_PIN)
    module = use_token(configuration)
    assert module.endswith("libsofthsm2.so")
    assert os.environ["SOFTHSM2_CONF"] == str(configuration)


def test_a_configuration_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no SoftHSM configuration"):
        use_token(tmp_path / "softhsm2.conf")
    assert os.environ["SOFTHSM2_CONF"] == "/nowhere/softhsm2.conf"
