"""
PAdES: PDFs signed and read (EN 319 142-1), as ``formats.api.SignatureEngine``.

Whatever parses a PDF does so in a process that can be killed (``isolation``), also when signing: a document that was
inspected once may still be slow, and the round trip costs a fraction of a millisecond. Here documents are only hashed,
copied in pieces and compared by position; CMS is read and written by bounded code of our own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict
from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats import cms
from gateway.formats.api import SignatureParameters
from gateway.formats.isolated import Answer
from gateway.formats.isolation import Declined, Isolation, Stopped
from gateway.formats.pades.hashed import HashedFiles, identity
from gateway.formats.pades.reader import WORKER, PadesReader
from gateway.formats.pades.state import PreparedRevision
from gateway.formats.pades.streams import length_of, lent, pieces

_INSPECTION = {"name": "Signature-" + "0" * 32, "identifier": "00" * 16, "reason": None}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class PadesEngine:
    """
    Signatures in PDFs: level B with pyHanko's PDF layer and CMS of our own, T with a token; reading of all levels.

    Leaves trust, policy, keys and time-stamping to others. Safe for threads; processes start at the first call.
    """

    def __init__(
        self,
        container_bytes: int = 32768,
        *,
        processes: int = 2,
        seconds: float = 20.0,
        memory_bytes: int = 1 << 30,
    ) -> None:
        """
        Open nothing yet.

        Args:
            container_bytes: room for a signature with chain and time-stamp; the largest token of any configured
                authority must fit (decision 21).
            processes: that parse documents, at most, for each process that signs or reads.
            seconds: of parsing, for each call, by the clock and of CPU.
            memory_bytes: address space of each of them.

        """
        self._container = container_bytes
        self._work = Isolation(WORKER, processes=processes, seconds=seconds, memory=memory_bytes)
        self._reader = PadesReader(self._work)
        self._hashed = HashedFiles()

    def inspect(
        self, document: BinaryIO, *, multiple_signatures: bool, appearance: VisibleSignature | None = None
    ) -> None:
        """
        Whether *document* can be signed: the revision is made once, and thrown away.

        Raises:
            UnsignableDocument: Not a PDF, not readable within the limits, encrypted, without pages, certified "no
                changes", already signed unless *multiple_signatures*, locked by a signature in it, or without the place
                that *appearance* names.
            ServiceBusy: Too many documents are being read.

        """
        arguments = {
            **_INSPECTION,
            "moment": _EARLIEST.isoformat(),
            "container": self._container,
            "multiple_signatures": multiple_signatures,
            **_seen(appearance, "N", _EARLIEST, "R"),
        }
        self._signing_work("inspect", arguments, document)

    def prepare(self, content: ContentDigest | BinaryIO, parameters: SignatureParameters) -> PreparedSignature:
        """
        Everything but the value: the revision to append, and the signed attributes over the document with it.

        The document is read once in pieces; of it the state keeps its length and digest.

        Raises:
            UnsignableDocument: It cannot be extended, has no place for the appearance that is wanted, or the
                certificate's key does not sign PDFs.
            ServiceBusy: Too many documents are being read.

        """
        if isinstance(content, ContentDigest):
            raise UnsignableDocument("is a hash and not a PDF")
        key = parameters.certificate.key_algorithm
        if key is None:
            raise UnsignableDocument("cannot be signed with this kind of key")
        arguments = {
            "name": f"Signature-{parameters.signature_id}",
            "identifier": parameters.signature_id,
            "moment": parameters.signing_time.isoformat(),
            "reason": parameters.reason,
            "container": self._container,
            **_seen(
                parameters.appearance,
                parameters.certificate.common_name,
                parameters.signing_time,
                parameters.reason,
            ),
        }
        before, after = self._signing_work("revise", arguments, content)[0].blobs
        algorithm = cms.digest_for(key)
        length = length_of(content)
        hasher = self._hashed.hasher(content, algorithm.value)
        original = hasher.digest()
        hasher.update(before)
        hasher.update(after)
        attributes = cms.signed_attributes(hasher.digest(), parameters.certificate.der)
        state = PreparedRevision(
            before=before,
            after=after,
            container=self._container,
            length=length,
            digest=original,
            certificate=parameters.certificate.der,
            chain=parameters.certificate.chain,
            key=key,
        )
        return PreparedSignature(DataToBeSigned(attributes, algorithm), state.pack())

    def imprint(self, prepared: PreparedSignature, value: SignatureValue) -> bytes:
        """
        SHA-256 of the signature value as it stands in the CMS (EN 319 122-1 § 5.3).

        Raises:
            UnreadableSignature: Not a state of ours, or not a value of its key.

        """
        _, signature = _resumed(prepared, value)
        return hashlib.sha256(signature).digest()

    def complete(
        self,
        content: ContentDigest | BinaryIO,
        prepared: PreparedSignature,
        value: SignatureValue,
        token: bytes | None,
        out: BinaryIO,
    ) -> None:
        """
        Copy the document to *out*, then its new revision with the signature in place. *out* is only written to.

        Raises:
            UnreadableSignature: Not the document that was prepared (found while copying, so that *out* may hold part
                of it), not a value of the key, not a state of ours, or the signature and its time-stamp do not fit
                into the container. ``operations`` turns this into a failed content.

        """
        if isinstance(content, ContentDigest):
            raise UnreadableSignature("a hash is not the PDF that was prepared")
        state, signature = _resumed(prepared, value)
        data = cms.signed_data(prepared.data.octets, signature, state.certificate, state.chain, state.key, token)
        if len(data) > state.container:
            raise UnreadableSignature(
                f"the signature with its time-stamp has {len(data)} bytes; the document has room for {state.container}"
            )
        if length_of(content) != state.length:
            raise UnreadableSignature("the document is not the one that was prepared")
        hasher = self._copied(content, prepared.data.algorithm.value, out)
        if not _is_signed_by(prepared, state, hasher):
            raise UnreadableSignature("the document is not the one that was prepared")
        out.write(state.before)
        out.write(b"<" + data.hex().encode().ljust(2 * state.container, b"0") + b">")
        out.write(state.after)

    def read(self, signature: BinaryIO, content: bytes | None) -> Sequence[IntegrityVerdict]:
        """
        Every signature and document time-stamp, in the order in which they end in the file; *content* is not asked.

        A difference analysis that fails or takes too long leaves ``modified_after_signing`` None.

        Raises:
            UnreadableSignature: Not a PDF, or not readable within the limits.
            ServiceBusy: Too many documents are being read.

        """
        del content
        return self._reader.read_file(signature)

    def _copied(self, content: BinaryIO, algorithm: str, out: BinaryIO) -> hashlib._Hash:
        """Copy *content* to *out*; what hashed it, now or when it was prepared from the same unchanged file."""
        before = identity(content)
        known = self._hashed.known(before, algorithm)
        hasher = hashlib.new(algorithm)
        content.seek(0)
        for piece in pieces(content):
            if known is None:
                hasher.update(piece)
            out.write(piece)
        if known is None:
            return hasher
        if identity(content) != before:
            raise UnreadableSignature("the document is not the one that was prepared")
        return known

    def _signing_work(self, name: str, arguments: Mapping[str, Any], document: BinaryIO) -> list[Answer]:
        try:
            with lent(document) as descriptor:
                return self._work.run(name, arguments, descriptor)
        except (Declined, Stopped) as problem:
            raise UnsignableDocument(problem.reason) from None


def _seen(appearance: VisibleSignature | None, signer: str, moment: datetime, reason: str | None) -> dict[str, Any]:
    """The arguments for what is seen of a signature: all that is filled in is decided here."""
    if appearance is None:
        return {}
    return {"appearance": appearance.to_fields(), "lines": appearance.lines(signer, moment, reason)}


def _resumed(prepared: PreparedSignature, value: SignatureValue) -> tuple[PreparedRevision, bytes]:
    try:
        state = PreparedRevision.unpack(prepared.state)
        return state, cms.signature_octets(value, state.key)
    except ValueError as problem:
        raise UnreadableSignature(str(problem)) from None


def _is_signed_by(prepared: PreparedSignature, state: PreparedRevision, hasher: hashlib._Hash) -> bool:
    """Whether the document hashed so far is the prepared one, and with its revision what the attributes name."""
    if not hmac.compare_digest(hasher.digest(), state.digest):
        return False
    hasher.update(state.before)
    hasher.update(state.after)
    try:
        return hmac.compare_digest(hasher.digest(), cms.message_digest(prepared.data.octets))
    except ValueError:
        return False
