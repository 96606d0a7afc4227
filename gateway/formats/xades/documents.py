"""A document whose signatures are read: its tree, its Ids, and copies of it from which something was taken out."""

from __future__ import annotations

from lxml import etree

from gateway.formats.xades.parsing import again
from gateway.formats.xades.structure import Ids


class Document:
    """
    One parsed document.

    Its tree is never changed: lxml would tidy up namespaces where something is taken out and put back. What a
    transform takes out, it takes out of another tree of the same octets.
    """

    def __init__(self, data: bytes, root: etree._Element) -> None:
        """*root* is what ``parse`` made of *data*."""
        self.data = data
        self.root = root
        self.ids = Ids(root)
        self._without: tuple[etree._Element, list[etree._Element]] | None = None

    def without(self, signature: etree._Element, element: etree._Element) -> etree._Element | None:
        """
        *element* in a tree that lacks *signature*; None where that leaves nothing of it.

        The last tree is kept, for a signature's references come together.
        """
        if element is signature or signature in element.iterancestors():
            return None
        if self._without is None or self._without[0] is not signature:
            copy = list(again(self.data).iter())
            self._without = signature, copy
            remove(copy[self._number(signature)])
        return self._without[1][self._number(element)]

    def _number(self, element: etree._Element) -> int:
        return next(number for number, one in enumerate(self.root.iter()) if one is element)


def remove(element: etree._Element) -> None:
    """Take *element*, which is not the root, out of its tree; the text after it stays."""
    parent = element.getparent()
    if parent is None:
        raise ValueError("the root cannot be taken out")
    tail, before = element.tail, element.getprevious()
    if tail:
        if before is None:
            parent.text = (parent.text or "") + tail
        else:
            before.tail = (before.tail or "") + tail
    element.tail = None
    parent.remove(element)
