"""The hosted key: found by a number, opened by a PIN, and every way in which that goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.parties import ExpectedSigner
from gateway.domain.signatures import DataToBeSigned
from gateway.errors import InstrumentUnavailable, KeyStoreUnavailable
from gateway.instruments.api import Ask, Choice, Field

ANA, ION, NOBODY = "2999000000014", "2999000000025", "2999000000036"
PIN = "482915"
PERSON_FIELD = Field("person", secret=False, numeric=True, autocomplete="off")
PIN_FIELD = Field("pin", secret=True, numeric=True, autocomplete="off")


def done(town):
    return [what for what, *_ in town.told]


def test_it_is_called_hosted(town):
    assert town.instrument.name == "hosted"


# ---------------------------------------------------------------- choosing


def test_the_person_is_asked_for_first(town):
    assert town.choose() == Ask((PERSON_FIELD,))
    assert town.told == []


def test_the_number_is_asked_for_and_not_shown_even_where_a_signer_is_expected(town):
    """The page's address may be in other hands; it must not tell whose request it is."""
    town.enrol("k1")
    expected = ExpectedSigner(ANA)
    assert town.choose(expected_signer=expected) == Ask((PERSON_FIELD,))
    assert ANA not in repr(town.choose(expected_signer=expected))


def test_another_number_than_the_expected_signers_is_left_to_the_operation(town):
    town.enrol("k1")
    town.enrol("k2", ION, certificate="Ion|-10|100")
    assert town.choose(ION, expected_signer=ExpectedSigner(ANA)).holder == "k2"


def test_a_known_number_finds_key_and_certificate_with_its_issuers(town):
    town.enrol("k1")
    chosen = town.choose(ANA)
    assert isinstance(chosen, Choice)
    assert chosen.holder == "k1"
    assert chosen.certificate.common_name == "Ana"
    assert chosen.certificate.chain == (b"issuer",)
    assert ANA not in repr(chosen.memo)


def test_a_number_may_be_typed_in_groups(town):
    town.enrol("k1")
    assert town.choose(" 2 999 000\u00a0000 014 ").holder == "k1"


@pytest.mark.parametrize("empty", ["", "   ", "\u00a0"])
def test_an_empty_number_is_asked_for_again(town, empty):
    assert town.choose(empty) == Ask((PERSON_FIELD,), "person-missing", "person")
    assert town.told == []


@pytest.mark.parametrize(
    "number",
    ["299900000001", "29990000000140", "299900000001x", "२९९९०००००००१४", "²999000000014", "9" * 100_000, "' OR 1=1"],
)
def test_a_number_that_is_none_is_not_looked_up(town, number):
    assert town.choose(number) == Ask((PERSON_FIELD,), "person-malformed", "person")
    assert town.told == []


def test_a_number_with_a_wrong_check_digit_is_looked_up_all_the_same(town):
    town.enrol("k1", "2999000000013")
    assert town.choose("2999000000013").holder == "k1"


def test_an_unknown_number_is_said_to_be_unknown_after_the_address_was_counted(town):
    assert town.choose(NOBODY) == Ask((PERSON_FIELD,), "unknown-person", "person")
    assert town.told == [("allow", "192.0.2.7"), ("of_person", NOBODY)]


def test_an_address_that_tried_too_much_learns_nothing_about_any_number(town):
    town.enrol("k1")
    town.numbers.left = 2
    town.choose(NOBODY)
    town.choose(ANA)
    before = len(town.told)
    for number in (ANA, NOBODY):
        assert town.choose(number) == Ask((PERSON_FIELD,), "too-many-attempts")
    assert ("of_person", ANA) not in town.told[before:]


def test_a_blocked_key_is_said_to_be_blocked(town):
    town.enrol("k1", blocked=True)
    assert town.choose(ANA) == Ask((PERSON_FIELD,), "key-blocked", "person")


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([("old", "Ana|-900|-10", 900), ("new", "Ana|-5|100", 5)], "new"),
        ([("old", "Ana|-900|100", 900), ("new", "Ana|-5|100", 5)], "new"),
        ([("old", "Ana|-900|100", 900), ("new", "Ana|5|100", 5)], "old"),
        ([("older", "Ana|-900|-800", 900), ("old", "Ana|-500|-400", 500)], "old"),
        ([("future", "Ana|5|100", 5), ("past", "Ana|-900|-10", 900)], "future"),
        ([("good", "Ana|-900|100", 900), ("spoilt", "no certificate", 1)], "good"),
        ([("good", "Ana|-900|-100", 900), ("spoilt", "no certificate", 1)], "good"),
    ],
)
def test_of_several_keys_the_newest_valid_one_signs(town, keys, chosen):
    for key_id, certificate, age in keys:
        town.enrol(key_id, certificate=certificate, age=age)
    assert town.choose(ANA).holder == chosen


def test_a_blocked_key_is_passed_over_for_an_older_one(town):
    town.enrol("old", age=100)
    town.enrol("new", age=1, blocked=True)
    assert town.choose(ANA).holder == "old"


def test_a_person_without_a_readable_certificate_cannot_use_the_instrument(town):
    town.enrol("k1", certificate="no certificate")
    with pytest.raises(InstrumentUnavailable):
        town.choose(ANA)


# ---------------------------------------------------------------- asking


def test_the_pin_is_asked_for_hidden(town):
    town.enrol("k1")
    assert town.ask("k1") == Ask((PIN_FIELD,))


def test_a_lock_is_shown_with_its_end(town, now):
    town.enrol("k1")
    for _ in range(5):
        town.open("k1", "000000")
    until = now + timedelta(minutes=15)
    assert town.ask("k1") == Ask((PIN_FIELD,), "pin-locked", "pin", locked_until=until)
    assert town.ask("k1", now=until) == Ask((PIN_FIELD,))


def test_a_key_blocked_since_it_was_chosen_asks_for_nothing(town):
    town.enrol("k1")
    town.block("k1")
    assert town.ask("k1") == Ask((), "key-blocked")
    assert town.open("k1", PIN) == Ask((), "key-blocked")
    assert town.told == []


def test_a_key_that_is_gone_cannot_be_used(town):
    for action in (town.ask, town.open):
        with pytest.raises(InstrumentUnavailable):
            action("k1")


# ---------------------------------------------------------------- opening


def test_the_right_pin_opens_the_key_for_a_batch(town):
    town.enrol("k1")
    with town.open("k1", PIN) as device:
        assert device.certificate.der == b"Ana|-10|100"
        assert device.certificate.chain == (b"issuer",)
        values = device.sign([DataToBeSigned(b"one"), DataToBeSigned(b"two")])
        assert [value.octets for value in values] == [b"signed one", b"signed two"]
    opened = town.store.opened[0]
    assert (opened.entered, opened.left) == (1, 1)


def test_the_key_is_left_when_the_batch_fails(town):
    town.enrol("k1")

    def batch():
        with town.open("k1", PIN):
            raise KeyStoreUnavailable

    with pytest.raises(KeyStoreUnavailable):
        batch()
    assert town.store.opened[0].left == 1


def test_address_and_attempt_are_counted_before_the_pin_is_tried(town):
    town.enrol("k1")
    town.open("k1", PIN)
    assert done(town) == ["allow", "begin_attempt", "open_signer_key", "attempt_succeeded", "forgive"]


def test_a_wrong_pin_is_asked_again_with_the_attempts_left(town):
    town.enrol("k1")
    assert town.open("k1", "000000") == Ask((PIN_FIELD,), "wrong-pin", "pin", attempts_left=4)
    assert town.open("k1", "111111") == Ask((PIN_FIELD,), "wrong-pin", "pin", attempts_left=3)
    assert town.store.opened == []


def test_the_last_wrong_pin_locks_and_says_until_when(town, now):
    town.enrol("k1")
    asked = [town.open("k1", "000000") for _ in range(5)]
    assert [ask.attempts_left for ask in asked] == [4, 3, 2, 1, 0]
    assert (asked[-1].problem, asked[-1].locked_until) == ("pin-locked", now + timedelta(minutes=15))


def test_a_locked_key_is_not_tried_even_with_the_right_pin(town, now):
    town.enrol("k1")
    for _ in range(5):
        town.open("k1", "000000")
    town.told.clear()
    until = now + timedelta(minutes=15)
    assert town.open("k1", PIN) == Ask((PIN_FIELD,), "pin-locked", "pin", locked_until=until)
    assert "open_signer_key" not in done(town)
    with town.open("k1", PIN, now=until):
        pass


def test_the_right_pin_starts_counting_anew(town):
    town.enrol("k1")
    for _ in range(4):
        town.open("k1", "000000")
    town.open("k1", PIN)
    assert town.open("k1", "000000").attempts_left == 4


@pytest.mark.parametrize("crash", [MemoryError(), KeyboardInterrupt()])
def test_a_crash_while_the_pin_is_tried_does_not_give_a_free_attempt(town, crash):
    town.enrol("k1")
    town.store.error = crash
    for _ in range(4):
        with pytest.raises(type(crash)):
            town.open("k1", PIN)
    town.store.error = None
    assert town.open("k1", "000000").problem == "pin-locked"


def test_a_key_whose_success_cannot_be_noted_is_left(town):
    town.enrol("k1")

    def fails(_):
        raise KeyStoreUnavailable

    town.keys.attempt_succeeded = fails
    with pytest.raises(KeyStoreUnavailable):
        town.open("k1", PIN)
    assert town.store.opened[0].left == 1


@pytest.mark.parametrize("pin", [None, ""])
def test_a_missing_pin_is_not_an_attempt(town, pin):
    town.enrol("k1")
    assert town.open("k1", pin) == Ask((PIN_FIELD,), "pin-missing", "pin")
    assert town.told == []


def test_a_key_store_that_fails_locks_nobody(town):
    """The PIN was not judged: neither the key's counter nor the address's keeps the attempt, not even the fifth."""
    town.enrol("k1")
    for _ in range(4):
        town.open("k1", "000000")
    town.store.error = KeyStoreUnavailable("gone")
    for _ in range(9):
        with pytest.raises(KeyStoreUnavailable):
            town.open("k1", PIN)
    town.store.error = None
    with town.open("k1", PIN):
        pass


def test_an_address_that_tried_too_much_cannot_lock_somebodys_key(town):
    """Four wrong PINs and it has to wait; the owner, elsewhere, still has the fifth."""
    town.enrol("k1")
    town.wrong_pins.left = 4
    asked = [town.open("k1", "000000") for _ in range(9)]
    assert [ask.problem for ask in asked] == ["wrong-pin"] * 4 + ["too-many-attempts"] * 5
    assert done(town).count("begin_attempt") == 4
    with town.open("k1", PIN, address="192.0.2.8"):
        pass


def test_wrong_pins_at_one_key_do_not_keep_an_address_from_another(town):
    """An office shares one address."""
    town.enrol("k1")
    town.enrol("k2", ION)
    town.wrong_pins.left = 4
    for _ in range(9):
        town.open("k1", "000000")
    with town.open("k2", PIN):
        pass


def test_right_pins_never_use_an_address_up(town):
    town.enrol("k1")
    town.wrong_pins.left = 4
    for _ in range(9):
        with town.open("k1", PIN):
            pass


def test_a_key_opens_under_its_own_owner_only(town):
    """What is sealed is bound to its person; a row that names another person's does not open."""
    mine = town.enrol("k1")
    town.enrol("k2", ION)
    town.keys.keys["k2"] = type(mine)(
        **{f: getattr(town.keys.get("k2"), f) for f in mine.__slots__} | {"sealed": mine.sealed}
    )
    assert town.open("k2", PIN).problem == "wrong-pin"


def test_a_key_whose_certificate_cannot_be_read_is_not_tried(town):
    town.enrol("k1", certificate="no certificate")
    with pytest.raises(InstrumentUnavailable):
        town.open("k1", PIN)
    assert town.told == []


def test_a_pin_is_never_shown(town):
    town.enrol("k1", certificate="Ana|-10|100", pin="770033")
    wrong = town.open("k1", "991188")
    device = town.open("k1", "770033")
    shown = repr(town.instrument) + repr(device) + repr(wrong) + repr(town.choose(ANA))
    assert "770033" not in shown
    assert "991188" not in shown
