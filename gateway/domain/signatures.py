"""Signatures on their way: prepared, signed anywhere, completed."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from gateway.domain.contents import DigestAlgorithm, StoredContent


class SignatureLevel(enum.IntEnum):
    """Baseline levels (EN 319 132-1, EN 319 142-1); each contains the one before."""

    B_B = 1
    B_T = 2
    B_LT = 3
    B_LTA = 4


@dataclass(frozen=True, slots=True)
class DataToBeSigned:
    """
    The octets a key signs: canonical SignedInfo, or DER signed attributes.

    Whole octets and not only their digest, so that a device can recompute and show what it signs.
    """

    octets: bytes
    algorithm: DigestAlgorithm = DigestAlgorithm.SHA256

    @property
    def digest(self) -> bytes:
        """The digest of *octets*, for keys that sign digests."""
        return hashlib.new(self.algorithm.value, self.octets).digest()


@dataclass(frozen=True, slots=True)
class SignatureValue:
    """What a key answered: PKCS#1 v1.5 octets for RSA, fixed-width r‖s for ECDSA (engines make DER of it for CMS)."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PreparedSignature:
    """
    A signature complete but for its value; never rebuilt, for the signing time is signed.

    *state* is the engine's own notes as plain bytes: it can be stored, carried to another worker and completed there.
    """

    data: DataToBeSigned
    state: bytes


@dataclass(frozen=True, slots=True)
class CompletedSignature:
    """The finished signature: XAdES as bytes, a signed PDF as a reference into the content store."""

    signature: bytes | StoredContent
