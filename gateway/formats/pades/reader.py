"""PDFs that others signed, read as ``formats.api.SignatureReader`` (EN 319 142-1, ISO 32000-2 § 12.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from gateway.domain.verdicts import IntegrityVerdict
from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature
from gateway.formats.isolated import Answer
from gateway.formats.isolation import Declined, Isolation, Stopped
from gateway.formats.pades.found import found_in
from gateway.formats.pades.reading import DocumentReader
from gateway.formats.pades.streams import length_of, lent, octets_at

WORKER = "gateway.formats.pades.worker"
"""What runs isolated."""

_HASHED_AT_MOST = 2 * 1024 * 1024 * 1024


class PadesReader:
    """
    Signatures and document time-stamps of PDFs, at every level. Leaves trust and policy to others.

    The document is parsed in a process that can be killed; here it is only hashed and compared by position, and its
    CMS is read by bounded code. Safe for threads; processes start at the first call.
    """

    def __init__(self, isolation: Isolation | None = None) -> None:
        """*isolation* of ``WORKER``, to share its processes with another; one of its own by default."""
        self._work = isolation if isolation is not None else Isolation(WORKER)

    def read_file(
        self,
        signature: BinaryIO,
        contents: Sequence[DetachedContent] = (),
        *,
        as_stated: bool = False,
        certificates: Sequence[bytes] = (),
    ) -> Sequence[IntegrityVerdict]:
        """
        Every signature and document time-stamp, in the order in which they end in the file.

        A PDF signature covers its own file and brings its certificates, so that *contents*, *as_stated* and
        *certificates* are not asked. A difference analysis that fails or takes too long leaves
        ``modified_after_signing`` None. A dictionary in which several people signed has a verdict for each of them.

        Raises:
            UnreadableSignature: Not a PDF, or not readable within the limits.
            ServiceBusy: Too many documents are being read.

        """
        del contents, as_stated, certificates
        answers = self._answers(signature)
        try:
            found, store = found_in(answers, lambda offset, length: octets_at(signature, offset, length))
        except (KeyError, TypeError, ValueError, IndexError, StopIteration, RuntimeError):
            raise UnreadableSignature("cannot be read as a PDF") from None
        reader = DocumentReader(signature, length_of(signature), store, _HASHED_AT_MOST)
        return tuple(reader.verdicts(found))

    def _answers(self, document: BinaryIO) -> list[Answer]:
        try:
            with lent(document) as descriptor:
                return self._work.run("survey", {}, descriptor)
        except Declined as problem:
            raise UnreadableSignature(problem.reason) from None
        except Stopped as problem:
            if problem.answers:  # what is missing are comparisons
                return problem.answers
            raise UnreadableSignature(problem.reason) from None
