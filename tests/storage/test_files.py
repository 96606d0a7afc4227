"""A content is written once, whole and for its owner alone; what was abandoned is found again."""

import errno
import hashlib
import itertools
import os
import secrets
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.contents import ContentId
from gateway.errors import ConfigurationError, ServiceBusy, StoredContentMissing
from gateway.storage import files
from gateway.storage.files import FileContentStore

DATA = b"%PDF-1.7 " + bytes(range(256)) * 4000


def new_id():
    return secrets.token_hex(16)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a" / "contents"


@pytest.fixture
def store(folder):
    return FileContentStore(folder, new_id)


@pytest.fixture
def put(store):
    def write(data=DATA):
        with store.create() as writer:
            writer.write(data)
            return writer.commit()

    return write


def all_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def read(store, content_id):
    with store.open(content_id) as stream:
        return stream.read()


# ------------------------------------------------------------------ writing


def test_a_content_is_hashed_while_it_is_written_and_given_back(store):
    with store.create() as writer:
        for start in range(0, len(DATA), 70_001):
            piece = DATA[start : start + 70_001]
            assert writer.write(piece) == len(piece)
        stored = writer.commit()
    assert (stored.length, stored.sha256) == (len(DATA), hashlib.sha256(DATA).digest())
    assert read(store, stored.content_id) == DATA


def test_a_stream_can_be_sought(store, put):
    stored = put()
    with store.open(stored.content_id) as stream:
        assert stream.seekable()
        stream.seek(-10, os.SEEK_END)
        assert stream.read() == DATA[-10:]
        stream.seek(0)
        assert stream.read(4) == b"%PDF"
        with pytest.raises(OSError, match=r"not writable|write"):
            stream.write(b"x")


def test_an_empty_content_is_a_content(store, put):
    stored = put(b"")
    assert (stored.length, stored.sha256) == (0, hashlib.sha256().digest())
    assert read(store, stored.content_id) == b""


def test_nothing_is_made_before_it_is_needed(store, folder):
    assert not folder.exists()
    assert list(store.older_than(datetime.max.replace(tzinfo=UTC))) == []
    assert not folder.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_contents_are_their_owners_alone_whatever_the_umask(store, folder, umask):
    before = os.umask(umask)
    try:
        with store.create() as writer:
            writer.write(b"secret")
            (being_written,) = all_files(folder)
            assert mode(being_written) == 0o600
            writer.commit()
    finally:
        os.umask(before)
    (written,) = all_files(folder)
    assert mode(written) == 0o600
    assert mode(written.parent) == mode(folder) == mode(folder.parent) == 0o700


def test_contents_are_spread_over_folders(folder):
    count = itertools.count()
    store = FileContentStore(folder, lambda: hashlib.md5(b"%d" % next(count)).hexdigest())
    for _ in range(20):
        with store.create() as writer:
            writer.commit()
    assert all(path.parent == folder / path.name[:2] for path in all_files(folder))
    assert len(list(folder.iterdir())) > 10


def test_leaving_without_commit_removes_what_was_written(store, folder):
    with store.create() as writer:
        writer.write(DATA)
    with pytest.raises(ZeroDivisionError), store.create() as writer:
        writer.write(DATA[: 1 // 0])
    assert all_files(folder) == []


def test_nobody_sees_a_content_before_it_is_whole(store, folder):
    with store.create() as writer:
        writer.write(DATA)
        (part,) = all_files(folder)
        content_id = ContentId(part.name.removesuffix(".part"))
        with pytest.raises(StoredContentMissing):
            store.open(content_id)
        assert writer.commit().content_id == content_id
    assert [path.name for path in all_files(folder)] == [content_id]


def test_a_committed_content_takes_nothing_more(store):
    with store.create() as writer:
        writer.write(b"one")
        stored = writer.commit()
        with pytest.raises(ValueError, match="closed"):
            writer.write(b"two")
        with pytest.raises(ValueError, match="closed"):
            writer.commit()
    assert read(store, stored.content_id) == b"one"


def test_a_content_is_durable_before_it_has_its_name(store, folder, monkeypatch):
    """The file first, then the name, then the folder."""
    steps = []
    sync, link = os.fsync, os.link

    def recorded_sync(descriptor):
        steps.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    def recorded_link(source, target, **more):
        steps.append("link")
        link(source, target, **more)

    with store.create() as writer:
        writer.write(DATA)
        monkeypatch.setattr(os, "fsync", recorded_sync)
        monkeypatch.setattr(os, "link", recorded_link)
        path = folder / (name := writer.commit().content_id)[:2] / name
    assert steps == [f"{path}.part", "link", str(path.parent)]


def test_an_id_that_is_there_is_never_overwritten(folder, put):
    first = put(b"first")
    ids = iter([first.content_id, first.content_id, new_id()])
    again = FileContentStore(folder, lambda: next(ids))
    with again.create() as writer:
        writer.write(b"second")
        second = writer.commit()
    assert second.content_id != first.content_id
    assert (read(again, first.content_id), read(again, second.content_id)) == (b"first", b"second")


def test_an_id_that_is_taken_while_writing_is_not_overwritten(folder):
    """The last step is a link, which fails where a name is taken."""
    store = FileContentStore(folder, lambda: "ab" * 16)
    with store.create() as writer:
        writer.write(b"second")
        path = folder / "ab" / ("ab" * 16)
        path.write_bytes(b"first")
        with pytest.raises(ServiceBusy):
            writer.commit()
    assert [file.read_bytes() for file in all_files(folder)] == [b"first"]


def test_two_writers_never_share_a_file(folder):
    store = FileContentStore(folder, lambda: "ab" * 16)
    with store.create() as writer:
        writer.write(b"mine")
        with pytest.raises(ServiceBusy):
            store.create()
        stored = writer.commit()
    assert read(store, stored.content_id) == b"mine"


def test_ids_from_a_broken_source_are_refused(folder):
    with pytest.raises(ValueError, match="32 hexadecimal"):
        FileContentStore(folder, lambda: "../../escape").create()
    assert not folder.parent.exists()


def test_many_may_write_at_once(store, folder, at_once):
    stored = at_once(*(lambda i=i: _write(store, b"%d" % i * 1000) for i in range(8)))
    assert [read(store, s.content_id) for s in stored] == [b"%d" % i * 1000 for i in range(8)]
    assert len(all_files(folder)) == 8


def _write(store, data):
    with store.create() as writer:
        writer.write(data)
        return writer.commit()


# ------------------------------------------------------------------ finding and letting go

NO_IDS = [
    "",
    ".",
    "..",
    "../secret",
    "/etc/passwd",
    "ab" * 16 + "\n",
    "AB" * 16,
    "ab" * 15,
    "ab" * 17,
    "ab/" + "ab" * 14 + "c",
    "ab" * 15 + "\0a",
    "ab" * 16 + ".part",
    "аb" * 16,
    "١" * 32,
]


@pytest.mark.parametrize("content_id", NO_IDS)
def test_what_is_no_id_opens_and_deletes_nothing(store, put, folder, content_id):
    put()
    (folder.parent / "secret").write_bytes(b"secret")
    before = all_files(folder.parent)
    with pytest.raises(StoredContentMissing):
        store.open(ContentId(content_id))
    store.delete(ContentId(content_id))
    assert all_files(folder.parent) == before


def test_a_link_in_the_folder_is_not_followed(store, put, folder):
    """Whoever could put a link there must not make us read another file."""
    put()
    shard = folder / "ab"
    shard.mkdir(exist_ok=True)
    (shard / ("ab" * 16)).symlink_to("/etc/passwd")
    with pytest.raises(ServiceBusy):
        store.open(ContentId("ab" * 16))


def test_deleting_removes_and_may_be_repeated(store, put, folder):
    stored, other = put(), put()
    with store.open(stored.content_id) as stream:
        store.delete(stored.content_id)
        store.delete(stored.content_id)
        assert stream.read() == DATA
    with pytest.raises(StoredContentMissing):
        store.open(stored.content_id)
    assert [path.name for path in all_files(folder)] == [other.content_id]


def touch(path, moment):
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def test_old_contents_and_abandoned_writings_are_listed_and_let_go(store, put, folder, now):
    old, young = put(), put()
    abandoned = store.create()
    abandoned.write(b"half")
    abandoned._stream.flush()
    for path in all_files(folder):
        touch(path, now if path.name.startswith(young.content_id) else now - timedelta(hours=1))
    lost = ContentId(abandoned._path.name)
    assert set(store.older_than(now - timedelta(hours=1))) == set()
    assert set(store.older_than(now)) == {old.content_id, lost}
    for content_id in store.older_than(now):
        store.delete(content_id)
    assert [path.name for path in all_files(folder)] == [young.content_id]


def test_what_was_cut_short_between_both_names_is_one_content(store, put, folder, now):
    """Power may fail after the link and before the temporary name is gone."""
    stored = put()
    path = folder / stored.content_id[:2] / stored.content_id
    os.link(path, f"{path}.part")
    touch(path, now)
    assert list(store.older_than(now + timedelta(seconds=1))) == [stored.content_id]
    assert read(store, stored.content_id) == DATA
    store.delete(stored.content_id)
    assert all_files(folder) == []


def test_what_lies_there_otherwise_is_left_alone(store, put, folder, now):
    stored = put()
    for name in ("README", "ab", f"{stored.content_id[:2]}/lost+found", f"{stored.content_id[:2]}/{'ab' * 16}.bak"):
        path = folder / name
        if not path.exists():
            path.write_text("")
    assert list(store.older_than(datetime.now(UTC) + timedelta(hours=1))) == [stored.content_id]


# ------------------------------------------------------------------ trouble


class FullDisk:
    """A file whose disk takes no more."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name):
        return getattr(self._stream, name)


def test_a_full_disk_is_a_reason_to_try_later(store, folder):
    with store.create() as writer:
        writer._stream = FullDisk(writer._stream)
        with pytest.raises(ServiceBusy):
            writer.write(DATA)
    assert all_files(folder) == []


def test_a_check_writes_reads_and_tidies_up(store, folder):
    assert str(folder) in store.check()
    assert all_files(folder) == []


def test_a_check_says_what_is_wrong(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"storage\.contents: .*file/contents: Not a directory"):
        FileContentStore(tmp_path / "file" / "contents", new_id).check()

    def refused(*_, **__):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(ConfigurationError, match="Operation not permitted"):
        FileContentStore(tmp_path / "contents", new_id).check()
    assert all_files(tmp_path / "contents") == []


def test_a_check_notices_a_disk_that_lies(store, monkeypatch):
    monkeypatch.setattr(files.FileContentWriter, "write", lambda _self, data: len(data))
    with pytest.raises(ConfigurationError, match="does not give back"):
        store.check()


def test_reading_does_not_disturb_writing(store, put):
    """Listing, opening and deleting go on while others write."""
    stop = threading.Event()

    def write():
        while not stop.is_set():
            _write(store, b"x")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            for content_id in store.older_than(datetime.now(UTC) + timedelta(hours=1)):
                store.delete(content_id)
    finally:
        stop.set()
        thread.join(10)
    assert Path(store._folder).is_dir()


# ------------------------------------------------------------------ room


def test_room_is_what_the_disk_has_beyond_what_is_to_stay_free(store, folder, monkeypatch):
    """Asked of the nearest folder that is there: the store's own is made when it is first needed."""
    asked = []

    def statvfs(path):
        asked.append(path)
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "none")
        return os.statvfs_result((4096, 4096, 1000, 900, 100, 0, 0, 0, 0, 255))

    monkeypatch.setattr(files.os, "statvfs", statvfs)
    assert store.has_room(4096 * 100, 0)
    assert not store.has_room(4096 * 100, 1)
    assert store.has_room(4096 * 40, 4096 * 60)
    assert asked[:3] == [folder, folder.parent, folder.parent.parent]


def test_a_disk_that_cannot_be_asked_has_room(store, monkeypatch):
    """Writing will tell."""

    def statvfs(_path):
        raise PermissionError

    monkeypatch.setattr(files.os, "statvfs", statvfs)
    assert store.has_room(10**18, 0)
