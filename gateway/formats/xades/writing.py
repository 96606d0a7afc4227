"""
XAdES over a given hash, written directly as the canonical bytes that are hashed (EN 319 132-1, decision 20).

A document that we write ourselves needs neither tree nor canonicaliser: where every element stands in the form that
exclusive C14N would give it (namespaces declared where they are first used, attributes in order, end tags written
out, nothing between elements), SignedProperties, SignedInfo and SignatureValue are hashed as they are written.

Nothing enters a template that could need escaping: base64, hexadecimal digits, a time of fixed form, identifiers from
our own tables.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.errors import UnsignableDocument
from gateway.formats.xades.names import (
    C14N_EXCLUSIVE,
    DIGEST_URIS,
    DS,
    METHOD_URIS,
    SIGNED_PROPERTIES_TYPE,
    XADES,
    ValueMethod,
)
from gateway.formats.xades.state import PreparedParts, pack, unpack

CONTENT_URI = "content"
"""The external reference's URI: always this word, for file names leak and invite dereferencing (decision 20)."""

_DS = f'xmlns:ds="{DS}"'
_XADES = f'xmlns:xades="{XADES}"'
_SHA256 = DIGEST_URIS["sha256"]
_CONTENT_METHODS = {algorithm: DIGEST_URIS[algorithm.value].encode("ascii") for algorithm in DigestAlgorithm}
_SIGNATURE_ID = re.compile(r"[0-9a-fA-F]{32}")

_OWN_DIGEST = {
    KeyAlgorithm.P384: DigestAlgorithm.SHA384,
    KeyAlgorithm.P521: DigestAlgorithm.SHA512,
}


def own_digest(key: KeyAlgorithm) -> DigestAlgorithm:
    """The signature's own digest: as strong as the curve, SHA-256 for RSA and P-256; never the content's (SHA-1)."""
    return _OWN_DIGEST.get(key, DigestAlgorithm.SHA256)


@dataclass(frozen=True, slots=True)
class Template:
    """
    What all signatures under one certificate share; made once and filled in for each.

    *signed_info*, *signed_properties* (as they are hashed) and *tail* (KeyInfo and Object, to the end of
    SignedProperties as they stand in the document) are written with ``%`` around what differs.
    """

    algorithm: DigestAlgorithm
    signed_info: bytes
    signed_properties: bytes
    tail: bytes

    @classmethod
    def of(cls, certificate: bytes, chain: tuple[bytes, ...], key: KeyAlgorithm) -> Template:
        """The template for a *certificate* (DER) with its *chain* (DER, nearest issuer first)."""
        algorithm = own_digest(key)
        method = METHOD_URIS[ValueMethod("pkcs1" if key.is_rsa else "ecdsa", algorithm.value)]
        certificates = "".join(
            f"<ds:X509Certificate>{_base64(der)}</ds:X509Certificate>" for der in (certificate, *chain)
        )
        properties = SIGNED_PROPERTIES.replace("{certificate_digest}", _base64(hashlib.sha256(certificate).digest()))
        head = f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>"
        return cls(
            algorithm=algorithm,
            signed_info=_with_holes(SIGNED_INFO.replace("{method}", method)),
            signed_properties=_with_holes(properties),
            tail=_with_holes(f"{head}{OBJECT}{within(properties)}"),
        )

    def prepare(self, content: ContentDigest, signing_time: datetime, signature_id: str) -> PreparedSignature:
        """A signature over *content*, complete but for its value. Raises ``UnsignableDocument``."""
        if len(content.value) != content.algorithm.length:
            raise UnsignableDocument("the hash does not have its algorithm's length")
        if not _SIGNATURE_ID.fullmatch(signature_id):
            raise UnsignableDocument("the signature's id is not 128 bits in hexadecimal")
        name = signature_id.lower().encode("ascii")
        differs = {b"id": name, b"time": _time(signing_time)}
        properties = self.signed_properties % differs
        octets = self.signed_info % {
            b"id": name,
            b"content_method": _CONTENT_METHODS[content.algorithm],
            b"content": b64encode(content.value),
            b"properties": b64encode(hashlib.sha256(properties).digest()),
        }
        return PreparedSignature(
            data=DataToBeSigned(octets, self.algorithm),
            state=pack(octets, PreparedParts(name, self.tail % differs)),
        )


def template_key(certificate: SigningCertificate) -> tuple[bytes, tuple[bytes, ...], KeyAlgorithm]:
    """What ``Template.of`` needs of a certificate. Raises ``UnsignableDocument`` for a key that we cannot sign with."""
    if certificate.key_algorithm is None:
        raise UnsignableDocument("no signature method for this certificate's kind of key")
    return certificate.der, certificate.chain, certificate.key_algorithm


def imprint(prepared: PreparedSignature, value: SignatureValue) -> bytes:
    """SHA-256 of the canonical ds:SignatureValue (EN 319 132-1 § 5.3). Raises ``UnreadableSignature``."""
    name = unpack(prepared.data.octets, prepared.state).signature_id
    return hashlib.sha256(signature_value(name, b64encode(value.octets), NAMESPACE)).digest()


def completed(prepared: PreparedSignature, value: SignatureValue, token: bytes | None) -> bytes:
    """The whole document, level T with *token*, B without. Raises ``UnreadableSignature``."""
    octets = prepared.data.octets
    parts = unpack(octets, prepared.state)
    return b"".join(
        (
            BEGINNING % parts.signature_id,
            octets.replace(NAMESPACE, b"", 1),
            signature_value(parts.signature_id, b64encode(value.octets), b""),
            parts.tail,
            b"" if token is None else UNSIGNED % b64encode(token),
            END,
        )
    )


def within(properties: str) -> str:
    """SignedProperties in the document: the namespaces that they declare when hashed alone are declared above them."""
    return properties.replace(f" {_XADES}", "").replace(f" {_DS}", "")


def signature_value(signature_id: bytes, encoded: bytes, namespace: bytes) -> bytes:
    """ds:SignatureValue around *encoded*, with the declaration of its *namespace* where it stands alone."""
    return b'<ds:SignatureValue%s Id="v-%s">%s</ds:SignatureValue>' % (namespace, signature_id, encoded)


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _with_holes(text: str) -> bytes:
    """A template in which ``{name}`` is to be filled in, as bytes for ``%``."""
    return re.sub(r"\{(\w+)\}", r"%(\1)s", text.replace("%", "%%")).encode("ascii")


def _time(moment: datetime) -> bytes:
    """UTC in whole seconds, always 20 characters (EN 319 132-1 § 5.2.1)."""
    if moment.tzinfo is None:
        raise UnsignableDocument("the signing time has no zone")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return b"%sZ" % utc.isoformat(timespec="seconds")[:19].encode("ascii")


NAMESPACE = f" {_DS}".encode("ascii")
"""As SignedInfo and SignatureValue declare it on their own; within Signature they do not say so again."""

# The pieces of a document; ``own`` recognises what is made of them.
BEGINNING = b'<ds:Signature%s Id="s-%%s">' % NAMESPACE
END = b"</xades:QualifyingProperties></ds:Object></ds:Signature>"

SIGNED_INFO = (
    f"<ds:SignedInfo {_DS}>"
    f'<ds:CanonicalizationMethod Algorithm="{C14N_EXCLUSIVE}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
    f'<ds:Reference Id="r-{{id}}" URI="{CONTENT_URI}">'
    '<ds:DigestMethod Algorithm="{content_method}"></ds:DigestMethod>'
    "<ds:DigestValue>{content}</ds:DigestValue></ds:Reference>"
    f'<ds:Reference Type="{SIGNED_PROPERTIES_TYPE}" URI="#p-{{id}}"><ds:Transforms>'
    f'<ds:Transform Algorithm="{C14N_EXCLUSIVE}"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{_SHA256}"></ds:DigestMethod>'
    "<ds:DigestValue>{properties}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)

SIGNED_PROPERTIES = (
    f'<xades:SignedProperties {_XADES} Id="p-{{id}}"><xades:SignedSignatureProperties>'
    "<xades:SigningTime>{time}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
    f'<ds:DigestMethod {_DS} Algorithm="{_SHA256}"></ds:DigestMethod>'
    f"<ds:DigestValue {_DS}>{{certificate_digest}}</ds:DigestValue>"
    "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
    '<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#r-{id}">'
    "<xades:MimeType>application/octet-stream</xades:MimeType>"
    "</xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"
)

OBJECT = f'<ds:Object><xades:QualifyingProperties {_XADES} Target="#s-{{id}}">'

UNSIGNED = (
    "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
    f'<ds:CanonicalizationMethod Algorithm="{C14N_EXCLUSIVE}"></ds:CanonicalizationMethod>'
    "<xades:EncapsulatedTimeStamp>%s</xades:EncapsulatedTimeStamp>"
    "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
).encode("ascii")
