"""
Three verdicts into one conclusion (ETSI EN 319 102-1 § 5.1.3 and § 5.5, named as EU DSS names them; decision 25).

The order of the questions is the rule: what does not hold is never asked for trust, a signer nobody knows is never
asked for a time, and a broken time-stamp is named before anything that a time would have settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import MessageKey
from gateway.domain.verdicts import (
    IntegrityFailure,
    IntegrityVerdict,
    PolicyVerdict,
    SignatureKind,
    TimeStampKind,
    TimeStampVerdict,
    Trust,
    TrustVerdict,
)
from gateway.domain.verification import SignatureConclusion


class _Finding(NamedTuple):
    indication: Indication
    sub: SubIndication | None
    message: MessageKey


def _failed(sub: SubIndication, message: MessageKey) -> _Finding:
    return _Finding(Indication.TOTAL_FAILED, sub, message)


def _open(sub: SubIndication, message: MessageKey) -> _Finding:
    return _Finding(Indication.INDETERMINATE, sub, message)


_PASSED = _Finding(Indication.TOTAL_PASSED, None, MessageKey.VALID)
_UNTOLD = _open(SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.UNDETERMINED)
_UNKNOWN_SIGNER = _open(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, MessageKey.UNDETERMINED)
_PARTLY = _open(SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.PARTLY_COVERED)
_NOT_ANCHORED = _open(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, MessageKey.TRUST_NOT_JUDGED)
_CHANGED = _failed(SubIndication.FORMAT_FAILURE, MessageKey.CHANGED_AFTER_SIGNING)
_TRY_LATER = _open(SubIndication.TRY_LATER, MessageKey.STATUS_UNKNOWN)
_BROKEN_TIME_STAMP = _open(SubIndication.SIG_CONSTRAINTS_FAILURE, MessageKey.TIME_STAMP_NOT_VALID)
_DISORDER = _open(SubIndication.TIMESTAMP_ORDER_FAILURE, MessageKey.TIME_STAMP_ORDER)
_WEAK = _open(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, MessageKey.WEAK_ALGORITHM)

_NOT_HOLDING = {
    IntegrityFailure.FORMAT: _failed(SubIndication.FORMAT_FAILURE, MessageKey.UNREADABLE),
    IntegrityFailure.AMBIGUOUS: _failed(SubIndication.FORMAT_FAILURE, MessageKey.NOT_VALID),
    IntegrityFailure.OTHER_CONTENT: _failed(SubIndication.HASH_FAILURE, MessageKey.OTHER_CONTENT),
    IntegrityFailure.DIGEST: _failed(SubIndication.HASH_FAILURE, MessageKey.NOT_VALID),
    IntegrityFailure.VALUE: _failed(SubIndication.SIG_CRYPTO_FAILURE, MessageKey.NOT_VALID),
    IntegrityFailure.CONTENT_MISSING: _open(SubIndication.SIGNED_DATA_NOT_FOUND, MessageKey.CONTENT_MISSING),
}

_CHAIN = {
    Trust.NO_PATH: _open(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, MessageKey.NOT_TRUSTED),
    Trust.CHAIN_INVALID: _open(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, MessageKey.NOT_TRUSTED),
    Trust.ISSUER_REVOKED: _open(SubIndication.REVOKED_CA_NO_POE, MessageKey.NOT_TRUSTED),
    Trust.WRONG_USAGE: _open(SubIndication.CHAIN_CONSTRAINTS_FAILURE, MessageKey.CERTIFICATE_UNUSABLE),
}

# NOT_YET_VALID needs no further proof: a signature that exists already was made before its certificate began.
_IN_TIME = {
    Trust.NOT_YET_VALID: _failed(SubIndication.NOT_YET_VALID, MessageKey.NOT_YET_VALID),
    Trust.REVOKED: _open(SubIndication.REVOKED_NO_POE, MessageKey.REVOKED_UNPROVEN),
    Trust.EXPIRED: _open(SubIndication.OUT_OF_BOUNDS_NO_POE, MessageKey.EXPIRED_UNPROVEN),
    Trust.ON_HOLD: _TRY_LATER,
    Trust.STATUS_UNKNOWN: _TRY_LATER,
}

_EXPIRED_NOT_REVOKED = _open(SubIndication.OUT_OF_BOUNDS_NOT_REVOKED, MessageKey.EXPIRED_UNPROVEN)

_STAGES = (
    {TimeStampKind.CONTENT},
    {TimeStampKind.SIGNATURE},
    {TimeStampKind.REFERENCES},
    {TimeStampKind.ARCHIVE, TimeStampKind.DOCUMENT},
)
"""Kinds of time-stamp in the order in which they can be made."""

_PROVED_LATE = {
    Trust.REVOKED: _failed(SubIndication.REVOKED, MessageKey.REVOKED),
    Trust.EXPIRED: _failed(SubIndication.EXPIRED, MessageKey.EXPIRED_CERTIFICATE),
}


def conclude(
    integrity: IntegrityVerdict,
    time_stamps: Sequence[TimeStampVerdict],
    trust: TrustVerdict | None,
    policy: PolicyVerdict | None,
    subject: str | None,
    *,
    trust_before_signing: TrustVerdict | None = None,
    document: bool = False,
    anchored: bool = True,
) -> SignatureConclusion:
    """
    What the verdicts on one signature come to. Pure; never raises.

    Args:
        integrity: what the bytes say.
        time_stamps: the signature's tokens and later document time-stamps over it, each judged.
        trust: the certificate judged at the earliest proved time, or at the time of validation; None where the
            signature does not hold or no certificate was identified.
        policy: None where it was not consulted.
        subject: display text of the signer.
        trust_before_signing: the certificate judged at a time proved to lie *before* the signature was made (of a
            time-stamp that the signature covers). Only this can prove that the certificate was revoked or expired when
            signing (EN 319 102-1 § 5.3.4): a time-stamp over the signature bounds its making from the other side.
        document: whether a document was signed, so that a failing digest means that the document changed.
        anchored: whether certificates are judged at all; without anchors a signature that holds and meets the policy is
            ``accepted``, and its indication says that no chain was looked for.

    """
    finding = _integrity(integrity, document=document)
    if finding is None and anchored:
        finding = _settle(integrity, time_stamps, trust, policy, trust_before_signing)
    elif finding is None:
        finding = _unanchored(integrity, time_stamps, policy)
    proved = proved_times(time_stamps)
    return SignatureConclusion(
        indication=finding.indication,
        sub_indication=finding.sub,
        message=finding.message,
        integrity=integrity,
        trust=trust,
        policy=policy,
        time_stamps=tuple(time_stamps),
        certificate=integrity.certificate,
        subject=subject,
        signed_at=min(proved, default=None),
    )


def proved_times(time_stamps: Sequence[TimeStampVerdict]) -> list[datetime]:
    """When the signature's value is proved to have existed: times of valid tokens that cover it, in their order."""
    return [t.gen_time for t in time_stamps if t.valid and t.bounds_signing and t.gen_time is not None]


def _settle(
    integrity: IntegrityVerdict,
    time_stamps: Sequence[TimeStampVerdict],
    trust: TrustVerdict | None,
    policy: PolicyVerdict | None,
    trust_before_signing: TrustVerdict | None,
) -> _Finding:
    """What follows for a signature that holds."""
    if integrity.kind is SignatureKind.DOCUMENT_TIME_STAMP:
        return _document_time_stamp(time_stamps)
    if trust is None or integrity.certificate is None or integrity.certificate_reference_matches is False:
        return _UNKNOWN_SIGNER
    if trust.trust in _CHAIN:
        return _CHAIN[trust.trust]
    if trust_before_signing is not None and trust_before_signing.trust in _PROVED_LATE:
        return _PROVED_LATE[trust_before_signing.trust]
    stamped = _time_stamps(time_stamps)
    if stamped is not None:
        return stamped
    if trust.trust is Trust.EXPIRED and trust.not_revoked:
        return _EXPIRED_NOT_REVOKED
    if trust.trust is not Trust.GOOD:
        return _IN_TIME.get(trust.trust, _UNTOLD)
    return _constraints(policy)


def _unanchored(
    integrity: IntegrityVerdict, time_stamps: Sequence[TimeStampVerdict], policy: PolicyVerdict | None
) -> _Finding:
    """What can be said where nobody's certificate is judged: integrity, time-stamps in themselves, policy."""
    if integrity.kind is SignatureKind.DOCUMENT_TIME_STAMP:
        return _NOT_ANCHORED if any(t.valid for t in time_stamps) else _BROKEN_TIME_STAMP
    if integrity.certificate is None or integrity.certificate_reference_matches is False:
        return _UNKNOWN_SIGNER
    missed = _time_stamps(time_stamps) or _constraints(policy)
    return _NOT_ANCHORED if missed is _PASSED else missed


def _integrity(integrity: IntegrityVerdict, *, document: bool) -> _Finding | None:
    """What the bytes alone settle; None where the signature holds and says clearly what it covers."""
    if not integrity.crypto_valid:
        if integrity.structure_valid is None and integrity.failure is IntegrityFailure.FORMAT:
            return _UNTOLD  # of a form that is not read here: "cannot be told" is not "does not hold"
        failure = integrity.failure or IntegrityFailure.VALUE
        document |= integrity.covers_whole_document is not None or integrity.modified_after_signing is not None
        if failure is IntegrityFailure.DIGEST and document:
            return _failed(SubIndication.HASH_FAILURE, MessageKey.CHANGED_AFTER_SIGNING)
        return _NOT_HOLDING[failure]
    if integrity.structure_valid is False:
        return _NOT_HOLDING[IntegrityFailure.AMBIGUOUS]
    if integrity.modified_after_signing:
        return _CHANGED
    # A failed analysis is "undetermined", never "unmodified".
    unjudged = integrity.covers_whole_document is False and integrity.modified_after_signing is None
    if unjudged and integrity.structure_valid and integrity.covers:
        return _PARTLY  # of a container: anybody may have added the rest
    return _UNTOLD if integrity.structure_valid is None or unjudged else None


def _time_stamps(time_stamps: Sequence[TimeStampVerdict]) -> _Finding | None:
    """
    A signature whose time-stamps all fail says so itself, whatever its certificate's standing today.

    Only those over its value are asked. Those that are valid must not contradict each other (§ 5.5.4 step 5).
    """
    if _in_disorder(time_stamps):
        return _DISORDER
    bounding = [t for t in time_stamps if t.bounds_signing]
    if not bounding or any(t.valid for t in bounding):
        return None
    if all(_waits(t) for t in bounding):
        return _TRY_LATER
    return _BROKEN_TIME_STAMP


def _in_disorder(time_stamps: Sequence[TimeStampVerdict]) -> bool:
    """Whether a valid time-stamp claims to be older than one that it covers, by their kinds."""
    latest: datetime | None = None
    for kinds in _STAGES:
        times = [t.gen_time for t in time_stamps if t.valid and t.gen_time is not None and t.kind in kinds]
        if latest is not None and times and min(times) < latest:
            return True
        latest = max([*times, latest] if latest is not None else times, default=None)
    return False


def _document_time_stamp(time_stamps: Sequence[TimeStampVerdict]) -> _Finding:
    """A document time-stamp is its own token: valid, waiting for its authority's status, or not valid."""
    if any(t.valid for t in time_stamps):
        return _PASSED
    return _TRY_LATER if time_stamps and all(_waits(t) for t in time_stamps) else _BROKEN_TIME_STAMP


def _waits(time_stamp: TimeStampVerdict) -> bool:
    """Whether only the authority's status is missing, so that trying later may help."""
    return time_stamp.trust is not None and time_stamp.trust.trust in (Trust.STATUS_UNKNOWN, Trust.ON_HOLD)


def _constraints(policy: PolicyVerdict | None) -> _Finding:
    if policy is None:
        return _open(SubIndication.POLICY_PROCESSING_ERROR, MessageKey.UNDETERMINED)
    if not policy.missed:
        return _PASSED
    if MessageKey.WEAK_ALGORITHM in policy.missed:
        return _WEAK
    return _open(SubIndication.SIG_CONSTRAINTS_FAILURE, policy.missed[0])
