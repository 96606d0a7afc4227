"""One byte changed: what every verifier that looks at it must notice."""

from __future__ import annotations

import base64
import re

_VALUE = re.compile(rb"(<ds:SignatureValue[^>]*>)([^<]+)(</ds:SignatureValue>)")
_TOKEN = re.compile(rb"(<xades:EncapsulatedTimeStamp[^>]*>)([^<]+)(</xades:EncapsulatedTimeStamp>)")


def spoiled_signature(xades: bytes) -> bytes:
    """*xades* with the last bit of its signature value turned over."""
    return _turned(xades, _VALUE)


def spoiled_time_stamp(xades: bytes) -> bytes:
    """*xades* with the last bit of its time-stamp token turned over: of the authority's signature."""
    return _turned(xades, _TOKEN)


def spoiled_document(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """*pdf* with one byte of its text changed: *old* for *new*, of the same length."""
    if len(old) != len(new) or sum(a != b for a, b in zip(old, new, strict=True)) != 1 or pdf.count(old) != 1:
        raise ValueError("not one byte in one place")
    return pdf.replace(old, new)


def _turned(xades: bytes, element: re.Pattern[bytes]) -> bytes:
    found = element.search(xades)
    if found is None:
        raise ValueError("no such element")
    data = base64.b64decode(found.group(2))
    changed = base64.b64encode(data[:-1] + bytes((data[-1] ^ 1,)))
    return xades[: found.start(2)] + changed + xades[found.end(2) :]
