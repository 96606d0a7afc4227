"""
Tokens that we issue ourselves, for the sandbox: TimeStampReq in, TimeStampResp out (RFC 3161 § 2.4).

Everything that is the same in every token is encoded once; a token costs its key operation and little more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.asn1 import der
from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned
from gateway.errors import ConfigurationError
from gateway.keys.api import OpenKey
from gateway.timestamps import algorithms
from gateway.timestamps.algorithms import children_of, read_digest_identifier
from gateway.timestamps.wire import FAILURES

_REQUEST_LIMIT = 4 * 1024
_NUMBER_BYTES = 64
_ACCEPTED = frozenset({"sha256", "sha384", "sha512"})
_GRANTED = der.sequence(der.integer(0))
_ACCURACY = der.sequence(der.integer(1))
"""One second: the time is cut to whole ones."""

_UTC_TIME_ENDS = 2050
_SIGNATURES = {
    DigestAlgorithm.SHA256: ("1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"),
    DigestAlgorithm.SHA384: ("1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"),
    DigestAlgorithm.SHA512: ("1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"),
}
"""Signature algorithms by digest: RSA, then ECDSA (RFC 5754 § 3)."""

_DIGESTS = {KeyAlgorithm.P384: DigestAlgorithm.SHA384, KeyAlgorithm.P521: DigestAlgorithm.SHA512}
_BITS = {name: bit for bit, name in FAILURES.items()}


class _Rejected(Exception):
    """A request that gets no token; *failure* is a PKIFailureInfo name, *text* says more."""

    def __init__(self, failure: str, text: str) -> None:
        super().__init__(failure)
        self.failure = failure
        self.text = text


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked; *imprint* and *nonce* go back as they came."""

    imprint: bytes
    nonce: bytes
    wants_certificates: bool


class TokenIssuer:
    """A time-stamping authority's answers, without its HTTP. Safe for threads; the key is opened for each token."""

    def __init__(
        self,
        certificate: bytes,
        chain: tuple[bytes, ...],
        open_key: Callable[[], OpenKey],
        policy: str,
        *,
        serial: Callable[[], int] = lambda: secrets.randbits(128),
    ) -> None:
        """
        Encode what stays the same.

        Args:
            certificate: the authority's own (DER); its key decides the signature's digest.
            chain: its issuers' certificates, sent along where a request asks for certificates.
            open_key: opens its key.
            policy: object identifier of the policy that tokens are issued under, in dotted form.
            serial: fresh positive numbers, unique per token.

        Raises:
            ConfigurationError: The certificate cannot be read, or its key is of a kind that we do not sign with.

        """
        algorithm = _key_algorithm(certificate)
        self._open_key = open_key
        self._serial = serial
        self._policy = der.oid(policy)
        self._is_rsa = algorithm.is_rsa
        self._digest = _DIGESTS.get(algorithm, DigestAlgorithm.SHA256)
        digest = algorithms.digest_identifier(self._digest.value, null=False)
        self._digests = der.set_of(digest)
        self._certificates = der.explicit(0, *sorted({certificate, *chain}))
        self._signer_beginning = der.integer(1) + _signer_name(certificate) + digest
        rsa, ecdsa = _SIGNATURES[self._digest]
        self._signature_algorithm = (
            der.sequence(der.oid(rsa), der.tlv(der.NULL)) if self._is_rsa else der.sequence(der.oid(ecdsa))
        )
        self._attributes = (
            _attribute(algorithms.CONTENT_TYPE, der.oid(algorithms.TST_INFO)),
            _attribute(algorithms.SIGNING_CERTIFICATE_V2, _reference(certificate)),
        )

    def respond(self, request: bytes, now: datetime) -> bytes:
        """
        The response (DER) to *request*, with a token for *now*, or a rejection that names what was wrong.

        A request is refused when it cannot be read (badDataFormat), is of another version (badRequest), hashes with
        something else than SHA-256, -384 or -512 (badAlg), wants another policy (unacceptedPolicy) or carries an
        extension (unacceptedExtension). Raises ``KeyStoreUnavailable``.
        """
        try:
            asked = self._read(request)
        except _Rejected as rejected:
            return _rejection(rejected)
        except ValueError:
            return _rejection(_Rejected("badDataFormat", "The request cannot be read."))
        return der.sequence(_GRANTED, self._token(asked, now))

    def _read(self, request: bytes) -> _Request:
        """The request, strictly. Raises ``ValueError``, ``_Rejected``."""
        if len(request) > _REQUEST_LIMIT:
            raise ValueError("request too large")
        version, imprint, *rest = children_of(der.whole(request), der.SEQUENCE, 2)
        if der.read_integer(version) != 1:
            raise _Rejected("badRequest", "Only version 1 is known.")
        _check_imprint(imprint)
        order = (der.OID, der.INTEGER, der.BOOLEAN, 0xA0)
        places = [order.index(one.tag) for one in rest]
        if places != sorted(set(places)):
            raise ValueError("members out of order")
        found = {one.tag: one for one in rest}
        nonce = found.get(der.INTEGER)
        if nonce is not None:
            if len(nonce.body) > _NUMBER_BYTES:
                raise ValueError("nonce too long")
            der.read_integer(nonce)
        policy = found.get(der.OID)
        if policy is not None and policy.encoded != self._policy:
            der.read_oid(policy)
            raise _Rejected("unacceptedPolicy", "Tokens are issued under another policy.")
        if 0xA0 in found:
            raise _Rejected("unacceptedExtension", "No extension is known.")
        return _Request(imprint.encoded, nonce.encoded if nonce is not None else b"", _is_true(found.get(der.BOOLEAN)))

    def _token(self, asked: _Request, now: datetime) -> bytes:
        info = der.sequence(
            der.integer(1),
            self._policy,
            asked.imprint,
            der.integer(self._serial()),
            der.generalized_time(now),
            _ACCURACY,
            asked.nonce,
        )
        attributes = der.set_of(
            *self._attributes,
            _attribute(algorithms.SIGNING_TIME, _time(now)),
            _attribute(algorithms.MESSAGE_DIGEST, der.octet_string(hashlib.new(self._digest.value, info).digest())),
        )
        signer = der.sequence(
            self._signer_beginning,
            der.explicit(0, der.whole(attributes).body),
            self._signature_algorithm,
            der.octet_string(self._sign(attributes)),
        )
        signed_data = der.sequence(
            der.integer(3),
            self._digests,
            der.sequence(der.oid(algorithms.TST_INFO), der.explicit(0, der.octet_string(info))),
            self._certificates if asked.wants_certificates else b"",
            der.tlv(der.SET, signer),
        )
        return der.sequence(der.oid(algorithms.SIGNED_DATA), der.explicit(0, signed_data))

    def _sign(self, octets: bytes) -> bytes:
        with self._open_key() as key:
            value = key.sign([DataToBeSigned(octets, self._digest)])[0].octets
        if self._is_rsa:
            return value
        half = len(value) // 2
        return der.sequence(der.integer(int.from_bytes(value[:half])), der.integer(int.from_bytes(value[half:])))


def _key_algorithm(certificate: bytes) -> KeyAlgorithm:
    try:
        algorithm = read_certificate(certificate).key_algorithm
    except ValueError:
        raise ConfigurationError("time-stamping authority: its certificate cannot be read") from None
    if algorithm is None:
        raise ConfigurationError("time-stamping authority: its key is of a kind that we do not sign with")
    return algorithm


def _signer_name(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber, as the certificate itself has them."""
    body = next(der.whole(certificate, der.SEQUENCE).children())
    serial, _, issuer = list(body.children())[1:4]
    return der.sequence(issuer.encoded, serial.encoded)


def _reference(certificate: bytes) -> bytes:
    """SigningCertificateV2 over SHA-256, whose algorithm is left out as the default (RFC 5035 § 3)."""
    digest = der.octet_string(hashlib.sha256(certificate).digest())
    return der.sequence(der.sequence(der.sequence(digest)))


def _attribute(identifier: str, value: bytes) -> bytes:
    return der.sequence(der.oid(identifier), der.tlv(der.SET, value))


def _time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 (RFC 5652 § 11.3)."""
    moment = moment.astimezone(UTC)
    if moment.year < _UTC_TIME_ENDS:
        return der.tlv(der.UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return der.generalized_time(moment)


def _check_imprint(imprint: der.Element) -> None:
    parts = children_of(imprint, der.SEQUENCE, 2)
    name = read_digest_identifier(parts[0])
    if len(parts) != 2 or parts[1].tag != der.OCTET_STRING:
        raise ValueError("imprint not readable")
    if name not in _ACCEPTED:
        raise _Rejected("badAlg", "Imprints are SHA-256, SHA-384 or SHA-512.")
    if len(parts[1].body) != algorithms.LENGTHS[name]:
        raise _Rejected("badDataFormat", "The imprint is not as long as its algorithm says.")


def _is_true(element: der.Element | None) -> bool:
    """A BOOLEAN that is FALSE where absent. Raises ``ValueError`` for octets that DER does not know."""
    if element is None or element.body == b"\x00":
        return False
    if element.body != b"\xff":
        raise ValueError("BOOLEAN not readable")
    return True


def _rejection(rejected: _Rejected) -> bytes:
    """PKIStatusInfo: rejection, a text, and one bit of PKIFailureInfo in a BIT STRING without trailing zeros."""
    bit = _BITS[rejected.failure]
    bits = bytes(bit // 8) + bytes((0x80 >> bit % 8,))
    text = der.sequence(der.tlv(der.UTF8_STRING, rejected.text.encode()))
    return der.sequence(der.sequence(der.integer(2), text, der.tlv(der.BIT_STRING, bytes((7 - bit % 8,)), bits)))
