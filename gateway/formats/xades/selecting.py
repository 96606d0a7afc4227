"""
XPath and XPath Filter 2.0 as transforms (XML Signature § 6.6.3, XML-Signature XPath Filter 2.0).

An expression may take for ever, so this runs in a process that can be killed; ``worker`` is its only caller. What is
selected is kept as the elements, comments and instructions that stay, each with its text and attributes: whoever
selects a text or an attribute without its element gets no answer, which no signature in use needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from gateway.formats.xades.canonical import NotCanonicalisable, canonical, canonical_document
from gateway.formats.xades.documents import remove
from gateway.formats.xades.names import BASE64, C14N, ENVELOPED, XPATH, XPATH_FILTER, ds
from gateway.formats.xades.structure import ids_of
from gateway.formats.xades.texts import NotText, children, text
from gateway.formats.xades.transforms import MOST_TRANSFORMS, NotTransformable, decoded, octets_of, parsed

_FILTER = f"{{{XPATH_FILTER}}}XPath"
_MOST_FILTERS = 16
_LONGEST_EXPRESSION = 4096
_NODES = "(//* | //comment() | //processing-instruction())"
_POSITIONAL = ("position", "last")
# Where a node is selected and its element is not, or the other way round.
_TORN = (
    "//*[{yes}]/text()[{no}] | //*[{yes}]/@*[{no}] | //*[{yes}]/namespace::*[{no}]"
    " | //*[{no}]/text()[{yes}] | //*[{no}]/@*[{yes}] | //*[{no}]/namespace::*[{yes}]"
)


class NodeSet:
    """Nodes of a tree of one's own, which rendering takes apart."""

    def __init__(self, top: etree._Element, *, whole: bool, comments: bool) -> None:
        """All in *top*, or of its whole document; without comments unless *comments*."""
        self._root = top.getroottree().getroot()
        nodes = list(top.iter())
        if whole:
            nodes += self._beside()
        self._nodes = {node for node in nodes if comments or not _is_comment(node)}
        self._all = frozenset(self._nodes)

    def _beside(self) -> list[etree._Element]:
        before, after = self._root.itersiblings(preceding=True), self._root.itersiblings()
        return [*before, *after]

    @property
    def is_whole(self) -> bool:
        """Whether only signatures and comments were left out. To be asked before rendering."""
        tag = ds("Signature")
        return all(
            _is_comment(node) or node.tag == tag or next(node.iterancestors(tag), None) is not None
            for node in self._all - self._nodes
        )

    def without(self, signature: etree._Element) -> None:
        """Enveloped signature (§ 6.6.4)."""
        self._nodes.difference_update(signature.iter())

    def keep(self, transform: etree._Element) -> None:
        """XPath (§ 6.6.3): what the expression is true for. Raises ``NotTransformable``."""
        given = children(transform)
        if [element.tag for element in given] != [ds("XPath")]:
            raise NotTransformable("parameters")
        (element,) = given
        expression = _expression(element)
        if any(word in expression for word in _POSITIONAL):
            raise NotTransformable("depends on a position")
        find = self._finder(element)
        yes = f"boolean({expression})"
        if find(_TORN.format(yes=yes, no=f"not({yes})")):
            raise NotTransformable("selects parts of elements")
        self._nodes.intersection_update(_nodes(find(f"{_NODES}[{yes}]")))

    def filter(self, transform: etree._Element) -> None:
        """XPath Filter 2.0 (§ 3): whole subtrees, one set after the other. Raises ``NotTransformable``."""
        steps = children(transform)
        if not 0 < len(steps) <= _MOST_FILTERS or any(step.tag != _FILTER for step in steps):
            raise NotTransformable("parameters")
        everything = {*self._root.iter(), *self._beside()}
        kept = set(everything)
        for step in steps:
            found = self._subtrees(step, everything)
            match step.get("Filter"):
                case "intersect":
                    kept &= found
                case "subtract":
                    kept -= found
                case "union":
                    kept |= found
                case _:
                    raise NotTransformable("parameters")
        self._nodes &= kept

    def _subtrees(self, step: etree._Element, everything: set[etree._Element]) -> set[etree._Element]:
        expression, find = _expression(step), self._finder(step)
        if find(f"count(({expression}) | /) = count({expression})"):
            return everything
        found: set[etree._Element] = set()
        for node in _nodes(find(expression)):
            if node not in found:
                found.update(node.iter())
        return found

    def _finder(self, element: etree._Element) -> Any:
        """Evaluates expressions that stand in *element*, with its namespaces."""
        prefixes = {prefix: uri for prefix, uri in element.nsmap.items() if prefix is not None}
        same = element.getroottree().getroot() is self._root

        def here(_context: Any) -> list[etree._Element]:
            if not same:
                raise ValueError("another document")
            return [element]

        def by_id(_context: Any, names: Any) -> list[etree._Element]:
            wanted = set((names if isinstance(names, str) else "").split())
            return [one for one in self._root.iter("*") if wanted & ids_of(one)]

        functions = {(None, "here"): here, (None, "id"): by_id}
        options: dict[str, Any] = {"namespaces": prefixes, "extensions": functions, "regexp": False}
        try:
            etree.XPath(_expression(element), **options)  # whole by itself, before it becomes part of another
            evaluate = etree.XPathDocumentEvaluator(self._root.getroottree(), smart_strings=False, **options)
        except (etree.XPathError, ValueError, TypeError):
            raise NotTransformable("expression") from None

        def find(expression: str) -> Any:
            try:
                return evaluate(expression)
            except (etree.XPathError, ValueError, TypeError):
                raise NotTransformable("expression") from None

        return find

    def octets(self, method: etree._Element | None) -> bytes:
        """The canonical form; the tree is spent. Raises ``NotTransformable``."""
        tops = self._cut()
        try:
            if self._root in self._nodes:
                return self._whole(method)
            if any(not isinstance(top.tag, str) for top in tops):
                raise NotTransformable("selects comments or instructions alone")
            return b"".join(canonical(top, method) for top in tops)
        except NotCanonicalisable as problem:
            raise NotTransformable(str(problem)) from None

    def text(self) -> str:
        """All text that is selected; the tree is spent. Raises ``NotTransformable``."""
        tops = [top for top in self._cut() if isinstance(top.tag, str)]
        return "".join(str(piece) for top in tops for piece in top.itertext())

    def _cut(self) -> list[etree._Element]:
        """Take out what is not selected below what is; the highest nodes that are."""
        tops, holes = [], []
        for node in self._root.iter():
            parent = node.getparent()
            kept = parent is not None and parent in self._nodes
            if node not in self._nodes:
                if kept:
                    holes.append(node)
            elif not kept:
                if any(ancestor in self._nodes for ancestor in node.iterancestors()):
                    raise NotTransformable("selects something in what it leaves out")
                tops.append(node)
        for hole in holes:
            remove(hole)
        return tops

    def _whole(self, method: etree._Element | None) -> bytes:
        """The root and what is beside it: all of that, or none."""
        beside = set(self._beside())
        if not beside & self._nodes:
            return canonical(self._root, method)
        comments = {node for node in beside if _is_comment(node)}
        inside = any(_is_comment(node) for node in self._nodes)
        if beside - comments <= self._nodes and (comments <= self._nodes or not inside):
            return canonical_document(self._root.getroottree(), method, comments=comments <= self._nodes)
        raise NotTransformable("selects some of what is beside the root")


def selected(
    data: NodeSet | bytes, transforms: Sequence[etree._Element], signature: etree._Element | None
) -> tuple[bytes, bool]:
    """
    *data* through *transforms*, XPath among them; and whether that left out nothing but signatures and comments.

    Args:
        data: what was dereferenced; a node-set is of the tree in which the transforms stand.
        transforms: any that are known.
        signature: the one whose reference this is, in the same tree; None for data from outside.

    Raises:
        NotTransformable: See there.

    """
    if len(transforms) > MOST_TRANSFORMS:
        raise NotTransformable("too many transforms")
    whole = True
    for transform in transforms:
        before, data = data, _through(data, transform, signature)
        for nodes in (before, data):
            whole = whole and (not isinstance(nodes, NodeSet) or nodes.is_whole)
    return (data if isinstance(data, bytes) else data.octets(None)), whole


def _through(data: NodeSet | bytes, transform: etree._Element, signature: etree._Element | None) -> NodeSet | bytes:
    name = transform.get("Algorithm", "")
    if name in C14N:
        return data.octets(transform) if isinstance(data, NodeSet) else octets_of(data, (transform,), None)
    if name == BASE64:
        return decoded(data if isinstance(data, bytes) else data.text().encode("utf-8"))
    if name == ENVELOPED:
        if isinstance(data, bytes) or signature is None:
            raise NotTransformable(name)
        data.without(signature)
        return data
    if name not in (XPATH, XPATH_FILTER):
        raise NotTransformable(name)
    if isinstance(data, bytes):
        data = NodeSet(parsed(data).element, whole=True, comments=True)
        signature = None
    if name == XPATH:
        data.keep(transform)
    else:
        data.filter(transform)
    return data


def _expression(element: etree._Element) -> str:
    """Raises ``NotTransformable``."""
    try:
        written = text(element).strip()
    except NotText:
        raise NotTransformable("expression") from None
    if not 0 < len(written) <= _LONGEST_EXPRESSION:
        raise NotTransformable("expression")
    return written


def _is_comment(node: Any) -> bool:
    return node.tag is etree.Comment


def _nodes(found: Any) -> list[etree._Element]:
    """Elements, comments and instructions; anything else was selected without its element. Raises."""
    if not isinstance(found, list) or any(isinstance(node, (str, tuple)) for node in found):
        raise NotTransformable("selects parts of elements")
    return found
