"""
Signatures read and judged: what their bytes alone say (EN 319 102-1 § 5.2.2, § 5.2.3 and § 5.2.7).

Four questions kept apart: whether it is clear what is covered (``placing``), whether the references hold
(``references``), whose certificate it is (``certificates``), and whether the value holds under it (``values``).
Where this reader cannot tell, it says so: such a signature is never valid, and its structure is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict, SignatureKind
from gateway.errors import UnreadableSignature
from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.certificates import MAX_CERTIFICATES, Signer, choose_signer, key_info_certificates, names_in
from gateway.formats.xades.covering import Covered
from gateway.formats.xades.keys import key_value
from gateway.formats.xades.levels import level_of
from gateway.formats.xades.names import DIGESTS, ds
from gateway.formats.xades.placing import judge
from gateway.formats.xades.references import Finding, References, content_digest_of, digest_name, hash_name
from gateway.formats.xades.structure import Parts, Reference, signatures, take_apart
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
        return self.holds_by(self.key_of(certificate))

    def holds_by(self, key: PublicKeyTypes | None) -> bool | None:
        if self.method is None or self.octets is None or key is None:
            return None
        return holds(self.method, key, self.octets, self.value)


@dataclass(frozen=True, slots=True)
class _Checked:
    """*findings* on a signature's references; *untold*: data that a manifest lists were not given."""

    findings: list[Finding]
    external: list[Reference]
    listed: list[Reference]
    untold: bool


def judge_over_hash(references: References, key_of: KeyReader, *, given: bool) -> list[IntegrityVerdict]:
    """
    A verdict on every signature of a document over one hash, in document order; not on counter-signatures.

    Args:
        references: with the hash as the only content outside.
        key_of: reads the public key of a certificate (DER), or None.
        given: False leaves every signature undetermined.

    Raises:
        UnreadableSignature: The document has no signature, or one that lacks what every signature has.

    """
    found = [take_apart(signature) for signature in signatures(references.document.root, nested=False)]
    if not found:
        raise UnreadableSignature("no ds:Signature")
    return [_judge(parts, _over_hash(parts, references, given=given), references, key_of) for parts in found]


def judge_file(references: References, key_of: KeyReader) -> list[IntegrityVerdict]:
    """
    A verdict on every signature of a file in document order, counter-signatures and nested ones among them.

    What looks like a signature and lacks its parts gets a verdict of its own.

    Raises:
        UnreadableSignature: More signatures or references than are read.

    """
    verdicts, known = [], {}
    for element in signatures(references.document.root, nested=True, amounts=references.amounts):
        try:
            parts = take_apart(element, references.amounts)
        except UnreadableSignature:
            verdicts.append(IntegrityVerdict.unreadable(SignatureKind.SIGNATURE))
            continue
        known[element] = parts
        around = next(element.iterancestors(ds("Signature")), None) if parts.counter_signed else None
        countersigned = None if around is None else known.get(around)
        verdicts.append(_judge(parts, _in_file(parts, references), references, key_of, countersigned))
    return verdicts


def _over_hash(parts: Parts, references: References, *, given: bool) -> _Checked:
    """One content, of which the caller has the hash: the one reference to something outside."""
    listed = references.listed(parts)
    external = [r for r in (*parts.references, *listed) if r.external]
    found = [references.check(parts, r, alone=True) for r in (*parts.references, *listed) if not r.external]
    if not given or len(external) > 1:
        found.append(Finding.UNDETERMINED)
    elif not external:
        found.append(Finding.OTHER_CONTENT)
    else:
        found.append(references.check(parts, external[0], alone=True))
    return _Checked(found, external, listed, untold=not given or len(external) != 1)


def _in_file(parts: Parts, references: References) -> _Checked:
    """Whatever it references, at least some data; what only a manifest lists may be missing."""
    listed = references.listed(parts)
    external = [r for r in (*parts.references, *listed) if r.external]
    alone = len(external) == 1
    found = [references.check(parts, reference, alone=alone) for reference in parts.references]
    if not any(_is_data(parts, reference, references) for reference in parts.references):
        found.append(Finding.MISSING)
    from_lists = [references.check(parts, reference, alone=alone) for reference in listed]
    untold = Finding.MISSING in from_lists
    found += [finding for finding in from_lists if finding is not Finding.MISSING]
    return _Checked(found, external, listed, untold)


def _is_data(parts: Parts, reference: Reference, references: References) -> bool:
    """Whether a reference is to something else than the signature's own properties and key."""
    owner = references.document.ids.owner(reference.target) if reference.target else None
    return owner is None or owner not in (parts.key_info, parts.signed)


def _judge(
    parts: Parts, checked: _Checked, references: References, key_of: KeyReader, countersigned: Parts | None = None
) -> IntegrityVerdict:
    ids = references.document.ids
    structure = judge(parts, checked.listed, ids, countersigned)
    added = added_to(parts, Covered(parts, references, checked.external))
    value = _Value(read_method(parts.method), _signed_octets(parts), key_of, parts.value)
    brought = (*key_info_certificates(parts), *added.certificates)
    carried = list(dict.fromkeys((*brought, *references.certificates)))
    signer = choose_signer(carried, names_in(parts), value.holds_under)
    if signer.certificate is not None:
        value_holds = value.holds_under(signer.certificate)
    else:
        value_holds = value.holds_by(key_value(parts))

    told = Finding.UNDETERMINED not in checked.findings and value_holds is not None and not checked.untold
    told = told and not any(r.element in references.partial for r in (*parts.references, *checked.listed))
    if structure is True and not (told and _names_its_signer(parts, signer, references)):
        structure = None
    return IntegrityVerdict(
        kind=SignatureKind.SIGNATURE,
        crypto_valid=value_holds is True and all(finding is Finding.HOLDS for finding in checked.findings),
        structure_valid=structure,
        failure=_failure(structure, checked.findings, value_holds),
        certificate=signer.certificate,
        certificate_reference_matches=signer.matches,
        other_certificates=tuple(c for c in carried if c != signer.certificate)[:MAX_CERTIFICATES],
        time_stamps=added.time_stamps,
        claimed_signing_time=_signing_time(parts),
        signature_digests=_digests(parts, checked, value.method, signer),
        content_digest=content_digest_of(checked.external),
        embedded_ocsp_responses=added.ocsp_responses,
        embedded_crls=added.crls,
        level=level_of(parts),
        covers=_covers(parts, checked, references),
    )


def _signed_octets(parts: Parts) -> bytes | None:
    try:
        return canonical(parts.signed_info, parts.canonicalization)
    except NotCanonicalisable:
        return None


def _names_its_signer(parts: Parts, signer: Signer, references: References) -> bool:
    """
    Whether the signature itself says whose it is: by a name in its properties, or by signing its KeyInfo; or the
    caller does, who gave the certificate.

    Otherwise anybody may put another certificate over the same key beside it.
    """
    if signer.matches is not None or signer.certificate in references.certificates:
        return True
    owner = references.document.ids.owner
    signed = any(r.target and owner(r.target) is parts.key_info for r in parts.references)
    return signed and parts.key_info is not None and signer.certificate in key_info_certificates(parts)


def _failure(structure: bool | None, findings: Sequence[Finding], value_holds: bool | None) -> IntegrityFailure | None:
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
    return IntegrityFailure.CONTENT_MISSING if Finding.MISSING in findings else None


def _signing_time(parts: Parts) -> datetime | None:
    signed, xades = parts.signed, f"{{{parts.namespace}}}"
    if signed is None:
        return None
    found = signed.findall(f"{xades}SignedSignatureProperties/{xades}SigningTime")
    return time_of(found[0]) if len(found) == 1 else None


def _digests(
    parts: Parts, checked: _Checked, method: Method | None, signer: Signer
) -> frozenset[DigestAlgorithm | str]:
    """The signature's own digests: of every reference but a content's, of the value, of the certificate's name."""
    uris = [reference.digest_method for reference in parts.references if not reference.external]
    uris += [reference.digest_method for reference in checked.listed if not reference.external]
    if len(checked.external) != 1 or checked.external[0].digest_method not in DIGESTS:
        uris += [reference.digest_method for reference in checked.external]
    uris += [] if signer.named_by is None else [signer.named_by.digest_method]
    names = {digest_name(uri) for uri in uris}
    if method is None:
        names.add(digest_name(parts.method.get("Algorithm", "")))
    else:
        names.update(hash_name(name) for name in {method.digest, method.mask})
    return frozenset(names)


def _covers(parts: Parts, checked: _Checked, references: References) -> tuple[str, ...]:
    """What is signed, as its references name it: the document is "/", a content without a name "content"."""
    named = [r for r in (*parts.references, *checked.listed) if _is_data(parts, r, references)]
    spelt = (("content" if r.uri is None else unquote(r.uri) or "/")[:200] for r in named)
    return tuple(dict.fromkeys(spelt))[:32]
