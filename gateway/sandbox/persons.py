"""Scripted test persons: who they are, what befell their certificates, and the PINs that everybody may know."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.errors import KeyLocked
from gateway.issuing.api import CertificateAuthority, CertificateProfile, RevocationReason, Subject, Validity
from gateway.issuing.requests import request_certificate
from gateway.keys.api import KeyStore
from gateway.sandbox.pki import Sandbox
from gateway.storage.api import CertificateRegister, SignerKey, SignerKeyStore

_YEAR = timedelta(days=365)
_BACKDATED = timedelta(minutes=5)
_LOCK_AT_LEAST = timedelta(days=1)
_ATTEMPTS = 200


class Situation(enum.Enum):
    """What a person shows when signing, in words for the table."""

    SIGNS = "signs"
    EXPIRED = "certificate expired"
    NOT_YET_VALID = "certificate not yet valid"
    REVOKED = "certificate revoked"
    ON_HOLD = "certificate on hold"
    KEY_LOCKED = "key locked by wrong PINs"


@dataclass(frozen=True, slots=True)
class TestPerson:
    """A person who does not exist; the identifier has the form of a Moldovan one and its right check digit."""

    __test__ = False  # not a test, whatever its name begins with

    personal_identifier: str
    given_name: str
    surname: str
    pin: str = field(repr=False)
    situation: Situation = Situation.SIGNS
    algorithm: KeyAlgorithm = KeyAlgorithm.P256

    @property
    def name(self) -> str:
        """Given name and surname."""
        return f"{self.given_name} {self.surname}"


PERSONS = (
    TestPerson("2999000000014", "Ana", "Mărțișor-Probă", "111111"),
    TestPerson("2999000000025", "Ion", "Încercare", "222222", algorithm=KeyAlgorithm.RSA_3072),
    TestPerson("2999000000036", "Вера", "Пробная", "333333"),
    TestPerson("2999000000047", "Ștefan", "Răsexpirat", "444444", Situation.EXPIRED),
    TestPerson("2999000000058", "Mâine", "Devreme", "555555", Situation.NOT_YET_VALID),
    TestPerson("2999000000069", "Țița", "Revocată", "666666", Situation.REVOKED),
    TestPerson("2999000000070", "Gheorghe", "Suspendat", "777777", Situation.ON_HOLD),
    TestPerson("2999000000081", "Lăcrămioara", "Zăvorâtă", "888888", Situation.KEY_LOCKED),
)


def table() -> str:
    """The persons as aligned text: identifier, PIN, name, kind of key, what happens."""
    rows = [("number", "PIN", "name", "key", "what happens")]
    rows += [(p.personal_identifier, p.pin, p.name, p.algorithm.value, p.situation.value) for p in PERSONS]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def enrol_persons(
    sandbox: Sandbox,
    key_store: KeyStore,
    signer_keys: SignerKeyStore,
    register: CertificateRegister,
    now: datetime,
) -> Sequence[SignerKey]:
    """
    Give every test person a key and a certificate, the way that real persons get theirs; who has one keeps it.

    A key is made and sealed, opened with its PIN for a request, certified by the sandbox's authority, and kept. Then
    comes what the person's situation says. Returns one key per person, in the order of ``PERSONS``.

    Raises ``KeyStoreUnavailable``, ``AuthorityUnavailable``.
    """
    authority = sandbox.authority(key_store, register)
    enrolled = []
    for person in PERSONS:
        held = signer_keys.of_person(person.personal_identifier)
        key = held[0] if held else _enrol(person, authority, key_store, signer_keys, now)
        if person.situation is Situation.KEY_LOCKED:
            _lock(signer_keys, key.id, now)
        enrolled.append(key)
    return enrolled


def _enrol(
    person: TestPerson,
    authority: CertificateAuthority,
    key_store: KeyStore,
    signer_keys: SignerKeyStore,
    now: datetime,
) -> SignerKey:
    owner = person.personal_identifier
    sealed, _ = key_store.create_signer_key(owner, person.pin, person.algorithm)
    with key_store.open_signer_key(owner, sealed, person.pin) as key:
        csr = request_certificate(key, person.name)
    certificate = _certify(person, authority, csr, now)
    enrolled = SignerKey(
        id=secrets.token_hex(16),
        personal_identifier=person.personal_identifier,
        certificate=certificate.der,
        chain=certificate.chain,
        sealed=sealed,
        created=now,
    )
    signer_keys.add(enrolled)
    return enrolled


def _certify(person: TestPerson, authority: CertificateAuthority, csr: bytes, now: datetime) -> SigningCertificate:
    subject = Subject(person.personal_identifier, person.given_name, person.surname)
    certificate = authority.issue(csr, subject, CertificateProfile.LASTING, _validity(person.situation, now))
    if person.situation is Situation.REVOKED:
        authority.revoke(certificate.der, RevocationReason.KEY_COMPROMISE, now)
    elif person.situation is Situation.ON_HOLD:
        authority.revoke(certificate.der, RevocationReason.CERTIFICATE_HOLD, now)
    return certificate


def _validity(situation: Situation, now: datetime) -> Validity:
    if situation is Situation.EXPIRED:
        return Validity(now - _YEAR - timedelta(days=30), _YEAR)
    if situation is Situation.NOT_YET_VALID:
        return Validity(now + 5 * _YEAR, _YEAR)
    return Validity(now - _BACKDATED, 3 * _YEAR)


def _lock(signer_keys: SignerKeyStore, key_id: str, now: datetime) -> None:
    """
    A story of wrong PINs over the last days that ends in a long lock.

    Locks grow with every further five attempts, so the story begins so early that the last lock starts about now.
    """
    moment = now - 2 * _LOCK_AT_LEAST
    for _ in range(_ATTEMPTS):
        until = signer_keys.locked_until(key_id, now)
        if until is not None and until >= now + _LOCK_AT_LEAST / 2:
            return
        try:
            signer_keys.begin_attempt(key_id, min(moment, now))
        except KeyLocked as locked:
            moment = locked.until + timedelta(seconds=1)
            if moment > now:
                return
