"""Who calls and who signs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NewType

ConsumerId = NewType("ConsumerId", str)


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """
    What one consumer may use. Where a consumer has None of its own, the gateway's limit holds, and there None is any
    number; so is a consumer's own 0.

    Args:
        open_requests: requests that wait to be signed.
        stored_bytes: documents kept for it, as they were posted.
        request_bytes: contents of one request together.

    """

    open_requests: int | None = None
    stored_bytes: int | None = None
    request_bytes: int | None = None

    def over(self, defaults: ConsumerLimits) -> ConsumerLimits:
        """These, with *defaults* where they have no word."""
        return ConsumerLimits(
            _first(self.open_requests, defaults.open_requests),
            _first(self.stored_bytes, defaults.stored_bytes),
            _first(self.request_bytes, defaults.request_bytes),
        )


NO_LIMITS = ConsumerLimits()
"""Any number of everything."""


def _first(own: int | None, default: int | None) -> int | None:
    return default if own is None else own or None


@dataclass(frozen=True, slots=True)
class Consumer:
    """
    A registered information system, known by its TLS client certificate.

    *issuer* is the RFC 4514 text of the certificate's issuer, *serial* its serial number in upper-case hexadecimal of
    whole bytes (``asn1.x509.serial_text``). An empty *addresses* allows any; *return_origins* are scheme://host[:port]
    and none registered means none allowed (``http://localhost`` stands for every port of localhost).
    """

    id: ConsumerId
    name: str
    issuer: str
    serial: str
    enabled: bool = True
    return_origins: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    limits: ConsumerLimits = NO_LIMITS


class DelegatorType(enum.Enum):
    """The contract's DelegatorType; anything but NONE needs a delegation source (decision 13)."""

    NONE = "None"
    PERSON = "Person"
    ORGANIZATION = "Organization"


@dataclass(frozen=True, slots=True)
class ExpectedSigner:
    """The person whom the consumer expects; *personal_identifier* None means anybody."""

    personal_identifier: str | None
    delegator_type: DelegatorType = DelegatorType.NONE
    delegator_id: str | None = None
    delegated_role_id: int = 0


def idnp_check_digit_holds(identifier: str) -> bool:
    """
    Whether a 13-digit Moldovan identifier ends in its check digit (weights 7-3-1). A wrong one only warns.

    What does not have 13 digits is another kind of identifier, and nothing is wrong with it here.
    """
    if len(identifier) != 13 or not (identifier.isascii() and identifier.isdigit()):
        return True
    weighted = sum(int(digit) * (7, 3, 1)[position % 3] for position, digit in enumerate(identifier[:12]))
    return weighted % 10 == int(identifier[12])
