"""
A time-stamp token taken apart: ContentInfo, SignedData, SignerInfo, TSTInfo (RFC 3161 § 2.4.2, RFC 5652 § 5).

One walk over the bytes, strict about what must be there and in what order. Says nothing about whether anything holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.asn1 import der
from gateway.timestamps import algorithms
from gateway.timestamps.algorithms import children_of, read_digest_identifier

CERTIFICATES = 64
"""Certificates that are read of one token, at most."""

_ATTRIBUTES = 64
_C0, _C1, _SKI = 0xA0, 0xA1, 0x80
_NULL = b"\x05\x00"
_SERIAL_BYTES = 64
_VERSIONS = (3, 4, 5)
"""SignedData: 3 by its content type, 4 and 5 where other kinds of certificates are along (RFC 5652 § 5.1)."""


@dataclass(frozen=True, slots=True)
class TimeStampInfo:
    """What the authority says (TSTInfo)."""

    policy: str
    imprint_algorithm: str
    imprint: bytes
    serial: int
    gen_time: datetime
    nonce: int | None


@dataclass(frozen=True, slots=True)
class SignerName:
    """Whom the SignerInfo names: *issuer* (a Name, DER) and *serial*, or a subject *key_identifier*."""

    issuer: bytes | None
    serial: int | None
    key_identifier: bytes | None


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """The first ESSCertID (RFC 2634 § 5.4.1) or ESSCertIDv2 (RFC 5035 § 4): the signer's own certificate."""

    algorithm: str
    digest: bytes
    serial: int | None


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """An AlgorithmIdentifier: *parameters* are its element (DER), None where absent or NULL."""

    identifier: str
    parameters: bytes | None


@dataclass(frozen=True, slots=True)
class TokenStructure:
    """
    The parts of a token.

    *content* are the octets of the TSTInfo; *signed* the encodings of the signed attributes in the order in which they
    came; *references* hold at most one of each kind, version 2 first.
    """

    info: TimeStampInfo
    content: bytes
    certificates: tuple[bytes, ...]
    signer: SignerName
    digest_algorithm: str
    signed: tuple[bytes, ...]
    content_type: str | None
    message_digest: bytes | None
    references: tuple[CertificateReference, ...]
    signature_algorithm: SignatureAlgorithm
    signature: bytes


def take_apart(token: bytes) -> TokenStructure:
    """
    The parts of *token* (DER).

    Raises:
        ValueError: It is no time-stamp token, or not of exactly one signer.

    """
    content_type, wrapped = _exactly(2, children_of(der.whole(token), der.SEQUENCE))
    if der.read_oid(content_type) != algorithms.SIGNED_DATA:
        raise ValueError("not SignedData")
    version, digests, encapsulated, *rest = children_of(_only(wrapped, _C0), der.SEQUENCE, 4)
    if der.read_integer(version) not in _VERSIONS:
        raise ValueError("SignedData of an unknown version")
    for algorithm in children_of(digests, der.SET, 0):
        read_digest_identifier(algorithm)
    content = _content(encapsulated)
    certificates = _certificates(rest.pop(0)) if rest[0].tag == _C0 else ()
    if rest and rest[0].tag == _C1:
        rest.pop(0)  # CRLs: revocation data belongs to the signature that the token is in
    (signers,) = _exactly(1, rest)
    signer = _only(signers, der.SET)
    return _with_signer(signer, content, certificates)


def _content(encapsulated: der.Element) -> bytes:
    content_type, wrapped = _exactly(2, children_of(encapsulated, der.SEQUENCE))
    if der.read_oid(content_type) != algorithms.TST_INFO:
        raise ValueError("not a TSTInfo")
    content = _only(wrapped, _C0)
    if content.tag != der.OCTET_STRING:
        raise ValueError("content is not an OCTET STRING")
    return content.body


def _certificates(element: der.Element) -> tuple[bytes, ...]:
    found = [one.encoded for one in element.children() if one.tag == der.SEQUENCE]
    if len(found) > CERTIFICATES:
        raise ValueError("too many certificates")
    return tuple(dict.fromkeys(found))


def _with_signer(signer: der.Element, content: bytes, certificates: tuple[bytes, ...]) -> TokenStructure:
    version, name, digest, attributes, algorithm, signature, *unsigned = children_of(signer, der.SEQUENCE, 6)
    named = _signer_name(name)
    if der.read_integer(version) != (1 if named.key_identifier is None else 3):
        raise ValueError("SignerInfo of an unknown version")
    if len(unsigned) > 1 or any(one.tag != _C1 for one in unsigned) or signature.tag != der.OCTET_STRING:
        raise ValueError("SignerInfo not readable")
    encoded, values = _attributes(attributes)
    return TokenStructure(
        info=_info(content),
        content=content,
        certificates=certificates,
        signer=named,
        digest_algorithm=read_digest_identifier(digest),
        signed=encoded,
        content_type=_oid_of(values.get(algorithms.CONTENT_TYPE)),
        message_digest=_octets_of(values.get(algorithms.MESSAGE_DIGEST)),
        references=_references(values),
        signature_algorithm=_signature_algorithm(algorithm),
        signature=signature.body,
    )


def _signer_name(element: der.Element) -> SignerName:
    if element.tag == _SKI:
        return SignerName(None, None, element.body)
    issuer, serial = _exactly(2, children_of(element, der.SEQUENCE))
    return SignerName(issuer.encoded, _serial(serial), None)


def _attributes(element: der.Element) -> tuple[tuple[bytes, ...], dict[str, der.Element]]:
    """The signed attributes as they stand, and the one value of each kind that matters here."""
    encoded: list[bytes] = []
    values: dict[str, der.Element] = {}
    for attribute in children_of(element, _C0):
        kind, wrapped = _exactly(2, children_of(attribute, der.SEQUENCE))
        found = children_of(wrapped, der.SET)
        identifier = der.read_oid(kind)
        if identifier in values or (identifier in _SINGLE and len(found) != 1):
            raise ValueError("a signed attribute more than once")
        values[identifier] = found[0]
        encoded.append(attribute.encoded)
        if len(encoded) > _ATTRIBUTES:
            raise ValueError("too many signed attributes")
    return tuple(encoded), values


_SINGLE = frozenset(
    {
        algorithms.CONTENT_TYPE,
        algorithms.MESSAGE_DIGEST,
        algorithms.SIGNING_CERTIFICATE,
        algorithms.SIGNING_CERTIFICATE_V2,
    }
)


def _oid_of(element: der.Element | None) -> str | None:
    return der.read_oid(element) if element is not None else None


def _octets_of(element: der.Element | None) -> bytes | None:
    if element is None:
        return None
    if element.tag != der.OCTET_STRING:
        raise ValueError("a digest is not an OCTET STRING")
    return element.body


def _references(values: dict[str, der.Element]) -> tuple[CertificateReference, ...]:
    found = []
    for identifier, with_algorithm in (
        (algorithms.SIGNING_CERTIFICATE_V2, True),
        (algorithms.SIGNING_CERTIFICATE, False),
    ):
        if identifier in values:
            references = children_of(values[identifier], der.SEQUENCE)[0]
            found.append(_reference(children_of(references, der.SEQUENCE)[0], with_algorithm=with_algorithm))
    return tuple(found)


def _reference(element: der.Element, *, with_algorithm: bool) -> CertificateReference:
    parts = children_of(element, der.SEQUENCE)
    algorithm = "sha256" if with_algorithm else "sha1"  # SHA-1 by definition, SHA-256 by default
    if with_algorithm and parts[0].tag == der.SEQUENCE:
        algorithm = read_digest_identifier(parts.pop(0))
    if not 1 <= len(parts) <= 2 or parts[0].tag != der.OCTET_STRING:
        raise ValueError("certificate reference not readable")
    serial = None
    if len(parts) > 1:
        _, number = _exactly(2, children_of(parts[1], der.SEQUENCE))
        serial = _serial(number)
    return CertificateReference(algorithm, parts[0].body, serial)


def _signature_algorithm(element: der.Element) -> SignatureAlgorithm:
    identifier, *parameters = children_of(element, der.SEQUENCE)
    if len(parameters) > 1:
        raise ValueError("signature algorithm not readable")
    given = [one.encoded for one in parameters if one.encoded != _NULL]
    return SignatureAlgorithm(der.read_oid(identifier), given[0] if given else None)


def _info(content: bytes) -> TimeStampInfo:
    version, policy, imprint, serial, gen_time, *rest = children_of(der.whole(content), der.SEQUENCE, 5)
    if der.read_integer(version) != 1:
        raise ValueError("TSTInfo of an unknown version")
    algorithm, hashed = _exactly(2, children_of(imprint, der.SEQUENCE))
    name = read_digest_identifier(algorithm)
    digest = _octets_of(hashed) or b""
    if len(digest) != algorithms.LENGTHS.get(name):
        raise ValueError("imprint is not as long as its algorithm says")
    return TimeStampInfo(
        policy=der.read_oid(policy),
        imprint_algorithm=name,
        imprint=digest,
        serial=_serial(serial),
        gen_time=der.read_generalized_time(gen_time),
        nonce=_nonce(rest),
    )


def _nonce(rest: list[der.Element]) -> int | None:
    """The nonce among what may follow genTime: accuracy, ordering, nonce, tsa and extensions, in this order."""
    order = (der.SEQUENCE, der.BOOLEAN, der.INTEGER, _C0, _C1)
    places = [order.index(one.tag) if one.tag in order else -1 for one in rest]
    if -1 in places or places != sorted(set(places)):
        raise ValueError("TSTInfo not readable")
    for one in rest:
        if one.tag == _C1:
            _extensions(one)
    nonces = [_serial(one) for one in rest if one.tag == der.INTEGER]
    return nonces[0] if nonces else None


def _extensions(element: der.Element) -> None:
    """We know no extension that must be understood (RFC 3161 § 2.4.2 leaves them to profiles)."""
    for extension in element.children():
        parts = children_of(extension, der.SEQUENCE, 2)
        if parts[1].tag == der.BOOLEAN and parts[1].body != b"\x00":
            raise ValueError("a critical extension that is not known")


def _serial(element: der.Element) -> int:
    if element.end - element.content > _SERIAL_BYTES:
        raise ValueError("a number too long")
    return der.read_integer(element)


def _only(element: der.Element, tag: int) -> der.Element:
    """The one child of *element*."""
    return _exactly(1, children_of(element, tag))[0]


def _exactly(count: int, found: list[der.Element]) -> list[der.Element]:
    if len(found) != count:
        raise ValueError("more or fewer elements than there may be")
    return found
