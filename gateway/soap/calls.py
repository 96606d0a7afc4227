"""One call on its way through Spyne: what came with it, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.audit import AuditRecord
from gateway.domain.parties import Consumer
from gateway.soap.answers import BinaryPlaces
from gateway.soap.contract import SignRequest, SignResponse, VerificationRequest, VerificationResponse
from gateway.soap.deposits import Deposits
from gateway.soap.members import ReadMessage


class Operations(Protocol):
    """The three operations in the contract's terms."""

    def post_sign_request(self, call: Call, request: SignRequest | None) -> str:
        """Accept a request; answers its id."""

    def get_sign_response(self, call: Call, request_id: str | None, language: str | None) -> SignResponse:
        """Tell how a request stands."""

    def verify_signatures(self, call: Call, request: VerificationRequest | None) -> VerificationResponse:
        """Judge signatures."""


@dataclass(slots=True)
class Call:
    """
    Lives as long as the call.

    *consumer* is known before the body is read. *message* is set once it is. *places* collects the answer's members.
    """

    consumer: Consumer
    body: Iterable[bytes]
    charset: str | None
    action: str | None
    deposits: Deposits
    places: BinaryPlaces
    record: AuditRecord
    operations: Operations
    message: ReadMessage | None = None
