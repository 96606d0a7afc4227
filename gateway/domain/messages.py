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
    XML_SENT_AS_PDF = "xml-sent-as-pdf"
    UNDETERMINED = "undetermined"
    AMBIGUOUS_STRUCTURE = "ambiguous-structure"
    VALUE_NOT_HOLDING = "value-not-holding"
    SIGNER_NOT_NAMED = "signer-not-named"
    CONTENT_MISSING = "content-missing"
    TIME_STAMP_ORDER = "time-stamp-order"
    TIME_STAMP_NOT_JUDGED = "time-stamp-not-judged"
    PARTLY_COVERED = "partly-covered"
    CHANGES_NOT_JUDGED = "changes-not-judged"
    CHAIN_NOT_VALID = "chain-not-valid"
    TRUST_NOT_JUDGED = "trust-not-judged"
    WEAK_ALGORITHM_TOLERATED = "weak-algorithm-tolerated"
    OUT_OF_TIME = "out-of-time"
    READER_STOPPED = "reader-stopped"
    FILE_MISSING = "file-missing"
    ROW_NOT_USABLE = "row-not-usable"
    UNKNOWN_FORMAT = "unknown-format"
    CANCELLED = "cancelled"
    OTHER_PERSON = "other-person"
    REQUEST_EXPIRED = "request-expired"
    PIN_BLOCKED = "pin-blocked"
    NO_TIME_STAMP = "no-time-stamp"
    CERTIFICATE_UNUSABLE = "certificate-unusable"
    PARTLY_SIGNED = "partly-signed"
    NOTHING_SIGNED = "nothing-signed"
    DOCUMENT_UNSIGNABLE = "document-unsignable"


_SIGNING_ONLY = frozenset(
    {
        MessageKey.CANCELLED,
        MessageKey.OTHER_PERSON,
        MessageKey.REQUEST_EXPIRED,
        MessageKey.PIN_BLOCKED,
        MessageKey.NO_TIME_STAMP,
        MessageKey.PARTLY_SIGNED,
        MessageKey.NOTHING_SIGNED,
        MessageKey.DOCUMENT_UNSIGNABLE,
    }
)

VALIDATION_REASONS = tuple(key for key in MessageKey if key not in _SIGNING_ONLY)
"""
What may be said of a signature that was checked.

For each the catalogs have, beside the text, what happened at length (``explained.KEY``) and what to do
(``advice.KEY``).
"""
