"""The SOAP front door as a WSGI application: HTTP's own rules, the published contract, and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import Message
from typing import Any

from gateway.audit import AuditRecord, audited
from gateway.domain.parties import Consumer
from gateway.errors import GatewayError, ServiceBusy
from gateway.messages.api import Catalog
from gateway.operations.get_sign_response import GetSignResponse
from gateway.operations.post_sign_request import PostSignRequest
from gateway.operations.verify_signatures import VerifySignatures
from gateway.soap.answers import BinaryPlaces, StreamedAnswer
from gateway.soap.authentication import Authenticator, CertificateOf
from gateway.soap.bodies import RequestBody
from gateway.soap.budget import BodyBudget
from gateway.soap.calls import Call
from gateway.soap.contract import ACTION_PREFIX
from gateway.soap.deposits import Deposits
from gateway.soap.faults import Fault, FaultCodeForm, fault_of, internal_fault, write_fault
from gateway.soap.limits import SoapLimits
from gateway.soap.protocol import SoapServer, soap_server
from gateway.soap.published import PublishedContract, contract_response, published_contract
from gateway.soap.responses import Response, StartResponse, WsgiApplication
from gateway.soap.service import GatewayOperations
from gateway.storage.api import ConsumerDirectory, ContentStore

PATHS = ("/MSign.svc", "/MSign.svc/")


def build_soap_wsgi(
    *,
    post: PostSignRequest,
    get: GetSignResponse,
    verify: VerifySignatures,
    consumers: ConsumerDirectory,
    contents: ContentStore,
    catalog: Catalog,
    certificate_of: CertificateOf,
    location: str,
    limits: SoapLimits = SoapLimits(),  # noqa: B008 - frozen
    has_room: Callable[[int], bool] = lambda _bytes: True,
    strict: bool = False,
    fault_codes: FaultCodeForm = FaultCodeForm.ENVELOPE,
) -> WsgiApplication:
    """
    Wire the front door; in a worker, after the fork.

    Args:
        post: the operation behind PostSignRequest.
        get: behind GetSignResponse.
        verify: behind VerifySignatures.
        consumers: who may call.
        contents: where large contents of messages go and come from.
        catalog: words for Message members.
        certificate_of: the client certificate of a connection, as the listener vouches for it.
        location: the service's published address, for the WSDL.
        limits: of one message.
        has_room: whether so many bytes of large messages may go to *contents* now.
        strict: refuse what a WCF service would pass over in silence; for integrators' tests.
        fault_codes: how the contract's codes are qualified.

    Raises:
        ConfigurationError: *location* cannot be published, or the contract's files are missing.

    """
    return FrontDoor(
        Calls(
            Authenticator(consumers, certificate_of),
            soap_server(limits, strict=strict),
            GatewayOperations(post, get, verify, catalog),
            contents,
            limits,
            BodyBudget(limits.in_flight, limits.large, has_room),
        ),
        published_contract(location),
        location,
        fault_codes,
    )


@dataclass(frozen=True, slots=True)
class Incoming:
    """A POST whose HTTP form is in order: *operation* is the one that SOAPAction names, if it names one."""

    environ: dict[str, Any]
    body: RequestBody
    charset: str | None
    action: str
    operation: str | None


class Calls:
    """Carries a call from the connection to the operation and back: authenticate, read, call, write."""

    def __init__(
        self,
        authenticator: Authenticator,
        server: SoapServer,
        operations: GatewayOperations,
        contents: ContentStore,
        limits: SoapLimits,
        budget: BodyBudget,
    ) -> None:
        self._authenticator = authenticator
        self._server = server
        self.operation_names = server.operation_names
        self._operations = operations
        self._contents = contents
        self.limits = limits
        self._budget = budget

    def answer(self, incoming: Incoming, record: AuditRecord) -> bytes | StreamedAnswer:
        """
        Answer a call; nothing of a refused one stays in the content store.

        Raises:
            GatewayError: whatever was refused.

        """
        drained = self.limits.unknown_drain
        try:
            incoming.body.check_announced()
            consumer = self._authenticator.consumer_of(incoming.environ)
            record.note(consumer=consumer.id)
            with self._budget.lease() as lease:
                incoming.body.account(lease.cover, lease.cover_so_far)
                drained = self.limits.body
                return self._read_and_call(consumer, incoming, record)
        except ServiceBusy:
            drained = self.limits.unknown_drain  # reading it all would keep the thread that has to do other things
            raise
        finally:
            incoming.body.drain(drained)
            record.note(bytes=incoming.body.taken)

    def _read_and_call(self, consumer: Consumer, incoming: Incoming, record: AuditRecord) -> bytes | StreamedAnswer:
        with Deposits(self._contents) as deposits:
            call = Call(
                consumer=consumer,
                body=incoming.body,
                charset=incoming.charset,
                action=incoming.action,
                deposits=deposits,
                places=BinaryPlaces(self._contents),
                record=record,
                operations=self._operations,
            )
            return self._server.answer(call)


class FrontDoor:
    """The WSGI application at ``/MSign.svc``. Safe for threads."""

    def __init__(self, calls: Calls, contract: PublishedContract, location: str, fault_codes: FaultCodeForm) -> None:
        self._calls = calls
        self._contract = contract
        self._location = location
        self._fault_codes = fault_codes

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """As PEP 3333."""
        return self._respond(environ).send(environ, start_response)

    def _respond(self, environ: dict[str, Any]) -> Response:
        if environ.get("PATH_INFO") not in PATHS:
            return Response.plain("404 Not Found")
        method = environ["REQUEST_METHOD"]
        if method in ("GET", "HEAD"):
            return contract_response(self._contract, self._location, environ.get("QUERY_STRING", ""))
        if method != "POST":
            return Response.plain("405 Method Not Allowed", headers=[("Allow", "GET, HEAD, POST")])
        incoming = self._incoming(environ)
        return incoming if isinstance(incoming, Response) else self._call(incoming)

    def _incoming(self, environ: dict[str, Any]) -> Incoming | Response:
        """The request by HTTP's rules, or what is wrong with it."""
        media_type, charset = _content_type(environ.get("CONTENT_TYPE", ""))
        if media_type != "text/xml":
            return Response.plain("415 Unsupported Media Type", "SOAP 1.1 messages are sent as text/xml")
        if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
            return Response.plain("415 Unsupported Media Type", "Content codings are not supported")
        try:
            body = RequestBody(environ, self._calls.limits.body)
        except ValueError:
            return Response.plain("400 Bad Request", "Content-Length is not a number")
        if not body.delimited:
            return Response.plain("411 Length Required")
        action = environ.get("HTTP_SOAPACTION", "").strip().strip('"')
        named = action.removeprefix(ACTION_PREFIX)
        operation = named if action != named and named in self._calls.operation_names else None
        return Incoming(environ, body, charset, action, operation)

    def _call(self, incoming: Incoming) -> Response:
        fault: Fault | None
        reference = ""
        try:
            with audited("soap_call") as record:
                reference = record.reference
                record.note(operation=incoming.operation)
                return Response.soap(200, self._calls.answer(incoming, record))
        except GatewayError as error:
            fault = fault_of(error, incoming.operation)
        except Exception:  # noqa: BLE001 - recorded by the audit; the caller learns its number and no more
            fault = None
        fault = fault or internal_fault(reference)
        retry = [("Retry-After", str(fault.retry_after_s))] if fault.retry_after_s is not None else []
        return Response.soap(fault.http_status, write_fault(fault, self._fault_codes), retry)


def _content_type(header: str) -> tuple[str, str | None]:
    """The media type in lower case, and the charset where it is stated."""
    message = Message()
    message["content-type"] = header
    charset = message.get_param("charset")
    return header.partition(";")[0].strip().lower(), charset if isinstance(charset, str) else None
