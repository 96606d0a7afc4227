"""How far a PDF signature goes, by what it brings along: the names that EU DSS gives (EN 319 142-1 § 6.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.asn1 import der
from gateway.formats.pades.checking import CheckedSignature
from gateway.formats.pades.cms_reading import (
    CONTENT_TYPE,
    ID_DATA,
    MESSAGE_DIGEST,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
    SignedData,
)
from gateway.formats.pades.found import FoundSignature

_PADES = "/ETSI.CAdES.detached"
_PKCS7 = ("/adbe.pkcs7.detached", "/adbe.pkcs7.sha1")
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_COMMITMENT = "1.2.840.113549.1.9.16.2.16"
_POLICY = "1.2.840.113549.1.9.16.2.15"
NEITHER = "PDF-NOT-ETSI"


def level_of(
    one: FoundSignature,
    signed: SignedData,
    checked: CheckedSignature,
    later_stamps: Sequence[FoundSignature],
    *,
    signers: int,
) -> str:
    """
    The level by form alone; nothing is judged.

    Args:
        one: the signature dictionary.
        signed: one of its signers, with the evidence in its CMS.
        checked: what came of it.
        later_stamps: document time-stamps that cover it.
        signers: how many signed in this dictionary.

    """
    if checked.certificate is None or checked.certificate not in signed.certificates:
        return NEITHER
    if one.sub_filter == _PADES and signers == 1:
        if _is_baseline(one, signed):
            return f"PAdES-BASELINE-{_reach('PAdES', one, signed, later_stamps)}"
        return _extended(one, signed, later_stamps)
    if one.sub_filter in _PKCS7 and signed.attributes is not None:
        return f"PKCS7-{_reach('PKCS7', one, signed, later_stamps)}"
    return NEITHER


def _reach(form: str, one: FoundSignature, signed: SignedData, later_stamps: Sequence[FoundSignature]) -> str:
    if not signed.tokens and not later_stamps:
        return "B"
    in_cms = bool(signed.crls or signed.ocsp_responses)
    if not (one.has_stored_revocation or (in_cms and (one.has_store or form == "PKCS7"))):
        return "T"
    return "LTA" if any(stamp.covers_store for stamp in later_stamps) else "LT"


def _extended(one: FoundSignature, signed: SignedData, later_stamps: Sequence[FoundSignature]) -> str:
    """The levels of EN 319 142-2, which ask for less."""
    attributes = signed.attributes or {}
    if not all(name in attributes for name in (CONTENT_TYPE, MESSAGE_DIGEST)) or not _references(attributes):
        return NEITHER
    if later_stamps and one.has_stored_revocation:
        return "PAdES-LTV"
    return "PAdES-EPES" if _POLICY in attributes else "PAdES-BES"


def _references(attributes: Mapping[str, tuple[bytes, ...]]) -> int:
    return sum(len(attributes.get(name, ())) for name in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2))


def _is_baseline(one: FoundSignature, signed: SignedData) -> bool:
    """EN 319 142-1 § 6.3 and EN 319 122-1 § 6.3, level B."""
    attributes = signed.attributes or {}
    if attributes.get(CONTENT_TYPE) != (der.oid(ID_DATA),) or len(attributes.get(MESSAGE_DIGEST, ())) != 1:
        return False
    if _references(attributes) != 1 or _SIGNING_TIME in attributes:
        return False
    explained = _COMMITMENT in attributes or _POLICY in attributes
    return one.date is not None and one.has_filter and not (one.has_reason and explained)
