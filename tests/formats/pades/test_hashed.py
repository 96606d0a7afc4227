"""A large document is hashed once in a process, unless its file has changed or could have without a trace."""

import hashlib
import io
import os
from pathlib import Path

import pytest

from gateway.formats.pades.hashed import HashedFiles, identity


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "document"
    path.write_bytes(b"content" * 1000)
    return path


def known(files: HashedFiles, path: Path):
    with path.open("rb") as stream:
        return files.known(identity(stream), "sha256")


def hashed(files: HashedFiles, path: Path) -> bytes:
    with path.open("rb") as stream:
        return files.hasher(stream, "sha256").digest()


def test_a_file_that_was_hashed_is_known_until_it_changes(file):
    files = HashedFiles(settled=0)
    assert known(files, file) is None
    assert hashed(files, file) == hashlib.sha256(file.read_bytes()).digest()
    assert known(files, file).digest() == hashed(files, file)
    assert known(files, file) is not known(files, file)
    with file.open("r+b") as changing:
        changing.write(b"C")
    os.utime(file, ns=(1, 1))
    assert known(files, file) is None
    assert hashed(files, file) == hashlib.sha256(file.read_bytes()).digest()


def test_what_is_hashed_on_leaves_what_is_kept_alone(file):
    files = HashedFiles(settled=0)
    plain = hashed(files, file)
    known(files, file).update(b"more")
    assert hashed(files, file) == plain


def test_a_file_that_has_just_been_written_is_hashed_again(file):
    files = HashedFiles(settled=3600)
    hashed(files, file)
    assert known(files, file) is None


def test_only_plain_files_opened_as_they_are_have_an_identity(file):
    with file.open("rb", buffering=0) as raw:
        assert identity(raw) is None
    assert identity(io.BytesIO(b"content")) is None


def test_only_so_many_are_kept(file, tmp_path):
    files = HashedFiles(kept=1, settled=0)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    hashed(files, file)
    hashed(files, other)
    assert known(files, file) is None
    assert known(files, other) is not None
