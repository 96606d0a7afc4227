"""
A signature over a hash, read and judged: what its bytes alone say (EN 319 102-1 § 5.2.2, § 5.2.3 and § 5.2.7).

Four questions kept apart: whether it is clear what is covered (``structure``), whether the references hold
(``references``), whose certificate it is (``certificates``), and whether the value holds under it (``values``).
Where this reader cannot tell, it says so: such a signature is never valid, and its structure is None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from lxml import etree

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict, SignatureKind
from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.certificates import MAX_CERTIFICATES, Signer, choose_signer, key_info_certificates, names_in
from gateway.formats.xades.references import (
    Finding,
    check_content,
    check_same_document,
    content_digest_of,
    digest_name,
    hash_name,
)
from gateway.formats.xades.structure import Ids, Parts, judge, signatures, take_apart
from gateway.formats.xades.texts import time_of
from gateway.formats.xades.unsigned import added_to
from gateway.formats.xades.values import Method, holds, read_method

KeyReader = Callable[[bytes], PublicKeyTypes | None]


@dataclass(frozen=True, slots=True)
class _Value:
    """Whether the signature value holds under the signer's key (None: cannot be told), and by which method."""

    method: Method | None
    octets: bytes | None
    key_of: KeyReader
    value: bytes

    def holds_under(self, certificate: bytes) -> bool | None:
        if self.method is None or self.octets is None:
            return None
        key = self.key_of(certificate)
        return None if key is None else holds(self.method, key, self.octets, self.value)


def judge_document(root: etree._Element, content: bytes | None, key_of: KeyReader) -> list[IntegrityVerdict]:
    """
    A verdict on every signature of a document, in document order; counter-signatures are not among them.

    Args:
        content: the hash that was signed; None leaves every signature undetermined.
        key_of: reads the public key of a certificate (DER), or None.

    Raises:
        UnreadableSignature: The document has no signature, or one that lacks what every signature has.

    """
    found = [take_apart(signature) for signature in signatures(root)]
    ids = Ids(root)
    return [_judge_signature(parts, ids, content, key_of) for parts in found]


def _judge_signature(parts: Parts, ids: Ids, content: bytes | None, key_of: KeyReader) -> IntegrityVerdict:
    structure = judge(parts, ids)
    findings = [check_content(parts, content)]
    findings += [check_same_document(r, parts, ids) for r in parts.references if not r.external]
    added = added_to(parts)
    value = _Value(read_method(parts.method), _signed_octets(parts), key_of, parts.value)
    carried = list(dict.fromkeys((*key_info_certificates(parts), *added.certificates)))
    signer = choose_signer(carried, names_in(parts), value.holds_under)
    value_holds = None if signer.certificate is None else value.holds_under(signer.certificate)

    told = Finding.UNDETERMINED not in findings and value_holds is not None
    if structure is True and not (told and _names_its_signer(parts, signer, ids)):
        structure = None
    failure = _failure(structure, findings, value_holds)
    return IntegrityVerdict(
        kind=SignatureKind.SIGNATURE,
        crypto_valid=value_holds is True and all(finding is Finding.HOLDS for finding in findings),
        structure_valid=structure,
        failure=failure,
        certificate=signer.certificate,
        certificate_reference_matches=signer.matches,
        other_certificates=tuple(c for c in carried if c != signer.certificate)[:MAX_CERTIFICATES],
        time_stamps=added.time_stamps,
        claimed_signing_time=_signing_time(parts),
        signature_digests=_digests(parts, value.method, signer),
        content_digest=content_digest_of(parts),
        embedded_ocsp_responses=added.ocsp_responses,
        embedded_crls=added.crls,
    )


def _signed_octets(parts: Parts) -> bytes | None:
    try:
        return canonical(parts.signed_info, parts.canonicalization)
    except NotCanonicalisable:
        return None


def _names_its_signer(parts: Parts, signer: Signer, ids: Ids) -> bool:
    """
    Whether the signature itself says whose it is: by a name in its properties, or by signing its KeyInfo.

    Otherwise anybody may put another certificate over the same key beside it.
    """
    if signer.matches is not None:
        return True
    signed = any(r.target and ids.owner(r.target) is parts.key_info for r in parts.references)
    return signed and parts.key_info is not None and signer.certificate in key_info_certificates(parts)


def _failure(structure: bool | None, findings: list[Finding], value_holds: bool | None) -> IntegrityFailure | None:
    """The first thing wrong, in the order of EN 319 102-1: format, data, value; then what could not be told."""
    if structure is False:
        return IntegrityFailure.AMBIGUOUS
    if Finding.OTHER_CONTENT in findings:
        return IntegrityFailure.OTHER_CONTENT
    if Finding.DIFFERS in findings:
        return IntegrityFailure.DIGEST
    if value_holds is False:
        return IntegrityFailure.VALUE
    if Finding.UNDETERMINED in findings or value_holds is None:
        return IntegrityFailure.FORMAT
    return None


def _signing_time(parts: Parts) -> datetime | None:
    signed, xades = parts.properties("SignedProperties"), f"{{{parts.namespace}}}"
    if signed is None:
        return None
    found = signed.findall(f"{xades}SignedSignatureProperties/{xades}SigningTime")
    return time_of(found[0]) if len(found) == 1 else None


def _digests(parts: Parts, method: Method | None, signer: Signer) -> frozenset[DigestAlgorithm | str]:
    """The signature's own digests: of every reference but the content's, of the value, of the certificate's name."""
    uris = [reference.digest_method for reference in parts.references if not reference.external]
    uris += [] if signer.named_by is None else [signer.named_by.digest_method]
    names = {digest_name(uri) for uri in uris}
    if method is None:
        names.add(digest_name(parts.method.get("Algorithm", "")))
    else:
        names.update(hash_name(name) for name in {method.digest, method.mask})
    return frozenset(names)
