"""
DIGIDOC-XML, the Estonian format of 2002 to 2014: data files embedded beside their signatures in one SignedDoc.

Some writers hashed an element before they put it in its place, without the declaration of the default namespace that
it has there. All that is signed is the same; the format's own libraries accept it, and so it is here, in such
documents alone.
"""

from __future__ import annotations

import re

from lxml import etree

_ROOTS = frozenset(
    {
        "SignedDoc",
        *(f"{{http://www.sk.ee/DigiDoc/v{version}#}}SignedDoc" for version in ("1.1.0", "1.2.0", "1.3.0", "1.4.0")),
    }
)
_DECLARATION = re.compile(rb'(<[A-Za-z]{1,40}) xmlns="http://[A-Za-z0-9./]{1,60}#"')


def is_digidoc(root: etree._Element) -> bool:
    """Whether a document is DIGIDOC-XML."""
    return root.tag in _ROOTS


def without_declaration(octets: bytes) -> bytes:
    """Canonical *octets* without the declaration of the default namespace at their beginning."""
    return _DECLARATION.sub(rb"\1", octets, count=1) if _DECLARATION.match(octets) else octets
