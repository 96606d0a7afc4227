"""A signature value without CMS: SubFilter adbe.x509.rsa_sha1 (ISO 32000-1 § 12.8.3.2), as old documents have it."""

from __future__ import annotations

from gateway.asn1.ber import BerReader
from gateway.asn1.public_keys import public_key_of
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure
from gateway.formats.pades.algorithms import Scheme, value_holds
from gateway.formats.pades.checking import CheckedSignature, ContentDigester
from gateway.formats.pades.found import FoundSignature

# The digest is SHA-1 by name; later versions of the format let the value say another (ISO 32000-1 § 12.8.1).
_DIGESTS = ("sha1", "sha256", "sha384", "sha512")


def check_bare(one: FoundSignature, content_digest: ContentDigester) -> CheckedSignature:
    """
    Check an RSA value over a content by the first of the dictionary's certificates.

    Args:
        one: whose Contents are the value in an OCTET STRING.
        content_digest: of what it covers.

    """
    certificate = one.certificates[0] if one.certificates else None
    sha1 = frozenset[DigestAlgorithm | str]({DigestAlgorithm.SHA1})
    reader = BerReader()
    try:
        value = reader.octets(reader.read(one.contents))
    except ValueError:
        return CheckedSignature(IntegrityFailure.FORMAT, certificate, None, sha1)
    key = public_key_of(certificate) if certificate is not None else None
    if key is None:
        return CheckedSignature(IntegrityFailure.FORMAT, certificate, None, sha1)
    for name in _DIGESTS:
        if value_holds(key, Scheme("rsa", name), value, None, content_digest(name)):
            return CheckedSignature(None, certificate, None, frozenset({DigestAlgorithm(name)}))
    # A value is over its content, so that one cannot tell a wrong value from another content.
    return CheckedSignature(IntegrityFailure.VALUE, certificate, None, sha1)
