"""
Whether it is clear what a signature covers: the place of everything that it names (EN 319 132-1 § 4.3 and § 4.4).

False where one thing may be verified and another be read, None where that cannot be told; nothing here says whether
anything holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from lxml import etree

from gateway.formats.xades.names import (
    COUNTERSIGNED_TYPE,
    DS,
    MANIFEST_TYPE,
    OBJECT_TYPE,
    SIGNED_PROPERTIES_TYPES,
    XADES_NAMESPACES,
    XADES_TYPES_PREFIX,
    ds,
)
from gateway.formats.xades.structure import Ids, Parts, Reference, ids_of, namespace_of

_PROPERTIES = tuple(f"{{{namespace}}}QualifyingProperties" for namespace in XADES_NAMESPACES)
_PROPERTIES_ELSEWHERE = tuple(f"{{{namespace}}}QualifyingPropertiesReference" for namespace in XADES_NAMESPACES)
_SIGNED = tuple(f"{{{namespace}}}SignedProperties" for namespace in XADES_NAMESPACES)
_OWN_NAMESPACES = frozenset({DS, *XADES_NAMESPACES})
_OWN_TAGS = tuple(f"{{{namespace}}}*" for namespace in sorted(_OWN_NAMESPACES))


def judge(parts: Parts, listed: Sequence[Reference], ids: Ids, countersigned: Parts | None = None) -> bool | None:
    """
    Whether it is clear what the signature covers: False where it is ambiguous, None where that cannot be told here.

    None: no signed properties at all, properties elsewhere, or a reference to an element that is signed in its own
    right at a place where anything may stand. Another ds:Signature inside this one is a counter-signature among its
    unsigned properties, in an object that is signed as a whole, or out of place.

    Args:
        parts: the signature.
        listed: the references in its manifests.
        ids: of its document.
        countersigned: the signature around it, where it stands among counter-signatures.

    """
    own = _own_elements(parts, ids)
    tags = [str(element.tag) for element in own]
    references = (*parts.references, *listed)
    if parts.stray or not _ids_are_clear(references, own, ids) or tags.count(ds("Signature")) > 1:
        return False
    findings = [_judge_target(parts, reference, ids) for reference in references]
    findings.append(_judge_signed_properties(parts, tags, ids))
    if parts.counter_signed and not _countersigns(parts, ids, countersigned):
        findings.append(False)
    if False in findings:
        return False
    return None if None in findings else True


def _countersigns(parts: Parts, ids: Ids, countersigned: Parts | None) -> bool:
    """A counter-signature references the value of the signature around it (EN 319 132-1 § 5.2.7.2)."""
    if countersigned is None:
        return False
    named = [r for r in parts.references if r.target and ids.owner(r.target) is countersigned.value_element]
    typed = [r for r in parts.references if r.type == COUNTERSIGNED_TYPE]
    return len(named) == 1 and (not typed or typed == named)


def _judge_signed_properties(parts: Parts, tags: list[str], ids: Ids) -> bool | None:
    """
    SignedProperties: one, in this signature's own qualifying properties, referenced once and as what they are.

    *tags* are those of the signature's own elements.
    """
    referring = [r for r in parts.references if r.type.startswith(XADES_TYPES_PREFIX) and r.type != COUNTERSIGNED_TYPE]
    signed = sum(map(tags.count, _SIGNED))
    if not signed and not referring:
        return None
    elsewhere = any(tag in tags for tag in _PROPERTIES_ELSEWHERE)
    if elsewhere and not signed:
        return None
    properties = parts.signed
    qualifying = sum(map(tags.count, _PROPERTIES))
    if properties is None or signed != 1 or qualifying != 1 or len(referring) != 1:
        return False
    own_id, target = parts.element.get("Id"), parts.qualifying[0].get("Target", "")
    anonymous = own_id is None and target in ("", "#")  # there is nothing that it could be called
    if not anonymous and (own_id is None or target != f"#{own_id}"):
        return False
    pointing = [r for r in parts.references if r.target and ids.owner(r.target) is properties]
    if pointing != referring or referring[0].type not in SIGNED_PROPERTIES_TYPES:
        return False
    return None if elsewhere or anonymous else True


def _own_elements(parts: Parts, ids: Ids) -> list[etree._Element]:
    """
    The elements of XML Signature and XAdES in the signature, which nobody may add to or double.

    Not those of its own UnsignedProperties, nor of signatures in an object of its own that is signed as a whole.
    """
    unsigned = parts.unsigned
    skipped: set[etree._Element] = set() if unsigned is None else set(unsigned.iter(*_OWN_TAGS))
    if next(parts.element.iterdescendants(ds("Signature")), None) is not None:
        for reference in parts.references:
            owner = ids.owner(reference.target) if reference.target else None
            if owner is not None and _is_in_own_object(parts, owner) and not _is_qualified(parts, owner):
                for inner in owner.iterdescendants(ds("Signature")):
                    skipped.update(inner.iter(*_OWN_TAGS))
    return [element for element in parts.element.iter(*_OWN_TAGS) if element not in skipped]


def _ids_are_clear(references: Sequence[Reference], own: list[etree._Element], ids: Ids) -> bool:
    """
    Whether no Id that matters is anybody else's as well.

    Those inside UnsignedProperties matter only where they repeat one outside: nothing that is signed points there.
    """
    if not ids.repeated:
        return True
    if not all(ids.unique(reference.target) for reference in references if reference.target):
        return False
    return all(ids.unique(name) for element in own for name in ids_of(element))


def _judge_target(parts: Parts, reference: Reference, ids: Ids) -> bool | None:
    """
    Whether what a reference names may be signed where it is.

    Own KeyInfo and SignedProperties, anything in an own ds:Object beside the qualifying properties, the value of a
    signature that is counter-signed, the document or what of it is around the signature, and what stands beside that.
    Parts of a signature that stand elsewhere were moved there.
    """
    if reference.external or not reference.target:
        return True
    owner = ids.owner(reference.target)
    if owner is None:
        return True  # it does not hold, and nothing is mistaken for it
    if reference.type == COUNTERSIGNED_TYPE:
        return owner.tag == ds("SignatureValue") and owner is not parts.value_element
    if owner is parts.key_info or owner is parts.signed:
        return True
    own = _is_in_own_object(parts, owner)
    listed = reference not in parts.references
    said_object = reference.type == OBJECT_TYPE and not listed
    if reference.type == MANIFEST_TYPE and (owner.tag != ds("Manifest") or not own):
        return False
    if own:
        misnamed = said_object and owner.tag != ds("Object")
        return not misnamed and not _is_qualified(parts, owner)
    if parts.counter_signed and owner.tag == ds("SignatureValue"):
        return True  # whose, is asked elsewhere
    if namespace_of(owner) in _OWN_NAMESPACES or said_object:
        if listed and owner.tag == ds("Object"):
            return None  # an envelope with objects of its own (Slovak ZEP)
        return None if owner.tag == ds("Signature") and owner is not parts.element else False
    return True if _is_around_or_beside(parts.element, owner) else None


def _is_qualified(parts: Parts, owner: etree._Element) -> bool:
    """Whether *owner* has qualifying properties of this signature in it, or is in some: anybody may add to them."""
    above = takewhile(lambda element: element is not parts.element, owner.iterancestors())
    if any(element.tag in _PROPERTIES for element in above):
        return True
    return any(not _within_signature_below(properties, owner) for properties in owner.iter(*_PROPERTIES))


def _within_signature_below(element: etree._Element, top: etree._Element) -> bool:
    if element is top:
        return False
    for ancestor in element.iterancestors():
        if ancestor is top:
            return False
        if ancestor.tag == ds("Signature"):
            return True
    return False


def _is_in_own_object(parts: Parts, element: etree._Element) -> bool:
    child = element
    for ancestor in element.iterancestors():
        if ancestor is parts.element:
            return child.tag == ds("Object")
        child = ancestor
    return False


def _is_around_or_beside(signature: etree._Element, owner: etree._Element) -> bool:
    """Whether *owner* contains the signature, or stands beside it or beside something that contains it."""
    around = [signature, *signature.iterancestors()]
    parent = owner.getparent()
    return owner in around or parent is None or parent in around
