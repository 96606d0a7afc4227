"""Namespaces and algorithm identifiers: XML Signature 1.1, RFC 9231, XAdES (EN 319 132-1). Tables only."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

DS = "http://www.w3.org/2000/09/xmldsig#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES_111 = "http://uri.etsi.org/01903/v1.1.1#"
XADES_122 = "http://uri.etsi.org/01903/v1.2.2#"
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
XML_SCOPE = "{http://www.w3.org/XML/1998/namespace}"

XADES_NAMESPACES = (XADES, XADES_122, XADES_111)
"""Those whose QualifyingProperties are read; the first is written."""

SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"
SIGNED_PROPERTIES_TYPES = frozenset(
    {
        SIGNED_PROPERTIES_TYPE,
        *(f"{namespace}SignedProperties" for namespace in (XADES, XADES_122, XADES_111, XADES_141)),
    }
)
"""The Type of the reference to SignedProperties, in all its versions, and as some wrote it by mistake."""

COUNTERSIGNED_TYPE = "http://uri.etsi.org/01903#CountersignedSignature"

XADES_TYPES_PREFIX = "http://uri.etsi.org/01903"
"""How every Type begins that XAdES defines."""

MANIFEST_TYPE = f"{DS}Manifest"
OBJECT_TYPE = f"{DS}Object"

ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"

C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"
C14N_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE_NAMESPACES = f"{{{C14N_EXCLUSIVE}}}InclusiveNamespaces"

_C14N_COMMENTS = {C14N_10: f"{C14N_10}#WithComments", C14N_11: f"{C14N_11}#WithComments"}


class C14nKind(NamedTuple):
    """One canonicalisation: *base* is its identifier without comments."""

    base: str
    comments: bool


C14N = {
    **{uri: C14nKind(uri, comments=False) for uri in (C14N_10, C14N_11, C14N_EXCLUSIVE)},
    **{with_comments: C14nKind(base, comments=True) for base, with_comments in _C14N_COMMENTS.items()},
    f"{C14N_EXCLUSIVE}WithComments": C14nKind(C14N_EXCLUSIVE, comments=True),
}

_ENC = "http://www.w3.org/2001/04/xmlenc#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"

DIGEST_URIS = {
    "sha1": f"{DS}sha1",
    "sha224": f"{_MORE}sha224",
    "sha256": f"{_ENC}sha256",
    "sha384": f"{_MORE}sha384",
    "sha512": f"{_ENC}sha512",
    "sha3_224": f"{MORE_2007}sha3-224",
    "sha3_256": f"{MORE_2007}sha3-256",
    "sha3_384": f"{MORE_2007}sha3-384",
    "sha3_512": f"{MORE_2007}sha3-512",
    "ripemd160": f"{_ENC}ripemd160",
}
"""DigestMethod by hashlib name; MD5 is not among them."""

DIGESTS = {uri: name for name, uri in DIGEST_URIS.items()}


class ValueMethod(NamedTuple):
    """What a SignatureMethod asks for: *scheme* pkcs1, pss, ecdsa, dsa, ed25519 or ed448; *digest* a hashlib name."""

    scheme: str
    digest: str


RSA_PSS_WITH_PARAMETERS = f"{MORE_2007}rsa-pss"


def _methods() -> dict[str, ValueMethod]:
    found = {f"{DS}rsa-sha1": ValueMethod("pkcs1", "sha1")}
    for name in ("sha224", "sha256", "sha384", "sha512"):
        found[f"{_MORE}rsa-{name}"] = ValueMethod("pkcs1", name)
    for name in ("sha1", "sha224", "sha256", "sha384", "sha512"):
        found[f"{_MORE}ecdsa-{name}"] = ValueMethod("ecdsa", name)
        found[f"{MORE_2007}{name}-rsa-MGF1"] = ValueMethod("pss", name)
    for bits in ("224", "256", "384", "512"):
        found[f"{MORE_2007}ecdsa-sha3-{bits}"] = ValueMethod("ecdsa", f"sha3_{bits}")
        found[f"{MORE_2007}sha3-{bits}-rsa-MGF1"] = ValueMethod("pss", f"sha3_{bits}")
    found[f"{DS}dsa-sha1"] = ValueMethod("dsa", "sha1")
    found["http://www.w3.org/2009/xmldsig11#dsa-sha256"] = ValueMethod("dsa", "sha256")
    # RFC 9231 § 2.3.12: the hash belongs to the scheme.
    found["http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"] = ValueMethod("ed25519", "sha512")
    found["http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448"] = ValueMethod("ed448", "shake256")
    return found


METHODS = _methods()
"""SignatureMethods that are verified; message authentication codes are no signatures and never among them."""

METHOD_URIS = {method: uri for uri, method in METHODS.items()}


@cache
def ds(name: str) -> str:
    """The tag of an XML Signature element, in lxml's form."""
    return f"{{{DS}}}{name}"
