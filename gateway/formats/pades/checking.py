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
from gateway.formats.pades.signers import candidates, issuer_and_serial
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
        same_serial = self.serial is None or self.serial == issuer_and_serial(certificate)[1]
        return hmac.compare_digest(finished(hasher), self.digest) and same_serial


def check(signed: SignedData, content_digest: ContentDigester, others: Sequence[bytes]) -> CheckedSignature:
    """
    Check *signed* over a content.

    The certificate is the one that the SignerInfo and the signed references name; where the value does not hold by
    that one, or there is none, another of those sent along by whose key it does (their word for it is not signed).

    Args:
        signed: as it was read.
        content_digest: of the octets that are signed: detached, or encapsulated.
        others: certificates from elsewhere among which the signer's may be.

    """
    references, matches = _readable_references(signed)
    try:
        scheme = scheme_of(signed.algorithm, signed.parameters, signed.digest)
    except ValueError:
        scheme = None
    digests = {signed.digest, scheme.digest if scheme else signed.algorithm, *(r.algorithm for r in references)}
    likely, unlikely = candidates(signed, lambda one: _all_match(references, one), others)
    certificate = likely[0] if likely else None
    failure = _inconsistency(signed, scheme, content_digest)
    if failure is None and scheme is not None:
        holding = (one for one in (*likely, *unlikely) if _holds(signed, scheme, one, content_digest))
        holder = next(holding, None)
        if holder is None:
            failure = IntegrityFailure.VALUE if certificate is not None else IntegrityFailure.FORMAT
        certificate = holder or certificate
    if certificate is not None and references:
        matches = _all_match(references, certificate)
    return CheckedSignature(failure, certificate, matches, frozenset(_named(name) for name in digests))


def _inconsistency(
    signed: SignedData, scheme: Scheme | None, content_digest: ContentDigester
) -> IntegrityFailure | None:
    """Why it cannot hold by any key: it contradicts itself, or is over another content."""
    if scheme is None or (scheme.fixed and scheme.digest != signed.digest):
        return IntegrityFailure.FORMAT
    if signed.attributes is None:
        return None
    try:
        named = signed.single(MESSAGE_DIGEST)
        consistent = _consistent(signed)
    except (ValueError, StopIteration):
        return IntegrityFailure.FORMAT
    if named is None or not consistent:
        return IntegrityFailure.FORMAT
    content = content_digest(signed.digest)
    if content is None or not hmac.compare_digest(named, der.octet_string(content)):
        return IntegrityFailure.DIGEST
    return None


def _holds(signed: SignedData, scheme: Scheme, certificate: bytes, content_digest: ContentDigester) -> bool:
    """Whether the value is by the key of *certificate*: over the signed attributes, or the content where none are."""
    key = public_key_of(certificate)
    if key is None:
        return False
    own_digest = content_digest(scheme.digest) if signed.signed_octets is None else None
    return value_holds(key, scheme, signed.value, signed.signed_octets, own_digest)


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


def _readable_references(signed: SignedData) -> tuple[list[_Reference], bool | None]:
    """The references, and what is known of them already: one that cannot be read matches nothing."""
    try:
        return list(_references(signed)), None
    except (ValueError, StopIteration):
        return [], False


def _all_match(references: Sequence[_Reference], certificate: bytes) -> bool:
    return bool(references) and all(reference.matches(certificate) for reference in references)


def _named(name: str) -> DigestAlgorithm | str:
    try:
        return DigestAlgorithm(name)
    except ValueError:
        return name
