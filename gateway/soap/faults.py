"""What goes wrong, as SOAP 1.1 faults: the contract's codes and texts, and their form on the wire (SOAP 1.1 § 4.4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gateway.errors import (
    AddressNotAllowed,
    GatewayError,
    InvalidRequest,
    NotYourRequest,
    RequestNotFound,
    ServiceBusy,
    UnknownConsumer,
)
from gateway.soap.contract import NAMESPACE

ENVELOPE_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/"
_LONGEST_REASON = 500


class FaultCodeForm(enum.Enum):
    """
    How the contract's own codes are qualified; SOAP's own (Client, Server …) always have the envelope's namespace.

    ENVELOPE is what a WCF server writes for a code without a namespace, CONTRACT what WS-I Basic Profile 1.1 prefers,
    and PLAIN what PHP shows without a prefix. WCF clients read all three alike.
    """

    ENVELOPE = "envelope"
    CONTRACT = "contract"
    PLAIN = "plain"


class SoapCode(enum.Enum):
    """SOAP 1.1 § 4.4.1."""

    CLIENT = "Client"
    SERVER = "Server"
    MUST_UNDERSTAND = "MustUnderstand"
    VERSION_MISMATCH = "VersionMismatch"


class MessageRefused(GatewayError):
    """The message is not one that this service reads; nothing of it was acted upon."""

    def __init__(self, reason: str, code: SoapCode = SoapCode.CLIENT, http_status: int = 500) -> None:
        """*reason*: plain English without content of the message."""
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.http_status = http_status


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault before it is written; *code* is local, *of_soap* says whose it is, *retry_after_s* goes with 503."""

    code: str
    reason: str
    of_soap: bool = False
    http_status: int = 500
    retry_after_s: int | None = None


def fault_of(error: GatewayError, operation: str | None) -> Fault | None:
    """
    The fault that *error* becomes, by the texts of the contract; None where its detail is not the caller's business.

    Args:
        error: what was raised.
        operation: its name, where it was known by then; one text depends on it.

    """
    match error:
        case MessageRefused():
            return Fault(error.code.value, error.reason, of_soap=True, http_status=error.http_status)
        case UnknownConsumer():
            return Fault("AuthenticationFailed", _unknown_consumer(error.serial, operation))
        case AddressNotAllowed():
            return Fault("AuthorizationFailed", "This system may not call from this address")
        case NotYourRequest():
            return Fault("AuthorizationFailed", "This signature request was not initiated by this system")
        case InvalidRequest():
            return Fault("InvalidParameter", f"{error.field}: {error.reason}")
        case RequestNotFound():
            return Fault("RequestNotFound", "Cannot find such request")
        case ServiceBusy():
            seconds = error.retry_after_s
            reason = f"The service is busy; try again in {seconds} seconds"
            return Fault(SoapCode.SERVER.value, reason, of_soap=True, http_status=503, retry_after_s=seconds)
    return None


def internal_fault(reference: str) -> Fault:
    """What the caller learns of an error that is ours: its number in our records."""
    reason = f"The request could not be processed. Reference: {reference}"
    return Fault(SoapCode.SERVER.value, reason, of_soap=True)


def write_fault(fault: Fault, form: FaultCodeForm) -> bytes:
    """
    The fault as a message (SOAP 1.1 § 4.4).

    No faultactor, no detail, no dots in the code and no language on the text: each of them breaks a client that is in
    use. The prefix of the code is declared on its own element, where no tidying of namespaces can lose it.
    """
    if fault.of_soap or form is FaultCodeForm.ENVELOPE:
        code = f"<faultcode>s:{fault.code}</faultcode>"
    elif form is FaultCodeForm.CONTRACT:
        code = f'<faultcode xmlns:f="{NAMESPACE}">f:{fault.code}</faultcode>'
    else:
        code = f"<faultcode>{fault.code}</faultcode>"
    reason = escape(fault.reason[:_LONGEST_REASON])
    return (
        f'<s:Envelope xmlns:s="{ENVELOPE_NAMESPACE}"><s:Body><s:Fault>{code}'
        f"<faultstring>{reason}</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode()


def _unknown_consumer(serial: str | None, operation: str | None) -> str:
    if serial is None:
        return "Invalid authentication certificate provided"
    if operation == "GetSignResponse":
        return f"Unknown or unregistered system: {serial}"
    return f"Unknown service consumer: {serial}"
