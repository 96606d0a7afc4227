"""
What a reference is digested over: its data through its transforms (XML Signature § 4.4.3.2 and § 6.6).

Here are those that take no longer than reading their input: canonicalisation, enveloped signature, base64. XPath is in
``selecting`` and runs in a process that can be killed. XSLT is a program of somebody else's and never runs.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.errors import UnreadableSignature
from gateway.formats.xades.canonical import NotCanonicalisable, canonical, canonical_document
from gateway.formats.xades.documents import Document
from gateway.formats.xades.names import BASE64, C14N, ENVELOPED, XPATH, XPATH_FILTER
from gateway.formats.xades.parsing import FILES, parse

MOST_TRANSFORMS = 8


class NotTransformable(Exception):
    """A transform that is unknown, never run, or cannot be applied to what it was given."""


@dataclass(frozen=True, slots=True)
class Selection:
    """
    A node-set that is one *element* and all in it, or the *whole* document with what stands beside its root.

    *comments* False: without them. *origin* is the document that the element belongs to, None for parsed octets.
    """

    element: etree._Element
    whole: bool
    comments: bool
    origin: Document | None = None


def algorithms(transforms: Sequence[etree._Element]) -> list[str]:
    """The identifiers of *transforms*."""
    return [transform.get("Algorithm", "") for transform in transforms]


def needs_xpath(transforms: Sequence[etree._Element]) -> bool:
    """Whether a chain must run where it can be killed."""
    return any(name in (XPATH, XPATH_FILTER) for name in algorithms(transforms))


def selects(transforms: Sequence[etree._Element]) -> bool:
    """Whether a chain may leave out some of what it is given."""
    return any(name not in C14N for name in algorithms(transforms))


def octets_of(
    data: Selection | bytes,
    transforms: Sequence[etree._Element],
    signature: etree._Element | None,
    method: etree._Element | None = None,
) -> bytes:
    """
    *data* through *transforms*, canonicalised by *method* (C14N 1.0) in the end where it is still a node-set.

    Args:
        data: what was dereferenced.
        transforms: without XPath.
        signature: the one whose reference this is, in the same document; None for data from outside.

    Raises:
        NotTransformable: See there.

    """
    if len(transforms) > MOST_TRANSFORMS:
        raise NotTransformable("too many transforms")
    for transform in transforms:
        data = _through(data, transform, signature)
    return data if isinstance(data, bytes) else rendered(data, method)


def _through(data: Selection | bytes, transform: etree._Element, signature: etree._Element | None) -> Selection | bytes:
    name = transform.get("Algorithm", "")
    if name in C14N:
        return rendered(data if isinstance(data, Selection) else parsed(data), transform)
    if name == BASE64:
        return decoded(data)
    if name == ENVELOPED and isinstance(data, Selection) and data.origin is not None and signature is not None:
        return _without(data, data.origin, signature)
    raise NotTransformable(name)


def _without(data: Selection, origin: Document, signature: etree._Element) -> Selection:
    """Enveloped signature (§ 6.6.4); a signature that is not in the data takes nothing away."""
    if data.element is not signature and signature not in data.element.iterdescendants(signature.tag):
        return data
    left = origin.without(signature, data.element)
    if left is None:
        raise NotTransformable("nothing is left")
    return Selection(left, data.whole, data.comments)


def rendered(data: Selection, method: etree._Element | None) -> bytes:
    """The canonical form by *method*, C14N 1.0 where there is none. Raises ``NotTransformable``."""
    try:
        if data.whole:
            return canonical_document(data.element.getroottree(), method, comments=data.comments)
        return canonical(data.element, method, comments=data.comments)
    except NotCanonicalisable as problem:
        raise NotTransformable(str(problem)) from None


def parsed(data: bytes) -> Selection:
    """Octets as a node-set (§ 4.4.3.2). Raises ``NotTransformable``."""
    try:
        return Selection(parse(data, FILES), whole=True, comments=True)
    except UnreadableSignature as problem:
        raise NotTransformable(problem.reason) from None


def decoded(data: Selection | bytes) -> bytes:
    """Base64 (§ 6.6.2): of a node-set, all its text. Raises ``NotTransformable``."""
    if isinstance(data, Selection):
        data = "".join(str(piece) for piece in data.element.itertext()).encode("utf-8")
    try:
        return binascii.a2b_base64(data)
    except ValueError:
        raise NotTransformable("base64") from None
