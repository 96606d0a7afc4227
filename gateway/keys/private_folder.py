"""A folder of small secret files: for their owner only, written whole, and never over another."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import KeyStoreUnavailable

_FOLDER, _FILE, _OTHERS = 0o700, 0o600, 0o077
_FILE_LIMIT = 64 * 1024

State = tuple[int, int, int]
"""What tells one writing of a file from another."""


class PrivateFolder:
    """
    Files that are written once. Safe for threads and for processes that write at the same time.

    Every method raises ``KeyStoreUnavailable`` where the folder cannot be used, or is open to others.
    """

    def __init__(self, path: Path) -> None:
        """*path*: made at the first writing, where it is not there."""
        self.path = path

    def add(self, name: str, data: bytes) -> bool:
        """Write a new file, durably and whole or not at all; False where *name* is there already, which stays."""
        with self._told():
            self._make()
            waiting = self.path / f".{secrets.token_hex(8)}.tmp"
            descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                # A link is made under one name by one writer only, and only when the file is complete.
                os.link(waiting, self.path / name)
            except FileExistsError:
                return False
            finally:
                waiting.unlink(missing_ok=True)
            self._sync()
            return True

    def state(self, name: str) -> State | None:
        """The file's present state, or None where there is no such file."""
        with self._told():
            try:
                found = (self.path / name).lstat()
            except FileNotFoundError:
                return None
            return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None where there is no such file."""
        with self._told():
            try:
                descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as stream:
                found = os.fstat(stream.fileno())
                if not stat.S_ISREG(found.st_mode) or found.st_size > _FILE_LIMIT:
                    raise KeyStoreUnavailable(f"{self.path / name} is not a key file")
                if found.st_mode & _OTHERS:
                    raise KeyStoreUnavailable(f"{self.path / name} can be used by others: chmod 600 it")
                return stream.read(_FILE_LIMIT)

    def names(self) -> list[str]:
        """Names of the files, hidden ones left out; empty where there is no folder."""
        with self._told():
            try:
                return sorted(entry.name for entry in os.scandir(self.path) if not entry.name.startswith("."))
            except FileNotFoundError:
                return []

    def _make(self) -> None:
        self.path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        found = self.path.stat()
        if found.st_mode & _OTHERS:
            if found.st_mode & stat.S_ISVTX or any(self.path.iterdir()):
                raise KeyStoreUnavailable(f"{self.path} can be entered by others: chmod 700 it")
            self.path.chmod(_FOLDER)

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise KeyStoreUnavailable(f"the key folder {self.path} cannot be used: {error.strerror}") from None
