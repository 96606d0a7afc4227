"""
The level of a signature by the properties that it has, as EU DSS names it (EN 319 132-1 § 6, EN 319 132-2).

Nothing is said of their being any good. DIGIDOC-XML and time-marks are named as SiVa names them.
"""

from __future__ import annotations

import re

from lxml import etree

from gateway.formats.xades.covering import tags
from gateway.formats.xades.digidoc import is_digidoc
from gateway.formats.xades.names import XADES_141, ds
from gateway.formats.xades.structure import Parts

_TIME_MARK_POLICY = "1.3.6.1.4.1.10015.1000.3.2.1"
_ARCHIVE_141 = f"{{{XADES_141}}}ArchiveTimeStamp"
_DIGIDOC = re.compile(r"1\.[0-9]", re.ASCII)
_SIGNATURE_PROPERTIES = tags("UnsignedSignatureProperties")
_SIGNED_SIGNATURE = tags("SignedSignatureProperties")
_FORMATS = tags("DataObjectFormat")
_MIME_TYPES = tags("MimeType")
_IDENTIFIERS = tags("Identifier")


def level_of(parts: Parts) -> str | None:
    """The level; XML-NOT-ETSI without signed properties, None where there are several sets of them."""
    root = parts.element.getroottree().getroot()
    if is_digidoc(root):
        version = root.get("version", "")
        return f"DIGIDOC-XML-{version}" if _DIGIDOC.fullmatch(version) else None
    signed = parts.signed
    if signed is None:
        return None if len(parts.qualifying) > 1 else "XML-NOT-ETSI"
    own = _names(next(signed.iterchildren(*_SIGNED_SIGNATURE), None))
    unsigned = parts.unsigned
    added = _names(None if unsigned is None else next(unsigned.iterchildren(*_SIGNATURE_PROPERTIES), None))
    if _is_baseline(parts, signed, own):
        return f"XAdES-{_baseline(signed, added)}"
    return f"XAdES-{_extended(own, added)}"


def _names(group: etree._Element | None) -> set[str]:
    """The properties in *group*; an archive time-stamp of version 1.4.1 is told from older ones."""
    found = set()
    for child in () if group is None else group.iterchildren("*"):
        tag = str(child.tag)
        found.add(tag.rpartition("}")[2])
        if tag == _ARCHIVE_141:
            found.add("ArchiveTimeStamp141")
    return found


def _is_baseline(parts: Parts, signed: etree._Element, own: set[str]) -> bool:
    """Signing time and certificate, the certificate in KeyInfo, a media type for every datum (§ 6.3)."""
    carried = parts.key_info is not None and next(parts.key_info.iter(ds("X509Certificate")), None) is not None
    named = own & {"SigningCertificate", "SigningCertificateV2"}
    if not (carried and named and "SigningTime" in own):
        return False
    formats = [f for f in signed.iter(*_FORMATS) if next(f.iterchildren(*_MIME_TYPES), None) is not None]
    key_info = None if parts.key_info is None else parts.key_info.get("Id")
    properties = signed.get("Id")
    data = [r for r in parts.references if r.target is None or r.target not in (key_info, properties)]
    countersigning = parts.counter_signed and len(data) == 1
    return countersigning or len(formats) >= len(data)


def _baseline(signed: etree._Element, added: set[str]) -> str:
    values = bool(added & {"CertificateValues", "RevocationValues", "AnyValidationData"})
    if "SignatureTimeStamp" not in added:
        if any((i.text or "").strip().endswith(_TIME_MARK_POLICY) for i in signed.iter(*_IDENTIFIERS)):
            return "BASELINE-LT-TM" if "RevocationValues" in added else "BASELINE-B-EPES"
        return "BASELINE-B"
    if not values:
        return "BASELINE-T"
    if "SealingEvidenceRecords" in added:
        return "ERS"
    return "BASELINE-LTA" if "ArchiveTimeStamp141" in added else "BASELINE-LT"


def _extended(own: set[str], added: set[str]) -> str:
    values = bool(added & {"CertificateValues", "RevocationValues", "AnyValidationData"})
    stamped = "SignatureTimeStamp" in added
    references = bool(added & {"CompleteCertificateRefs", "CompleteCertificateRefsV2"})
    extended = bool(
        added & {"SigAndRefsTimeStamp", "SigAndRefsTimeStampV2", "RefsOnlyTimeStamp", "RefsOnlyTimeStampV2"}
    )
    if stamped and "ArchiveTimeStamp" in added:
        return "A"
    if stamped and references and extended:
        return "XL" if values else "X"
    if stamped and values:
        return "LT"
    if stamped and references:
        return "C"
    if stamped:
        return "T"
    return "EPES" if "SignaturePolicyIdentifier" in own else "BES"
