"""BER rewritten as DER (X.690 § 10): signed attributes are signed so, however they were sent (RFC 5652 § 5.4)."""

from __future__ import annotations

from gateway.asn1 import der
from gateway.asn1.ber import BerReader, Node

_CONSTRUCTED = 0x20
_DEEPEST = 24


def distinguished(data: bytes) -> bytes:
    """
    The element at the start of *data* in DER, as far as that shows without knowing its type.

    Lengths definite and shortest, octet strings in one piece, SETs in ascending order, TRUE as FF. Numbers, times and
    strings stay as they are.

    Raises:
        ValueError: Cut short, too deep, or too many elements.

    """
    reader = BerReader()
    return _rewritten(reader, reader.read(data), _DEEPEST)


def _rewritten(reader: BerReader, node: Node, depth: int) -> bytes:
    if depth == 0:
        raise ValueError("BER: too deep")
    if node.tag == der.BOOLEAN:
        return der.tlv(der.BOOLEAN, b"\xff" if any(node.body) else b"\0")
    if not node.tag & _CONSTRUCTED:
        return der.tlv(node.tag, node.body)
    if node.tag == der.OCTET_STRING | _CONSTRUCTED:
        return der.octet_string(reader.octets(node))
    children = [_rewritten(reader, child, depth - 1) for child in reader.children(node)]
    return der.tlv(node.tag, *(sorted(children) if node.tag == der.SET else children))
