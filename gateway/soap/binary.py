"""Base64 in pieces, in and out: nothing large is ever whole in memory (RFC 4648 § 4, xs:base64Binary)."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gateway.domain.contents import StoredContent
from gateway.errors import InvalidRequest
from gateway.soap.deposits import Deposits

_NOT_BASE64 = "is not valid base64: letters, digits, + and /, filled up with = to a multiple of four"
_WHITE_SPACE = b" \t\r\n"
_ENCODED_AT_ONCE = 48 * 1024  # a multiple of three: padding only at the end


@dataclass(frozen=True, slots=True)
class TooLargeForHash:
    """A member that can only be a hash had more bytes than stay in memory; they were read and let go."""


Binary = bytes | StoredContent | TooLargeForHash
"""A decoded member: in memory when small, in the content store when large."""


class Base64Decoder:
    """
    Strict base64 as it arrives: white space anywhere, otherwise the alphabet only, padded at the end.

    Raises ``ValueError``.
    """

    def __init__(self) -> None:
        self._carry = b""
        self._ended = False

    def feed(self, text: str) -> bytes:
        """Decode what is complete so far."""
        letters = text.encode("ascii").translate(None, _WHITE_SPACE)
        if not letters:
            return b""
        if self._ended:
            raise ValueError("data after the padding")
        letters = self._carry + letters
        whole = len(letters) & ~3
        complete, self._carry = letters[:whole], letters[whole:]
        self._ended = complete.endswith(b"=")
        if complete.endswith(b"===") or (self._ended and self._carry):
            raise ValueError("data after the padding")
        return binascii.a2b_base64(complete, strict_mode=True)

    def finish(self) -> None:
        """Nothing more comes."""
        if self._carry:
            raise ValueError("cut off")


class BinaryReader:
    """One base64 member being read: into memory first, and into the content store once it grows large."""

    def __init__(self, field: str, deposits: Deposits, *, memory: int, limit: int, hash_only: bool) -> None:
        """
        Begin.

        Args:
            field: the member's name for faults.
            deposits: where large members go.
            memory: bytes that may stay in memory.
            limit: bytes that are accepted.
            hash_only: nothing large has a meaning here, so large bytes are let go instead of stored.

        """
        self._field = field
        self._deposits = deposits
        self._memory = memory
        self._limit = limit
        self._hash_only = hash_only
        self._decoder = Base64Decoder()
        self._small: bytearray | None = bytearray()
        self._length = 0
        self._write: Callable[[bytes], object] = self._remember

    def feed(self, text: str) -> None:
        """More of the member's text. Raises ``InvalidRequest``."""
        try:
            decoded = self._decoder.feed(text)
        except ValueError:
            raise InvalidRequest(self._field, _NOT_BASE64) from None
        self._length += len(decoded)
        if self._length > self._limit:
            raise InvalidRequest(self._field, f"is larger than {self._limit} bytes")
        self._write(decoded)

    def finish(self) -> Binary:
        """The member is complete. Raises ``InvalidRequest``."""
        try:
            self._decoder.finish()
        except ValueError:
            raise InvalidRequest(self._field, _NOT_BASE64) from None
        if self._small is not None:
            return bytes(self._small)
        return TooLargeForHash() if self._hash_only else self._deposits.commit()

    def _remember(self, decoded: bytes) -> None:
        assert self._small is not None
        self._small += decoded
        if len(self._small) <= self._memory:
            return
        kept, self._small = self._small, None
        if self._hash_only:
            self._write = _let_go
            return
        writer = self._deposits.begin()
        writer.write(bytes(kept))
        self._write = writer.write


def _let_go(_decoded: bytes) -> None:
    """Nothing."""


def encoded_length(length: int) -> int:
    """How many characters *length* bytes have in base64."""
    return (length + 2) // 3 * 4


def encoded(stream: BinaryIO, length: int) -> Iterator[bytes]:
    """
    Exactly *length* bytes of *stream* as base64, in pieces.

    Raises:
        EOFError: *stream* ends before; what was announced cannot be kept.

    """
    left = length
    while left:
        piece = _read(stream, min(_ENCODED_AT_ONCE, left))
        left -= len(piece)
        yield binascii.b2a_base64(piece, newline=False)


def _read(stream: BinaryIO, size: int) -> bytes:
    """*size* bytes, for a piece cut short would put padding in the middle."""
    piece = stream.read(size)
    while len(piece) < size:
        more = stream.read(size - len(piece))
        if not more:
            raise EOFError("a stored content is shorter than it was")
        piece += more
    return piece
