"""
A hostile zip file, opened within bounds; nothing is ever written to a disk, whatever its members are called.

A zip has two lists of its members, and readers that believe different ones see different containers. Here the central
directory counts, there must be exactly one, and each name may occur once; a member whose own header disagrees is
not read.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from typing import BinaryIO, cast

from gateway.errors import UnreadableSignature

_MOST_MEMBERS = 4096
_LONGEST_NAME = 1024
_LONGEST_LIST = 4 * 1024 * 1024
_MOST_OCTETS = 1024 * 1024 * 1024
_END = b"PK\x05\x06"
_END_LENGTH = 22
_LONGEST_COMMENT = 0xFFFF
_ENCRYPTED = 0x1
_UTF8 = 0x800
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PIECE = 1024 * 1024
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
"""What reading a hostile member may raise."""


class Container:
    """The members of one container. The stream is the caller's, and must stay open."""

    def __init__(self, stream: BinaryIO) -> None:
        """
        Read the list of members.

        Raises:
            UnreadableSignature: Not a zip, ambiguous, encrypted, or beyond the bounds.

        """
        try:
            self._zip = zipfile.ZipFile(_only_one(stream))
        except BROKEN:
            raise UnreadableSignature("not a zip container") from None
        self._members: dict[str, zipfile.ZipInfo] = {}
        listed = self._zip.infolist()
        if len(listed) > _MOST_MEMBERS:
            raise UnreadableSignature("too many members")
        for member in listed:
            if not member.is_dir():
                self._add(member)
        if sum(member.file_size for member in self._members.values()) > _MOST_OCTETS:
            raise UnreadableSignature("unpacks to too much")

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = _name_of(member)
        if name in self._members:
            raise UnreadableSignature("two members of the same name")
        if len(name) > _LONGEST_NAME or "\0" in name:
            raise UnreadableSignature("a member with a name that is none")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise UnreadableSignature("a member that is encrypted or packed unusually")
        self._members[name] = member

    @property
    def names(self) -> list[str]:
        """The members in the order of the directory, without folders."""
        return list(self._members)

    def size(self, name: str) -> int:
        """How many octets a member says that it has; no more are ever unpacked."""
        return self._members[name].file_size

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of a member. Raises whatever is in ``BROKEN``, when opened or read."""
        member = self._members[name]
        if member.file_size > 8 * _PIECE:
            return _Checked(self._zip, member)
        return io.BytesIO(self._zip.read(member))

    def read(self, name: str, limit: int) -> bytes:
        """A whole member of at most *limit* octets. Raises ``UnreadableSignature``."""
        if self._members[name].file_size > limit:
            raise UnreadableSignature(f"a member larger than {limit} bytes")
        try:
            return self._zip.read(self._members[name])
        except BROKEN:
            raise UnreadableSignature("a member that cannot be unpacked") from None


class _Checked(io.BufferedReader):
    """A large member as a stream, unpacked as it is read; its checksum is compared at the end."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        super().__init__(archive.open(member), _PIECE)  # type: ignore[arg-type]  # typeshed wants a RawIOBase


def _name_of(member: zipfile.ZipInfo) -> str:
    """The member's name, which many writers have in UTF-8 without saying so."""
    if member.flag_bits & _UTF8:
        return member.orig_filename
    try:
        return member.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.orig_filename


def _only_one(stream: BinaryIO) -> BinaryIO:
    """
    *stream* up to the end of its one central directory, without the comment after it.

    A comment may hold what looks like another end, and readers differ in which they take. The one that counts names a
    comment up to the end of the file and a directory right before it. Raises ``UnreadableSignature``.
    """
    size = stream.seek(0, os.SEEK_END)
    start = max(0, size - _END_LENGTH - _LONGEST_COMMENT)
    stream.seek(start)
    tail = stream.read(size - start)
    ends = []
    position = tail.find(_END)
    while position != -1:
        if _is_end(stream, tail[position:], start + position):
            ends.append(start + position)
        position = tail.find(_END, position + 1)
    if len(ends) != 1:
        raise UnreadableSignature("not a zip container" if not ends else "two lists of members")
    if int.from_bytes(tail[ends[0] - start + 12 : ends[0] - start + 16], "little") > _LONGEST_LIST:
        raise UnreadableSignature("too many members")
    return cast("BinaryIO", _Part(stream, ends[0], _uncommented(tail[ends[0] - start :])))


def _is_end(stream: BinaryIO, tail: bytes, position: int) -> bool:
    if len(tail) < _END_LENGTH:
        return False
    _, _, _, _, count, length, offset, comment = struct.unpack("<4s4H2LH", tail[:_END_LENGTH])
    if comment != len(tail) - _END_LENGTH or offset + length > position:
        return False  # so are those of archives beyond 4 GiB, which are beyond the bounds here
    if not count:
        return True
    stream.seek(position - length)
    return stream.read(4) == b"PK\x01\x02"


def _uncommented(tail: bytes) -> bytes:
    return tail[: _END_LENGTH - 2] + b"\0\0"


class _Part(io.RawIOBase):
    """The first octets of a stream and others after them, as a file of their own."""

    def __init__(self, stream: BinaryIO, length: int, after: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._length = length
        self._after = after
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        total = self._length + len(self._after)
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: total}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        total = self._length + len(self._after)
        wanted = max(0, total - self._position)
        if size is not None and size >= 0:
            wanted = min(size, wanted)
        data = b""
        if self._position < self._length:
            self._stream.seek(self._position)
            data = self._stream.read(min(wanted, self._length - self._position))
        if len(data) < wanted:
            first = self._position + len(data) - self._length
            data += self._after[first : first + wanted - len(data)]
        self._position += len(data)
        return data
