"""
From what a PDF says about its signatures to a verdict on each (EN 319 142-1 § 5, ISO 32000-2 § 12.8.1).

Everything that the isolated process said is checked against the document's own octets before it counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from gateway.asn1 import der
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict, SignatureKind, TimeStampFound
from gateway.formats.pades.algorithms import digest_name
from gateway.formats.pades.checking import CheckedSignature, ContentDigester, check
from gateway.formats.pades.cms_reading import ID_DATA, TST_INFO, SignedData, read_signed_data
from gateway.formats.pades.streams import RangeHasher, finished, new_hash

_TIME_STAMP = "/ETSI.RFC3161"
_OVER_SHA1 = "/adbe.pkcs7.sha1"
_HEX = re.compile(rb"<[0-9A-Fa-f]*>")
_MOST_OTHERS = 256


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """
    A signature dictionary as the document has it.

    *byte_range* None: not four numbers. *span* is where its object stands in the file, None in an object stream.
    *modified* is what the difference analysis came to, None where it came to nothing.
    """

    sub_filter: str
    byte_range: tuple[int, int, int, int] | None
    span: tuple[int, int] | None
    date: datetime | None
    contents: bytes
    modified: bool | None


@dataclass(frozen=True, slots=True)
class SecurityStore:
    """The document security store (EN 319 142-1 § 5.4): evidence for every signature, each item in DER."""

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


class DocumentReader:
    """Judges the signatures of one document, whose stream is the caller's."""

    def __init__(self, stream: BinaryIO, size: int, store: SecurityStore, budget: int) -> None:
        """*size* of the document; *budget*: octets that may be hashed for all its signatures together."""
        self._stream = stream
        self._size = size
        self._store = store
        self._hasher = RangeHasher(stream, budget)

    def verdicts(self, found: Sequence[FoundSignature]) -> list[IntegrityVerdict]:
        """One verdict for each, in the order in which their ranges end."""
        return [self._verdict(one) for one in sorted(found, key=_end)]

    def _verdict(self, one: FoundSignature) -> IntegrityVerdict:
        kind = SignatureKind.DOCUMENT_TIME_STAMP if one.sub_filter == _TIME_STAMP else SignatureKind.SIGNATURE
        verdict = self._by_cms(one, kind)
        if not self._is_sane(one.byte_range):
            # Nothing can be hashed then, so that nothing holds; the reason is the range.
            return replace(verdict, crypto_valid=False, structure_valid=False, failure=IntegrityFailure.AMBIGUOUS)
        whole = _end(one) == self._size
        verdict = replace(
            verdict,
            covers_whole_document=whole,
            modified_after_signing=False if whole else one.modified,
        )
        if not self._leaves_out_contents_alone(one):
            return _ambiguous(verdict)
        if _stands_after_what_it_covers(one):
            # A copy that somebody added: what was signed is clear, and what it says beside that was not signed.
            return replace(verdict, modified_after_signing=True, claimed_signing_time=None)
        return verdict if _encloses_its_hole(one) else _ambiguous(verdict)

    def _is_sane(self, byte_range: tuple[int, int, int, int] | None) -> bool:
        """Whether the range starts at the beginning, has one hole, and ends within the file."""
        if byte_range is None:
            return False
        start, length, second, rest = byte_range
        return start == 0 < length < second and rest >= 0 and second + rest <= self._size

    def _leaves_out_contents_alone(self, one: FoundSignature) -> bool:
        """Whether the hole is the hexadecimal Contents with its brackets, to the octet."""
        assert one.byte_range is not None
        _, hole, hole_end, _ = one.byte_range
        if hole_end - hole != 2 * len(one.contents) + 2:
            return False
        self._stream.seek(hole, os.SEEK_SET)
        text = self._stream.read(hole_end - hole)
        return _HEX.fullmatch(text) is not None and bytes.fromhex(text[1:-1].decode()) == one.contents

    def _by_cms(self, one: FoundSignature, kind: SignatureKind) -> IntegrityVerdict:
        try:
            signed = read_signed_data(one.contents)
        except ValueError:
            return self._unread(one, kind)
        if kind is SignatureKind.DOCUMENT_TIME_STAMP:
            return self._document_time_stamp(one, signed)
        return self._signature(one, signed)

    def _unread(self, one: FoundSignature, kind: SignatureKind) -> IntegrityVerdict:
        return IntegrityVerdict(
            kind=kind,
            crypto_valid=False,
            structure_valid=True,
            failure=IntegrityFailure.FORMAT,
            certificate=None,
            certificate_reference_matches=None,
            other_certificates=self._store.certificates,
            time_stamps=(),
            claimed_signing_time=one.date if kind is SignatureKind.SIGNATURE else None,
            signature_digests=frozenset(),
            content_digest=None,
            embedded_ocsp_responses=self._store.ocsp_responses,
            embedded_crls=self._store.crls,
        )

    def _signature(self, one: FoundSignature, signed: SignedData) -> IntegrityVerdict:
        if one.sub_filter == _OVER_SHA1:
            checked = self._over_sha1(one, signed)
        else:
            checked = check(signed, self._ranged(one), self._store.certificates)
            if signed.content_type != ID_DATA:
                checked = replace(checked, failure=IntegrityFailure.FORMAT)
        stamps = tuple(TimeStampFound(token, signed.value) for token in signed.tokens)
        return self._from(one, SignatureKind.SIGNATURE, signed, checked, stamps)

    def _over_sha1(self, one: FoundSignature, signed: SignedData) -> CheckedSignature:
        """adbe.pkcs7.sha1: what is signed is the SHA-1 of the ranges (ISO 32000-1 § 12.8.3.3)."""
        content = signed.content or b""
        checked = check(signed, _octets_digester(content), self._store.certificates)
        checked = replace(checked, digests=checked.digests | {DigestAlgorithm.SHA1})
        if checked.failure is None and content != self._ranged(one)("sha1"):
            return replace(checked, failure=IntegrityFailure.DIGEST)
        return checked

    def _document_time_stamp(self, one: FoundSignature, signed: SignedData) -> IntegrityVerdict:
        """The token's signature holds, and its imprint is of the ranges."""
        content = signed.content or b""
        checked = check(signed, _octets_digester(content), self._store.certificates)
        algorithm, imprint = _imprint(content)
        covered = self._ranged(one)(algorithm) or b""
        if signed.content_type != TST_INFO:
            checked = replace(checked, failure=IntegrityFailure.FORMAT)
        elif not covered or imprint != covered:
            checked = replace(checked, failure=IntegrityFailure.DIGEST)
        stamps = (TimeStampFound(signed.encoded, covered),)
        return self._from(one, SignatureKind.DOCUMENT_TIME_STAMP, signed, checked, stamps)

    def _from(
        self,
        one: FoundSignature,
        kind: SignatureKind,
        signed: SignedData,
        checked: CheckedSignature,
        stamps: tuple[TimeStampFound, ...],
    ) -> IntegrityVerdict:
        others = dict.fromkeys((*signed.certificates, *self._store.certificates))
        if checked.certificate is not None:
            others.pop(checked.certificate, None)
        return replace(
            self._unread(one, kind),
            crypto_valid=checked.failure is None,
            failure=checked.failure,
            certificate=checked.certificate,
            certificate_reference_matches=checked.reference_matches,
            other_certificates=tuple(others)[:_MOST_OTHERS],
            time_stamps=stamps,
            signature_digests=checked.digests,
            embedded_ocsp_responses=_together(signed.ocsp_responses, self._store.ocsp_responses),
            embedded_crls=_together(signed.crls, self._store.crls),
        )

    def _ranged(self, one: FoundSignature) -> ContentDigester:
        """Digests of what a signature covers; none where its range is not sane."""

        def digest(algorithm: str) -> bytes | None:
            if one.byte_range is None or not self._is_sane(one.byte_range):
                return None
            return self._hasher.digest(algorithm, one.byte_range)

        return digest


def _ambiguous(verdict: IntegrityVerdict) -> IntegrityVerdict:
    return replace(verdict, structure_valid=False, failure=verdict.failure or IntegrityFailure.AMBIGUOUS)


def _encloses_its_hole(one: FoundSignature) -> bool:
    """Whether the hole lies in the very dictionary that was read; never for one in an object stream."""
    assert one.byte_range is not None
    return one.span is not None and one.span[0] < one.byte_range[1] < one.byte_range[2] <= one.span[1]


def _stands_after_what_it_covers(one: FoundSignature) -> bool:
    return one.span is not None and one.span[0] >= _end(one)


def _end(one: FoundSignature) -> int:
    return one.byte_range[2] + one.byte_range[3] if one.byte_range is not None else 0


def _octets_digester(octets: bytes) -> ContentDigester:
    def digest(algorithm: str) -> bytes | None:
        hasher = new_hash(algorithm)
        if hasher is None:
            return None
        hasher.update(octets)
        return finished(hasher)

    return digest


def _imprint(tst_info: bytes) -> tuple[str, bytes]:
    """The digest's name and the messageImprint of a TSTInfo (RFC 3161 § 2.4.2); empty where there is none."""
    try:
        _, _, imprint, *_ = der.whole(tst_info, der.SEQUENCE).children()
        algorithm, digest = imprint.children()
        return digest_name(der.read_oid(next(algorithm.children()))), digest.body
    except (ValueError, StopIteration):
        return "", b""


def _together(embedded: tuple[bytes, ...], stored: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((*embedded, *stored)))[:_MOST_OTHERS]
