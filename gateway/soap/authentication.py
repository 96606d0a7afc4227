"""The connection's client certificate → the consumer that calls; before anything of the body is read."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from cryptography import x509

from gateway.asn1.x509 import issuer_text, serial_text
from gateway.domain.parties import Consumer
from gateway.errors import AddressNotAllowed, UnknownConsumer
from gateway.storage.api import ConsumerDirectory

_CERTIFICATES = 256
"""How many callers' certificates are remembered as read."""

CertificateOf = Callable[[dict[str, Any]], bytes | None]
"""The client certificate (DER) of a WSGI environment, as the listener that built it vouches for it; None without."""


class Authenticator:
    """Knows consumers by issuer and serial. That the certificate's chain and dates hold is the TLS listener's work."""

    def __init__(self, consumers: ConsumerDirectory, certificate_of: CertificateOf) -> None:
        self._consumers = consumers
        self._certificate_of = certificate_of
        # What a certificate says of itself does not change; who is known and enabled is asked at every call.
        self._names_of = lru_cache(_CERTIFICATES)(_names)

    def consumer_of(self, environ: dict[str, Any]) -> Consumer:
        """
        The enabled consumer that calls.

        Raises:
            UnknownConsumer: no certificate, or of no enabled consumer.
            AddressNotAllowed: it may call from some addresses only, and this is not one of them.

        """
        consumer = self._find(self._certificate_of(environ))
        if consumer.addresses and not _allowed(environ.get("REMOTE_ADDR", ""), consumer.addresses):
            raise AddressNotAllowed
        return consumer

    def _find(self, der: bytes | None) -> Consumer:
        if not der:
            raise UnknownConsumer(None)
        try:
            issuer, serial = self._names_of(der)
        except ValueError:
            raise UnknownConsumer(None) from None
        consumer = self._consumers.find(issuer, serial)
        if consumer is None and serial.startswith("0"):
            # .NET prints whole bytes; a directory filled by hand may hold the number without its leading zero.
            consumer = self._consumers.find(issuer, serial.lstrip("0"))
        if consumer is None or not consumer.enabled:
            raise UnknownConsumer(serial)
        return consumer


def _names(der: bytes) -> tuple[str, str]:
    """Issuer and serial of a certificate. Raises ``ValueError``."""
    certificate = x509.load_der_x509_certificate(der)
    return issuer_text(certificate), serial_text(certificate.serial_number)


def _allowed(address: str, networks: Sequence[str]) -> bool:
    """Whether *address* lies in one of *networks* (CIDR); what cannot be read lies in none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)  # an IPv6 socket shows IPv4 callers as ::ffff:192.0.2.1
    return any(_lies_in(mapped or found, network) for network in networks)


def _lies_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
