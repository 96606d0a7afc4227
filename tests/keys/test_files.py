"""Keys in files: who can read them, what a crash or a second process does to them, and what is kept loaded."""

from __future__ import annotations

import os
import shutil
import stat
import time

import pytest
from keys_stores import batch, forked, signs

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import KeyStoreUnavailable, WrongPin
from gateway.keys import files
from gateway.keys.files import FileKeyStore

PIN = "482915"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def store(folder):
    return FileKeyStore(folder)


@pytest.fixture
def loaded(monkeypatch):
    """How often a private key is loaded."""
    counted = []
    load = files.load_key
    monkeypatch.setattr(files, "load_key", lambda material: counted.append(material) or load(material))
    return counted


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_is_touched_before_the_first_key(folder):
    FileKeyStore(folder)
    assert not folder.exists()
    with pytest.raises(KeyStoreUnavailable):
        FileKeyStore(folder).open_service_key("tsa")
    assert not folder.exists()


def test_folder_and_files_are_for_their_owner_only_whatever_the_umask(store, folder):
    before = os.umask(0)
    try:
        store.create_service_key("tsa")
        store.create_signer_key("ana", PIN)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    names = {entry.name: mode(entry) for entry in folder.iterdir()}
    assert names == {"tsa.key": 0o600, "wrapping.secret": 0o600, "pepper.secret": 0o600}


def test_an_empty_folder_that_others_may_enter_is_closed_and_a_used_one_is_refused(folder):
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    FileKeyStore(folder).create_service_key("tsa")
    assert mode(folder) == 0o700
    folder.chmod(0o750)
    with pytest.raises(KeyStoreUnavailable, match="chmod 700"):
        FileKeyStore(folder).create_service_key("other")


@pytest.mark.parametrize("name", ["tsa.key", "wrapping.secret"])
def test_a_secret_that_others_may_read_is_not_used(store, folder, name):
    store.create_service_key("tsa")
    (folder / name).chmod(0o640)
    with pytest.raises(KeyStoreUnavailable, match="chmod 600"):
        FileKeyStore(folder).open_service_key("tsa")


def test_keys_lie_encrypted(store, folder):
    public_key = store.create_service_key("tsa", KeyAlgorithm.RSA_2048)
    kept = (folder / "tsa.key").read_bytes()
    assert public_key[40:80] not in kept
    sealed, signer_public = store.create_signer_key("ana", PIN)
    assert signer_public[-32:] not in sealed
    assert b"ana" not in sealed


def test_a_key_file_does_not_open_under_another_label_or_in_another_folder(store, folder, tmp_path):
    store.create_service_key("tsa")
    shutil.copy(folder / "tsa.key", folder / "issuing.key")
    with pytest.raises(KeyStoreUnavailable, match="changed"):
        store.open_service_key("issuing")
    other = FileKeyStore(tmp_path / "other")
    other.create_service_key("root")
    shutil.copy(folder / "tsa.key", tmp_path / "other" / "tsa.key")
    with pytest.raises(KeyStoreUnavailable, match="another key folder"):
        other.open_service_key("tsa")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: b"",
        lambda kept: kept[:20],
        lambda kept: b"\2" + kept[1:],
        lambda kept: kept[:-1] + bytes((kept[-1] ^ 1,)),
        lambda kept: kept + b"\0",
        lambda kept: kept + bytes(100_000),
        lambda kept: b"-----BEGIN PRIVATE KEY-----" * 5,
    ],
)
def test_a_spoilt_key_file_is_unavailable_and_the_check_finds_it(store, folder, spoil):
    store.create_service_key("tsa")
    path = folder / "tsa.key"
    path.write_bytes(spoil(path.read_bytes()))
    for action in (lambda: store.open_service_key("tsa"), store.check):
        with pytest.raises(KeyStoreUnavailable):
            action()


def test_links_and_pipes_are_not_read_as_keys(store, folder, tmp_path):
    store.create_service_key("tsa")
    moved = tmp_path / "elsewhere.key"
    (folder / "tsa.key").rename(moved)
    (folder / "tsa.key").symlink_to(moved)
    os.mkfifo(folder / "pipe.key", 0o600)
    for label in ("tsa", "pipe"):
        with pytest.raises(KeyStoreUnavailable):
            store.open_service_key(label)


def test_a_writing_that_was_interrupted_leaves_no_key_and_no_litter(store, folder, monkeypatch):
    store.create_signer_key("ana", PIN)
    store.create_service_key("other")
    before = sorted(folder.iterdir())

    def power_cut(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as cut:
        cut.setattr(os, "link", power_cut)
        with pytest.raises(KeyStoreUnavailable, match="Input/output error"):
            store.create_service_key("tsa")
    assert sorted(folder.iterdir()) == before
    store.create_service_key("tsa")


def test_processes_that_begin_a_folder_at_once_share_its_secrets(folder):
    begin = time.monotonic() + 0.3

    def first_use():
        time.sleep(max(0, begin - time.monotonic()))
        return FileKeyStore(folder).create_signer_key("ana", PIN)

    made = [result() for result in [forked(first_use) for _ in range(5)]]
    store = FileKeyStore(folder)
    for sealed, public_key in made:
        with store.open_signer_key("ana", sealed, PIN) as key:
            signs(key, public_key)
    assert not list(folder.glob(".*"))


def test_a_lost_wrapping_key_is_said_and_not_replaced(store, folder):
    store.create_service_key("tsa")
    (folder / "wrapping.secret").unlink()
    for same in (store, FileKeyStore(folder)):
        with pytest.raises(KeyStoreUnavailable, match=r"wrapping\.secret is gone"):
            same.create_service_key("other")
    assert not (folder / "wrapping.secret").exists()


def test_a_lost_pepper_is_no_wrong_pin(store, folder):
    sealed, _ = store.create_signer_key("ana", PIN)
    (folder / "pepper.secret").unlink()
    with pytest.raises(KeyStoreUnavailable, match="another key folder"):
        store.open_signer_key("ana", sealed, PIN)


def test_a_secret_cut_short_is_refused(store, folder):
    store.create_service_key("tsa")
    (folder / "wrapping.secret").write_bytes(b"short")
    with pytest.raises(KeyStoreUnavailable, match="not a key of this store"):
        FileKeyStore(folder).open_service_key("tsa")


def test_sealed_bytes_alone_are_not_enough_to_guess_a_pin(store, folder, tmp_path):
    """Without this folder's pepper even the right PIN opens nothing."""
    sealed, _ = store.create_signer_key("ana", PIN)
    thief = FileKeyStore(tmp_path / "thief")
    thief.create_signer_key("x", PIN)
    forged = sealed[:2] + thief.create_signer_key("x", PIN)[0][2:18] + sealed[18:]
    with pytest.raises(WrongPin):
        thief.open_signer_key("ana", forged, PIN)


def test_a_service_key_is_loaded_once_and_again_only_when_its_file_changed(store, folder, loaded):
    first = store.create_service_key("tsa", KeyAlgorithm.RSA_2048)
    for _ in range(5):
        with store.open_service_key("tsa") as key:
            signs(key, first)
    assert len(loaded) == 1
    (folder / "tsa.key").unlink()
    with pytest.raises(KeyStoreUnavailable):
        store.open_service_key("tsa")
    second = FileKeyStore(folder).create_service_key("tsa", KeyAlgorithm.RSA_2048)
    with store.open_service_key("tsa") as key:
        signs(key, second)
    assert len(loaded) == 2


def test_a_signers_key_is_loaded_once_per_batch_and_not_kept(store, loaded):
    sealed, public_key = store.create_signer_key("ana", PIN, KeyAlgorithm.RSA_2048)
    for _ in range(2):
        with store.open_signer_key("ana", sealed, PIN) as key:
            signs(key, public_key, *"abcdefgh")
    assert len(loaded) == 2
    assert not store._warm


def test_keys_kept_loaded_are_bounded(store):
    labels = [f"key {number}" for number in range(70)]
    for label in labels:
        store.create_service_key(label)
    for label in labels:
        with store.open_service_key(label) as key:
            key.sign(batch("x"))
        assert len(store._warm) <= 64


def test_a_folder_that_cannot_be_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    for action in (lambda s: s.check(), lambda s: s.create_service_key("tsa"), lambda s: s.open_service_key("tsa")):
        with pytest.raises(KeyStoreUnavailable):
            action(FileKeyStore(tmp_path / "file" / "keys"))


def test_a_label_too_long_for_a_file_is_refused_before_it_is_tried(store):
    with pytest.raises(KeyStoreUnavailable, match="cannot name a file"):
        store.create_service_key("ж" * 64)


def test_the_check_names_folder_and_purpose(store, folder):
    assert (
        store.check() == f"key files in {folder}, 0 service keys; for the sandbox and development, not for production"
    )
    store.create_service_key("with / and ț")
    assert ", 1 service key;" in store.check()
