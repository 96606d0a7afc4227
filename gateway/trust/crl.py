"""
Certificate revocation lists (RFC 5280 § 5), read once into a set of serial numbers.

A list of 100 000 entries costs tens of milliseconds to scan and a second to walk as objects; so its issuer, dates and
extensions are read with a library, its signature is checked over the octets as they came, and its entries are found by
one linear scan over them. Only the entry of a certificate that is listed is read whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from asn1crypto import core
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.trust.revocation import StatusEvidence, UnusableEvidence
from gateway.trust.usage import is_authority, may_sign_crls
from gateway.trust.warm import Warm

CRL_LIMIT = 10 * 1024 * 1024
"""Bytes of a list that is read, at most."""

_EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")
_WEAK = frozenset({"md5", "sha1"})
_DIGESTS_KEPT = 32
_MARK = 64  # the end of its signature
_DIGESTED_BYTES = 32 * 1024 * 1024
_SEQUENCE, _INTEGER = 0x30, 0x02


@dataclass(frozen=True, slots=True)
class CertificateList:
    """
    A list whose signature by its issuer holds.

    *serials* are contents of DER INTEGERs, as they stand in it, and where in *entries* the entry of each begins.
    """

    this_update: datetime
    next_update: datetime | None
    scope: x509.IssuingDistributionPoint | None
    retained_since: datetime | None
    entries: bytes = field(repr=False)
    serials: Mapping[bytes, int] = field(repr=False)


class CrlShelf:
    """Reads lists and keeps them warm by the SHA-256 of their bytes and of their issuer. Safe for threads."""

    def __init__(self, *, sha1_signatures: bool = False, entries: int = 64, weight: int = 64 * 1024 * 1024) -> None:
        """At most *entries* lists of together *weight* bytes are kept."""
        self._sha1_signatures = sha1_signatures
        self._warm: Warm[bytes, CertificateList] = Warm(entries, weight)
        self._refused: Warm[bytes, str] = Warm(16 * entries)
        self._digests: Warm[tuple[int, bytes], tuple[bytes, bytes]] = Warm(_DIGESTS_KEPT, _DIGESTED_BYTES)

    def evidence(self, der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> StatusEvidence:
        """
        What the list says about *certificate*; dates are left to ``revocation.weigh``.

        Args:
            der: the list as it came, DER or PEM.
            certificate: the certificate asked about, below *issuer*.
            issuer: a validated issuer; the list must be signed by its very key.

        Raises:
            UnusableEvidence: Another issuer's list, a delta or indirect or partial one, or not readable.

        """
        try:
            shelved = self._read(der, issuer)
            _check_scope(shelved, certificate)
            revoked_at, reason = _entry(shelved, certificate.serial_number)
        except UnusableEvidence:
            raise
        except Exception as error:  # noqa: BLE001 - hostile lists break parsers in many ways; none is an answer
            raise UnusableEvidence(f"CRL not readable ({type(error).__name__})") from None
        return StatusEvidence(
            revoked_at=revoked_at,
            reason=reason,
            this_update=shelved.this_update,
            next_update=shelved.next_update,
            produced_at=shelved.this_update,
            retained_since=shelved.retained_since,
        )

    def _read(self, der: bytes, issuer: x509.Certificate) -> CertificateList:
        if len(der) > CRL_LIMIT:
            raise UnusableEvidence("CRL too large")
        key = self._digest(der) + sha256(issuer.public_bytes(Encoding.DER)).digest()
        known = self._warm.get(key)
        if known is not None:
            return known
        refused = self._refused.get(key)
        if refused is not None:
            raise UnusableEvidence(refused)
        try:
            known = self._parse(der, issuer)
        except UnusableEvidence as unusable:
            self._refused.put(key, str(unusable))
            raise
        # A serial of twenty octets and its place cost about 200 bytes in a dictionary.
        self._warm.put(key, known, len(known.entries) + 200 * len(known.serials))
        return known

    def _digest(self, der: bytes) -> bytes:
        """
        SHA-256 of *der*, computed once for the several certificates that one list is asked about, and for the same list
        in other documents: comparing it with one that is kept costs a twentieth.
        """
        mark = (len(der), der[-_MARK:])
        known = self._digests.get(mark)
        if known is not None and known[0] == der:
            return known[1]
        digest = sha256(der).digest()
        self._digests.put(mark, (der, digest), len(der))
        return digest

    def _parse(self, der: bytes, issuer: x509.Certificate) -> CertificateList:
        if der.lstrip().startswith(b"-----BEGIN"):
            der = x509.load_pem_x509_crl(der).public_bytes(Encoding.DER)
        if not _issued_by(der, issuer):
            raise UnusableEvidence("CRL of another issuer")
        parsed = x509.load_der_x509_crl(der)
        if parsed.issuer != issuer.subject:
            raise UnusableEvidence("CRL of another issuer")
        digest = parsed.signature_hash_algorithm
        if digest is not None and digest.name in _WEAK and not (self._sha1_signatures and digest.name == "sha1"):
            raise UnusableEvidence("CRL signed with a weak algorithm")
        tbs = signed_octets(der)
        if not may_sign_crls(issuer) or not _holds(parsed, der, tbs, issuer):
            raise UnusableEvidence("CRL not signed by the issuer")
        scope, retained = _extensions(parsed)
        entries = revoked_certificates(tbs)
        return CertificateList(
            this_update=parsed.last_update_utc,
            next_update=parsed.next_update_utc,
            scope=scope,
            retained_since=retained,
            entries=entries,
            serials=scan_serials(entries),
        )


def _extensions(parsed: x509.CertificateRevocationList) -> tuple[x509.IssuingDistributionPoint | None, datetime | None]:
    """The list's scope and how long it remembers the expired; critical extensions we cannot act on make it unusable."""
    scope: x509.IssuingDistributionPoint | None = None
    retained: datetime | None = None
    for extension in parsed.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
        elif isinstance(extension.value, x509.DeltaCRLIndicator):
            raise UnusableEvidence("delta CRL")
        elif extension.oid == _EXPIRED_CERTS_ON_CRL and isinstance(extension.value, x509.UnrecognizedExtension):
            retained = core.GeneralizedTime.load(extension.value.value).native
        elif extension.critical:
            raise UnusableEvidence("CRL with an unknown critical extension")
    return scope, retained


def _check_scope(shelved: CertificateList, certificate: x509.Certificate) -> None:
    """RFC 5280 § 6.3.3 b 2: the list must speak about this certificate, and for every reason."""
    scope = shelved.scope
    if scope is None:
        return
    if scope.indirect_crl or scope.only_some_reasons or scope.relative_name or scope.only_contains_attribute_certs:
        raise UnusableEvidence("CRL indirect or partial")
    if scope.only_contains_user_certs and is_authority(certificate):
        raise UnusableEvidence("CRL about users only")
    if scope.only_contains_ca_certs and not is_authority(certificate):
        raise UnusableEvidence("CRL about authorities only")
    if scope.full_name and not set(scope.full_name) & set(_distribution_names(certificate)):
        raise UnusableEvidence("CRL of another distribution point")


def _distribution_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [name for point in points for name in point.full_name or ()]


def _entry(shelved: CertificateList, serial: int) -> tuple[datetime | None, x509.ReasonFlags | None]:
    """Date and reason of the entry for *serial*, or (None, None)."""
    key = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
    position = shelved.serials.get(key)
    if position is None:
        return None, None
    _, end = _inside(shelved.entries, position)
    entry = asn1_crl.RevokedCertificate.load(shelved.entries[position:end])
    reason = entry.crl_reason_value
    date = entry["revocation_date"].native
    return date, _REASONS.get(reason.native) if reason is not None else None


_REASONS = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key_compromise": x509.ReasonFlags.key_compromise,
    "ca_compromise": x509.ReasonFlags.ca_compromise,
    "affiliation_changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation_of_operation": x509.ReasonFlags.cessation_of_operation,
    "certificate_hold": x509.ReasonFlags.certificate_hold,
    "remove_from_crl": x509.ReasonFlags.remove_from_crl,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
    "aa_compromise": x509.ReasonFlags.aa_compromise,
}


def signed_octets(der: bytes) -> bytes:
    """The TBSCertList of a CertificateList as it stands; a library would write it anew, at great cost for long ones."""
    start, _ = _inside(der, 0)
    _, end = _inside(der, start)
    return der[start:end]


def _issued_by(der: bytes, issuer: x509.Certificate) -> bool:
    """Whether the list is in the issuer's name (RFC 5280 § 7.1), found without reading the rest of it."""
    start, _ = _inside(der, 0)
    position, _ = _inside(der, start)
    if der[position] == _INTEGER:
        _, position = _inside(der, position)
    _, position = _inside(der, position)
    _, end = _inside(der, position)
    ours = asn1_x509.Name.load(issuer.subject.public_bytes())
    return bool(asn1_x509.Name.load(der[position:end]) == ours)


def _holds(parsed: x509.CertificateRevocationList, der: bytes, tbs: bytes, issuer: x509.Certificate) -> bool:
    """Whether the signature over *tbs* is by the issuer's key, under the algorithm that is named inside and out."""
    content, end = _inside(tbs, 0)
    if tbs[content] == _INTEGER:
        _, content = _inside(tbs, content)
    start, _ = _inside(der, 0)
    outer = start + len(tbs)
    if tbs[content : _inside(tbs, content)[1]] != der[outer : _inside(der, outer)[1]] or end != len(tbs):
        return False
    key, parameters = issuer.public_key(), parsed.signature_algorithm_parameters
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not isinstance(parameters, padding.PKCS1v15 | padding.PSS) or parsed.signature_hash_algorithm is None:
                return False
            key.verify(parsed.signature, tbs, parameters, parsed.signature_hash_algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not isinstance(parameters, ec.ECDSA):
                return False
            key.verify(parsed.signature, tbs, parameters)
        elif isinstance(key, dsa.DSAPublicKey):
            if parsed.signature_hash_algorithm is None:
                return False
            key.verify(parsed.signature, tbs, parsed.signature_hash_algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(parsed.signature, tbs)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def revoked_certificates(tbs: bytes) -> bytes:
    """The contents of revokedCertificates in a TBSCertList (RFC 5280 § 5.1.2.6); empty where it is absent."""
    position, end = _inside(tbs, 0)
    while position < end:
        tag = tbs[position]
        start, after = _inside(tbs, position)
        # The one SEQUENCE whose first element is a SEQUENCE that starts with an INTEGER; names start with a SET.
        if tag == _SEQUENCE and start < after and tbs[start] == _SEQUENCE:
            first, _ = _inside(tbs, start)
            if tbs[first] == _INTEGER:
                return tbs[start:after]
        position = after
    return b""


def scan_serials(entries: bytes) -> dict[bytes, int]:
    """
    Every entry's serial number, as the content of its DER INTEGER, and where its entry begins; the first of several.

    Raises ``ValueError`` on broken DER.
    """
    serials: dict[bytes, int] = {}
    position, end = 0, len(entries)
    while position < end:
        # The short form stands here in full: this loop is the whole cost of a long list.
        length = entries[position + 1] if position + 1 < end else 0x80
        start, after = (position + 2, position + 2 + length) if length < 0x80 else _inside(entries, position)
        if start + 1 >= end or after > end:
            raise ValueError("an entry of the list is cut off")
        length = entries[start + 1]
        if entries[position] != _SEQUENCE or entries[start] != _INTEGER or length > 127 or start + 2 + length > after:
            raise ValueError("an entry of the list is not readable")
        serials.setdefault(entries[start + 2 : start + 2 + length], position)
        position = after
    return serials


def _inside(data: bytes, position: int) -> tuple[int, int]:
    """Where the contents of the element at *position* begin and end. Raises ``ValueError`` beyond the data."""
    if position + 2 > len(data):
        raise ValueError("an element is cut off")
    length = data[position + 1]
    start = position + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[position + 2 : start], "big")
    if start + length > len(data):
        raise ValueError("an element is cut off")
    return start, start + length
