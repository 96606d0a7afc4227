"""CMS in containers: detached signatures (EN 319 162-1 § 5.2.2 and § 4.4.4) and time-stamp tokens (§ 5.2.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from gateway.asn1 import der
from gateway.domain.verdicts import (
    IntegrityFailure,
    IntegrityVerdict,
    SignatureKind,
    TimeStampFound,
    TimeStampKind,
)
from gateway.formats.pades.algorithms import digest_name
from gateway.formats.pades.checking import CheckedSignature, check
from gateway.formats.pades.cms_reading import ID_DATA, TST_INFO, SignedData, read_signed_data

Digester = Callable[[str], bytes | None]
"""The digest of what is signed, by a hashlib name; None where that is not known."""

_LEVELS = ("CAdES-BASELINE-B", "CAdES-BASELINE-T")


def judge_signatures(data: bytes, digest: Digester, covers: Sequence[str]) -> list[IntegrityVerdict]:
    """A verdict for every signer of a detached CMS signature over what *digest* is of."""
    try:
        signers = read_signed_data(data)
    except ValueError:
        return [IntegrityVerdict.unreadable(SignatureKind.SIGNATURE)]
    verdicts = []
    for signed in signers:
        checked = check(signed, digest, ())
        failure = checked.failure
        if signed.content is not None or signed.content_type != ID_DATA:
            failure = IntegrityFailure.FORMAT  # it would be over something that it brings itself
        stamps = tuple(TimeStampFound(token, signed.value) for token in signed.tokens)
        level = _LEVELS[bool(stamps)]
        verdicts.append(_verdict(SignatureKind.SIGNATURE, signed, checked, failure, stamps, covers, level))
    return verdicts


def judge_token(data: bytes, digest: Digester, covers: Sequence[str]) -> IntegrityVerdict:
    """A verdict on a time-stamp token over what *digest* is of."""
    kind = SignatureKind.DOCUMENT_TIME_STAMP
    try:
        (signed,) = read_signed_data(data)
    except ValueError:
        return IntegrityVerdict.unreadable(kind)
    content = signed.content or b""
    checked = check(signed, lambda name: hashlib.new(name, content).digest(), ())
    algorithm, imprint = _imprint(content)
    covered = digest(algorithm) if algorithm in hashlib.algorithms_available else None
    failure = checked.failure
    if signed.content_type != TST_INFO:
        failure = IntegrityFailure.FORMAT
    elif covered is None or covered != imprint:
        failure = failure or IntegrityFailure.DIGEST
    stamps = (TimeStampFound(signed.encoded, covered, TimeStampKind.DOCUMENT),)
    return _verdict(kind, signed, checked, failure, stamps, covers, None)


def _verdict(
    kind: SignatureKind,
    signed: SignedData,
    checked: CheckedSignature,
    failure: IntegrityFailure | None,
    stamps: tuple[TimeStampFound, ...],
    covers: Sequence[str],
    level: str | None,
) -> IntegrityVerdict:
    return IntegrityVerdict(
        kind=kind,
        crypto_valid=failure is None,
        structure_valid=True,
        failure=failure,
        certificate=checked.certificate,
        certificate_reference_matches=checked.reference_matches,
        other_certificates=tuple(c for c in signed.certificates if c != checked.certificate),
        time_stamps=stamps,
        claimed_signing_time=None,
        signature_digests=checked.digests,
        content_digest=None,
        embedded_ocsp_responses=signed.ocsp_responses,
        embedded_crls=signed.crls,
        level=level,
        covers=tuple(covers)[:32],
    )


def _imprint(tst_info: bytes) -> tuple[str, bytes]:
    """The digest's name and the messageImprint of a TSTInfo (RFC 3161 § 2.4.2); empty where there is none."""
    try:
        _, _, imprint, *_ = der.whole(tst_info, der.SEQUENCE).children()
        algorithm, digest = imprint.children()
        return digest_name(der.read_oid(next(algorithm.children()))), digest.body
    except (ValueError, StopIteration):
        return "", b""
