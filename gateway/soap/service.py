"""The three operations of the contract: each reads its parameters, calls the gateway's operation, and answers."""

from __future__ import annotations

from typing import Any

from gateway.domain.parties import idnp_check_digit_holds
from gateway.domain.requests import parse_request_id
from gateway.errors import InvalidRequest
from gateway.messages.api import Catalog
from gateway.operations.get_sign_response import GetSignResponse, parse_language
from gateway.operations.post_sign_request import PostSignRequest
from gateway.operations.verify_signatures import VerifySignatures
from gateway.soap._spyne import ServiceBase, rpc
from gateway.soap.calls import Call
from gateway.soap.contract import (
    SignRequest,
    SignRequestParameter,
    SignResponse,
    SignResponseAnswer,
    Text,
    VerificationRequest,
    VerificationRequestParameter,
    VerificationResponse,
    VerificationResponseAnswer,
)
from gateway.soap.translate import posted_request, sign_response, verification_request, verification_response


class MSignService(ServiceBase):
    """What Spyne dispatches to; names and parameters are the contract's."""

    __service_name__ = "MSignService"
    __port_types__ = ("IMSign",)

    @rpc(SignRequestParameter, _returns=Text, _port_type="IMSign")
    def PostSignRequest(ctx: Any, request: SignRequest | None) -> str:  # noqa: N805 - Spyne calls without self
        """Accept a request to be signed; its id."""
        call: Call = ctx.udc
        return call.operations.post_sign_request(call, request)

    @rpc(Text, Text, _returns=SignResponseAnswer, _port_type="IMSign")
    def GetSignResponse(ctx: Any, requestID: str | None, language: str | None) -> SignResponse:  # noqa: N805 - the same
        """How a request stands."""
        call: Call = ctx.udc
        return call.operations.get_sign_response(call, requestID, language)

    @rpc(VerificationRequestParameter, _returns=VerificationResponseAnswer, _port_type="IMSign")
    def VerifySignatures(ctx: Any, request: VerificationRequest | None) -> VerificationResponse:  # noqa: N805 - the same
        """What the signatures are worth."""
        call: Call = ctx.udc
        return call.operations.verify_signatures(call, request)


class GatewayOperations:
    """``calls.Operations`` by the gateway's own operations; notes counts and ids for the audit record."""

    def __init__(self, post: PostSignRequest, get: GetSignResponse, verify: VerifySignatures, catalog: Catalog) -> None:
        self._post = post
        self._get = get
        self._verify = verify
        self._catalog = catalog

    def post_sign_request(self, call: Call, request: SignRequest | None) -> str:
        """Accept and keep; from then on the stored contents belong to the request."""
        posted = posted_request(request)
        call.record.note(contents=len(posted.contents), content_type=posted.content_type.value)
        try:
            request_id = self._post(call.consumer, posted)
        except InvalidRequest:
            raise
        except BaseException:
            # Perhaps only the answer of a commit was lost, and a row claims the contents; else maintenance finds them.
            call.deposits.keep()
            raise
        call.deposits.keep()
        call.record.note(request=request_id)
        expected = posted.expected_signer.personal_identifier if posted.expected_signer is not None else None
        if expected and not idnp_check_digit_holds(expected):
            call.record.note(warning="the check digit of ExpectedSigner.ID does not hold")
        return request_id

    def get_sign_response(self, call: Call, request_id: str | None, language: str | None) -> SignResponse:
        """Read, and word the reason in the language asked."""
        spoken = parse_language("language", language)
        standing = self._get(call.consumer, request_id)
        found = parse_request_id(request_id)
        call.record.note(request=found, status=standing.status.value, results=len(standing.results))
        return sign_response(standing, self._catalog, spoken)

    def verify_signatures(self, call: Call, request: VerificationRequest | None) -> VerificationResponse:
        """Judge; what was stored for it is let go at the end of the call."""
        asked = verification_request(request)
        call.record.note(contents=len(asked.contents), content_type=asked.content_type.value)
        results = self._verify(asked)
        call.record.note(valid=sum(result.valid for result in results))
        return verification_response(results, self._catalog, asked.language)
