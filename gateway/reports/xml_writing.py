"""Elements of a validation report, written in the order of its schema."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TypeAlias

from lxml import etree

VR = "http://uri.etsi.org/19102/v1.2.1#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
DS = "http://www.w3.org/2000/09/xmldsig#"
TSL = "http://uri.etsi.org/02231/v2#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

Parent: TypeAlias = etree._Element  # noqa: SLF001 - what lxml calls its elements

_IMPOSSIBLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def add(parent: Parent, name: str, content: str | bytes | None = None, *, inner: str = "", **attributes: str) -> Parent:
    """
    A new last child *name* of *parent*; octets are written in base64.

    *inner*: an element of TS 119 612 inside, which holds *content*.
    """
    element = etree.SubElement(parent, f"{{{VR}}}{name}", attributes)
    place = etree.SubElement(element, f"{{{TSL}}}{inner}") if inner else element
    if content is not None:
        place.text = b64encode(content).decode() if isinstance(content, bytes) else xml_text(content)
    return element


def digest_of(parent: Parent, sha256: bytes) -> None:
    """A DigestAlgAndValue in *parent*."""
    element = etree.SubElement(parent, f"{{{VR}}}DigestAlgAndValue")
    etree.SubElement(element, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    etree.SubElement(element, f"{{{DS}}}DigestValue").text = b64encode(sha256).decode()


def xml_text(text: str) -> str:
    """*text* without what XML 1.0 cannot hold: names in certificates are anybody's."""
    return _IMPOSSIBLE.sub("\ufffd", text)
