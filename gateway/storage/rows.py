"""Requests as rows, and rows as requests: translation alone, no statement of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gateway.domain.contents import ContentDigest, ContentId, StoredContent
from gateway.domain.parties import ConsumerId, ExpectedSigner
from gateway.domain.requests import ContentProgress, ContentState, Outcome, RequestId, SignContent, SignRequest
from gateway.domain.sessions import SessionId, SigningSession


def request_row(request: SignRequest) -> dict[str, Any]:
    """The columns of what was posted."""
    signer = request.expected_signer
    return {
        "id": request.id,
        "consumer_id": request.consumer_id,
        "content_type": request.content_type,
        "short_description": request.short_description,
        "description": request.description,
        "signature_reason": request.signature_reason,
        "signer_identifier": signer.personal_identifier if signer is not None else None,
        "signer_delegator_type": signer.delegator_type if signer is not None else None,
        "signer_delegator_id": signer.delegator_id if signer is not None else None,
        "signer_delegated_role": signer.delegated_role_id if signer is not None else None,
        "created": request.created,
        "expires": request.expires,
        "stored_bytes": stored_bytes(request) or None,
    }


def stored_bytes(request: SignRequest) -> int:
    """Bytes of a request's contents in the content store."""
    return sum(item.content.length for item in request.contents if isinstance(item.content, StoredContent))


def content_row(request_id: RequestId, content: SignContent) -> dict[str, Any]:
    """The columns of one content."""
    kept = content.content
    digest = kept.value if isinstance(kept, ContentDigest) else None
    stored = kept if isinstance(kept, StoredContent) else None
    return {
        "request_id": request_id,
        "position": content.index,
        "correlation_id": content.correlation_id,
        "name": content.name,
        "digest": digest,
        "content_id": stored.content_id if stored is not None else None,
        "content_length": stored.length if stored is not None else None,
        "content_sha256": stored.sha256 if stored is not None else None,
        "multiple_signatures": content.multiple_signatures,
    }


def progress_row(request_id: RequestId, item: ContentProgress) -> dict[str, Any]:
    """The columns of one content's progress."""
    stored = item.result if isinstance(item.result, StoredContent) else None
    return {
        "request_id": request_id,
        "position": item.index,
        "state": item.state,
        "reason": item.reason,
        "prepared_octets": item.prepared_octets,
        "prepared_state": item.prepared_state,
        "value": item.value,
        "certificate": item.certificate,
        "result": None if isinstance(item.result, StoredContent) else item.result,
        "result_id": stored.content_id if stored is not None else None,
        "result_length": stored.length if stored is not None else None,
        "result_sha256": stored.sha256 if stored is not None else None,
    }


def pen_row(session: SigningSession) -> dict[str, Any]:
    """The columns of who holds the pen."""
    return {"pen_session": session.id, "pen_browser": session.browser, "pen_created": session.created} | choice_row(
        session
    )


def choice_row(session: SigningSession) -> dict[str, Any]:
    """The columns of how far the signer has come; who holds the pen is not among them."""
    return {
        "pen_instrument": session.instrument,
        "pen_holder": session.holder,
        "pen_certificate": session.certificate,
        "pen_consent_nonce": session.consent_nonce,
        "pen_consented": session.consented,
        "pen_memo": session.memo,
    }


def request_of(row: Row[Any], contents: tuple[SignContent, ...]) -> SignRequest:
    """What was posted."""
    signer = None
    if row.signer_delegator_type is not None:
        signer = ExpectedSigner(
            row.signer_identifier, row.signer_delegator_type, row.signer_delegator_id, row.signer_delegated_role
        )
    return SignRequest(
        id=RequestId(row.id),
        consumer_id=ConsumerId(row.consumer_id),
        content_type=row.content_type,
        contents=contents,
        short_description=row.short_description,
        description=row.description,
        signature_reason=row.signature_reason,
        expected_signer=signer,
        created=row.created,
        expires=row.expires,
    )


def outcome_of(row: Row[Any]) -> Outcome | None:
    """How it ended, if it has."""
    return Outcome(row.outcome_message, row.outcome_recorded) if row.outcome_recorded is not None else None


def pen_of(row: Row[Any]) -> SigningSession | None:
    """Who holds the pen, if anybody does."""
    if row.pen_session is None:
        return None
    return SigningSession(
        id=SessionId(row.pen_session),
        request_id=RequestId(row.id),
        browser=row.pen_browser,
        created=row.pen_created,
        instrument=row.pen_instrument,
        holder=row.pen_holder,
        certificate=row.pen_certificate,
        consent_nonce=row.pen_consent_nonce,
        consented=row.pen_consented,
        memo=row.pen_memo,
    )


def content_of(row: Row[Any]) -> SignContent:
    """One content."""
    kept: ContentDigest | StoredContent
    if row.digest is not None:
        kept = ContentDigest.of(row.digest)
    else:
        kept = StoredContent(ContentId(row.content_id), row.content_length, row.content_sha256)
    return SignContent(row.position, row.correlation_id, row.name, kept, row.multiple_signatures)


def progress_of(row: Row[Any]) -> ContentProgress:
    """How far one content is; without a row of progress it waits."""
    if row.state is None:
        return ContentProgress(row.position)
    result: bytes | StoredContent | None = row.result
    if row.result_id is not None:
        result = StoredContent(ContentId(row.result_id), row.result_length, row.result_sha256)
    return ContentProgress(
        index=row.position,
        state=ContentState(row.state),
        reason=row.reason,
        prepared_octets=row.prepared_octets,
        prepared_state=row.prepared_state,
        value=row.value,
        certificate=row.certificate,
        result=result,
    )
