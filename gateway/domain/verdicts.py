"""Three facts about a signature, kept apart until the end: integrity, trust, policy."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.messages import MessageKey


class SignatureKind(enum.Enum):
    """What an entry of a document's signatures is (decision 27)."""

    SIGNATURE = "signature"
    DOCUMENT_TIME_STAMP = "document-time-stamp"


class IntegrityFailure(enum.Enum):
    """Why a signature does not hold."""

    FORMAT = "format"
    OTHER_CONTENT = "other-content"
    DIGEST = "digest"
    VALUE = "value"
    AMBIGUOUS = "ambiguous-structure"
    CONTENT_MISSING = "content-missing"
    """Signed data lies outside the file and was not given: nothing is known to be wrong."""


class TimeStampKind(enum.Enum):
    """What a time-stamp token is over, and so what it proves to have existed (EN 319 102-1 § 5.6.2.3)."""

    CONTENT = "content"
    """Data that was signed afterwards: the signature was made later than this."""
    SIGNATURE = "signature"
    """The signature value (XAdES SigAndRefs too)."""
    REFERENCES = "references"
    """References to certificates and revocation data alone (XAdES RefsOnly)."""
    ARCHIVE = "archive"
    """Everything before it: signature, earlier time-stamps, certificates, revocation data."""
    DOCUMENT = "document"
    """A whole PDF revision."""


@dataclass(frozen=True, slots=True)
class TimeStampFound:
    """
    A time-stamp token in a signature and the octets that its imprint must be the hash of (or their digest).

    *covered* is None where those octets could not be found out: such a token proves nothing.
    """

    token: bytes
    covered: bytes | None
    kind: TimeStampKind = TimeStampKind.SIGNATURE


@dataclass(frozen=True, slots=True)
class IntegrityVerdict:
    """
    What the bytes alone say; nothing about trust.

    *crypto_valid*: references and value hold. *structure_valid* is False only when it is ambiguous what is covered;
    None means undetermined. *digests_used* are the signature's own digest algorithms (policy asks), while the
    consumer's *content_digest* is its own question (decision 26). *certificate* None: none identified.
    *level* is the form of the signature by its properties alone, as EU DSS names it with hyphens: XAdES-BASELINE-LT,
    XAdES-BES, XML-NOT-ETSI, PAdES-BASELINE-B, PKCS7-T, PDF-NOT-ETSI, CAdES-BASELINE-T; None where it cannot be told.
    *covers* names what is signed, for people: members of a container, references of a document; at most 32.
    """

    kind: SignatureKind
    crypto_valid: bool
    structure_valid: bool | None
    failure: IntegrityFailure | None
    certificate: bytes | None
    certificate_reference_matches: bool | None
    other_certificates: tuple[bytes, ...]
    time_stamps: tuple[TimeStampFound, ...]
    claimed_signing_time: datetime | None
    signature_digests: frozenset[DigestAlgorithm | str]
    content_digest: DigestAlgorithm | None
    covers_whole_document: bool | None = None
    modified_after_signing: bool | None = None
    embedded_ocsp_responses: tuple[bytes, ...] = ()
    embedded_crls: tuple[bytes, ...] = ()
    level: str | None = None
    covers: tuple[str, ...] = ()

    @classmethod
    def unreadable(cls, kind: SignatureKind) -> IntegrityVerdict:
        """The verdict on what cannot be read."""
        return cls(
            kind=kind,
            crypto_valid=False,
            structure_valid=None,
            failure=IntegrityFailure.FORMAT,
            certificate=None,
            certificate_reference_matches=None,
            other_certificates=(),
            time_stamps=(),
            claimed_signing_time=None,
            signature_digests=frozenset(),
            content_digest=None,
        )


class Trust(enum.Enum):
    """What was found out about a certificate at a given time."""

    GOOD = "good"
    NO_PATH = "no-path"
    REVOKED = "revoked"
    ON_HOLD = "on-hold"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    STATUS_UNKNOWN = "status-unknown"
    WRONG_USAGE = "wrong-usage"
    CHAIN_INVALID = "chain-invalid"
    ISSUER_REVOKED = "issuer-revoked"


@dataclass(frozen=True, slots=True)
class TrustVerdict:
    """
    Path and revocation status of one certificate, judged at *judged_at*; nothing about the document.

    *path* runs from the certificate to its anchor (DER), empty without one. *revoked_at* with REVOKED.
    *plain_number_trusted* says whether the anchor is configured so (decision 14). *qualification* is what a signature
    under this certificate is by the trusted lists (decision 31): QESig, AdESig-QC or AdESig; None where not determined.
    *not_revoked*, with EXPIRED: its status shows that it was not revoked before it ended. *by_list*: trusted
    lists were asked, which may say one thing of one time and another of another.
    """

    trust: Trust
    judged_at: datetime
    path: tuple[bytes, ...] = ()
    revoked_at: datetime | None = None
    plain_number_trusted: bool = False
    detail: str = ""
    qualification: str | None = None
    not_revoked: bool = False
    by_list: bool = False


@dataclass(frozen=True, slots=True)
class TimeStampVerdict:
    """
    A token judged: *valid* when imprint, signature, usage and path hold; *gen_time* then proves existence.

    *kind* says of what; *certificate* is the authority's (DER), None where the token names none that is there;
    *token* the token itself. *judged* is False where it could not be found out what it must be over.
    """

    valid: bool
    gen_time: datetime | None
    digest: DigestAlgorithm | str | None
    trust: TrustVerdict | None
    detail: str = ""
    kind: TimeStampKind = TimeStampKind.SIGNATURE
    certificate: bytes | None = None
    token: bytes | None = None
    judged: bool = True

    @property
    def bounds_signing(self) -> bool:
        """Whether it covers the signature's value, so that the value existed when it was made."""
        return self.kind not in (TimeStampKind.CONTENT, TimeStampKind.REFERENCES)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """Constraints missed (empty: met) and warnings."""

    missed: tuple[MessageKey, ...] = ()
    warnings: tuple[MessageKey, ...] = ()
