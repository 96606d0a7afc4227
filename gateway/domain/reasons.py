"""Every reason that one conclusion has, the deciding one first; texts and advice are ``messages``'s."""

from __future__ import annotations

from gateway.domain.messages import MessageKey
from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict, SignatureKind, Trust
from gateway.domain.verification import SignatureConclusion, VerificationResult

_SAID = (MessageKey.VALID, MessageKey.ALL_VALID)


def reasons_of(one: SignatureConclusion) -> tuple[MessageKey, ...]:
    """
    Why *one* is what it is, without repeats; empty where there is nothing to say against it.

    The first is the conclusion's own message; what follows was found beside it, warnings last.
    """
    found = [] if one.message in _SAID else [one.message]
    found += _of_integrity(one)
    if one.trust is not None and one.trust.trust in (Trust.CHAIN_INVALID, Trust.ISSUER_REVOKED):
        found.append(MessageKey.CHAIN_NOT_VALID)
    failed = {stamp.judged for stamp in one.time_stamps if not stamp.valid}
    found += [MessageKey.TIME_STAMP_NOT_VALID] * (True in failed)
    found += [MessageKey.TIME_STAMP_NOT_JUDGED] * (False in failed)
    if one.policy is not None:
        found += one.policy.missed
        found += [MessageKey.WEAK_ALGORITHM_TOLERATED] * bool(one.policy.warnings)
    return tuple(dict.fromkeys(found))


def unjudged_part(integrity: IntegrityVerdict) -> MessageKey:
    """What is to be said of a file that the signature does not cover whole: members of a container, or a later part."""
    return MessageKey.PARTLY_COVERED if integrity.covers else MessageKey.CHANGES_NOT_JUDGED


def _of_integrity(one: SignatureConclusion) -> list[MessageKey]:
    integrity = one.integrity
    found = []
    if integrity.structure_valid is False:
        found.append(MessageKey.AMBIGUOUS_STRUCTURE)
    if integrity.failure is IntegrityFailure.VALUE:
        found.append(MessageKey.VALUE_NOT_HOLDING)
    if integrity.modified_after_signing:
        found.append(MessageKey.CHANGED_AFTER_SIGNING)
    elif integrity.covers_whole_document is False and integrity.modified_after_signing is None:
        found.append(unjudged_part(integrity))
    signature = integrity.kind is SignatureKind.SIGNATURE
    if signature and (integrity.certificate is None or integrity.certificate_reference_matches is False):
        found.append(MessageKey.SIGNER_NOT_NAMED)
    return found


def reasons_of_file(result: VerificationResult) -> tuple[MessageKey, ...]:
    """The whole file's: its message, unless all is well, then its signatures' without repeats."""
    own = [] if result.message in _SAID else [result.message]
    return tuple(dict.fromkeys([*own, *(key for one in result.conclusions for key in reasons_of(one))]))
