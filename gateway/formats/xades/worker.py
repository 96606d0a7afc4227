"""The operations that run isolated: references whose transforms have XPath, which may take for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from gateway.errors import UnreadableSignature
from gateway.formats.isolated import Answer, Operation, Refused
from gateway.formats.xades.names import ds
from gateway.formats.xades.parsing import FILES, again, parse
from gateway.formats.xades.selecting import NodeSet, selected
from gateway.formats.xades.structure import Reference, ids_of, read_reference
from gateway.formats.xades.texts import NotText
from gateway.formats.xades.transforms import NotTransformable, needs_xpath


def _same(descriptor: int, _arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """No arguments. Answers the octets of every same-document reference that needs XPath, by its number."""
    data = _data(descriptor)
    root = _parsed(data)
    for number, element in enumerate(root.iter(ds("Reference"))):
        reference = _reference(element)
        if reference is None or reference.external or not needs_xpath(reference.transforms):
            continue
        try:
            octets, whole = _selected(data, number)
            yield Answer({"number": number, "whole": whole}, (octets,))
        except NotTransformable:
            continue


def _outside(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*transforms*: the canonical ds:Transforms. Answers the octets of the data in the file, or refuses."""
    transforms = _parsed(str(arguments["transforms"]).encode("utf-8"))
    try:
        octets, whole = selected(_data(descriptor), list(transforms.iterchildren("*")), None)
        yield Answer({"whole": whole}, (octets,))
    except NotTransformable:
        raise Refused("a transform that cannot be applied") from None


def _selected(data: bytes, number: int) -> tuple[bytes, bool]:
    """Each in a tree of its own, which is taken apart."""
    root = again(data)
    element = next(one for position, one in enumerate(root.iter(ds("Reference"))) if position == number)
    reference = _reference(element)
    signature = next(element.iterancestors(ds("Signature")), None)
    if reference is None or signature is None:
        raise NotTransformable("no reference")
    top = next((one for one in root.iter("*") if not reference.target or reference.target in ids_of(one)), None)
    if top is None:
        raise NotTransformable("no such element")
    nodes = NodeSet(top, whole=not reference.target, comments=reference.keeps_comments)
    return selected(nodes, reference.transforms, signature)


def _reference(element: etree._Element) -> Reference | None:
    try:
        return read_reference(element)
    except (NotText, UnreadableSignature):
        return None


def _parsed(data: bytes) -> etree._Element:
    try:
        return parse(data, FILES)
    except UnreadableSignature as problem:
        raise Refused(problem.reason) from None


def _data(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    if size > FILES.size:
        raise Refused("too large")
    return os.pread(descriptor, size, 0)


OPERATIONS: Mapping[str, Operation] = {"same": _same, "outside": _outside}
"""For ``isolated``."""
