"""A batch of signatures to be validated, and what is answered."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from gateway.domain.contents import ContentType, StoredContent
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import Language, MessageKey
from gateway.domain.verdicts import IntegrityVerdict, PolicyVerdict, TimeStampVerdict, TrustVerdict


class FileFormat(enum.Enum):
    """How a signature file is to be read."""

    XADES = "xades"
    PADES = "pades"
    ASIC = "asic"


@dataclass(frozen=True, slots=True)
class DetachedContent:
    """
    Signed data that lies outside the signature file, as the caller holds it: the bytes, or their digest.

    *name* as references name it, None where it has none. Either *open* gives a seekable stream of the bytes, which the
    reader closes; or *digest* is their hash by *digest_algorithm* (hashlib's name, which the length need not confirm:
    a caller may be wrong about it).
    """

    name: str | None = None
    open: Callable[[], BinaryIO] | None = None
    digest_algorithm: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerificationContent:
    """*signature*: XAdES bytes or reference, or a signed PDF; *content*: the original hash, for Hash only."""

    correlation_id: str | None
    signature: bytes | StoredContent
    content: bytes | None


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """At least one content; correlation ids unique where given."""

    content_type: ContentType
    contents: tuple[VerificationContent, ...]
    language: Language


@dataclass(frozen=True, slots=True)
class SignatureConclusion:
    """
    What the verdicts come to, for one signature.

    TOTAL-PASSED has no sub-indication, others have one. *signed_at* is the earliest valid time-stamp's time and None
    without one; *subject* and *certificate* are None where no signer was identified.
    """

    indication: Indication
    sub_indication: SubIndication | None
    message: MessageKey
    integrity: IntegrityVerdict
    trust: TrustVerdict | None
    policy: PolicyVerdict | None
    time_stamps: tuple[TimeStampVerdict, ...]
    certificate: bytes | None
    subject: str | None
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """Valid only with at least one conclusion and all TOTAL-PASSED."""

    correlation_id: str | None
    conclusions: tuple[SignatureConclusion, ...]
    message: MessageKey

    @property
    def valid(self) -> bool:
        """The contract's SignaturesValid."""
        return bool(self.conclusions) and all(c.indication is Indication.TOTAL_PASSED for c in self.conclusions)
