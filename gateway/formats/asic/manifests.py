"""
ASiCManifest files: what a CMS signature or a time-stamp in a container is over (EN 319 162-1 annex A.4).

The signature is over the manifest, and the manifest has a digest of everything else.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from lxml import etree

from gateway.errors import UnreadableSignature
from gateway.formats.xades.names import DIGESTS, ds
from gateway.formats.xades.outside import Outside, spellings
from gateway.formats.xades.parsing import HASH_SIGNATURES, parse
from gateway.formats.xades.texts import NotText, base64_of

_ASIC = tuple(f"{{http://uri.etsi.org/{version}#}}" for version in ("02918/v1.2.1", "02918/v1.1.1"))
_LARGEST_DIGEST = 64
_MOST_ENTRIES = 2048


@dataclass(frozen=True, slots=True)
class Entry:
    """A member that a manifest lists, with its digest; *method* is the algorithm's identifier."""

    uri: str
    method: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """*signature* as the manifest names what is over it; *entries* what it lists, each at least once."""

    name: str
    signature: tuple[str, ...]
    entries: tuple[Entry, ...]

    def holds(self, outside: Outside) -> bool:
        """Whether every member listed is there, and has the digest. Raises ``UnreadableSignature``."""
        return bool(self.entries) and all(_holds(entry, outside) for entry in self.entries)


def read_manifest(name: str, data: bytes) -> Manifest:
    """The manifest that the member *name* is. Raises ``UnreadableSignature``."""
    root = parse(data, HASH_SIGNATURES)
    if root.tag not in [f"{space}ASiCManifest" for space in _ASIC]:
        raise UnreadableSignature("not an ASiCManifest")
    space = str(root.tag).removesuffix("ASiCManifest")
    over = root.findall(f"{space}SigReference")
    listed = root.findall(f"{space}DataObjectReference")
    if len(over) != 1 or len(listed) > _MOST_ENTRIES:
        raise UnreadableSignature("not an ASiCManifest of the usual shape")
    try:
        entries = tuple(_entry(reference) for reference in listed)
    except NotText:
        raise UnreadableSignature("not an ASiCManifest of the usual shape") from None
    return Manifest(name, tuple(spellings(over[0].get("URI"))), entries)


def _entry(reference: etree._Element) -> Entry:
    method, value = reference.find(ds("DigestMethod")), reference.find(ds("DigestValue"))
    if method is None or value is None:
        raise NotText
    return Entry(reference.get("URI", ""), method.get("Algorithm", ""), base64_of(value, _LARGEST_DIGEST))


def _holds(entry: Entry, outside: Outside) -> bool:
    name, content = DIGESTS.get(entry.method), outside.find(entry.uri, alone=False)
    if name is None or content is None:
        return False
    return hmac.compare_digest(outside.digest(content, name) or b"", entry.digest)
