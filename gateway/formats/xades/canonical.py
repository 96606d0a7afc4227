"""
Canonical XML (C14N 1.0, 1.1 and exclusive) of one element or a whole document, by libxml2.

Inclusive forms take over what is in scope: lxml brings the namespaces of ancestors along, all but the default one, and
forgets their ``xml:`` attributes, so these are lent to the element for the time being. What cannot be said exactly is
refused, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

from gateway.formats.xades.names import C14N, C14N_10, C14N_11, C14N_EXCLUSIVE, INCLUSIVE_NAMESPACES, XML_SCOPE

# C14N 1.1 joins the one and leaves the other where it is; nobody is known to sign below either.
_SUBTLE_IN_11 = (f"{XML_SCOPE}base", f"{XML_SCOPE}id")


class NotCanonicalisable(Exception):
    """An algorithm that is not a canonicalisation we know, or a case in which it would have to be guessed."""


def canonical(element: etree._Element, method: etree._Element | None, *, comments: bool = True) -> bytes:
    """
    The canonical octets of *element* and all below it.

    Args:
        method: the element that names the algorithm (CanonicalizationMethod, Transform); None is C14N 1.0.
        comments: False where comments left the node-set before: a same-document reference by bare name drops them
            whatever the algorithm says (XML Signature § 4.4.3.3).

    Raises:
        NotCanonicalisable: See there.

    """
    uri = C14N_10 if method is None else method.get("Algorithm", "")
    kind = C14N.get(uri)
    if kind is None:
        raise NotCanonicalisable(uri)
    exclusive = kind.base == C14N_EXCLUSIVE
    prefixes = _inclusive_prefixes(method, element) if method is not None else None
    if prefixes is not None and not exclusive:
        raise NotCanonicalisable(uri)
    try:
        with _inherited(element, kind.base):
            return etree.tostring(
                element if exclusive else _rooted(element),
                method="c14n",
                exclusive=exclusive,
                with_comments=kind.comments and comments,
                inclusive_ns_prefixes=prefixes,
                with_tail=False,
            )
    except (etree.LxmlError, ValueError):
        raise NotCanonicalisable(uri) from None


def canonical_document(tree: etree._ElementTree, method: etree._Element | None, *, comments: bool) -> bytes:
    """
    The canonical octets of a whole document, with the instructions and comments beside its root.

    Raises:
        NotCanonicalisable: See there.

    """
    uri = C14N_10 if method is None else method.get("Algorithm", "")
    kind = C14N.get(uri)
    if kind is None:
        raise NotCanonicalisable(uri)
    exclusive = kind.base == C14N_EXCLUSIVE
    prefixes = _inclusive_prefixes(method, tree.getroot()) if method is not None else None
    if prefixes is not None and not exclusive:
        raise NotCanonicalisable(uri)
    try:
        return etree.tostring(
            tree,
            method="c14n",
            exclusive=exclusive,
            with_comments=kind.comments and comments,
            inclusive_ns_prefixes=prefixes,
        )
    except (etree.LxmlError, ValueError):
        raise NotCanonicalisable(uri) from None


def _inclusive_prefixes(method: etree._Element, element: etree._Element) -> list[str] | None:
    """The PrefixList of exclusive C14N (§ 4), the only parameter that a canonicalisation takes."""
    given = [child for child in method if isinstance(child.tag, str)]
    if not given:
        return None
    if len(given) > 1 or given[0].tag != INCLUSIVE_NAMESPACES:
        raise NotCanonicalisable("parameters")
    prefixes = given[0].get("PrefixList", "").split()
    if "#default" in prefixes:
        # libxml2 is not told of it by lxml; without a default namespace it says nothing.
        if None in element.nsmap:
            raise NotCanonicalisable("#default")
        prefixes.remove("#default")
    return prefixes


def _rooted(element: etree._Element) -> etree._Element:
    """
    *element* as it is, or again as the root of a document of its own, with all that is in scope.

    In inclusive forms lxml loses sight of a default namespace in an element that is not alone in its document: what
    lies deeper than its children would have none.
    """
    alone = element.getparent() is None and element.getprevious() is None and element.getnext() is None
    if alone or None not in element.nsmap:
        return element
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(etree.tostring(element, with_tail=False), parser)


@contextmanager
def _inherited(element: etree._Element, base: str) -> Iterator[None]:
    """*element* with the ``xml:`` attributes of its ancestors, for inclusive forms (C14N 1.0 and 1.1, § 2.4)."""
    lent: dict[str, str] = {}
    if base != C14N_EXCLUSIVE:
        for ancestor in element.iterancestors():
            for name, value in ancestor.attrib.items():
                if str(name).startswith(XML_SCOPE) and name not in element.attrib:
                    lent.setdefault(str(name), str(value))
    if base == C14N_11 and any(name in lent for name in _SUBTLE_IN_11):
        raise NotCanonicalisable("xml:base or xml:id above")
    for name, value in lent.items():
        element.set(name, value)
    try:
        yield
    finally:
        for name in lent:
            del element.attrib[name]
