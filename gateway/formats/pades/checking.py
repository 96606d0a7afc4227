"""
Whether a CMS signature holds over a content, and which certificate it is by (RFC 5652 § 5.6, EN 319 122-1 § 5.2.2).

Cryptography alone: nobody is trusted here, and no algorithm is too weak (``domain.policy`` says so).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.asn1 import der
from gateway.asn1.public_keys import public_key_of
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure
from gateway.formats.pades.algorithms import Scheme, digest_name, scheme_of, value_holds
from gateway.formats.pades.cms_reading import (
    ALGORITHM_PROTECTION,
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
    SignedData,
)
from gateway.formats.pades.streams import finished, new_hash

ContentDigester = Callable[[str], bytes | None]
"""The content's digest by a hashlib name; None where that cannot be computed."""


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """*failure* None: it holds. *certificate* (DER) is the signer's; *digests* are what the signature relies on."""

    failure: IntegrityFailure | None
    certificate: bytes | None
    reference_matches: bool | None
    digests: frozenset[DigestAlgorithm | str]


@dataclass(frozen=True, slots=True)
class _Reference:
    """One ESSCertID: the digest of the signer's certificate, and its serial number where given."""

    algorithm: str
    digest: bytes
    serial: bytes | None

    def matches(self, certificate: bytes) -> bool:
        hasher = new_hash(self.algorithm)
        if hasher is None:
            return False
        hasher.update(certificate)
        same_serial = self.serial is None or self.serial == _issuer_and_serial(certificate)[1]
        return hmac.compare_digest(finished(hasher), self.digest) and same_serial


def check(signed: SignedData, content_digest: ContentDigester, others: Sequence[bytes]) -> CheckedSignature:
    """
    Check *signed* over a content.

    Args:
        signed: as it was read.
        content_digest: of the octets that are signed: detached, or encapsulated.
        others: certificates from elsewhere among which the signer's may be.

    """
    try:
        references = list(_references(signed))
        scheme = scheme_of(signed.algorithm, signed.parameters, signed.digest)
    except ValueError:
        return CheckedSignature(IntegrityFailure.FORMAT, None, None, frozenset({_named(signed.digest)}))
    digests = {signed.digest, scheme.digest if scheme else signed.algorithm, *(r.algorithm for r in references)}
    certificate = _signer(signed, references, others)
    matches = None
    if certificate is not None and references:
        matches = all(reference.matches(certificate) for reference in references)
    return CheckedSignature(
        failure=_failure(signed, scheme, certificate, content_digest),
        certificate=certificate,
        reference_matches=matches,
        digests=frozenset(_named(name) for name in digests),
    )


def _failure(
    signed: SignedData, scheme: Scheme | None, certificate: bytes | None, content_digest: ContentDigester
) -> IntegrityFailure | None:
    """Why it does not hold: its own inconsistency, then the content, then the value."""
    if scheme is None or certificate is None or scheme.digest != signed.digest:
        return IntegrityFailure.FORMAT
    content = content_digest(signed.digest)
    if signed.attributes is not None:
        try:
            named = signed.single(MESSAGE_DIGEST)
            consistent = _consistent(signed)
        except ValueError:
            return IntegrityFailure.FORMAT
        if named is None or not consistent:
            return IntegrityFailure.FORMAT
        if content is None or not hmac.compare_digest(named, der.octet_string(content)):
            return IntegrityFailure.DIGEST
    key = public_key_of(certificate)
    if key is None:
        return IntegrityFailure.VALUE
    own_digest = content if signed.signed_octets is None else None
    held = value_holds(key, scheme, signed.value, signed.signed_octets, own_digest)
    return None if held else IntegrityFailure.VALUE


def _consistent(signed: SignedData) -> bool:
    """Whether the signed attributes agree with what stands outside them (RFC 5652 § 11.1, RFC 6211)."""
    content_type = signed.single(CONTENT_TYPE)
    if content_type is None or content_type != der.oid(signed.content_type):
        return False
    protection = signed.single(ALGORITHM_PROTECTION)
    if protection is None:
        return True
    digest, *rest = der.whole(protection, der.SEQUENCE).children()
    named = [der.read_oid(next(member.children())) for member in (digest, *rest)]
    tags = [member.tag for member in rest]
    return tags == [0xA1] and digest_name(named[0]) == signed.digest and named[1] == signed.algorithm


def _references(signed: SignedData) -> Iterator[_Reference]:
    """The signer's certificate as the signed attributes name it: the first of each list (RFC 5035 § 3). May raise."""
    for attribute, default in ((SIGNING_CERTIFICATE, "sha1"), (SIGNING_CERTIFICATE_V2, "sha256")):
        value = signed.single(attribute)
        if value is None:
            continue
        identifiers = next(der.whole(value, der.SEQUENCE).children(), None)
        first = next(identifiers.children(), None) if identifiers is not None else None
        if first is None:
            raise ValueError("a certificate reference without certificate")
        members = list(first.children())
        algorithm = default
        if attribute == SIGNING_CERTIFICATE_V2 and members and members[0].tag == der.SEQUENCE:
            algorithm = digest_name(der.read_oid(next(members.pop(0).children())))
        if not members or members[0].tag != der.OCTET_STRING:
            raise ValueError("a certificate reference without digest")
        serial = None
        if len(members) > 1:
            _, number = members[1].children()
            serial = number.encoded
        yield _Reference(algorithm, members[0].body, serial)


def _signer(signed: SignedData, references: Sequence[_Reference], others: Sequence[bytes]) -> bytes | None:
    """The signer's certificate: named by the SignerInfo, and among those preferably by the signed reference."""
    candidates = list(dict.fromkeys((*signed.certificates, *others)))
    named = [one for one in candidates if _is_named(signed, one)]
    for group in (named, candidates):
        for one in group:
            if references and all(reference.matches(one) for reference in references):
                return one
    return named[0] if named else None


def _is_named(signed: SignedData, certificate: bytes) -> bool:
    if signed.issuer_and_serial is not None:
        return _issuer_and_serial(certificate) == signed.issuer_and_serial
    if not signed.key_identifier:
        return False
    return _SUBJECT_KEY_IDENTIFIER + der.octet_string(der.octet_string(signed.key_identifier)) in certificate


_SUBJECT_KEY_IDENTIFIER = der.oid("2.5.29.14")


def _issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    """Both as they are encoded; empty for what is no certificate."""
    try:
        members = list(next(der.whole(certificate, der.SEQUENCE).children()).children())
        first = 1 if members[0].tag == 0xA0 else 0
        return members[first + 2].encoded, members[first].encoded
    except (ValueError, IndexError, StopIteration):
        return b"", b""


def _named(name: str) -> DigestAlgorithm | str:
    try:
        return DigestAlgorithm(name)
    except ValueError:
        return name
