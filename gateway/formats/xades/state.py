"""
What a prepared signature is kept as, between prepare and complete: bytes that may wait in a database.

Four lines: the layout's version, a checksum, the signature's id, and the document's end from KeyInfo to
SignedProperties as it will be written. So a later release completes what an earlier one prepared, whatever its
templates have become, and what was damaged or belongs to other octets is refused before it is written.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from gateway.errors import UnreadableSignature

_VERSION = b"xades-1"
_ID = re.compile(rb"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """*signature_id*: 32 hexadecimal digits; *tail*: from ``<ds:KeyInfo>`` to ``</xades:SignedProperties>``."""

    signature_id: bytes
    tail: bytes


def pack(octets: bytes, parts: PreparedParts) -> bytes:
    """The state that goes with SignedInfo's canonical *octets*."""
    return b"\n".join((_VERSION, _checksum(octets, parts.signature_id, parts.tail), parts.signature_id, parts.tail))


def unpack(octets: bytes, state: bytes) -> PreparedParts:
    """
    The opposite of ``pack``.

    Raises:
        UnreadableSignature: Another version, damaged, or prepared with other *octets*.

    """
    version, _, rest = state.partition(b"\n")
    if version != _VERSION:
        raise UnreadableSignature("the prepared signature has an unknown layout")
    checksum, _, rest = rest.partition(b"\n")
    signature_id, _, tail = rest.partition(b"\n")
    if not hmac.compare_digest(checksum, _checksum(octets, signature_id, tail)):
        raise UnreadableSignature("the prepared signature is damaged")
    if not _ID.fullmatch(signature_id):
        raise UnreadableSignature("the prepared signature is damaged")
    return PreparedParts(signature_id, tail)


def _checksum(octets: bytes, signature_id: bytes, tail: bytes) -> bytes:
    whole = hashlib.sha256(b"%d\n%s%s\n" % (len(octets), octets, signature_id))
    whole.update(tail)
    return whole.hexdigest().encode()
