"""Who calls and who signs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NewType

ConsumerId = NewType("ConsumerId", str)


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
