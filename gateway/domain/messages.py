"""Every sentence the core may want said to a consumer or signer; the texts live in ``messages/`` in ro, ru and en."""

from __future__ import annotations

import enum


class Language(enum.Enum):
    """Languages of the contract; Romanian is the default."""

    RO = "ro"
    RU = "ru"
    EN = "en"


class MessageKey(enum.Enum):
    """Stable reason codes. Texts have at most 100 characters, for the contract returns them."""

    VALID = "valid"
    ALL_VALID = "all-valid"
    NOT_VALID = "not-valid"
    SOME_NOT_VALID = "some-not-valid"
    NOT_SIGNED = "not-signed"
    OTHER_CONTENT = "other-content"
    CHANGED_AFTER_SIGNING = "changed-after-signing"
    REVOKED = "revoked"
    EXPIRED_CERTIFICATE = "expired-certificate"
    REVOKED_UNPROVEN = "revoked-time-unproven"
    EXPIRED_UNPROVEN = "expired-time-unproven"
    NOT_YET_VALID = "not-yet-valid"
    NOT_TRUSTED = "not-trusted"
    STATUS_UNKNOWN = "status-unknown"
    WEAK_ALGORITHM = "weak-algorithm"
    TIME_STAMP_NOT_VALID = "time-stamp-not-valid"
    UNREADABLE = "unreadable"
    WRONG_HASH_LENGTH = "wrong-hash-length"
    PDF_SENT_AS_HASH = "pdf-sent-as-hash"
    UNDETERMINED = "undetermined"
    CANCELLED = "cancelled"
    OTHER_PERSON = "other-person"
    REQUEST_EXPIRED = "request-expired"
    PIN_BLOCKED = "pin-blocked"
    NO_TIME_STAMP = "no-time-stamp"
    CERTIFICATE_UNUSABLE = "certificate-unusable"
    PARTLY_SIGNED = "partly-signed"
    NOTHING_SIGNED = "nothing-signed"
    DOCUMENT_UNSIGNABLE = "document-unsignable"
