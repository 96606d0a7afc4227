"""
How much of an HTTP/1 request is there, looked at while it arrives, so that no thread waits for a slow beginning.

Judges nothing: what is no HTTP is handed on as it is, and the server's parser says what is wrong with it.
"""

from __future__ import annotations

import enum
import re

HEAD_LIMIT = 64 * 1024
"""Bytes of a request line and its headers."""

EARLY_BODY = 64 * 1024
"""Bytes of a body that are awaited before a thread takes the request."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"[0-9]{1,19}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_CHUNK_LINE = 1024


class Stage(enum.Enum):
    """MORE has to come; READY for a thread; TOO_LARGE is a head that does not end."""

    MORE = enum.auto()
    READY = enum.auto()
    TOO_LARGE = enum.auto()


class Beginning:
    """The bytes of one request from its first on; what is beyond it belongs to the next and is handed on with it."""

    def __init__(self, early: int = EARLY_BODY) -> None:
        """*early*: bytes of the body to wait for."""
        self.data = bytearray()
        self.continue_wanted = False
        self._early = early
        self._head_end: int | None = None
        self._needed = 0
        self._chunk_at: int | None = None
        self._whole = True

    @property
    def head_complete(self) -> bool:
        """Whether the head is there."""
        return self._head_end is not None

    @property
    def body_complete(self) -> bool:
        """Whether the whole body is there too, as far as it can be told from here."""
        return self._whole

    def add(self, piece: bytes) -> Stage:
        """Take *piece* and say where the request stands."""
        looked_at = max(0, len(self.data) - len(_END) + 1)
        self.data += piece
        if self._head_end is None:
            found = self.data.find(_END, looked_at)
            if found < 0:
                return Stage.TOO_LARGE if len(self.data) > HEAD_LIMIT else Stage.MORE
            self._read_head(found)
        return Stage.READY if self._is_ready() else Stage.MORE

    def _is_ready(self) -> bool:
        assert self._head_end is not None
        there = len(self.data) - self._head_end
        if self._chunk_at is None:
            return there >= self._needed
        self._whole = self._chunks_end()
        return self._whole or there >= self._early

    def _read_head(self, end: int) -> None:
        """What the head says of the body; with anything odd nothing more is awaited."""
        lines = bytes(self.data[:end]).split(b"\r\n")
        lengths: list[bytes] = []
        codings: list[bytes] = []
        expected: list[bytes] = []
        by_name = {b"content-length": lengths, b"transfer-encoding": codings, b"expect": expected}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            by_name.get(name.lower(), []).append(value.strip().lower())
        self._head_end = end + len(_END)
        if codings == [b"chunked"] and not lengths:
            self._chunk_at = self._head_end
        elif len(lengths) == 1 and not codings and _LENGTH.fullmatch(lengths[0]):
            length = int(lengths[0])
            # A long body of somebody who asks first is refused or invited by the application, unread.
            self._needed = min(length, self._early) if not expected or length <= self._early else 0
            self._whole = length <= self._needed
        waits = self._chunk_at is not None or self._needed > 0
        if waits and expected == [b"100-continue"] and lines[0].endswith(b"HTTP/1.1"):
            self._answer_expectation(lines)

    def _answer_expectation(self, lines: list[bytes]) -> None:
        """The one who waits for it is invited here, so the server must not do it again."""
        assert self._head_end is not None
        self.continue_wanted = len(self.data) == self._head_end
        kept = b"\r\n".join(line for line in lines if line.partition(b":")[0].lower() != b"expect") + _END
        self.data[: self._head_end] = kept
        self._head_end = len(kept)
        if self._chunk_at is not None:
            self._chunk_at = self._head_end

    def _chunks_end(self) -> bool:
        """Whether the last chunk and its trailers are there, or a chunk is broken."""
        while True:
            assert self._chunk_at is not None
            found = _CHUNK.match(self.data, self._chunk_at)
            if found is None:
                line_is_whole = self.data.find(b"\n", self._chunk_at) >= 0
                return line_is_whole or len(self.data) - self._chunk_at > _CHUNK_LINE
            size = int(found[1], 16)
            if size == 0:
                rest = found.end() - 2  # the chunk's own line end may be the first half of the end
                return self.data.find(_END, rest) >= 0
            end = found.end() + size + 2
            if end > len(self.data):
                return False
            self._chunk_at = end
