"""Names of what time-stamps are made of: object identifiers and hash functions (RFC 3161, RFC 5652, RFC 5754)."""

from __future__ import annotations

from gateway.asn1 import der

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"

DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "1.3.36.3.2.1": "ripemd160",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}
"""Hash functions by object identifier, named as hashlib names them; which of them are good enough is ``policy``'s."""

CHECKED = ("sha1", "sha224", "sha256", "sha384", "sha512")
"""Hash functions that a token's own digests and signature may rest on; others are named and not computed."""

LENGTHS = {
    "md5": 16,
    "sha1": 20,
    "ripemd160": 20,
    "sha224": 28,
    "sha256": 32,
    "sha384": 48,
    "sha512": 64,
    "sha3_256": 32,
    "sha3_384": 48,
    "sha3_512": 64,
}
"""Length of each digest in bytes."""

_IDENTIFIERS = {name: identifier for identifier, name in DIGESTS.items()}


def digest_identifier(name: str, *, null: bool) -> bytes:
    """
    The AlgorithmIdentifier of a hash function.

    With *null* its parameters are NULL, which every authority reads in a request; without, they are absent, as CMS
    wants them (RFC 5754 § 2).
    """
    return der.sequence(der.oid(_IDENTIFIERS[name]), der.tlv(der.NULL) if null else b"")


def read_digest_identifier(element: der.Element) -> str:
    """
    The hashlib name in an AlgorithmIdentifier of a hash function, or its dotted form where we do not know it.

    Raises ``ValueError`` where it is none.
    """
    identifier, *parameters = children_of(element, der.SEQUENCE)
    if len(parameters) > 1 or any(p.encoded != b"\x05\x00" for p in parameters):
        raise ValueError("hash algorithm with parameters")
    dotted = der.read_oid(identifier)
    return DIGESTS.get(dotted, dotted)


def children_of(element: der.Element, tag: int, least: int = 1) -> list[der.Element]:
    """The children of a constructed *element* with *tag*, at *least* so many. Raises ``ValueError``."""
    if element.tag != tag:
        raise ValueError("an element of another kind")
    found = element.members()
    if len(found) < least:
        raise ValueError("an element is missing")
    return found
