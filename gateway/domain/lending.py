"""A stream lent to somebody who closes what they read."""

from __future__ import annotations

import io
from typing import BinaryIO


class _Lent(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._stream.seek(0, io.SEEK_END)
        if offset < 0:
            raise ValueError("before the beginning")
        self._position = offset
        return offset

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # as io calls it
        self._stream.seek(self._position)
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def lend(stream: BinaryIO) -> BinaryIO:
    """*stream* from its beginning, seekable; it stays open when the loan is closed. Not for two readers at once."""
    return io.BufferedReader(_Lent(stream))
