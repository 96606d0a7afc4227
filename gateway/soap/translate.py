"""The contract's structures ⇄ the gateway's values, both directions and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from gateway.domain.contents import ContentType, StoredContent
from gateway.domain.indications import Indication
from gateway.domain.messages import Language
from gateway.domain.parties import DelegatorType
from gateway.domain.requests import SignResult as DomainSignResult
from gateway.domain.requests import SignStatus
from gateway.domain.verdicts import SignatureKind
from gateway.domain.verification import SignatureConclusion
from gateway.domain.verification import VerificationContent as DomainVerificationContent
from gateway.domain.verification import VerificationRequest as DomainVerificationRequest
from gateway.domain.verification import VerificationResult as DomainVerificationResult
from gateway.errors import InvalidRequest
from gateway.messages.api import Catalog
from gateway.operations.get_sign_response import SignResponse as StandingRequest
from gateway.operations.get_sign_response import parse_language
from gateway.operations.post_sign_request import PostedContent, PostedExpectedSigner, PostedRequest
from gateway.soap.batches import Batch
from gateway.soap.binary import TooLargeForHash
from gateway.soap.contract import (
    NIL,
    SignRequest,
    SignResponse,
    SignResult,
    VerificationCertificate,
    VerificationRequest,
    VerificationResponse,
    VerificationResult,
)

_SUBJECT = 250
_MESSAGE = 100
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def posted_request(request: SignRequest | None) -> PostedRequest:
    """A SignRequest as it came. Raises ``InvalidRequest`` for what the operation could not even be asked."""
    if request is None:
        raise InvalidRequest("request", "is required")
    contents, correlation_ids, multiple, names = _columns(
        request.Contents, "Content", "CorrelationID", "MultipleSignatures", "Name"
    )
    return PostedRequest(
        content_type=ContentType(request.ContentType),
        contents=tuple(map(PostedContent, contents, correlation_ids, map(bool, multiple), names)),
        short_description=request.ShortContentDescription,
        description=request.ContentDescription,
        signature_reason=request.SignatureReason,
        expected_signer=_expected_signer(request.ExpectedSigner),
    )


def verification_request(request: VerificationRequest | None) -> DomainVerificationRequest:
    """A VerificationRequest as it came. Raises ``InvalidRequest``."""
    if request is None:
        raise InvalidRequest("request", "is required")
    content_type = ContentType(request.SignedContentType)
    language = parse_language("Language", request.Language)
    columns = _columns(request.Contents, "CorrelationID", "Signature", "Content")
    return DomainVerificationRequest(
        content_type=content_type,
        contents=tuple(
            DomainVerificationContent(
                correlation_id=correlation_id,
                signature=_signature(index, signature),
                content=_original_hash(index, content, content_type),
            )
            for index, (correlation_id, signature, content) in enumerate(zip(*columns, strict=True))
        ),
        language=language,
    )


def sign_response(standing: StandingRequest, catalog: Catalog, language: Language) -> SignResponse:
    """
    How a request stands.

    Message and Results are always there, nil where there is nothing to say: WCF's deserializer refuses an answer
    without Results, and a fresh WCF server writes nil for both.
    """
    results = [_sign_result(result) for result in standing.results]
    return SignResponse(
        Message=NIL if standing.message is None else _message(standing.message.value, catalog, language),
        Results=results or None,
        Status=_STATUS[standing.status],
    )


def verification_response(
    results: Sequence[DomainVerificationResult], catalog: Catalog, language: Language
) -> VerificationResponse:
    """What was found out, content by content."""
    return VerificationResponse(
        Results=[
            VerificationResult(
                Certificates=_certificates(result.conclusions) or None,
                CorrelationID=_text(result.correlation_id),
                Message=_message(result.message.value, catalog, language),
                SignaturesValid=result.valid,
            )
            for result in results
        ]
    )


_STATUS = {status: status.value for status in SignStatus}


def _columns(contents: Any, *names: str) -> Iterable[Iterable[Any]]:
    """Each of the members *names* of Contents; absent, nil and empty are the same, and a nil item is none."""
    if isinstance(contents, Batch):
        return [contents.columns[name] for name in names]
    items = list(contents or ())
    for index, item in enumerate(items):
        if item is None:
            raise InvalidRequest(f"Contents[{index}]", "must not be nil")
    return [[getattr(item, name) for item in items] for name in names]


def _expected_signer(signer: Any) -> PostedExpectedSigner | None:
    if signer is None:
        return None
    return PostedExpectedSigner(
        personal_identifier=signer.ID,
        delegator_type=DelegatorType(signer.DelegatorType) if signer.DelegatorType else DelegatorType.NONE,
        delegator_id=signer.DelegatorID,
        delegated_role_id=signer.DelegatedRoleID or 0,
    )


def _signature(index: int, signature: bytes | StoredContent | None) -> bytes | StoredContent:
    if signature is None:
        raise InvalidRequest(f"Contents[{index}].Signature", "is required")
    return signature


def _original_hash(index: int, content: bytes | TooLargeForHash | None, content_type: ContentType) -> bytes | None:
    """The hash that was signed; a signed document brings its own content, and what else comes says nothing."""
    if content_type is ContentType.PDF:
        return None
    if isinstance(content, TooLargeForHash):
        raise InvalidRequest(f"Contents[{index}].Content", "a hash must have 20, 32, 48 or 64 bytes")
    return content


def _sign_result(result: DomainSignResult) -> SignResult:
    return SignResult(
        Certificate=result.certificate, CorrelationID=_text(result.correlation_id), Signature=result.signature
    )


def _certificates(conclusions: Sequence[SignatureConclusion]) -> list[VerificationCertificate]:
    """The signers who were identified; a document time-stamp is nobody's signature."""
    return [
        VerificationCertificate(
            Certificate=conclusion.certificate,
            SignatureValid=conclusion.indication is Indication.TOTAL_PASSED,
            SignedAt=conclusion.signed_at.astimezone(UTC) if conclusion.signed_at is not None else None,
            Subject=(_text(conclusion.subject) or "")[:_SUBJECT],
        )
        for conclusion in conclusions
        if conclusion.certificate is not None and conclusion.integrity.kind is SignatureKind.SIGNATURE
    ]


def _message(key: str, catalog: Catalog, language: Language) -> str:
    return (_text(catalog.text(key, language)) or "")[:_MESSAGE]


def _text(text: str | None) -> str | None:
    """*text* as XML can hold it: characters that XML has no way to write become U+FFFD."""
    return None if text is None else _NOT_XML.sub("\ufffd", text)
