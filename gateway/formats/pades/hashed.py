"""
Files hashed lately, so that a large document is hashed once where it is prepared and completed in one process.

A file that the system says is the same and unchanged is not hashed again. That is asked of plain files alone, opened as
they are, and only where the last change was a while before the hashing began: two changes within one tick of the file
system's clock look alike.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
import time
from collections import OrderedDict
from typing import BinaryIO, NamedTuple

from gateway.formats.pades.streams import length_of, pieces

_KEPT = 64
_SETTLED_SECONDS = 2.0


class Identity(NamedTuple):
    """A file as it is now; any change of it changes this, ``changed_ns`` by the system's clock."""

    device: int
    number: int
    size: int
    modified_ns: int
    changed_ns: int


class HashedFiles:
    """Digests under way of whole files, by the files' identities. Bounded; safe for threads."""

    def __init__(self, kept: int = _KEPT, settled: float = _SETTLED_SECONDS) -> None:
        """*kept*: how many files; *settled*: seconds since the last change, at least, to be believed unchanged."""
        self._kept = kept
        self._settled_ns = int(settled * 1e9)
        self._known: OrderedDict[tuple[str, Identity], hashlib._Hash] = OrderedDict()
        self._lock = threading.Lock()

    def hasher(self, stream: BinaryIO, algorithm: str) -> hashlib._Hash:
        """Hash all of *stream*; the hasher may be given more. It is kept where the file can be known again."""
        before, began = identity(stream), time.time_ns()
        hasher = hashlib.new(algorithm)
        stream.seek(0)
        for piece in pieces(stream):
            hasher.update(piece)
        if before is not None and began - before.changed_ns >= self._settled_ns and identity(stream) == before:
            self._keep((algorithm, before), hasher.copy())
        return hasher

    def known(self, which: Identity | None, algorithm: str) -> hashlib._Hash | None:
        """The same for a file that was hashed before; None where it was not, or has changed since."""
        if which is None:
            return None
        with self._lock:
            found = self._known.get((algorithm, which))
        return found.copy() if found is not None else None

    def _keep(self, key: tuple[str, Identity], hasher: hashlib._Hash) -> None:
        with self._lock:
            self._known[key] = hasher
            self._known.move_to_end(key)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)


def identity(stream: BinaryIO) -> Identity | None:
    """Of the plain file that *stream* reads as it is; None for anything else, which may decode what its file holds."""
    if type(stream) is not io.BufferedReader or type(stream.raw) is not io.FileIO:
        return None
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_size != length_of(stream):
        return None
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
