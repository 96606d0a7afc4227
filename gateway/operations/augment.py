"""
Raise a finished signature: from T to LT, a document to LTA, or renew its archive time-stamp (decision 23).

What validates a signature is collected while it can still be had: certificates, and revocation data issued after the
time-stamps that prove when it was made. The file is only added to, and what was read before must hold afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, BinaryIO, cast

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.evidence import Evidence
from gateway.domain.signatures import SignatureLevel
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind
from gateway.domain.verification import FileFormat
from gateway.errors import AuthorityUnavailable, UnreadableSignature
from gateway.formats.api import SignatureAugmenter, SignatureReader
from gateway.timestamps.api import TimeStampingAuthority, TokenReader
from gateway.trust.api import EvidenceCollector, Purpose

_IN_MEMORY = 1024 * 1024
_TOKEN_SIZE = 16 * 1024
_RAISABLE = (SignatureLevel.B_LT, SignatureLevel.B_LTA)


@dataclass(frozen=True, slots=True)
class Raised:
    """How a file's first signature stood before and stands now, as its reader names levels."""

    before: str | None
    after: str | None


class Augment:
    """Raises signature files. Leaves keeping them, and whether they are trusted, to the caller."""

    def __init__(
        self,
        readers: Mapping[FileFormat, SignatureReader],
        augmenters: Mapping[FileFormat, SignatureAugmenter],
        tokens: TokenReader,
        collector: EvidenceCollector,
        authority: TimeStampingAuthority,
        clock: Callable[[], datetime],
        *,
        token_size: int = _TOKEN_SIZE,
    ) -> None:
        """*token_size*: octets kept free for an archive time-stamp, as many as the largest token of the authority."""
        self._readers = readers
        self._augmenters = augmenters
        self._tokens = tokens
        self._collector = collector
        self._authority = authority
        self._clock = clock
        self._token_size = token_size

    def __call__(self, file_format: FileFormat, signature: BinaryIO, level: SignatureLevel, out: BinaryIO) -> Raised:
        """
        Write *signature*, raised to *level* (LT or LTA), to *out*. A file that is LTA already is renewed by LTA.

        Raises:
            UnreadableSignature: Not a file of this format, below level T, or it does not hold.
            UnsignableDocument: The format has no such level for what was signed.
            AuthorityUnavailable: A status or a time-stamp cannot be had now; nothing useful is in *out*.

        """
        if level not in _RAISABLE:
            raise ValueError("signatures are raised to LT or LTA")
        augmenter = self._augmenters.get(file_format)
        if augmenter is None:
            raise UnreadableSignature("files of this format are not raised")
        found = self._read(file_format, signature)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as lasting:
            self._add_evidence(augmenter, signature, found, lasting)
            if level is SignatureLevel.B_LT:
                finished = self._finish(file_format, found, lasting, out)
            else:
                with tempfile.SpooledTemporaryFile(_IN_MEMORY) as archived:
                    self._add_archive(augmenter, lasting, archived)
                    finished = self._finish(file_format, found, archived, out)
        return Raised(_level(found), _level(finished))

    def _read(self, file_format: FileFormat, stream: BinaryIO) -> Sequence[IntegrityVerdict]:
        """What stands in the file; all of it must hold, for nothing is made to last that is broken."""
        stream.seek(0)
        found = self._readers[file_format].read_file(stream, (), as_stated=True)
        if not any(one.kind is SignatureKind.SIGNATURE for one in found):
            raise UnreadableSignature("has no signature")
        if not all(_holds(one) for one in found):
            raise UnreadableSignature("does not hold: nothing is made to last that is broken")
        return found

    def _add_evidence(
        self, augmenter: SignatureAugmenter, signature: BinaryIO, found: Sequence[IntegrityVerdict], out: IO[bytes]
    ) -> None:
        now = self._clock()
        signers = stamps = Evidence()
        proved: datetime | None = None
        for one in reversed(found):
            for token in one.time_stamps:
                reading = self._tokens.read(token.token)
                if reading.certificate is None:
                    raise UnreadableSignature("a time-stamp does not carry its authority's certificate")
                others = (*reading.other_certificates, *one.other_certificates)
                stamps = stamps.with_(
                    self._collector.collect(
                        reading.certificate, Purpose.TIME_STAMPING, since=reading.gen_time, now=now, others=others
                    )
                )
                proved = reading.gen_time if proved is None else min(proved, reading.gen_time)
            if one.kind is SignatureKind.SIGNATURE and one.certificate is not None:
                signers = signers.with_(
                    self._collector.collect(
                        one.certificate, Purpose.SIGNING, since=proved or now, now=now, others=one.other_certificates
                    )
                )
        signature.seek(0)
        augmenter.add_evidence(signature, signers, stamps, cast("BinaryIO", out))

    def _add_archive(self, augmenter: SignatureAugmenter, lasting: IO[bytes], out: IO[bytes]) -> None:
        stream = cast("BinaryIO", lasting)
        stream.seek(0)
        prepared = augmenter.prepare_archive(stream, None, self._token_size)
        (token,) = self._authority.tokens([prepared.imprint], DigestAlgorithm.SHA256, self._clock())
        if isinstance(token, AuthorityUnavailable):
            raise token
        stream.seek(0)
        augmenter.complete_archive(stream, prepared, token.der, cast("BinaryIO", out))

    def _finish(
        self, file_format: FileFormat, before: Sequence[IntegrityVerdict], made: IO[bytes], out: BinaryIO
    ) -> Sequence[IntegrityVerdict]:
        """Read back what was made (decision 22), and hand it over."""
        after = self._read(file_format, cast("BinaryIO", made))
        if [one.certificate for one in after[: len(before)]] != [one.certificate for one in before]:
            raise UnreadableSignature("what was made does not read back as what was there")
        made.seek(0)
        shutil.copyfileobj(made, out)
        return after


def _holds(one: IntegrityVerdict) -> bool:
    return one.crypto_valid and one.structure_valid is not False and not one.modified_after_signing


def _level(found: Sequence[IntegrityVerdict]) -> str | None:
    return next((one.level for one in found if one.kind is SignatureKind.SIGNATURE), None)
