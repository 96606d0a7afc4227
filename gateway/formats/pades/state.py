"""What is remembered between a PDF's preparation and its completion, as plain octets for any worker."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from gateway.domain.certificates import KeyAlgorithm

_MARK = b"PAdES-1\n"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class PreparedRevision:
    """
    *before* and *after* are the appended revision around its Contents of *container* octets.

    *length* and *digest* are the original's; the digest is by the signature's own algorithm. *certificate* and *chain*
    are the signer's, in DER, and *key* its kind.
    """

    before: bytes
    after: bytes
    container: int
    length: int
    digest: bytes
    certificate: bytes
    chain: tuple[bytes, ...]
    key: KeyAlgorithm

    def pack(self) -> bytes:
        """As octets, with a version in front; the hole of the Contents is not among them."""
        parts = (self.before, self.after, self.digest, self.certificate, *self.chain)
        head = {
            "container": self.container,
            "length": self.length,
            "key": self.key.value,
            "parts": [len(part) for part in parts],
        }
        text = json.dumps(head).encode()
        return b"".join((_MARK, _LENGTH.pack(len(text)), text, *parts))

    @classmethod
    def unpack(cls, state: bytes) -> PreparedRevision:
        """Raises ``ValueError`` for what ``pack`` did not make in this version."""
        if not state.startswith(_MARK):
            raise ValueError("prepared by another version")
        try:
            start = len(_MARK) + _LENGTH.size
            (size,) = _LENGTH.unpack(state[len(_MARK) : start])
            head = json.loads(state[start : start + size])
            parts, at = [], start + size
            for length in head["parts"]:
                parts.append(state[at : at + length])
                at += length
            before, after, digest, certificate, *chain = parts
            container, original, key = int(head["container"]), int(head["length"]), KeyAlgorithm(head["key"])
            whole = cls(before, after, container, original, digest, certificate, tuple(chain), key)
        except (struct.error, KeyError, TypeError) as error:
            raise ValueError("not a prepared signature") from error
        if at != len(state):
            raise ValueError("not a prepared signature")
        return whole
