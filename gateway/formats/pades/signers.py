"""Which of the certificates at hand a SignerInfo may mean (RFC 5652 § 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.asn1 import der
from gateway.formats.pades.cms_reading import SignedData

_SUBJECT_KEY_IDENTIFIER = der.oid("2.5.29.14")
_BMP_STRING = 0x1E
_MOST_GUESSES = 16


def candidates(
    signed: SignedData, is_referenced: Callable[[bytes], bool], others: Sequence[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """
    The certificates that may be the signer's, likely ones first, then those that are only sent along.

    Args:
        signed: the SignerInfo with its certificates.
        is_referenced: whether the signed attributes name a certificate.
        others: certificates from elsewhere.

    """
    every = list(dict.fromkeys((*signed.certificates, *others)))
    named = [one for one in every if _is_named(signed, one)]
    if not named:
        named = [one for one in every if _is_loosely_named(signed, one)]
    referenced = [one for one in every if is_referenced(one)]
    likely = [one for one in named if one in referenced] + named + referenced
    unlikely = [one for one in signed.certificates if one not in likely]
    return list(dict.fromkeys(likely)), unlikely[:_MOST_GUESSES]


def issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    """Both as they are encoded; empty for what is no certificate."""
    try:
        members = list(next(der.whole(certificate, der.SEQUENCE).children()).children())
        first = 1 if members[0].tag == 0xA0 else 0
        return members[first + 2].encoded, members[first].encoded
    except (ValueError, IndexError, StopIteration):
        return b"", b""


def _is_named(signed: SignedData, certificate: bytes) -> bool:
    if signed.issuer_and_serial is not None:
        return issuer_and_serial(certificate) == signed.issuer_and_serial
    if not signed.key_identifier:
        return False
    return _SUBJECT_KEY_IDENTIFIER + der.octet_string(der.octet_string(signed.key_identifier)) in certificate


def _is_loosely_named(signed: SignedData, certificate: bytes) -> bool:
    """By its serial number, and its issuer in whatever kind of strings and case (RFC 5280 § 7.1)."""
    if signed.issuer_and_serial is None:
        return False
    issuer, serial = signed.issuer_and_serial
    own_issuer, own_serial = issuer_and_serial(certificate)
    return serial == own_serial and _compared(issuer) == _compared(own_issuer) is not None


def _compared(name: bytes) -> frozenset[tuple[str, str]] | None:
    try:
        attributes = [attribute for rdn in der.whole(name, der.SEQUENCE).children() for attribute in rdn.children()]
        return frozenset(_pair(attribute) for attribute in attributes)
    except (ValueError, StopIteration):
        return None


def _pair(attribute: der.Element) -> tuple[str, str]:
    kind, value = attribute.children()
    text = value.body.decode("utf-16-be" if value.tag == _BMP_STRING else "utf-8", "replace")
    return der.read_oid(kind), " ".join(text.casefold().split())
