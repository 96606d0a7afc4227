"""Documents as streams: lent to another process as an open file, hashed and copied in pieces."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from gateway.errors import UnreadableSignature

PIECE = 1024 * 1024
_PROBE = 4096


@contextmanager
def lent(stream: BinaryIO) -> Iterator[int]:
    """
    The descriptor of an open file with what *stream* holds, whose position may have moved afterwards.

    A stream over a plain file lends its own; any other is copied to a file without a name.
    """
    own = _own_descriptor(stream)
    if own is not None:
        yield own
        return
    with _nameless() as copy:
        stream.seek(0)
        for piece in pieces(stream):
            copy.write(piece)
        copy.flush()
        yield copy.fileno()


def _own_descriptor(stream: BinaryIO) -> int | None:
    """The stream's file, when it is plain and holds the same: a wrapper may decode what its file holds."""
    try:
        descriptor = stream.fileno()
        stream.flush()
        status = os.fstat(descriptor)
    except (OSError, AttributeError, ValueError):
        return None
    size = length_of(stream)
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return None
    for start in (0, max(0, size - _PROBE)):
        stream.seek(start)
        if stream.read(_PROBE) != os.pread(descriptor, _PROBE, start):
            return None
    return descriptor


def _nameless() -> IO[bytes]:
    """In memory where the system can; in the folder for temporary files elsewhere."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("document"), "w+b")
    return tempfile.TemporaryFile()


def length_of(stream: BinaryIO) -> int:
    """Octets in all."""
    return stream.seek(0, os.SEEK_END)


def octets_at(stream: BinaryIO, offset: int, length: int) -> bytes:
    """A stretch of *stream*. Raises ``ValueError`` where it does not have it."""
    if offset < 0 or length < 0 or offset + length > length_of(stream):
        raise ValueError("beyond the end")
    stream.seek(offset)
    return stream.read(length)


def pieces(stream: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """What follows the stream's position in pieces of at most 1 MiB: *length* octets, or all."""
    while length is None or length > 0:
        piece = stream.read(PIECE if length is None else min(PIECE, length))
        if not piece:
            return
        if length is not None:
            length -= len(piece)
        yield piece


class RangeHasher:
    """Digests of a stream's byte ranges, each computed once. Leaves the stream's position anywhere."""

    def __init__(self, stream: BinaryIO, budget: int) -> None:
        """*budget*: octets that may be hashed in all."""
        self._stream = stream
        self._budget = budget
        self._known: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def digest(self, algorithm: str, byte_range: tuple[int, int, int, int]) -> bytes | None:
        """
        The digest by a hashlib name over two stretches given as (start, length, start, length).

        None for an algorithm that is not known here.

        Raises:
            UnreadableSignature: The budget is used up.

        """
        key = (algorithm, byte_range)
        if key not in self._known:
            start, length, second, rest = byte_range
            hasher = new_hash(algorithm)
            if hasher is None:
                return None
            self._budget -= length + rest
            if self._budget < 0:
                raise UnreadableSignature("has more signatures than are read in a document of its size")
            for position, amount in ((start, length), (second, rest)):
                self._stream.seek(position)
                for piece in pieces(self._stream, amount):
                    hasher.update(piece)
            self._known[key] = finished(hasher)
        return self._known[key]


def new_hash(algorithm: str) -> hashlib._Hash | None:
    """A hasher by its hashlib name; None where OpenSSL does not have it."""
    try:
        return hashlib.new(algorithm)
    except ValueError:
        return None


def finished(hasher: hashlib._Hash) -> bytes:
    """The digest; SHAKE256 is taken at 64 octets (RFC 8702 § 3.1)."""
    if hasher.name == "shake_256":
        return hasher.digest(64)  # type: ignore[call-arg]  # only this one takes a length
    return hasher.digest()
