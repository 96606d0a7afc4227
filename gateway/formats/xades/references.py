"""
What references say, compared with what is there (XML Signature § 4.4.3 and § 3.2.1).

A reference is to the same document or to what the caller gave. Nothing else is dereferenced, and what cannot be
computed is undetermined and never holds (decision 28).
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lxml import etree

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature
from gateway.formats.xades.budget import Budget
from gateway.formats.xades.digidoc import is_digidoc, without_declaration
from gateway.formats.xades.documents import Document
from gateway.formats.xades.names import BASE64, C14N, DIGESTS, ENVELOPED, MANIFEST_TYPE, XADES_NAMESPACES, ds
from gateway.formats.xades.outside import Outside
from gateway.formats.xades.structure import Amounts, Parts, Reference, references_in
from gateway.formats.xades.texts import NotText, children
from gateway.formats.xades.transforms import NotTransformable, Selection, algorithms, needs_xpath, octets_of, selects

_SIGNED_PROPERTIES = tuple(f"{{{namespace}}}SignedProperties" for namespace in XADES_NAMESPACES)


class Finding(enum.Enum):
    """What became of a reference."""

    HOLDS = "holds"
    DIFFERS = "differs"
    OTHER_CONTENT = "other-content"
    MISSING = "missing"
    UNDETERMINED = "undetermined"


Selecting = Callable[[Reference, bytes | None], tuple[bytes, bool]]
"""
Octets of a reference whose transforms have XPath, and whether nothing but signatures was left out; its data where they
lie outside. Raises ``NotTransformable``.
"""


@dataclass(slots=True)
class References:
    """
    The references of one document.

    Args:
        document: theirs.
        outside: what the caller gave.
        selecting: runs XPath.
        as_stated: what is outside and was not given is taken for what the reference says.
        amounts: of references.
        budget: of work.
        certificates: of signers, for signatures that bring none.

    *partial* are the references whose XPath left out more than signatures, of those that were looked at.
    """

    document: Document
    outside: Outside
    selecting: Selecting
    as_stated: bool
    amounts: Amounts
    budget: Budget = field(default_factory=Budget)
    certificates: tuple[bytes, ...] = ()
    partial: set[etree._Element] = field(default_factory=set)
    _digests: dict[object, bytes] = field(default_factory=dict)

    def check(self, parts: Parts, reference: Reference, *, alone: bool) -> Finding:
        """
        Compare *reference* with its data; *alone*: it is the signature's only one to anything outside.

        Raises:
            UnreadableSignature: More is referenced than is read.

        """
        name = DIGESTS.get(reference.digest_method)
        if name is None:
            return Finding.UNDETERMINED
        try:
            if reference.external:
                return self._check_outside(reference, name, alone=alone)
            return self._check_inside(parts, reference, name)
        except NotTransformable:
            return Finding.UNDETERMINED

    def listed(self, parts: Parts) -> list[Reference]:
        """The references in the manifests that *parts* signs as such. Raises ``UnreadableSignature``."""
        found: list[Reference] = []
        for reference in parts.references:
            owner = self.document.ids.owner(reference.target) if reference.target else None
            if reference.type != MANIFEST_TYPE or owner is None or owner.tag != ds("Manifest"):
                continue
            try:
                found += references_in(children(owner), self.amounts)
            except NotText:
                raise UnreadableSignature("base64 of a value or digest cannot be read") from None
        if len(found) > self.amounts.references:
            raise UnreadableSignature("too many references")
        return found

    def octets(self, parts: Parts, reference: Reference, *, alone: bool, method: etree._Element | None) -> bytes:
        """
        What *reference* is over, canonicalised by *method* where its transforms leave a node-set.

        Raises ``NotTransformable``, ``UnreadableSignature``.
        """
        if not reference.external:
            return self._octets(parts, reference, method)
        content = self.outside.find(reference.uri, alone=alone)
        data = self.outside.octets(content) if content is not None else None
        if data is None:
            raise NotTransformable("not given")
        return self._transformed(reference, data, None)

    def _check_inside(self, parts: Parts, reference: Reference, name: str) -> Finding:
        if reference.target and self.document.ids.owner(reference.target) is None:
            return Finding.DIFFERS
        found = _compared(self._digest(parts, reference, name), reference, Finding.DIFFERS)
        if found is Finding.DIFFERS and not reference.transforms and is_digidoc(self.document.root):
            octets = without_declaration(self._octets(parts, reference))
            return _compared(hashlib.new(name, octets).digest(), reference, found)
        return found

    def _check_outside(self, reference: Reference, name: str, *, alone: bool) -> Finding:
        content = self.outside.find(reference.uri, alone=alone)
        if content is None:
            return Finding.HOLDS if self.as_stated else Finding.MISSING
        if content.open is None:
            return self._check_digest(reference, content, name)
        if not reference.transforms:
            digest = self.outside.digest(content, name)
            return _compared(digest or b"", reference, Finding.OTHER_CONTENT)
        data = self.outside.octets(content)
        if data is None:
            return Finding.UNDETERMINED
        self.budget.spend(len(data))
        try:
            octets = self._transformed(reference, data, None)
        except NotTransformable:
            # What is no XML was not what was canonicalised.
            only_canonical = all(algorithm in C14N for algorithm in algorithms(reference.transforms))
            return Finding.OTHER_CONTENT if only_canonical else Finding.UNDETERMINED
        return _compared(hashlib.new(name, octets).digest(), reference, Finding.OTHER_CONTENT)

    def _check_digest(self, reference: Reference, content: DetachedContent, name: str) -> Finding:
        """
        A content of which only the hash is known.

        A reference that canonicalises it first holds where the digests agree, and is undetermined where they do not:
        the hash of the bytes need not be the hash of their canonical form.
        """
        if selects(reference.transforms):
            return Finding.UNDETERMINED
        known = self.outside.digest(content, name)
        if known is not None and hmac.compare_digest(known, reference.digest):
            return Finding.HOLDS
        return Finding.UNDETERMINED if reference.transforms else Finding.OTHER_CONTENT

    def _digest(self, parts: Parts, reference: Reference, name: str) -> bytes:
        """Of a same-document reference; what several signatures reference alike is canonicalised once."""
        key = (reference.target, reference.keeps_comments, name, _spelt(reference.transforms))
        if key[3] is None:
            return hashlib.new(name, self._octets(parts, reference)).digest()
        if key not in self._digests:
            self._digests[key] = hashlib.new(name, self._octets(parts, reference)).digest()
        return self._digests[key]

    def _octets(self, parts: Parts, reference: Reference, method: etree._Element | None = None) -> bytes:
        element: etree._Element | None = self.document.root
        if reference.target:
            element = self.document.ids.owner(reference.target)
        if element is None:
            raise NotTransformable("no such element")
        if element.tag in _SIGNED_PROPERTIES and selects(reference.transforms):
            raise NotTransformable("properties that are signed in part")
        data = Selection(element, not reference.target, reference.keeps_comments, self.document)
        return self._transformed(reference, data, parts.element, method)

    def _transformed(
        self,
        reference: Reference,
        data: Selection | bytes,
        signature: etree._Element | None,
        method: etree._Element | None = None,
    ) -> bytes:
        if needs_xpath(reference.transforms):
            if method is not None and not _ends_in_octets(reference.transforms):
                raise NotTransformable("canonicalised otherwise")
            octets, whole = self.selecting(reference, data if isinstance(data, bytes) else None)
            if not whole:
                self.partial.add(reference.element)
        else:
            if ENVELOPED in algorithms(reference.transforms):
                self.budget.spend(len(self.document.data))
            octets = octets_of(data, reference.transforms, signature, method)
        self.budget.spend(len(octets))
        if not octets and needs_xpath(reference.transforms):
            raise NotTransformable("nothing is selected")
        return octets


def _spelt(transforms: Sequence[etree._Element]) -> tuple[str, ...] | None:
    """A chain as a key; None where it depends on the signature it is in, or has parameters."""
    if any(len(transform) or transform.get("Algorithm", "") not in C14N for transform in transforms):
        return None
    return tuple(algorithms(transforms))


def _ends_in_octets(transforms: Sequence[etree._Element]) -> bool:
    return bool(transforms) and (algorithms(transforms)[-1] in C14N or algorithms(transforms)[-1] == BASE64)


def _compared(digest: bytes, reference: Reference, otherwise: Finding) -> Finding:
    return Finding.HOLDS if hmac.compare_digest(digest, reference.digest) else otherwise


def content_digest_of(external: Sequence[Reference]) -> DigestAlgorithm | None:
    """The algorithm by which the one content is named; None without one, or for one that contents do not have."""
    if len(external) != 1:
        return None
    name = digest_name(external[0].digest_method)
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
