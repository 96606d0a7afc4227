"""The test persons: who they are, and that their keys and certificates are what the table says."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

import pytest
from cryptography import x509

from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm, certificate_matches_person
from gateway.domain.parties import idnp_check_digit_holds
from gateway.errors import KeyLocked, WrongPin
from gateway.issuing.local import public_key_of
from gateway.sandbox.persons import PERSONS, Situation, enrol_persons, table
from gateway.sandbox.pki import create_sandbox


@pytest.mark.parametrize("person", PERSONS, ids=lambda p: p.given_name)
def test_every_person_has_a_number_with_a_right_check_digit_and_a_pin(person):
    assert re.fullmatch(r"2999\d{9}", person.personal_identifier)
    assert idnp_check_digit_holds(person.personal_identifier)
    assert re.fullmatch(r"\d{6}", person.pin)


def test_the_persons_try_the_letters_that_go_wrong():
    """Ă, â or î, ș and ț (comma below, not cedilla) and Cyrillic."""
    names = "".join(p.name for p in PERSONS).lower()
    assert all(letter in names for letter in "ăâțș")
    assert not any(letter in names for letter in "şţ")
    assert any("CYRILLIC" in unicodedata.name(c, "") for c in names)


def test_numbers_and_pins_are_different_for_everybody():
    assert len({p.personal_identifier for p in PERSONS}) == len({p.pin for p in PERSONS}) == len(PERSONS)


def test_every_situation_has_somebody():
    assert {p.situation for p in PERSONS} == set(Situation)


def test_the_table_tells_everybodys_number_pin_name_and_situation():
    lines = table().splitlines()
    assert len(lines) == len(PERSONS) + 1
    for person, line in zip(PERSONS, lines[1:], strict=True):
        for text in (person.personal_identifier, person.pin, person.name, person.situation.value):
            assert text in line


def test_a_persons_pin_is_not_in_its_representation():
    assert all(p.pin not in repr(p) for p in PERSONS)


def test_everybodys_key_opens_with_the_documented_pin_and_is_the_certified_one(town):
    for person in PERSONS:
        (key,) = town.signer_keys.of_person(person.personal_identifier)
        certificate = read_certificate(key.certificate)
        assert certificate_matches_person(
            certificate.serial_number_attribute, person.personal_identifier, plain_number_trusted=False
        )
        assert certificate.common_name == person.name
        assert certificate.key_algorithm is person.algorithm
        assert certificate.may_sign
        assert key.chain == (town.sandbox.certificates["issuing"],)
        with town.keys.open_signer_key(person.personal_identifier, key.sealed, person.pin) as opened:
            assert opened.public_key == public_key_of(x509.load_der_x509_certificate(key.certificate))
        with pytest.raises(WrongPin):
            town.keys.open_signer_key(person.personal_identifier, key.sealed, "000000")


def test_one_person_signs_with_rsa_and_one_with_p256():
    algorithms = {p.algorithm for p in PERSONS if p.situation is Situation.SIGNS}
    assert {KeyAlgorithm.P256, KeyAlgorithm.RSA_3072} <= algorithms


def test_certificates_stand_as_the_situations_say(town, certificate_of, now):
    def stands(situation, moment):
        return read_certificate(certificate_of(situation).certificate).valid_at(moment)

    assert stands(Situation.SIGNS, now)
    assert stands(Situation.SIGNS, now + timedelta(days=900))
    assert not stands(Situation.EXPIRED, now)
    assert stands(Situation.EXPIRED, now - timedelta(days=200))
    assert not stands(Situation.NOT_YET_VALID, now)
    assert stands(Situation.NOT_YET_VALID, now + timedelta(days=5 * 365 + 10))
    assert stands(Situation.REVOKED, now)
    assert stands(Situation.ON_HOLD, now)


def test_the_locked_key_is_locked_for_hours_and_others_are_not(town, certificate_of, now):
    assert town.signer_keys.locked_until(certificate_of(Situation.KEY_LOCKED).id, now + timedelta(hours=12))
    with pytest.raises(KeyLocked):
        town.signer_keys.begin_attempt(certificate_of(Situation.KEY_LOCKED).id, now)
    assert town.signer_keys.locked_until(certificate_of(Situation.SIGNS).id, now) is None


def test_enrolling_again_gives_nobody_a_second_key_but_locks_again(tmp_path, stores, now):
    keys, register, signer_keys = stores()
    sandbox = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    first = enrol_persons(sandbox, keys, signer_keys, register, now)
    locked = next(k for k, p in zip(first, PERSONS, strict=True) if p.situation is Situation.KEY_LOCKED)
    later = now + timedelta(days=30)
    assert signer_keys.locked_until(locked.id, later) is None
    again = enrol_persons(sandbox, keys, signer_keys, register, later)
    assert [k.id for k in again] == [k.id for k in first]
    assert signer_keys.locked_until(locked.id, later + timedelta(hours=12))
