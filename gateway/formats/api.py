"""The door of ``formats``: how a signature is written and read. No network, no database, no key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from gateway.domain.appearance import VisibleSignature
from gateway.domain.certificates import SigningCertificate
from gateway.domain.contents import ContentDigest
from gateway.domain.evidence import Evidence, PreparedArchive
from gateway.domain.signatures import PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict
from gateway.domain.verification import DetachedContent


@dataclass(frozen=True, slots=True)
class SignatureParameters:
    """
    What a signature says besides its content.

    *signing_time* is the claimed time (UTC, whole seconds); *signature_id* 128 random bits in hex, unique per
    signature; *reason* goes into a PDF signature (the contract's SignatureReason) and nowhere else; *appearance* is how
    a PDF signature is seen, which without one is not at all, and nothing to other formats.
    """

    certificate: SigningCertificate
    signing_time: datetime
    signature_id: str
    reason: str | None = None
    appearance: VisibleSignature | None = None


class SignatureEngine(Protocol):
    """
    One signature format. A *content* is a ``ContentDigest`` for hashes, or a seekable binary stream of a document.

    Streams are the caller's to open and close, and are never read whole into memory.
    """

    def inspect(
        self, document: BinaryIO, *, multiple_signatures: bool, appearance: VisibleSignature | None = None
    ) -> None:
        """
        Whether *document* can be signed: readable, not encrypted, not certified "no changes" (DocMDP P=1), not signed
        already unless *multiple_signatures*, with the place that *appearance* names. Raises ``UnsignableDocument``
        with the reason.
        """

    def prepare(self, content: ContentDigest | BinaryIO, parameters: SignatureParameters) -> PreparedSignature:
        """Build everything but the signature value. Raises ``UnsignableDocument``."""

    def imprint(self, prepared: PreparedSignature, value: SignatureValue) -> bytes:
        """
        The SHA-256 that a signature time-stamp over *value* must carry (EN 319 132-1 § 5.3, EN 319 122-1 § 5.3).

        Raises ``UnreadableSignature`` where state or value cannot be what they should.
        """

    def complete(
        self,
        content: ContentDigest | BinaryIO,
        prepared: PreparedSignature,
        value: SignatureValue,
        token: bytes | None,
        out: BinaryIO,
    ) -> None:
        """
        Write the finished signature to *out*: level T with *token* (an RFC 3161 TimeStampToken), B without.

        *content* is the same that was prepared; a document is copied to *out* unchanged before its new revision.
        Raises ``UnreadableSignature`` where content, state or value cannot be what they should.
        """

    def read(self, signature: BinaryIO, content: bytes | None) -> Sequence[IntegrityVerdict]:
        """
        Every signature and document time-stamp found, in document order, each with its verdict; empty when unsigned.

        *content* is the original hash for hash signatures. Says nothing about trust. Raises ``UnreadableSignature``.
        """


class SignatureReader(Protocol):
    """Signature files that others made, one format: XML with signatures anywhere, PDF, or a container."""

    def read_file(
        self,
        signature: BinaryIO,
        contents: Sequence[DetachedContent],
        *,
        as_stated: bool = False,
        certificates: Sequence[bytes] = (),
    ) -> Sequence[IntegrityVerdict]:
        """
        Every signature and document time-stamp found, in document order, each with its verdict; empty when unsigned.

        *contents* are the data outside the file; the reader opens and closes their streams. Nothing else is ever
        dereferenced (decision 28). *as_stated* takes a digest that a reference states for granted where its data is
        outside and was not given: then the verdict is about the signature alone. *certificates* (DER) may be the
        signer's, for a signature that brings none; a format that always does need not ask. Says nothing about trust.

        Raises:
            UnreadableSignature: Not of this format, or beyond its bounds.

        """


class SignatureAugmenter(Protocol):
    """
    Raises finished signatures (EN 319 132-1, EN 319 142-1). Only ever appends: no octet that is there is changed.

    *out* gets the whole file. Streams are the caller's, seekable, and never read whole into memory where large.
    """

    def add_evidence(self, signature: BinaryIO, signer: Evidence, time_stamps: Evidence, out: BinaryIO) -> None:
        """
        Level LT: put in what validates the *signer*'s certificate and the *time_stamps*' authorities.

        What the signature carries already is not put in twice. Raises ``UnreadableSignature`` where it is not of this
        format, holds no signature, or is below level T.
        """

    def prepare_archive(self, signature: BinaryIO, content: ContentDigest | None, token_size: int) -> PreparedArchive:
        """
        Level LTA: what an archive time-stamp must attest; *token_size* octets are kept free for it where they must be.

        Raises ``UnreadableSignature``, and ``UnsignableDocument`` where the format needs more than it is given: an
        archive time-stamp of XAdES is over the signed content itself, which nobody has where a hash was signed.
        """

    def complete_archive(self, signature: BinaryIO, prepared: PreparedArchive, token: bytes, out: BinaryIO) -> None:
        """Put *token* in. Raises ``UnreadableSignature`` where state or token cannot be what they should."""
