"""What goes to an authority and comes back: TimeStampReq and TimeStampResp (RFC 3161 § 2.4)."""

from __future__ import annotations

import unicodedata

from gateway.asn1 import der
from gateway.asn1.ber import definite
from gateway.domain.contents import DigestAlgorithm
from gateway.timestamps import algorithms
from gateway.timestamps.algorithms import children_of

_VERSION = der.integer(1)
_CERTIFICATES_WANTED = der.tlv(der.BOOLEAN, b"\xff")
_GRANTED = (0, 1)
"""granted and grantedWithMods: with either comes a token (RFC 3161 § 2.4.2)."""

_STATUS = {2: "rejection", 3: "waiting", 4: "revocation warning", 5: "revocation notification"}
FAILURES = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}
"""PKIFailureInfo by bit."""

_QUOTED = 160


class NotGranted(Exception):
    """The authority answered and gave no token; the text is its own answer in words, bounded and printable."""


def query_beginning(algorithm: DigestAlgorithm) -> bytes:
    """The AlgorithmIdentifier of a query's imprint: the part that stays the same over a batch."""
    return algorithms.digest_identifier(algorithm.value, null=True)


def query(beginning: bytes, imprint: bytes, nonce: int) -> bytes:
    """A TimeStampReq (DER) over *imprint* that asks for the authority's certificate; *beginning* as above."""
    return der.sequence(
        _VERSION,
        der.sequence(beginning, der.octet_string(imprint)),
        der.integer(nonce),
        _CERTIFICATES_WANTED,
    )


def token_of(response: bytes) -> bytes:
    """
    The token in a TimeStampResp.

    Raises:
        NotGranted: The authority refuses, or says that it grants and sends no token.
        ValueError: The bytes are no response.

    """
    try:
        parts = children_of(der.whole(response), der.SEQUENCE)
    except ValueError:
        parts = children_of(der.whole(definite(response)), der.SEQUENCE)
    status, *more = children_of(parts[0], der.SEQUENCE)
    code = der.read_integer(status)
    if code not in _GRANTED:
        raise NotGranted(_refusal(code, more))
    if len(parts) != 2:
        raise NotGranted("granted without a token")
    return parts[1].encoded


def _refusal(code: int, more: list[der.Element]) -> str:
    words = [_STATUS.get(code, "status not known")]
    for element in more:
        if element.tag == der.BIT_STRING:
            words += _failures(element.body)
        elif element.tag == der.SEQUENCE:
            words += [f"says: {text}" for text in (_printable(element),) if text]
    return ", ".join(words)


def _failures(body: bytes) -> list[str]:
    """The names of the bits that are set in a PKIFailureInfo."""
    bits = body[1:5]
    return [name for bit, name in FAILURES.items() if bit // 8 < len(bits) and bits[bit // 8] & 0x80 >> bit % 8]


def _printable(texts: der.Element) -> str:
    """A PKIFreeText as one short line that is safe to print."""
    joined = " ".join(text.body.decode("utf-8", "replace") for text in texts.children() if text.tag == der.UTF8_STRING)
    line = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in joined).split())
    return line if len(line) <= _QUOTED else line[: _QUOTED - 1] + "…"
