"""
What the references of SignedInfo say, compared with what is there (XML Signature § 4.4.3 and § 3.2.1).

Nothing is dereferenced: a reference is to a part of the same signature, or it is the one to the content, of which the
caller gave the hash. Whatever would have to be fetched or transformed otherwise stays undetermined (decision 28).
"""

from __future__ import annotations

import enum
import hashlib
import hmac

from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.formats.xades.canonical import NotCanonicalisable, canonical
from gateway.formats.xades.names import C14N, DIGESTS
from gateway.formats.xades.structure import Ids, Parts, Reference


class Finding(enum.Enum):
    """What became of a reference."""

    HOLDS = "holds"
    DIFFERS = "differs"
    OTHER_CONTENT = "other-content"
    UNDETERMINED = "undetermined"


def check_content(parts: Parts, content: bytes | None) -> Finding:
    """
    Compare the one external reference, whatever its URI, with the caller's hash.

    The algorithm follows from the length of the hash and must be the reference's. A reference that canonicalises its
    content first holds where the digests agree, and is undetermined where they do not: the hash of the bytes need not
    be the hash of their canonical form. No external reference is a signature of something else; of several the caller
    can vouch for one at most. *content* None: undetermined.
    """
    external = parts.external
    if content is None or len(external) > 1:
        return Finding.UNDETERMINED
    if not external:
        return Finding.OTHER_CONTENT
    (reference,) = external
    if any(transform.get("Algorithm", "") not in C14N for transform in reference.transforms):
        return Finding.UNDETERMINED
    if reference.digest_method not in DIGESTS:
        return Finding.UNDETERMINED
    if _is_content(reference, content):
        return Finding.HOLDS
    return Finding.UNDETERMINED if reference.transforms else Finding.OTHER_CONTENT


def _is_content(reference: Reference, content: bytes) -> bool:
    try:
        given = ContentDigest.of(content)
    except ValueError:
        return False
    return DIGESTS[reference.digest_method] == given.algorithm.value and hmac.compare_digest(
        reference.digest, given.value
    )


def check_same_document(reference: Reference, parts: Parts, ids: Ids) -> Finding:
    """
    Digest again what a same-document reference names, inside this signature.

    At most one transform, a canonicalisation; without one it is C14N 1.0 (XML Signature § 4.4.3.2).
    """
    if not reference.target:
        return Finding.UNDETERMINED
    target = ids.owner(reference.target)
    if target is None:
        return Finding.DIFFERS
    if not any(ancestor is parts.element for ancestor in target.iterancestors()):
        return Finding.UNDETERMINED
    name = DIGESTS.get(reference.digest_method)
    if name is None or len(reference.transforms) > 1:
        return Finding.UNDETERMINED
    method = reference.transforms[0] if reference.transforms else None
    try:
        octets = canonical(target, method, comments=reference.keeps_comments)
    except NotCanonicalisable:
        return Finding.UNDETERMINED
    same = hmac.compare_digest(hashlib.new(name, octets).digest(), reference.digest)
    return Finding.HOLDS if same else Finding.DIFFERS


def content_digest_of(parts: Parts) -> DigestAlgorithm | None:
    """The algorithm by which the one content is named; None without one, or for one that contents do not have."""
    if len(parts.external) != 1:
        return None
    name = digest_name(parts.external[0].digest_method)
    return name if isinstance(name, DigestAlgorithm) else None


def digest_name(uri: str) -> DigestAlgorithm | str:
    """A digest algorithm as verdicts name it; what is unknown by the end of its identifier."""
    name = DIGESTS.get(uri)
    return hash_name(name) if name is not None else uri.rpartition("#")[2][:64] or "unnamed"


def hash_name(name: str) -> DigestAlgorithm | str:
    """A hash function, known by its hashlib name, as verdicts name it."""
    try:
        return DigestAlgorithm(name)
    except ValueError:
        return name
