"""
Signed documents made to last: level LT by a document security store, LTA by a document time-stamp (EN 319 142-1).

The revisions are made in a process that can be killed; here the document is only copied and hashed in pieces.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from gateway.domain.contents import ContentDigest
from gateway.domain.evidence import Evidence, PreparedArchive
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind
from gateway.errors import UnreadableSignature
from gateway.formats.isolated import Answer
from gateway.formats.isolation import Declined, Isolation, Stopped
from gateway.formats.pades.reader import WORKER, PadesReader
from gateway.formats.pades.streams import length_of, lent, pieces

_MARK = b"PAdES-archive-1\n"
_LENGTH = struct.Struct(">I")
_LARGEST_EVIDENCE = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Archive:
    """*before* and *after* stand around the Contents; *length* and *digest* (SHA-256) are the document's."""

    before: bytes
    after: bytes
    container: int
    length: int
    digest: bytes

    def pack(self) -> bytes:
        head = {"container": self.container, "length": self.length, "before": len(self.before)}
        text = json.dumps(head).encode()
        return b"".join((_MARK, _LENGTH.pack(len(text)), text, self.digest, self.before, self.after))

    @classmethod
    def unpack(cls, state: bytes) -> _Archive:
        """Raises ``UnreadableSignature`` for what ``pack`` did not make."""
        try:
            if not state.startswith(_MARK):
                raise ValueError  # noqa: TRY301 - one way out for all of it
            start = len(_MARK) + _LENGTH.size
            (size,) = _LENGTH.unpack(state[len(_MARK) : start])
            head = json.loads(state[start : start + size])
            digest, rest = state[start + size : start + size + 32], state[start + size + 32 :]
            before = int(head["before"])
            return cls(rest[:before], rest[before:], int(head["container"]), int(head["length"]), digest)
        except (struct.error, KeyError, TypeError, ValueError):
            raise UnreadableSignature("not a prepared archive time-stamp") from None


class PadesAugmenter:
    """Implements ``SignatureAugmenter`` for PDFs. Safe for threads; processes start at the first call."""

    def __init__(self, new_id: Callable[[], str], isolation: Isolation | None = None) -> None:
        """*new_id*: 128 random bits in hexadecimal; *isolation* of the format's worker, to share its processes."""
        self._new_id = new_id
        self._work = isolation if isolation is not None else Isolation(WORKER)
        self._reader = PadesReader(self._work)

    def add_evidence(self, signature: BinaryIO, signer: Evidence, time_stamps: Evidence, out: BinaryIO) -> None:
        """See the door. One store serves all signatures; a document that lacks nothing is written as it is."""
        found = self._reader.read_file(signature)
        _check_level(found)
        missing = signer.with_(time_stamps).without(_present(found))
        if missing == Evidence():
            _copy(signature, out, None)
            return
        if sum(map(len, (*missing.certificates, *missing.ocsp_responses, *missing.crls))) > _LARGEST_EVIDENCE:
            raise UnreadableSignature("the validation data are too large to be put into a document")
        arguments = {
            "identifier": self._new_id(),
            "certificates": _texts(missing.certificates),
            "ocsp_responses": _texts(missing.ocsp_responses),
            "crls": _texts(missing.crls),
        }
        (revision,) = self._run("add-evidence", arguments, signature)[0].blobs
        _copy(signature, out, None)
        out.write(revision)

    def prepare_archive(self, signature: BinaryIO, content: ContentDigest | None, token_size: int) -> PreparedArchive:
        """See the door; *content* is not asked, for a document holds it."""
        del content
        new = self._new_id()
        arguments = {"name": f"Timestamp-{new}", "identifier": new, "container": token_size}
        before, after = self._run("add-stamp", arguments, signature)[0].blobs
        hasher = hashlib.sha256()
        signature.seek(0)
        for piece in pieces(signature):
            hasher.update(piece)
        digest = hasher.digest()
        hasher.update(before)
        hasher.update(after)
        state = _Archive(before, after, token_size, length_of(signature), digest)
        return PreparedArchive(hasher.digest(), state.pack())

    def complete_archive(self, signature: BinaryIO, prepared: PreparedArchive, token: bytes, out: BinaryIO) -> None:
        """See the door. *out* may hold part of the document where it turns out to be another than was prepared."""
        state = _Archive.unpack(prepared.state)
        if not token or len(token) > state.container:
            raise UnreadableSignature(f"the token has {len(token)} bytes; the document has room for {state.container}")
        if length_of(signature) != state.length:
            raise UnreadableSignature("the document is not the one that was prepared")
        hasher = hashlib.sha256()
        _copy(signature, out, hasher)
        if not hmac.compare_digest(hasher.digest(), state.digest):
            raise UnreadableSignature("the document is not the one that was prepared")
        out.write(state.before)
        out.write(b"<" + token.hex().encode().ljust(2 * state.container, b"0") + b">")
        out.write(state.after)

    def _run(self, name: str, arguments: Mapping[str, Any], document: BinaryIO) -> list[Answer]:
        try:
            with lent(document) as descriptor:
                return self._work.run(name, arguments, descriptor)
        except (Declined, Stopped) as problem:
            raise UnreadableSignature(problem.reason) from None


def _check_level(found: Sequence[IntegrityVerdict]) -> None:
    """Whether everything signed has a time-stamp of its own or a later one of the document."""
    stamped = signed = False
    for verdict in reversed(found):
        if verdict.kind is SignatureKind.DOCUMENT_TIME_STAMP:
            stamped = True
            continue
        signed = True
        if not verdict.time_stamps and not stamped:
            raise UnreadableSignature("has no time-stamp: validation data belong to level T and above")
    if not signed:
        raise UnreadableSignature("has no signature")


def _present(found: Sequence[IntegrityVerdict]) -> Evidence:
    whole = Evidence()
    for verdict in found:
        certificates = (*verdict.other_certificates, *([verdict.certificate] if verdict.certificate else []))
        whole = whole.with_(Evidence(certificates, verdict.embedded_ocsp_responses, verdict.embedded_crls))
    return whole


def _texts(values: Sequence[bytes]) -> list[str]:
    return [b64encode(value).decode() for value in values]


def _copy(document: BinaryIO, out: BinaryIO, hasher: hashlib._Hash | None) -> None:
    document.seek(0)
    for piece in pieces(document):
        if hasher is not None:
            hasher.update(piece)
        out.write(piece)
