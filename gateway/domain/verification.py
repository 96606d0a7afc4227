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
from gateway.domain.verdicts import IntegrityVerdict, PolicyVerdict, SignatureKind, TimeStampVerdict, TrustVerdict

_NO_SIGNATURE = frozenset(
    {
        MessageKey.NOT_SIGNED,
        MessageKey.UNREADABLE,
        MessageKey.PDF_SENT_AS_HASH,
        MessageKey.XML_SENT_AS_PDF,
        MessageKey.UNKNOWN_FORMAT,
    }
)
"""What is no signature of its format (EN 319 102-1 § 5.2.2)."""


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

    @property
    def accepted(self) -> bool:
        """
        TOTAL-PASSED; where certificates were not judged at all, that nothing else was found wrong.

        The latter is never TOTAL-PASSED, which needs a chain (EN 319 102-1 § 5.2.6).
        """
        return self.indication is Indication.TOTAL_PASSED or self.message is MessageKey.TRUST_NOT_JUDGED


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """
    Valid only with at least one signature and all accepted: TOTAL-PASSED, wherever certificates are judged.

    *message* OTHER_CONTENT spoils even that: the signatures may hold, and not over what the caller asked about.
    """

    correlation_id: str | None
    conclusions: tuple[SignatureConclusion, ...]
    message: MessageKey

    @property
    def valid(self) -> bool:
        """The contract's SignaturesValid."""
        signed = any(c.integrity.kind is SignatureKind.SIGNATURE for c in self.conclusions)
        return signed and self.message is not MessageKey.OTHER_CONTENT and all(c.accepted for c in self.conclusions)

    @property
    def indication(self) -> Indication:
        """The whole file's: TOTAL-FAILED where one signature is, INDETERMINATE where one is and none failed."""
        return self._worst[0]

    @property
    def sub_indication(self) -> SubIndication | None:
        """That of the first signature with the file's indication; None where nothing could be looked at."""
        return self._worst[1]

    @property
    def _worst(self) -> tuple[Indication, SubIndication | None]:
        for indication in (Indication.TOTAL_FAILED, Indication.INDETERMINATE):
            for one in self.conclusions:
                if one.indication is indication:
                    return indication, one.sub_indication
        if self.valid:
            return Indication.TOTAL_PASSED, None
        if self.message in _NO_SIGNATURE:
            return Indication.TOTAL_FAILED, SubIndication.FORMAT_FAILURE
        if self.message in (MessageKey.CONTENT_MISSING, MessageKey.OTHER_CONTENT):
            return Indication.INDETERMINATE, SubIndication.SIGNED_DATA_NOT_FOUND
        return Indication.INDETERMINATE, None


_LOOKED_AT = 1024
_XML_BEGINNINGS = (b"<", b"\xff\xfe<\0", b"\xfe\xff\0<", b"\0<", b"<\0")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")


def format_of(signature: BinaryIO) -> FileFormat | None:
    """
    The format that a file's beginning shows; None for none of ours. The stream stands at its beginning again.

    A PDF may begin with up to a kilobyte of something else (ISO 32000-1, annex H).
    """
    beginning = signature.read(_LOOKED_AT)
    signature.seek(0)
    if beginning.startswith(_ZIP_MARKS):
        return FileFormat.ASIC
    if beginning.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_XML_BEGINNINGS):
        return FileFormat.XADES
    return FileFormat.PADES if b"%PDF-" in beginning else None
