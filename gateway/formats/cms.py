"""
CMS signatures written as DER templates (RFC 5652, CAdES baseline per EN 319 122-1): constant parts joined around holes.

Detached, one signer, no signing-time attribute (decision 21), SHA-2 only. Nothing is parsed but the signer's
certificate, and nothing is judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from gateway.asn1 import der
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import SignatureValue

ID_DATA = der.oid("1.2.840.113549.1.7.1")
ID_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_SIGNATURE_TIME_STAMP = der.oid("1.2.840.113549.1.9.16.2.14")

_VERSION_1 = der.integer(1)
_NULL = der.tlv(der.NULL)

# Without parameters (RFC 5754 § 2).
_DIGESTS = {
    DigestAlgorithm.SHA256: der.sequence(der.oid("2.16.840.1.101.3.4.2.1")),
    DigestAlgorithm.SHA384: der.sequence(der.oid("2.16.840.1.101.3.4.2.2")),
    DigestAlgorithm.SHA512: der.sequence(der.oid("2.16.840.1.101.3.4.2.3")),
}
# PKCS#1 v1.5 with NULL (RFC 4055 § 5), ECDSA without parameters (RFC 5758 § 3.2).
_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), _NULL)
_ECDSA = {
    DigestAlgorithm.SHA256: der.sequence(der.oid("1.2.840.10045.4.3.2")),
    DigestAlgorithm.SHA384: der.sequence(der.oid("1.2.840.10045.4.3.3")),
    DigestAlgorithm.SHA512: der.sequence(der.oid("1.2.840.10045.4.3.4")),
}
_DIGEST_OF_KEY = {KeyAlgorithm.P384: DigestAlgorithm.SHA384, KeyAlgorithm.P521: DigestAlgorithm.SHA512}
_FIELD_OCTETS = {KeyAlgorithm.P256: 32, KeyAlgorithm.P384: 48, KeyAlgorithm.P521: 66}
_MODULUS_OCTETS = {KeyAlgorithm.RSA_2048: 256, KeyAlgorithm.RSA_3072: 384, KeyAlgorithm.RSA_4096: 512}


def digest_for(key: KeyAlgorithm) -> DigestAlgorithm:
    """The digest that a kind of key signs with: as strong as the curve, SHA-256 for RSA."""
    return _DIGEST_OF_KEY.get(key, DigestAlgorithm.SHA256)


def signed_attributes(content_digest: bytes, certificate: bytes) -> bytes:
    """
    The octets to be signed: a DER SET OF contentType, messageDigest and signingCertificateV2 (RFC 5652 § 5.4).

    *content_digest* is the detached content's, *certificate* the signer's in DER.
    """
    # The certificate's digest is SHA-256, the default, whose algorithm DER leaves out (RFC 5035 § 4).
    reference = der.sequence(der.sequence(der.sequence(der.octet_string(hashlib.sha256(certificate).digest()))))
    return der.set_of(
        der.sequence(_CONTENT_TYPE, der.set_of(ID_DATA)),
        der.sequence(_MESSAGE_DIGEST, der.set_of(der.octet_string(content_digest))),
        der.sequence(_SIGNING_CERTIFICATE_V2, der.set_of(reference)),
    )


def message_digest(attributes: bytes) -> bytes:
    """The messageDigest in what ``signed_attributes`` made. Raises ``ValueError``."""
    for attribute in der.whole(attributes, der.SET).children():
        kind, values = attribute.children()
        if kind.encoded == _MESSAGE_DIGEST:
            return next(values.children()).body
    raise ValueError("no messageDigest")


def signature_octets(value: SignatureValue, key: KeyAlgorithm) -> bytes:
    """
    A signature value as it stands in CMS: RSA as it is, ECDSA's r‖s as a DER SEQUENCE (RFC 3279 § 2.2.3).

    Raises:
        ValueError: A length that no key of this kind gives.

    """
    octets = value.octets
    if key.is_rsa:
        if len(octets) != _MODULUS_OCTETS[key]:
            raise ValueError("not a signature value of this key")
        return octets
    half = _FIELD_OCTETS[key]
    if len(octets) != 2 * half:
        raise ValueError("not a signature value of this key")
    return der.sequence(*(der.integer(int.from_bytes(part)) for part in (octets[:half], octets[half:])))


def signed_data(
    attributes: bytes,
    signature: bytes,
    certificate: bytes,
    chain: Sequence[bytes],
    key: KeyAlgorithm,
    token: bytes | None = None,
) -> bytes:
    """
    The ContentInfo around a finished signature.

    Args:
        attributes: what ``signed_attributes`` made, and was signed.
        signature: what ``signature_octets`` made.
        certificate: the signer's in DER.
        chain: its issuers' in DER, embedded beside it.
        key: the kind of the signer's key.
        token: an RFC 3161 TimeStampToken over *signature*, as an unsigned attribute (EN 319 122-1 § 5.3).

    Raises:
        ValueError: No certificate that can be read.

    """
    digest = digest_for(key)
    unsigned = b""
    if token is not None:
        unsigned = der.explicit(1, der.sequence(_SIGNATURE_TIME_STAMP, der.set_of(token)))
    signer = der.sequence(
        _VERSION_1,
        issuer_and_serial(certificate),
        _DIGESTS[digest],
        der.explicit(0, der.whole(attributes, der.SET).body),
        _RSA if key.is_rsa else _ECDSA[digest],
        der.octet_string(signature),
        unsigned,
    )
    body = der.sequence(
        _VERSION_1,
        der.set_of(_DIGESTS[digest]),
        der.sequence(ID_DATA),
        der.explicit(0, *sorted({certificate, *chain})),
        der.set_of(signer),
    )
    return der.sequence(ID_SIGNED_DATA, der.explicit(0, body))


def issuer_and_serial(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber of a certificate, with its issuer as it is encoded. Raises ``ValueError``."""
    body = next(der.whole(certificate, der.SEQUENCE).children(), None)
    members = list(body.children()) if body is not None else []
    if members and members[0].tag == 0xA0:  # version
        del members[0]
    if len(members) < 3:
        raise ValueError("not a certificate")
    serial, _, issuer = members[:3]
    return der.sequence(issuer.encoded, serial.encoded)
