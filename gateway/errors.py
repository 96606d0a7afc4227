"""
Every exception the gateway raises on purpose: one family, typed inside and worded at the edge.

Exceptions carry data, never sentences that somebody must parse. A front door turns each into a SOAP fault or
a page; what it does not know becomes a fault without detail and keeps its reference number. A wrong PIN is a question
asked again (an ``Ask``), and a signature that does not hold is a conclusion: neither is an exception.
"""

from __future__ import annotations

from datetime import datetime


class GatewayError(Exception):
    """The root of the family."""


class UnknownConsumer(GatewayError):
    """The connection's client certificate is missing or belongs to no enabled consumer."""

    def __init__(self, serial: str | None) -> None:
        """*serial*: upper-case hexadecimal of the client certificate's serial number; None without a certificate."""
        super().__init__("unknown consumer")
        self.serial = serial


class AddressNotAllowed(GatewayError):
    """A known consumer called from an address that is not registered for it."""


class NotYourRequest(GatewayError):
    """A consumer asked for a request that another consumer posted."""


class InvalidRequest(GatewayError):
    """A field of the caller's message cannot be accepted."""

    def __init__(self, field: str, reason: str) -> None:
        """*field*: the contract's name of the member, with its content index; *reason*: plain English, no content."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnsignableDocument(GatewayError):
    """A document cannot be signed as it is; the caller adds which one."""

    def __init__(self, reason: str) -> None:
        """*reason*: plain English without content of the document."""
        super().__init__(reason)
        self.reason = reason


class RequestNotFound(GatewayError):
    """No such request: never posted here, malformed id, or past its retention."""


class SigningDeclined(GatewayError):
    """The signer or the device refused; ``operations.sign`` makes it the request's final Failure."""

    def __init__(self, key: str) -> None:
        """*key*: the ``MessageKey`` value of the reason."""
        super().__init__(key)
        self.key = key


class SignInRefused(GatewayError):
    """Nobody is known by this login."""

    def __init__(self, key: str) -> None:
        """*key*: the catalogs' key of the reason, one that begins with ``sign-in-``."""
        super().__init__(key)
        self.key = key


class InstrumentUnavailable(GatewayError):
    """The instrument cannot be used now, or not for this request."""

    def __init__(self, name: str) -> None:
        """*name*: the instrument's name."""
        super().__init__(name)
        self.name = name


class CertificateUnusable(GatewayError):
    """The signer's certificate may not sign this request."""

    def __init__(self, key: str) -> None:
        """*key*: the catalogs' key of the reason: ``other-person``, or one that begins with ``certificate-``."""
        super().__init__(key)
        self.key = key


class SessionSuperseded(GatewayError):
    """The request was continued in another browser, or nobody holds the pen yet."""


class ConsentMismatch(GatewayError):
    """What would be signed is no longer what the signer was shown, or the consent was used already."""


class AlreadyFinished(GatewayError):
    """The request has an outcome, or its time is over."""


class EnrolmentRefused(GatewayError):
    """A certificate or key cannot be had for this person."""

    def __init__(self, reason: str) -> None:
        """*reason*: plain English."""
        super().__init__(reason)
        self.reason = reason


class AuthorityUnavailable(GatewayError):
    """A TSA, CA or status service did not answer as it should; trying later may help."""

    def __init__(self, authority: str, reason: str) -> None:
        """*authority*: its configured name; *reason*: plain English for the operator."""
        super().__init__(f"{authority}: {reason}")
        self.authority = authority
        self.reason = reason


class KeyStoreUnavailable(GatewayError):
    """The HSM or key folder cannot be used now."""


class KeyLocked(GatewayError):
    """Too many wrong PINs."""

    def __init__(self, until: datetime) -> None:
        """*until*: when the key may be tried again (UTC)."""
        super().__init__("key locked")
        self.until = until


class WrongPin(GatewayError):
    """The PIN does not open this key. Raised by ``keys``; instruments turn it into an ``Ask``."""


class ConfigurationError(GatewayError):
    """The configuration cannot be used; names the setting."""


class StoredContentMissing(GatewayError):
    """The content store does not hold what a row refers to."""


class UnreadableSignature(GatewayError):
    """The bytes are not a signature that this format can read."""

    def __init__(self, reason: str) -> None:
        """*reason*: plain English without content."""
        super().__init__(reason)
        self.reason = reason


class ServiceBusy(GatewayError):
    """Too much is under way; try again after *retry_after_s* seconds."""

    def __init__(self, retry_after_s: int) -> None:
        """*retry_after_s*: seconds."""
        super().__init__("busy")
        self.retry_after_s = retry_after_s
