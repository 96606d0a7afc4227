"""The facts of one validated file, as programs read them: plain values, one JSON object."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from gateway.domain.reasons import reasons_of, reasons_of_file
from gateway.domain.verdicts import Trust, TrustVerdict
from gateway.domain.verification import SignatureConclusion, VerificationResult

_UNTOLD = (Trust.STATUS_UNKNOWN, Trust.ON_HOLD)


def facts_of(identifier: str | None, result: VerificationResult) -> dict[str, Any]:
    """
    Everything that was found out about the file *identifier*.

    None means undetermined. Reasons are codes of ``MessageKey``, the deciding one first. Times are RFC 3339 in UTC.
    """
    return {
        "id": identifier,
        "valid": result.valid,
        "indication": result.indication.value,
        "sub_indication": result.sub_indication.value if result.sub_indication else None,
        "reasons": [key.value for key in reasons_of_file(result)],
        "signatures": [signature_facts(one) for one in result.conclusions],
    }


def signature_facts(one: SignatureConclusion) -> dict[str, Any]:
    """The facts about one signature or document time-stamp."""
    integrity = one.integrity
    return {
        "kind": integrity.kind.value,
        "crypto_valid": integrity.crypto_valid,
        "structure_valid": integrity.structure_valid,
        "trusted": trusted(one.trust),
        "policy_met": None if one.policy is None else not one.policy.missed,
        "indication": one.indication.value,
        "sub_indication": one.sub_indication.value if one.sub_indication else None,
        "level": integrity.level,
        "signer": one.subject,
        "certificate_sha256": hashlib.sha256(one.certificate).hexdigest() if one.certificate is not None else None,
        "signed_at": rfc3339(one.signed_at),
        "covers_whole_document": integrity.covers_whole_document,
        "modified_after_signing": integrity.modified_after_signing,
        "qualification": one.trust.qualification if one.trust is not None else None,
        "reasons": [key.value for key in reasons_of(one)],
    }


def trusted(verdict: TrustVerdict | None) -> bool | None:
    """Whether the certificate is believed; None where nobody was asked, or its status could not be told."""
    if verdict is None or verdict.trust in _UNTOLD:
        return None
    return verdict.trust is Trust.GOOD


def rfc3339(moment: datetime | None) -> str | None:
    """*moment* in UTC with ``Z``; fractions of a second only where there are any."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
