"""
The signer's lasting key, kept by us: found by the person's number, opened by the person's PIN (decisions 2 and 3).

Neither the number nor the address of the page proves who is there: only the PIN opens the key, and the operation holds
the certificate against the signer whom the consumer expects. The number is asked for even then, because the page's
address may have come into other hands and must not tell whose request it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from gateway.domain.certificates import SigningCertificate
from gateway.domain.signatures import DataToBeSigned, SignatureValue
from gateway.errors import InstrumentUnavailable, KeyLocked, KeyStoreUnavailable, WrongPin
from gateway.instruments.api import Answers, Ask, Choice, Field, Memo, Visit
from gateway.keys.api import KeyStore, OpenKey
from gateway.storage.api import AddressThrottle, SignerKey, SignerKeyStore

ReadCertificate = Callable[[bytes, tuple[bytes, ...]], SigningCertificate]

_NAME = "hosted"
_PERSON = Field("person", numeric=True)
_PIN = Field("pin", secret=True, numeric=True)
_NUMBER_LENGTH = 13
_TYPED_LIMIT = 64


class _Candidate(NamedTuple):
    key: SignerKey
    certificate: SigningCertificate


class HostedDevice:
    """A signer's key, opened by its PIN; implements ``SigningDevice``. Leaving it leaves the key."""

    def __init__(self, certificate: SigningCertificate, key: OpenKey) -> None:
        """*key*: open already."""
        self.certificate = certificate
        self._key = key

    def __enter__(self) -> Self:
        self._key.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._key.__exit__(kind, error, trace)

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Sign each. Raises ``KeyStoreUnavailable``."""
        return self._key.sign(data)


class HostedKey:
    """The instrument ``hosted``; implements ``Instrument``. Problems that it names are keys of the catalogs."""

    def __init__(
        self,
        keys: SignerKeyStore,
        key_store: KeyStore,
        numbers: AddressThrottle,
        wrong_pins: AddressThrottle,
        read_certificate: ReadCertificate,
    ) -> None:
        """
        Wire the instrument.

        Args:
            keys: keeps the sealed keys and counts attempts.
            key_store: opens them.
            numbers: bounds the numbers that one address may look up.
            wrong_pins: bounds the wrong PINs of one address at one key; below what locks the key, so that nobody can
                lock somebody else's key from one address (decision 3).
            read_certificate: parses a certificate (DER) with its chain.

        """
        self._keys = keys
        self._key_store = key_store
        self._numbers = numbers
        self._wrong_pins = wrong_pins
        self._read_certificate = read_certificate

    @property
    def name(self) -> str:
        """``hosted``."""
        return _NAME

    def choose(self, answers: Answers, memo: Memo, visit: Visit) -> Choice | Ask:  # noqa: ARG002 - of the door
        """
        Find the person's key by the 13-digit number: the newest with a certificate valid now, else the newest.

        Every number looked up counts against the visitor's address, known or not, so that numbers cannot be tried out.

        Raises:
            InstrumentUnavailable: The person's certificate cannot be read.

        """
        typed = answers.get(_PERSON.name)
        if typed is None:
            return Ask((_PERSON,))
        number = "".join(typed[:_TYPED_LIMIT].split())
        if not number:
            return _ask_person("person-missing")
        if len(typed) > _TYPED_LIMIT or not _is_number(number):
            return _ask_person("person-malformed")
        if not self._numbers.allow(visit.address, visit.now):
            return _ask_person("too-many-attempts")
        keys = self._keys.of_person(number)
        if not keys:
            return _ask_person("unknown-person")
        usable = [key for key in keys if not key.blocked]
        if not usable:
            return _ask_person("key-blocked")
        chosen = self._best(usable, visit)
        return Choice(chosen.key.id, chosen.certificate)

    def ask(self, holder: str, visit: Visit) -> Ask:
        """Ask for the PIN; says so where the key is blocked, or locked and until when. Raises as ``open``."""
        if self._key(holder).blocked:
            return Ask((), "key-blocked")
        until = self._keys.locked_until(holder, visit.now)
        if until is not None:
            return Ask((_PIN,), "pin-locked", _PIN.name, locked_until=until)
        return Ask((_PIN,))

    def open(self, holder: str, answers: Answers, memo: Memo, visit: Visit) -> HostedDevice | Ask:  # noqa: ARG002
        """
        Open the key by its PIN.

        An attempt is counted before it is made, so that neither a crash nor a second window gives a free one; and the
        address is counted before that, so that a stranger cannot lock the key (decision 3).

        Raises:
            InstrumentUnavailable: The key is gone, or its certificate cannot be read.
            KeyStoreUnavailable: It cannot be tried now; the attempt is taken back, for the store's fault locks nobody.

        """
        key = self._key(holder)
        if key.blocked:
            return Ask((), "key-blocked")
        certificate = self._certificate_of(key)
        if certificate is None:
            raise InstrumentUnavailable(_NAME)
        pin = answers.get(_PIN.name, "")
        if not pin:
            return Ask((_PIN,), "pin-missing", _PIN.name)
        if not self._wrong_pins.allow(visit.address, visit.now, holder):
            return Ask((_PIN,), "too-many-attempts")
        try:
            left = self._keys.begin_attempt(holder, visit.now)
        except KeyLocked as locked:
            return Ask((_PIN,), "pin-locked", _PIN.name, locked_until=locked.until)
        try:
            opened = self._key_store.open_signer_key(key.personal_identifier, key.sealed, pin)
        except WrongPin:
            return self._wrong_pin(holder, left, visit)
        except KeyStoreUnavailable:
            self._keys.attempt_void(holder)
            self._wrong_pins.forgive(visit.address, holder)
            raise
        try:
            self._keys.attempt_succeeded(holder)
            self._wrong_pins.forgive(visit.address, holder)
        except BaseException as error:
            opened.__exit__(type(error), error, error.__traceback__)
            raise
        return HostedDevice(certificate, opened)

    def _wrong_pin(self, holder: str, left: int, visit: Visit) -> Ask:
        until = self._keys.locked_until(holder, visit.now)
        if until is not None:
            return Ask((_PIN,), "pin-locked", _PIN.name, attempts_left=0, locked_until=until)
        return Ask((_PIN,), "wrong-pin", _PIN.name, attempts_left=left)

    def _key(self, holder: str) -> SignerKey:
        key = self._keys.get(holder)
        if key is None:
            raise InstrumentUnavailable(_NAME)
        return key

    def _best(self, keys: Sequence[SignerKey], visit: Visit) -> _Candidate:
        """*keys* come newest first."""
        candidates = []
        for key in keys:
            certificate = self._certificate_of(key)
            if certificate is None:
                continue
            candidate = _Candidate(key, certificate)
            if certificate.valid_at(visit.now):
                return candidate
            candidates.append(candidate)
        if not candidates:
            raise InstrumentUnavailable(_NAME)
        return candidates[0]

    def _certificate_of(self, key: SignerKey) -> SigningCertificate | None:
        try:
            return self._read_certificate(key.certificate, key.chain)
        except ValueError:
            return None


def _is_number(text: str) -> bool:
    """13 digits; a check digit that does not hold is nobody's business here (decision 14)."""
    return len(text) == _NUMBER_LENGTH and text.isascii() and text.isdigit()


def _ask_person(problem: str) -> Ask:
    return Ask((_PERSON,), problem, None if problem == "too-many-attempts" else _PERSON.name)
