"""What is to be signed: hashes by value, documents by reference."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NewType

ContentId = NewType("ContentId", str)


class ContentType(enum.Enum):
    """The contract's ContentType: every content of a request is of one kind."""

    HASH = "Hash"
    PDF = "Pdf"


class DigestAlgorithm(enum.Enum):
    """A hash function by its hashlib name."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"

    @property
    def length(self) -> int:
        """Length of a digest in bytes."""
        return _LENGTHS[self]


_LENGTHS = {
    DigestAlgorithm.SHA1: 20,
    DigestAlgorithm.SHA256: 32,
    DigestAlgorithm.SHA384: 48,
    DigestAlgorithm.SHA512: 64,
}
_BY_LENGTH = {length: algorithm for algorithm, length in _LENGTHS.items()}


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """The consumer's hash; its algorithm follows from its length (20, 32, 48 or 64 bytes)."""

    algorithm: DigestAlgorithm
    value: bytes

    @classmethod
    def of(cls, value: bytes) -> ContentDigest:
        """Parse the bytes of a hash. Raises ``ValueError`` for a length of no accepted algorithm."""
        algorithm = _BY_LENGTH.get(len(value))
        if algorithm is None:
            raise ValueError("a hash must have 20, 32, 48 or 64 bytes")
        return cls(algorithm, value)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content that is wholly written in the content store; the bytes are never held here."""

    content_id: ContentId
    length: int
    sha256: bytes
