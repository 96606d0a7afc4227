"""
Contents as files, written once: streamed under a temporary name, made durable, then given their own name for good.

``FOLDER/ab/ab12…`` is a content, ``FOLDER/ab/ab12….part`` one that is being written or was abandoned. Everything is
readable by its owner alone, whatever the umask. Nothing is opened before it is needed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from gateway.audit import audited
from gateway.domain.contents import ContentId, StoredContent
from gateway.errors import ConfigurationError, ServiceBusy, StoredContentMissing

_SETTING = "storage.contents"
_ID = re.compile(r"[0-9a-f]{32}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_PART = ".part"
_BUFFER = 256 * 1024
_TRIES = 8
_RETRY_AFTER_S = 30
_PROBE = b"gateway check"


class FileContentStore:
    """See the door (``ContentStore``). Any number of processes may share a folder, on a file system with hard links."""

    def __init__(self, folder: Path, new_id: Callable[[], str]) -> None:
        """*folder*: made when first needed; *new_id* gives 128 random bits as 32 hexadecimal digits."""
        self._folder = folder
        self._new_id = new_id

    def create(self) -> FileContentWriter:
        """See the door. Raises ``ServiceBusy`` where nothing can be written now."""
        with _unwritable():
            for _ in range(_TRIES):
                path = self._new_path()
                with suppress(FileExistsError):
                    return FileContentWriter(path)
        raise ServiceBusy(_RETRY_AFTER_S)

    def open(self, content_id: ContentId) -> BinaryIO:
        """See the door. Raises ``ServiceBusy`` where it is there and cannot be read now."""
        path = self._path(content_id)
        if path is None:
            raise StoredContentMissing
        with _unwritable():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise StoredContentMissing from None
            return os.fdopen(descriptor, "rb")

    def delete(self, content_id: ContentId) -> None:
        """See the door. Takes an abandoned writing away too."""
        path = self._path(content_id)
        if path is None:
            return
        with _unwritable():
            path.unlink(missing_ok=True)
            _part(path).unlink(missing_ok=True)

    def older_than(self, moment: datetime) -> Iterator[ContentId]:
        """See the door. A folder's names are read before the first of them is given: it may be deleted at once."""
        before = moment.timestamp()
        for shard in sorted(_names(self._folder)):
            if _SHARD.fullmatch(shard):
                yield from _older(self._folder / shard, before)

    def has_room(self, size: int, keep_free: int) -> bool:
        """Whether *size* bytes can be stored so that *keep_free* bytes are left; yes where the system cannot say."""
        for folder in (self._folder, *self._folder.absolute().parents):  # it may not have been needed yet
            with suppress(OSError):
                found = os.statvfs(folder)
                return found.f_bavail * found.f_frsize >= size + keep_free
        return True

    def check(self) -> str:
        """See the door."""
        try:
            stored = self._probe()
        except ServiceBusy as busy:
            reason = getattr(busy.__context__, "strerror", None) or "cannot be written"
            raise ConfigurationError(f"{_SETTING}: {self._folder}: {reason}") from None
        if stored != _PROBE:
            raise ConfigurationError(f"{_SETTING}: {self._folder} does not give back what was written")
        return f"contents are written to {self._folder}"

    def _probe(self) -> bytes:
        with self.create() as writer:
            writer.write(_PROBE)
            content_id = writer.commit().content_id
        try:
            with self.open(content_id) as stream:
                return stream.read()
        except StoredContentMissing:
            return b""
        finally:
            self.delete(content_id)

    def _new_path(self) -> Path:
        """Where a new content will lie; its folder is there, and nothing of that name."""
        path = self._path(ContentId(self._new_id()))
        if path is None:
            raise ValueError("an id must have 32 hexadecimal digits")
        _make_folder(path.parent)
        return path

    def _path(self, content_id: ContentId) -> Path | None:
        """The only way from an id to a name; None for anything that is no id."""
        return self._folder / content_id[:2] / content_id if _ID.fullmatch(content_id) else None


class FileContentWriter:
    """See the door (``ContentWriter``). For one thread."""

    def __init__(self, path: Path) -> None:
        """Begin a content that shall lie at *path*. Raises ``FileExistsError`` where it, or its beginning, does."""
        self._path = path
        self._part = _part(path)
        self._hash = hashlib.sha256()
        self._length = 0
        self._committed = False
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            _refuse_existing(path)
            self._stream = os.fdopen(descriptor, "wb", _BUFFER)
        except BaseException:
            os.close(descriptor)
            self._part.unlink(missing_ok=True)
            raise

    def write(self, data: bytes, /) -> int:
        """See the door. Raises ``ServiceBusy`` where the disk takes no more."""
        with _unwritable():
            self._stream.write(data)
        self._hash.update(data)
        self._length += len(data)
        return len(data)

    def commit(self) -> StoredContent:
        """See the door. A link, for a rename would replace what lies there."""
        with _unwritable():
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            os.link(self._part, self._path, follow_symlinks=False)
            self._committed = True
            self._part.unlink()
            _sync_folder(self._path.parent)
        return StoredContent(ContentId(self._path.name), self._length, self._hash.digest())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._stream.close()
        if not self._committed:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError


def _names(folder: Path) -> list[str]:
    with _unwritable():
        try:
            return [entry.name for entry in folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []


def _older(shard: Path, before: float) -> list[ContentId]:
    """Ids in one folder whose file, finished or not, was last written before that time."""
    found: dict[ContentId, None] = {}
    for name in sorted(_names(shard)):
        content_id = name.removesuffix(_PART)
        if not _ID.fullmatch(content_id):
            continue
        with suppress(FileNotFoundError):
            if (shard / name).lstat().st_mtime < before:
                found[ContentId(content_id)] = None
    return list(found)


def _make_folder(shard: Path) -> None:
    """A shard and what leads to it, durable, for the owner alone; folders that are there stay as they are."""
    for folder in reversed([f for f in (shard, *shard.absolute().parents) if not f.exists()]):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
            _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _unwritable() -> Iterator[None]:
    """A disk that is full or away is ``ServiceBusy``; the operator's record has the system's name of the error."""
    try:
        yield
    except OSError as error:
        with suppress(Exception), audited("contents") as record:
            record.note(code=errno.errorcode.get(error.errno or 0, "unknown"))
            raise
        raise ServiceBusy(_RETRY_AFTER_S) from None
