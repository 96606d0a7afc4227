"""
XAdES as others write it: text with gaps, sealed with lxml and a key. Nothing of the gateway is used here.

``draft`` gives the text, tests change it as they like, ``seal`` fills in digests of same-document references and the
value. So a test can have whatever shape it wants with cryptography that holds.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
NAMES = {"ds": DS, "xades": XADES}
DIGESTS = {
    "sha1": f"{DS}sha1",
    "sha224": f"{MORE}sha224",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": f"{MORE}sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
    "sha3_256": f"{MORE_2007}sha3-256",
}
_NAMES_OF_DIGESTS = {uri: name for name, uri in DIGESTS.items()}
_HASHES = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_256": hashes.SHA3_256,
}


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def reference(uri=None, *, kind=None, transforms=(), method="sha256", digest=b"", ref_id=None, inside="") -> str:
    """A ds:Reference; *transforms* are algorithms, *inside* stands in the last of them."""
    attributes = "".join(
        f' {name}="{value}"' for name, value in (("Id", ref_id), ("URI", uri), ("Type", kind)) if value is not None
    )
    listed = "".join(f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>' for algorithm in transforms)
    listed = f"<ds:Transforms>{listed}</ds:Transforms>" if transforms else ""
    return (
        f'<ds:Reference{attributes}>{listed}<ds:DigestMethod Algorithm="{DIGESTS[method]}"/>'
        f"<ds:DigestValue>{b64(digest)}</ds:DigestValue></ds:Reference>"
    )


def properties_reference(**more) -> str:
    return reference("#p", **{"kind": SIGNED_PROPERTIES, "transforms": (EXCLUSIVE,), **more})


def cert_digest(certificate: bytes, method: str = "sha256") -> str:
    return (
        f'<xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{DIGESTS[method]}"/>'
        f"<ds:DigestValue>{b64(hashlib.new(method, certificate).digest())}</ds:DigestValue></xades:CertDigest></xades:Cert>"
    )


def key_info(*certificates: bytes, key_info_id: str | None = None) -> str:
    listed = "".join(f"<ds:X509Certificate>{b64(c)}</ds:X509Certificate>" for c in certificates)
    attribute = f' Id="{key_info_id}"' if key_info_id else ""
    return f"<ds:KeyInfo{attribute}><ds:X509Data>{listed}</ds:X509Data></ds:KeyInfo>"


def draft(
    certificate: bytes,
    digest: bytes,
    *,
    content=None,
    properties=None,
    more_references="",
    method=f"{MORE}ecdsa-sha256",
    parameters="",
    c14n=EXCLUSIVE,
    keys=None,
    names=None,
    time="2026-01-02T03:04:05Z",
    signed="",
    unsigned="",
    objects="",
    target="#s",
    xades=XADES,
    version="V2",
) -> str:
    """The text of a detached XAdES over *digest*; every part can be given otherwise."""
    content = reference("content", digest=digest, ref_id="r") if content is None else content
    properties = properties_reference() if properties is None else properties
    keys = key_info(certificate) if keys is None else keys
    names = cert_digest(certificate) if names is None else names
    naming = f"<xades:SigningCertificate{version}>{names}</xades:SigningCertificate{version}>" if names else ""
    added = f"<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{unsigned}</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    return (
        f'<ds:Signature xmlns:ds="{DS}" Id="s"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{method}">{parameters}</ds:SignatureMethod>{content}{properties}{more_references}'
        f'</ds:SignedInfo><ds:SignatureValue Id="v"></ds:SignatureValue>{keys}<ds:Object>'
        f'<xades:QualifyingProperties xmlns:xades="{xades}" Target="{target}"><xades:SignedProperties Id="p">'
        f"<xades:SignedSignatureProperties><xades:SigningTime>{time}</xades:SigningTime>{naming}"
        f"</xades:SignedSignatureProperties>{signed}</xades:SignedProperties>{added if unsigned else ''}"
        f"</xades:QualifyingProperties></ds:Object>{objects}</ds:Signature>"
    )


def canonical(element, algorithm=EXCLUSIVE, **more) -> bytes:
    exclusive = algorithm.startswith(EXCLUSIVE)
    comments = algorithm.endswith("WithComments")
    return etree.tostring(element, method="c14n", exclusive=exclusive, with_comments=comments, with_tail=False, **more)


def seal(text: str, sign) -> bytes:
    """
    *text* with the digests of same-document references and the value filled in; *sign* makes the value of octets.

    Of several signatures each is sealed by itself.
    """
    root = etree.fromstring(text)
    for signature in root.iter(f"{{{DS}}}Signature"):
        for item in signature.findall("ds:SignedInfo/ds:Reference", NAMES):
            uri = item.get("URI") or ""
            if not uri.startswith("#"):
                continue
            name = uri.removeprefix("#xpointer(id('").removesuffix("'))").removeprefix("#")
            found = root.xpath("//*[@Id=$name]", name=name)
            if found:
                transforms = item.findall("ds:Transforms/ds:Transform", NAMES)
                algorithm = transforms[0].get("Algorithm") if transforms else C14N_10
                listed = item.find(f".//{{{EXCLUSIVE}}}InclusiveNamespaces")
                more = {} if listed is None else {"inclusive_ns_prefixes": listed.get("PrefixList").split()}
                method = _NAMES_OF_DIGESTS[item.find("ds:DigestMethod", NAMES).get("Algorithm")]
                octets = canonical(found[0], algorithm, **more)
                item.find("ds:DigestValue", NAMES).text = b64(hashlib.new(method, octets).digest())
        seal_value(signature, sign)
    return etree.tostring(root)


def seal_value(signature, sign) -> None:
    """Sign SignedInfo as it stands."""
    method = signature.find("ds:SignedInfo/ds:CanonicalizationMethod", NAMES)
    octets = canonical(signature.find("ds:SignedInfo", NAMES), method.get("Algorithm"))
    signature.find("ds:SignatureValue", NAMES).text = b64(sign(octets))


def ecdsa(key, digest="sha256"):
    """Fixed-width r‖s."""

    def sign(octets: bytes) -> bytes:
        width = (key.curve.key_size + 7) // 8
        parts = decode_dss_signature(key.sign(octets, ec.ECDSA(_HASHES[digest]())))
        return b"".join(part.to_bytes(width, "big") for part in parts)

    return sign


def pkcs1(key, digest="sha256"):
    return lambda octets: key.sign(octets, padding.PKCS1v15(), _HASHES[digest]())


def pss(key, digest="sha256", mask=None, salt=None):
    function = _HASHES[digest]()
    filling = padding.PSS(padding.MGF1(_HASHES[mask or digest]()), function.digest_size if salt is None else salt)
    return lambda octets: key.sign(octets, filling, function)


def eddsa(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
    return key.sign


def time_stamp(token: bytes, c14n: str | None = EXCLUSIVE) -> str:
    method = f'<ds:CanonicalizationMethod Algorithm="{c14n}"/>' if c14n is not None else ""
    return f"<xades:SignatureTimeStamp>{method}<xades:EncapsulatedTimeStamp>{b64(token)}</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
