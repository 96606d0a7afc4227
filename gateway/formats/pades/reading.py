"""
From what a PDF says about its signatures to a verdict on each (EN 319 142-1 § 5, ISO 32000-2 § 12.8.1).

Everything that the isolated process said is checked against the document's own octets before it counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from gateway.asn1 import der
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict, SignatureKind, TimeStampFound, TimeStampKind
from gateway.formats.pades.algorithms import digest_name
from gateway.formats.pades.bare import check_bare
from gateway.formats.pades.checking import CheckedSignature, ContentDigester, check
from gateway.formats.pades.cms_reading import ID_DATA, TST_INFO, SignedData, read_signed_data
from gateway.formats.pades.found import FoundSignature, SecurityStore
from gateway.formats.pades.levels import NEITHER, level_of
from gateway.formats.pades.streams import RangeHasher, finished, new_hash

_OVER_SHA1 = "/adbe.pkcs7.sha1"
_X509 = "/adbe.x509.rsa_sha1"
_BLANK = b"\0\t\n\x0c\r "
_MOST_BLANKS = 64 * 1024
_HEX = re.compile(rb"<[0-9A-Fa-f\0\t\n\x0c\r ]*>")
_MOST_OTHERS = 256


class DocumentReader:
    """Judges the signatures of one document, whose stream is the caller's."""

    def __init__(self, stream: BinaryIO, size: int, store: SecurityStore, budget: int) -> None:
        """*size* of the document; *budget*: octets that may be hashed for all its signatures together."""
        self._stream = stream
        self._size = size
        self._store = store
        self._hasher = RangeHasher(stream, budget)

    def verdicts(self, found: Sequence[FoundSignature]) -> list[IntegrityVerdict]:
        """Every signer's verdict, in the order in which the ranges end."""
        ordered = sorted(found, key=lambda one: one.end)
        return [
            self._placed(one, verdict)
            for index, one in enumerate(ordered)
            for verdict in self._by_contents(one, [later for later in ordered[index + 1 :] if later.is_time_stamp])
        ]

    def _placed(self, one: FoundSignature, verdict: IntegrityVerdict) -> IntegrityVerdict:
        """*verdict* with what the range says: what is covered, whether that is clear, and what came later."""
        if not self._is_sane(one.byte_range):
            # Nothing can be hashed then, so that nothing holds; the reason is the range.
            return replace(verdict, crypto_valid=False, structure_valid=False, failure=IntegrityFailure.AMBIGUOUS)
        whole = one.end == self._size
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
        """Whether the hole is the hexadecimal Contents: with its brackets or between them, and blanks at most."""
        assert one.byte_range is not None
        _, hole, hole_end, _ = one.byte_range
        if hole_end - hole > _MOST_BLANKS + 2 * len(one.contents):
            return False
        self._stream.seek(hole - 1, os.SEEK_SET)
        text = self._stream.read(hole_end - hole + 2)
        inside = text[1:-1].strip(_BLANK)
        if text[:1] == b"<" and text[-1:] == b">":
            inside = b"<" + inside + b">"
        if _HEX.fullmatch(inside) is None:
            return False
        digits = inside[1:-1].translate(None, _BLANK).decode()
        return bytes.fromhex(digits + "0" * (len(digits) % 2)) == one.contents

    def _by_contents(self, one: FoundSignature, later_stamps: Sequence[FoundSignature]) -> list[IntegrityVerdict]:
        if one.sub_filter == _X509:
            return [self._from(one, checked) for checked in (check_bare(one, self._ranged(one)),)]
        try:
            signers = read_signed_data(one.contents)
        except ValueError:
            return [self._unread(one)]
        if one.is_time_stamp:
            return [self._document_time_stamp(one, signed) for signed in signers]
        verdicts = []
        for signed in signers:
            checked = self._checked(one, signed)
            level = level_of(one, signed, checked, later_stamps, signers=len(signers))
            stamps = tuple(TimeStampFound(token, signed.value) for token in signed.tokens)
            verdicts.append(replace(self._from(one, checked, signed, stamps), level=level))
        return verdicts

    def _checked(self, one: FoundSignature, signed: SignedData) -> CheckedSignature:
        if one.sub_filter == _OVER_SHA1:
            return self._over_sha1(one, signed)
        checked = check(signed, self._ranged(one), self._store.certificates)
        # What is encapsulated instead of the document is another signature's content (ISO 32000-2 § 12.8.3.3).
        return checked if signed.content_type == ID_DATA else replace(checked, failure=IntegrityFailure.FORMAT)

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
        stamps = (TimeStampFound(signed.encoded, covered, TimeStampKind.DOCUMENT),)
        return self._from(one, checked, signed, stamps)

    def _unread(self, one: FoundSignature) -> IntegrityVerdict:
        return IntegrityVerdict(
            kind=SignatureKind.DOCUMENT_TIME_STAMP if one.is_time_stamp else SignatureKind.SIGNATURE,
            crypto_valid=False,
            structure_valid=True,
            failure=IntegrityFailure.FORMAT,
            certificate=None,
            certificate_reference_matches=None,
            other_certificates=self._store.certificates,
            time_stamps=(),
            claimed_signing_time=None if one.is_time_stamp else one.date,
            signature_digests=frozenset(),
            content_digest=None,
            embedded_ocsp_responses=self._store.ocsp_responses,
            embedded_crls=self._store.crls,
            level=None if one.is_time_stamp else NEITHER,
        )

    def _from(
        self,
        one: FoundSignature,
        checked: CheckedSignature,
        signed: SignedData | None = None,
        stamps: tuple[TimeStampFound, ...] = (),
    ) -> IntegrityVerdict:
        sent = signed.certificates if signed is not None else one.certificates
        others = dict.fromkeys((*sent, *self._store.certificates))
        if checked.certificate is not None:
            others.pop(checked.certificate, None)
        return replace(
            self._unread(one),
            crypto_valid=checked.failure is None,
            failure=checked.failure,
            certificate=checked.certificate,
            certificate_reference_matches=checked.reference_matches,
            other_certificates=tuple(others)[:_MOST_OTHERS],
            time_stamps=stamps,
            signature_digests=checked.digests,
            embedded_ocsp_responses=_together(signed.ocsp_responses if signed else (), self._store.ocsp_responses),
            embedded_crls=_together(signed.crls if signed else (), self._store.crls),
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
    return one.span is not None and one.span[0] >= one.end


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
    if not embedded:
        return stored[:_MOST_OTHERS]  # long lists are not hashed for nothing
    return tuple(dict.fromkeys((*embedded, *stored)))[:_MOST_OTHERS]
