"""OCSP requests read and responses written (RFC 6960); what is answered is ``status``'s question."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core, ocsp
from asn1crypto import x509 as asn1
from cryptography.x509.ocsp import load_der_ocsp_request

from gateway.issuing.assembly import key_identifier, signed, whole_seconds
from gateway.issuing.crls import Ended
from gateway.keys.api import OpenKey

REQUEST_LIMIT = 8 * 1024
"""Bytes of a request that are read, at most."""

QUESTIONS = 16
"""Certificates asked about in one request, at most."""

_NONCE_LIMIT = 128  # RFC 9654 § 2.1
_SERIAL_LIMIT = 1 << 160
_HASHES = ("sha1", "sha256", "sha384", "sha512")
_KNOWN_EXTENSIONS = frozenset({"nonce", "acceptable_responses", "preferred_signature_algorithms"})
_NONCE = "1.3.6.1.5.5.7.48.1.2"


class MalformedRequest(Exception):
    """The bytes are no request that RFC 6960 § 4.1 describes, or more than anybody needs to ask."""


class Refusal(enum.Enum):
    """Answers without a status, and so without a signature (RFC 6960 § 2.3)."""

    MALFORMED_REQUEST = "malformed_request"
    INTERNAL_ERROR = "internal_error"
    TRY_LATER = "try_later"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True, slots=True)
class Question:
    """One CertID: *encoded* goes back as it came; *serial* None where no certificate can have it."""

    encoded: bytes
    hash_name: str | None
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int | None

    def is_about(self, issuer: asn1.Certificate) -> bool:
        """Whether it names a certificate of *issuer* (RFC 6960 § 4.1.1)."""
        if self.hash_name is None:
            return False
        key = bytes(issuer.public_key["public_key"].contents[1:])
        return self.issuer_name_hash == self._digest(issuer.subject.dump()) and self.issuer_key_hash == self._digest(
            key
        )

    def _digest(self, octets: bytes) -> bytes:
        return hashlib.new(str(self.hash_name), octets, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class OcspQuestions:
    """A request: what is asked, and the nonce to be echoed."""

    questions: tuple[Question, ...]
    nonce: bytes | None


class Unknown(enum.Enum):
    """A certificate that this authority never issued."""

    UNKNOWN = enum.auto()


Status = Ended | Unknown | None
"""What is known about a certificate: ended, unknown, or (None) good."""


def read_questions(request: bytes) -> OcspQuestions:
    """
    Read an OCSP request within its bounds. A requestor's name and signature are passed over.

    Raises:
        MalformedRequest: Unreadable, too long, too many questions, an empty or overlong nonce, or a critical extension
            that we do not know.

    """
    if len(request) > REQUEST_LIMIT:
        raise MalformedRequest
    try:
        return _read(request)
    except MalformedRequest:
        raise
    except Exception:  # noqa: BLE001 - hostile requests break the parser in many ways; all of them are malformed
        raise MalformedRequest from None


def _read(request: bytes) -> OcspQuestions:
    parsed = ocsp.OCSPRequest.load(request, strict=True)
    body = parsed["tbs_request"]
    asked = body["request_list"]
    if body["version"].native != "v1" or not 0 < len(asked) <= QUESTIONS:
        raise MalformedRequest
    nonce = None
    for extension in body["request_extensions"] or ():
        name = extension["extn_id"].native
        if extension["critical"].native and name not in _KNOWN_EXTENSIONS:
            raise MalformedRequest
        if name == "nonce":
            nonce = bytes(core.OctetString.load(bytes(extension["extn_value"]), strict=True))
            if not 0 < len(nonce) <= _NONCE_LIMIT:
                raise MalformedRequest
    for single in asked:
        if any(extension["critical"].native for extension in single["single_request_extensions"] or ()):
            raise MalformedRequest
    return OcspQuestions(tuple(_question(single["req_cert"]) for single in asked), nonce)


def _question(cert_id: ocsp.CertId) -> Question:
    """One CertID, read by a second, strict parser: what goes back as it came must be readable by whoever asked."""
    encoded = bytes(cert_id.dump())
    alone = ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": ocsp.CertId.load(encoded)}]}})
    strict = load_der_ocsp_request(alone.dump())
    name = cert_id["hash_algorithm"]["algorithm"].native
    serial = strict.serial_number
    return Question(
        encoded=encoded,
        hash_name=name if name in _HASHES else None,
        issuer_name_hash=strict.issuer_name_hash,
        issuer_key_hash=strict.issuer_key_hash,
        serial=serial if 0 < serial < _SERIAL_LIMIT else None,
    )


def refusal(reason: Refusal) -> bytes:
    """A response without a status (DER)."""
    return bytes(ocsp.OCSPResponse({"response_status": reason.value}).dump())


@dataclass(frozen=True, slots=True)
class OcspAnswers:
    """
    Everything a response says. *responder* is the certificate (DER) that goes with it.

    *complete_since* is the archive cutoff: since when status is kept beyond expiry (RFC 6960 § 4.4.4).
    """

    answers: Sequence[tuple[Question, Status]]
    nonce: bytes | None
    responder: bytes
    produced: datetime
    next_update: datetime
    complete_since: datetime


def response(content: OcspAnswers, key: OpenKey) -> bytes:
    """
    The successful response (DER) signed by the responder's *key*; times in whole seconds (RFC 6960 § 4.2.2.1).

    Raises ``KeyStoreUnavailable``.
    """
    body = ocsp.ResponseData(
        {
            "responder_id": ocsp.ResponderId(name="by_key", value=key_identifier(key.public_key)),
            "produced_at": whole_seconds(content.produced),
            "responses": [_single(question, status, content) for question, status in content.answers],
        }
    )
    if content.nonce is not None:
        echoed = core.OctetString(content.nonce).dump()
        body["response_extensions"] = [{"extn_id": _NONCE, "extn_value": core.ParsableOctetString(echoed)}]
    value, algorithm = signed(key, body)
    basic = ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": body,
            "signature_algorithm": algorithm,
            "signature": value,
            "certs": [asn1.Certificate.load(content.responder)],
        }
    )
    whole = ocsp.OCSPResponse(
        {
            "response_status": "successful",
            "response_bytes": {"response_type": "basic_ocsp_response", "response": basic},
        }
    )
    return bytes(whole.dump())


def _single(question: Question, status: Status, content: OcspAnswers) -> ocsp.SingleResponse:
    single = {
        "cert_id": ocsp.CertId.load(question.encoded),
        "cert_status": _status(status),
        "this_update": whole_seconds(content.produced),
        "next_update": whole_seconds(content.next_update),
    }
    if status is not Unknown.UNKNOWN:
        cutoff = core.GeneralizedTime(whole_seconds(content.complete_since))
        single["single_extensions"] = [{"extn_id": "archive_cutoff", "extn_value": cutoff}]
    return ocsp.SingleResponse(single)


def _status(status: Status) -> ocsp.CertStatus:
    if status is Unknown.UNKNOWN:
        return ocsp.CertStatus(name="unknown", value=ocsp.StatusUnknown())
    if isinstance(status, Ended):
        info = {"revocation_time": whole_seconds(status.revoked)}
        if status.reason:
            info["revocation_reason"] = ocsp.CRLReason(status.reason)
        return ocsp.CertStatus(name="revoked", value=ocsp.RevokedInfo(info))
    return ocsp.CertStatus(name="good", value=ocsp.StatusGood())
