"""What is signed, as the signer sees it: every content by name and fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.contents import ContentDigest, DigestAlgorithm, StoredContent
from gateway.domain.requests import ContentProgress, ContentState, SignContent, SignRequest
from gateway.pages.texts import Speaker, visible

OPEN_AT_MOST = 10
"""So many contents are shown whole; in longer lists each opens in place."""

_HEADING_AT_MOST = 160
_GROUP = 4
_ALGORITHMS = {
    DigestAlgorithm.SHA1: "SHA-1",
    DigestAlgorithm.SHA256: "SHA-256",
    DigestAlgorithm.SHA384: "SHA-384",
    DigestAlgorithm.SHA512: "SHA-512",
}


@dataclass(frozen=True, slots=True)
class ShownContent:
    """One content; *size* only for documents, which can be fetched for reading."""

    index: int
    name: str
    algorithm: str
    fingerprint: str
    size: str | None
    co_signed: bool


@dataclass(frozen=True, slots=True)
class ContentResult:
    """How one content ended; *reason* where it was not signed."""

    name: str
    signed: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """The texts that the consumer gave; *details* where the description is too long for a heading."""

    heading: str
    subject: str
    details: str | None
    reason: str | None


def show_request(request: SignRequest) -> ShownRequest:
    """Heading and texts of *request*."""
    subject, description = visible(request.short_description), visible(request.description)
    fits = len(description) <= _HEADING_AT_MOST
    reason = visible(request.signature_reason) if request.signature_reason is not None else None
    return ShownRequest(description if fits else subject, subject, None if fits else description, reason or None)


def show_content(content: SignContent, say: Speaker) -> ShownContent:
    """One content in words; a nameless one goes by its number."""
    name = content_name(content, say)
    if isinstance(content.content, ContentDigest):
        digest = content.content
        algorithm, octets = _ALGORITHMS[digest.algorithm], digest.value
        return ShownContent(content.index, name, algorithm, grouped(octets), None, content.multiple_signatures)
    stored: StoredContent = content.content
    return ShownContent(
        content.index, name, "SHA-256", grouped(stored.sha256), say.size(stored.length), content.multiple_signatures
    )


def content_name(content: SignContent, say: Speaker) -> str:
    """The name to show."""
    return visible(content.name or "") or say.text("page.document-number", number=content.index + 1)


def show_results(request: SignRequest, progress: Mapping[int, ContentProgress], say: Speaker) -> list[ContentResult]:
    """How each content ended, in order."""
    results = []
    for content in request.contents:
        item = progress.get(content.index, ContentProgress(content.index))
        reason = say.text(item.reason.value) if item.reason is not None else None
        results.append(ContentResult(content_name(content, say), item.state is ContentState.DONE, reason))
    return results


def grouped(octets: bytes) -> str:
    """Hexadecimal in groups of four digits, to be compared by eye."""
    return octets.hex(" ", _GROUP // 2)
