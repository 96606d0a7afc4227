"""
BER tokens into DER (X.690): some authorities write lengths that are not said beforehand.

Only what BER adds is rewritten: indefinite lengths, and octet strings in pieces. Everything else stays byte for byte
as it is, certificates above all, for their hashes are signed.
"""

from __future__ import annotations

from gateway.asn1 import der

_DEPTH = 32
_CONSTRUCTED = 0x20
_PIECES = der.OCTET_STRING | _CONSTRUCTED


def definite(data: bytes) -> bytes:
    """
    The one element that *data* is, with definite lengths.

    Raises:
        ValueError: Cut short, something behind it, nested too deeply, or a tag of more than one byte.

    """
    encoded, end = _element(data, 0, len(data), _DEPTH)
    if end != len(data):
        raise ValueError("BER: more than one element")
    return encoded


def _element(data: bytes, start: int, limit: int, depth: int) -> tuple[bytes, int]:
    """The element at *start*, rewritten, and where it ended."""
    if depth == 0:
        raise ValueError("BER: nested too deeply")
    if start + 2 > limit:
        raise ValueError("BER: cut short")
    tag = data[start]
    if tag & 0x1F == 0x1F:
        raise ValueError("BER: long tags are not read")
    if data[start + 1] == 0x80:
        if not tag & _CONSTRUCTED:
            raise ValueError("BER: a primitive element without length")
        children, end = _children(data, start + 2, limit, depth, open_ended=True)
        return _rewritten(tag, children), end
    content, end = _length(data, start + 1, limit)
    if not tag & _CONSTRUCTED:
        return data[start:end], end
    children, _ = _children(data, content, end, depth, open_ended=False)
    if tag != _PIECES and b"".join(children) == data[content:end]:
        return data[start:end], end
    return _rewritten(tag, children), end


def _length(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the content begins and ends; longer forms of a length are read, for they lie inside what stays."""
    first = data[at]
    at += 1
    size = first
    if first & 0x80:
        count = first & 0x7F
        if not 1 <= count <= 4 or at + count > limit:
            raise ValueError("BER: length not readable")
        size = int.from_bytes(data[at : at + count])
        at += count
    if at + size > limit:
        raise ValueError("BER: cut short")
    return at, at + size


def _children(data: bytes, start: int, limit: int, depth: int, *, open_ended: bool) -> tuple[list[bytes], int]:
    """The elements from *start* on, up to *limit* or, where *open_ended*, to the end-of-contents octets."""
    found: list[bytes] = []
    while start < limit:
        if open_ended and data[start : start + 2] == b"\x00\x00":
            return found, start + 2
        encoded, start = _element(data, start, limit, depth - 1)
        found.append(encoded)
    if open_ended:
        raise ValueError("BER: cut short")
    return found, start


def _rewritten(tag: int, children: list[bytes]) -> bytes:
    if tag != _PIECES:
        return der.tlv(tag, *children)
    return der.octet_string(b"".join(_piece(child) for child in children))


def _piece(encoded: bytes) -> bytes:
    element = der.whole(encoded, der.OCTET_STRING)
    return element.body
