"""Stand-ins for the stores that instruments lean on: in memory, and honest about what their doors promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.signatures import SignatureValue
from gateway.errors import KeyLocked, KeyStoreUnavailable, WrongPin
from gateway.instruments.api import Visit
from gateway.instruments.hosted_key import HostedKey
from gateway.storage.api import SignerKey

NOW = datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)
ANA, ION = "2999000000014", "2999000000025"


class SignerKeys:
    """Five attempts, then fifteen minutes."""

    def __init__(self, told):
        self.keys, self.used, self.locks, self.told = {}, {}, {}, told

    def add(self, key):
        self.keys[key.id] = key

    def get(self, key_id):
        return self.keys.get(key_id)

    def of_person(self, personal_identifier):
        self.told.append(("of_person", personal_identifier))
        found = [key for key in self.keys.values() if key.personal_identifier == personal_identifier]
        return sorted(found, key=lambda key: key.created, reverse=True)

    def begin_attempt(self, key_id, now):
        until = self.locked_until(key_id, now)
        if until is not None:
            raise KeyLocked(until)
        self.told.append(("begin_attempt", key_id))
        self.used[key_id] = self.used.get(key_id, 0) + 1
        if self.used[key_id] % 5 == 0:
            self.locks[key_id] = now + timedelta(minutes=15)
        return (5 - self.used[key_id]) % 5

    def attempt_succeeded(self, key_id):
        self.told.append(("attempt_succeeded", key_id))
        self.used.pop(key_id, None)
        self.locks.pop(key_id, None)

    def attempt_void(self, key_id):
        self.told.append(("attempt_void", key_id))
        if self.used[key_id] % 5 == 0:
            self.locks.pop(key_id, None)
        self.used[key_id] -= 1

    def locked_until(self, key_id, now):
        until = self.locks.get(key_id)
        return until if until is not None and until > now else None


class Throttle:
    """Counts the tries of an address, at one thing where one is named; *left* bounds each."""

    def __init__(self, told):
        self.told, self.left, self.tries = told, 1000, {}

    def allow(self, address, now, about=""):
        self.told.append(("allow", address, about) if about else ("allow", address))
        self.tries[address, about] = self.tries.get((address, about), 0) + 1
        return self.tries[address, about] <= self.left

    def forgive(self, address, about=""):
        self.told.append(("forgive", address, about))
        self.tries.pop((address, about), None)


class OpenKey:
    algorithm, public_key = KeyAlgorithm.P256, b"spki"

    def __init__(self):
        self.entered = self.left = 0

    def __enter__(self):
        self.entered += 1
        return self

    def __exit__(self, *_):
        self.left += 1

    def sign(self, data):
        if self.left:
            raise KeyStoreUnavailable("the key has been closed")
        return [SignatureValue(b"signed " + item.octets) for item in data]


class Keys:
    """Sealed keys as ``owner/pin``; *error* answers instead, as an HSM that went away."""

    def __init__(self, told):
        self.told, self.opened, self.error = told, [], None

    def open_signer_key(self, owner, sealed, pin):
        self.told.append(("open_signer_key", owner))
        if self.error is not None:
            raise self.error
        if sealed != f"{owner}/{pin}".encode():
            raise WrongPin
        self.opened.append(OpenKey())
        return self.opened[-1]


def read_certificate(der, chain=()):
    """*der* is ``name|days from|days to`` around now."""
    name, start, end = der.decode().split("|")
    return SigningCertificate(
        der=der,
        sha256=b"",
        subject=name,
        common_name=name,
        issuer="CN=TEST",
        serial="01",
        serial_number_attribute=f"PNOMD-{ANA}",
        not_before=NOW + timedelta(days=int(start)),
        not_after=NOW + timedelta(days=int(end)),
        key_algorithm=KeyAlgorithm.P256,
        may_sign=True,
        chain=chain,
    )


class Town:
    """The instrument among its stand-ins; *told* is what they were asked, in order."""

    def __init__(self):
        self.told = []
        self.keys, self.store = SignerKeys(self.told), Keys(self.told)
        self.numbers, self.wrong_pins = Throttle(self.told), Throttle(self.told)
        self.instrument = HostedKey(self.keys, self.store, self.numbers, self.wrong_pins, read_certificate)
        self.visit = Visit(NOW, "192.0.2.7")

    def enrol(self, key_id, person=ANA, pin="482915", certificate="Ana|-10|100", age=0, *, blocked=False):
        key = SignerKey(
            id=key_id,
            personal_identifier=person,
            certificate=certificate.encode(),
            chain=(b"issuer",),
            sealed=f"{person}/{pin}".encode(),
            created=NOW - timedelta(days=age),
            blocked=blocked,
        )
        self.keys.add(key)
        return key

    def block(self, key_id):
        self.keys.add(replace(self.keys.get(key_id), blocked=True))

    def choose(self, number=None, **visit):
        answers = {} if number is None else {"person": number}
        return self.instrument.choose(answers, {}, replace(self.visit, **visit))

    def ask(self, key_id, **visit):
        return self.instrument.ask(key_id, replace(self.visit, **visit))

    def open(self, key_id, pin=None, **visit):
        answers = {} if pin is None else {"pin": pin}
        return self.instrument.open(key_id, answers, {}, replace(self.visit, **visit))


@pytest.fixture
def town():
    return Town()


@pytest.fixture
def now():
    return NOW
