"""
Evidence records in containers: time-stamps over trees of digests, in XML (RFC 6283) and ASN.1 (RFC 4998).

Looked at is the first archive time-stamp: whether its tree has the digest of every datum, and its token the root. That
alone proves the data to have existed at its time. Renewals, which carry that proof on when algorithms age, are not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.asn1 import der
from gateway.errors import UnreadableSignature
from gateway.formats.pades.algorithms import digest_name
from gateway.formats.xades.names import DIGESTS
from gateway.formats.xades.parsing import HASH_SIGNATURES, parse
from gateway.formats.xades.texts import NotText, base64_of

_ERS = "{urn:ietf:params:xml:ns:ers}"
_LARGEST_TOKEN = 1024 * 1024
_MOST_DIGESTS = 4096


@dataclass(frozen=True, slots=True)
class FirstStamp:
    """The first archive time-stamp: *groups* of digests by *algorithm* (hashlib's name), and *token* over the root."""

    algorithm: str
    groups: tuple[tuple[bytes, ...], ...]
    token: bytes

    def root(self, data: Sequence[Callable[[str], bytes | None]]) -> bytes | None:
        """
        The digest that the token must be over (RFC 6283 § 3.2.2, RFC 4998 § 4.3); None where some datum is not in it.

        *data* give the digest of each datum by a hashlib name.
        """
        digests = [digest(self.algorithm) for digest in data]
        if not digests or self.algorithm not in DIGESTS.values():
            return None
        if not self.groups:
            return digests[0] if len(digests) == 1 else None
        first, *others = self.groups
        if any(digest is None or digest not in first for digest in digests):
            return None
        found = self._joined(first)
        for group in others:
            found = self._joined((*group, found))
        return found

    def _joined(self, group: Sequence[bytes]) -> bytes:
        return group[0] if len(group) == 1 else hashlib.new(self.algorithm, b"".join(sorted(group))).digest()


def read_evidence(data: bytes) -> FirstStamp:
    """The first archive time-stamp of an evidence record. Raises ``UnreadableSignature``."""
    try:
        return _in_xml(parse(data, HASH_SIGNATURES)) if data.lstrip().startswith(b"<") else _in_asn1(data)
    except (NotText, ValueError, StopIteration, IndexError):
        raise UnreadableSignature("not an evidence record of the usual shape") from None


def _in_xml(root: etree._Element) -> FirstStamp:
    if root.tag != f"{_ERS}EvidenceRecord":
        raise NotText
    chain = _first(root.iterfind(f"{_ERS}ArchiveTimeStampSequence/{_ERS}ArchiveTimeStampChain"))
    stamp = _first(chain.iterfind(f"{_ERS}ArchiveTimeStamp"))
    method, token = chain.find(f"{_ERS}DigestMethod"), stamp.find(f"{_ERS}TimeStamp/{_ERS}TimeStampToken")
    if method is None or token is None:
        raise NotText
    sequences = sorted(stamp.iterfind(f"{_ERS}HashTree/{_ERS}Sequence"), key=_order)
    groups = [tuple(base64_of(value, 64) for value in one.iterfind(f"{_ERS}DigestValue")) for one in sequences]
    return _stamp(DIGESTS.get(method.get("Algorithm", ""), ""), groups, base64_of(token, _LARGEST_TOKEN))


def _first(elements: Iterable[etree._Element]) -> etree._Element:
    """The one of order 1. Raises ``ValueError``."""
    return min(elements, key=_order)


def _order(element: etree._Element) -> int:
    return int(element.get("Order", "1"))


def _in_asn1(data: bytes) -> FirstStamp:
    members = [m for m in der.whole(data, der.SEQUENCE).children() if m.tag == der.SEQUENCE]
    algorithms, chains = members[0], members[-1]
    algorithm = der.read_oid(next(next(algorithms.children()).children()))
    *named, token = next(next(chains.children()).children()).children()
    groups: list[tuple[bytes, ...]] = []
    for member in named:
        if member.tag == 0xA0:
            algorithm = der.read_oid(next(member.children()))
        elif member.tag == 0xA2:
            groups = [tuple(digest.body for digest in group.children()) for group in member.children()]
    return _stamp(digest_name(algorithm), groups, token.encoded)


def _stamp(algorithm: str, groups: Sequence[tuple[bytes, ...]], token: bytes) -> FirstStamp:
    if sum(map(len, groups)) > _MOST_DIGESTS or any(not group for group in groups):
        raise NotText
    return FirstStamp(algorithm, tuple(groups), token)
