"""
What we publish about the certificates that we issued: CRLs (RFC 5280 § 5) and OCSP responses (RFC 6960).

Both are read from the same register at the time of asking, so a revocation counts at once in either.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from hashlib import sha256

from asn1crypto import x509 as asn1
from cryptography import x509

from gateway.errors import KeyStoreUnavailable
from gateway.issuing import ocsp
from gateway.issuing.crls import CrlContent, Ended, certificate_list, number_at
from gateway.issuing.local import public_key_of
from gateway.keys.api import KeyStore
from gateway.storage.api import CertificateRegister, IssuedCertificate


class StatusPublisher:
    """
    The status of one authority's certificates. Safe for threads; keeps nothing but the last CRL.

    Statuses are never forgotten, expired certificates' included: responses and CRLs say so by archiveCutoff and
    expiredCertsOnCRL, both since the authority began (EN 319 411-2 § 6.3.10).
    """

    def __init__(
        self,
        certificate: bytes,
        register: CertificateRegister,
        key_store: KeyStore,
        *,
        key_label: str,
        responder: bytes,
        responder_label: str,
        response_lasts: timedelta = timedelta(hours=1),
        crl_lasts: timedelta = timedelta(days=1),
        crl_kept: timedelta = timedelta(minutes=5),
    ) -> None:
        """
        Args:
            certificate: the authority's own (DER).
            register: what it issued and ended.
            key_store: where both keys lie.
            key_label: the authority's key, which signs CRLs.
            responder: the OCSP responder's certificate (DER), issued by the authority for OCSP signing.
            responder_label: the responder's key.
            response_lasts, crl_lasts: from thisUpdate to nextUpdate.
            crl_kept: how long a CRL is given again while nothing changed.

        """
        own = x509.load_der_x509_certificate(certificate)
        self._name = own.subject
        self._certificate = certificate
        self._public_key = public_key_of(own)
        self._key_hash = sha256(self._public_key).digest()
        self._since = own.not_valid_before_utc
        self._register, self._key_store = register, key_store
        self._key_label, self._responder_label = key_label, responder_label
        self._responder = responder
        self._response_lasts, self._crl_lasts, self._crl_kept = response_lasts, crl_lasts, crl_kept
        self._lock = threading.Lock()
        self._last: tuple[tuple[Ended, ...], datetime, bytes] | None = None
        self._last_number = 0

    def ocsp_response(self, request: bytes, now: datetime) -> bytes:
        """
        Answer an OCSP request (DER to DER). Never raises for anything in it.

        A request that is about none of our certificates' issuer is answered unauthorized, without a signature (RFC 5019
        § 2.2.3); a serial number that was never issued is "unknown"; an unusable key store is tryLater.
        """
        try:
            asked = ocsp.read_questions(request)
        except ocsp.MalformedRequest:
            return ocsp.refusal(ocsp.Refusal.MALFORMED_REQUEST)
        # Parsed for each request: asn1crypto reads lazily, and its objects are not for several threads.
        issuer = asn1.Certificate.load(self._certificate)
        ours = [question.is_about(issuer) for question in asked.questions]
        if not any(ours):
            return ocsp.refusal(ocsp.Refusal.UNAUTHORIZED)
        content = ocsp.OcspAnswers(
            answers=[
                (question, self._status(question) if of_us else ocsp.Unknown.UNKNOWN)
                for question, of_us in zip(asked.questions, ours, strict=True)
            ],
            nonce=asked.nonce,
            responder=self._responder,
            produced=now,
            next_update=now + self._response_lasts,
            complete_since=self._since,
        )
        try:
            with self._key_store.open_service_key(self._responder_label) as key:
                return ocsp.response(content, key)
        except KeyStoreUnavailable:
            return ocsp.refusal(ocsp.Refusal.TRY_LATER)

    def crl(self, now: datetime) -> bytes:
        """
        The full CRL (DER): the last one while it is young and nothing has changed since.

        Raises ``KeyStoreUnavailable``.
        """
        ended = tuple(sorted(e for e in map(_ended, self._register.revoked(self._key_hash)) if e is not None))
        with self._lock:
            if self._last is not None:
                same, made, encoded = self._last
                if same == ended and made <= now < made + self._crl_kept:
                    return encoded
            self._last_number = number_at(now, self._last_number)
            content = CrlContent(
                issuer=self._name,
                public_key=self._public_key,
                number=self._last_number,
                this_update=now,
                next_update=now + self._crl_lasts,
                ended=ended,
                complete_since=self._since,
            )
            with self._key_store.open_service_key(self._key_label) as key:
                encoded = certificate_list(content, key)
            self._last = (ended, now, encoded)
            return encoded

    def _status(self, question: ocsp.Question) -> ocsp.Status:
        issued = None if question.serial is None else self._register.get(self._key_hash, question.serial)
        return ocsp.Unknown.UNKNOWN if issued is None else _ended(issued)


def _ended(issued: IssuedCertificate) -> Ended | None:
    return None if issued.revoked is None else Ended(issued.serial, issued.revoked, issued.reason or 0)
