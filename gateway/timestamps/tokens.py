"""Time-stamp tokens read and checked: what was attested, when, and whether the token holds in itself."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.asn1 import der
from gateway.asn1.ber import definite
from gateway.errors import UnreadableSignature
from gateway.timestamps import algorithms
from gateway.timestamps.api import TokenReading
from gateway.timestamps.structure import CertificateReference, SignerName, TokenStructure, take_apart
from gateway.timestamps.values import NotReadable, scheme_of, value_holds

TOKEN_LIMIT = 64 * 1024
"""Bytes of a token that is read, at most."""

_CERTIFICATES_KEPT = 64


class Rfc3161Reader:
    """
    Reads RFC 3161 tokens, in DER or with BER's indefinite lengths. Safe for threads.

    Whether the authority is trusted, and whether its algorithms are strong enough, are others' questions. Public keys
    of the certificates read last are kept warm.
    """

    def __init__(self) -> None:
        self._certificate = lru_cache(maxsize=_CERTIFICATES_KEPT)(_read_certificate)

    def read(self, token: bytes) -> TokenReading:
        """
        What *token* (a ContentInfo) says, and whether it holds.

        It holds when its signed attributes name its content's type and digest, refer to the certificate
        (RFC 2634 § 5.4, RFC 5035; where both versions are there, both must match) and carry a signature of its key.
        ``detail`` says why it does not. ``digest_algorithms`` are those that this rests on, the imprint's apart.

        Raises:
            UnreadableSignature: The bytes are no token of exactly one signer, or larger than ``TOKEN_LIMIT``.

        """
        if len(token) > TOKEN_LIMIT:
            raise UnreadableSignature(f"time-stamp token larger than {TOKEN_LIMIT} bytes")
        parts = _taken_apart(token)
        signer = self._signer(parts)
        detail, used = _judged(parts, signer)
        certificate = signer.der if signer is not None else None
        return TokenReading(
            gen_time=parts.info.gen_time,
            imprint=parts.info.imprint,
            imprint_algorithm=parts.info.imprint_algorithm,
            nonce=parts.info.nonce,
            policy=parts.info.policy,
            certificate=certificate,
            other_certificates=tuple(one for one in parts.certificates if one != certificate),
            signature_valid=not detail,
            digest_algorithms=used,
            detail=detail,
        )

    def _signer(self, parts: TokenStructure) -> _Certificate | None:
        """The certificate that the SignerInfo names; of several, the one that is referred to."""
        named = [
            certificate
            for certificate in (self._certificate(encoded) for encoded in parts.certificates)
            if certificate is not None and certificate.is_named(parts.signer)
        ]
        return next((one for one in named if all(one.is_meant(r) for r in parts.references)), next(iter(named), None))


def _taken_apart(token: bytes) -> TokenStructure:
    try:
        try:
            return take_apart(token)
        except ValueError:
            return take_apart(definite(token))
    except ValueError:
        raise UnreadableSignature("not a time-stamp token (RFC 3161)") from None


@dataclass(frozen=True, slots=True)
class _Certificate:
    """The few readings of a certificate that tie a token to it; *key* None where the library cannot read it."""

    der: bytes
    issuer: bytes
    serial: int
    key_identifier: bytes | None
    key: PublicKeyTypes | None

    def is_named(self, name: SignerName) -> bool:
        if name.key_identifier is not None:
            return self.key_identifier == name.key_identifier
        return self.issuer == name.issuer and self.serial == name.serial

    def is_meant(self, reference: CertificateReference) -> bool:
        """By its digest; the serial number must not contradict, and the issuer's name adds nothing to a digest."""
        if reference.algorithm not in algorithms.CHECKED or reference.serial not in (None, self.serial):
            return False
        return hmac.compare_digest(_digest(reference.algorithm, self.der), reference.digest)


def _read_certificate(encoded: bytes) -> _Certificate | None:
    """The readings of *encoded*, or None where it is no certificate (RFC 5280 § 4.1)."""
    try:
        body = next(der.whole(encoded, der.SEQUENCE).children())
        parts = list(body.children())
        serial, _, issuer = parts[1:4] if parts[0].tag == 0xA0 else parts[:3]
        number = der.read_integer(serial)
    except (ValueError, IndexError, StopIteration):
        return None
    key_identifier = key = None
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        key = certificate.public_key()
        key_identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except Exception:  # noqa: BLE001, S110 - hostile certificates fail in many ways; what was read until then counts
        pass
    return _Certificate(encoded, issuer.encoded, number, key_identifier, key)


def _judged(parts: TokenStructure, signer: _Certificate | None) -> tuple[str, frozenset[str]]:
    """Why the token does not hold, empty where it does; and the digest algorithms that it rests on."""
    # A reference of version 2 makes the weaker digest of version 1 beside it immaterial.
    used = {parts.digest_algorithm, *(reference.algorithm for reference in parts.references[:1])}
    try:
        scheme = scheme_of(parts.signature_algorithm, parts.digest_algorithm)
        used |= scheme.digests
        fault = _fault(parts, signer)
        if not fault and signer is not None and signer.key is not None:
            held = any(value_holds(scheme, signer.key, parts.signature, octets) for octets in _signed_octets(parts))
            fault = "" if held else "signature value does not hold"
    except NotReadable as error:
        fault = str(error)
    return fault, frozenset(used)


def _fault(parts: TokenStructure, signer: _Certificate | None) -> str:
    """What contradicts the token before its signature value is asked."""
    if parts.content_type != algorithms.TST_INFO:
        return "signed content type is another"
    if parts.message_digest is None:
        return "without message digest"
    if not hmac.compare_digest(parts.message_digest, _digest(parts.digest_algorithm, parts.content)):
        return "message digest is of another content"
    if not parts.references:
        return "without reference to the signing certificate"
    if signer is None:
        return "signing certificate is not in the token"
    if not all(signer.is_meant(reference) for reference in parts.references):
        return "reference is to another certificate"
    if signer.key is None:
        return "key of the certificate is not readable"
    return ""


def _signed_octets(parts: TokenStructure) -> list[bytes]:
    """The signed attributes as a SET in DER (RFC 5652 § 5.4), then as they stand, for signers that do not sort."""
    sorted_set, as_written = der.set_of(*parts.signed), der.tlv(der.SET, *parts.signed)
    return [sorted_set] if sorted_set == as_written else [sorted_set, as_written]


def _digest(algorithm: str, octets: bytes) -> bytes:
    return hashlib.new(algorithm, octets, usedforsecurity=False).digest()
