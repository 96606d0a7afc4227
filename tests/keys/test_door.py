"""What every key store owes, whatever holds its keys."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from keys_stores import Files, batch, forked, holds, signs

from gateway.asn1.x509 import key_algorithm_of
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.errors import EnrolmentRefused, KeyStoreUnavailable, WrongPin

PIN = "482915"


def fresh_label():
    return f"service {uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_signers_key_signs_as_its_public_key_says(store, algorithm):
    sealed, public_key = store.create_signer_key("ana", PIN, algorithm)
    assert key_algorithm_of(serialization.load_der_public_key(public_key)) is algorithm
    with store.open_signer_key("ana", sealed, PIN) as key:
        assert (key.algorithm, key.public_key) == (algorithm, public_key)
        signs(key, public_key, "one", "two", "")


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.P521, KeyAlgorithm.RSA_2048])
@pytest.mark.parametrize("digest", DigestAlgorithm)
def test_the_digest_asked_for_is_the_one_signed(store, algorithm, digest):
    """A digest longer than the curve's order counts by its leftmost bits, as verifiers take it."""
    label = fresh_label()
    public_key = store.create_service_key(label, algorithm)
    data = batch("content", algorithm=digest)
    with store.open_service_key(label) as key:
        holds(public_key, data[0], key.sign(data)[0])


def test_keys_are_p256_unless_asked_otherwise(store):
    sealed, _ = store.create_signer_key("ana", PIN)
    with store.open_signer_key("ana", sealed, PIN) as key:
        assert key.algorithm is KeyAlgorithm.P256
    label = fresh_label()
    store.create_service_key(label)
    with store.open_service_key(label) as key:
        assert key.algorithm is KeyAlgorithm.P256


def test_another_store_object_on_the_same_place_opens_what_the_first_made(town):
    sealed, public_key = town.store().create_signer_key("ana", PIN)
    with town.store().open_signer_key("ana", sealed, PIN) as key:
        signs(key, public_key)


def test_a_signers_key_survives_into_other_processes(town):
    sealed, public_key = forked(lambda: town.store().create_signer_key("ana", PIN))()
    with town.store().open_signer_key("ana", sealed, PIN) as key:
        signs(key, public_key)


@pytest.mark.parametrize("wrong", ["482916", "48291", "4829155", "", "1", "x" * 65, "9" * 10_000, "\ud800\ud800abc"])
def test_a_wrong_pin_opens_nothing_whatever_it_looks_like(store, wrong):
    sealed, _ = store.create_signer_key("ana", PIN)
    with pytest.raises(WrongPin):
        store.open_signer_key("ana", sealed, wrong)
    with pytest.raises(WrongPin):
        store.reseal_signer_key("ana", sealed, wrong, "773311")


@pytest.mark.parametrize("pin", ["0000", "пароль", "șțăâî", "pass word", "🔑🗝🔐🔏", "a\0bc", "x" * 64])
def test_a_pin_may_be_any_text(store, pin):
    sealed, public_key = store.create_signer_key("ana", pin)
    with store.open_signer_key("ana", sealed, pin) as key:
        signs(key, public_key)


def test_a_pin_does_not_depend_on_how_the_keyboard_composes_it(store):
    sealed, _ = store.create_signer_key("ana", "s\u0326t\u03261234")
    with store.open_signer_key("ana", sealed, "\u0219\u021b１２３４"):
        pass


@pytest.mark.parametrize("pin", ["", "123", "x" * 65, "e\u0301e\u0301e\u0301", "x" * 1000, "\ud800abcd"])
def test_a_pin_that_is_too_short_or_too_long_is_not_given_to_a_key(store, pin):
    with pytest.raises(EnrolmentRefused, match="4 to 64"):
        store.create_signer_key("ana", pin)
    sealed, _ = store.create_signer_key("ana", PIN)
    with pytest.raises(EnrolmentRefused, match="4 to 64"):
        store.reseal_signer_key("ana", sealed, PIN, pin)


def test_sealed_bytes_moved_to_another_owner_do_not_open(store):
    sealed, _ = store.create_signer_key("ana", PIN)
    for other in ("ion", "", "ana ", "an"):
        with pytest.raises(WrongPin):
            store.open_signer_key(other, sealed, PIN)


def test_two_keys_of_one_person_with_one_pin_share_nothing(store):
    first, first_public = store.create_signer_key("ana", PIN)
    second, second_public = store.create_signer_key("ana", PIN)
    assert first_public != second_public
    header = 2 + 16
    assert first[header:] != second[header:]
    with pytest.raises(WrongPin):
        store.open_signer_key("ana", first[:46] + second[46:], PIN)


def test_every_changed_byte_keeps_a_sealed_key_shut(store):
    sealed, _ = store.create_signer_key("ana", PIN)
    for place in [*range(0, 60, 3), len(sealed) // 2, len(sealed) - 1]:
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises((WrongPin, KeyStoreUnavailable)):
            store.open_signer_key("ana", bytes(changed), PIN)


@pytest.mark.parametrize("cut", [b"", b"\1", b"\1f", b"\1h" + bytes(60), b"\2" * 200, b"\0" * 200, b"\1f" * 10_000])
def test_bytes_that_are_no_sealed_key_are_the_operators_trouble_not_a_wrong_pin(store, cut):
    with pytest.raises(KeyStoreUnavailable):
        store.open_signer_key("ana", cut, PIN)


def test_a_key_sealed_by_another_store_does_not_open_and_is_not_called_a_wrong_pin(town):
    sealed, _ = town.store().create_signer_key("ana", PIN)
    for attempt in (PIN, "000000"):
        with pytest.raises(KeyStoreUnavailable, match="another"):
            town.other().open_signer_key("ana", sealed, attempt)


@pytest.mark.softhsm
def test_keys_of_files_and_tokens_do_not_open_in_each_other(tokens, tmp_path):
    files = Files(tmp_path)
    for here, there in ((files, tokens), (tokens, files)):
        sealed, _ = here.store().create_signer_key("ana", PIN)
        with pytest.raises(KeyStoreUnavailable, match="another kind"):
            there.store().open_signer_key("ana", sealed, PIN)


def test_a_new_pin_opens_the_same_key_and_the_old_sealing_stays_what_it_was(store):
    sealed, public_key = store.create_signer_key("ana", PIN)
    resealed = store.reseal_signer_key("ana", sealed, PIN, "990011")
    with store.open_signer_key("ana", resealed, "990011") as key:
        signs(key, public_key)
    with pytest.raises(WrongPin):
        store.open_signer_key("ana", resealed, PIN)
    with pytest.raises(WrongPin):
        store.reseal_signer_key("ion", sealed, PIN, "990011")


def test_b_cannot_sign_without_bs_pin_while_as_key_is_open(store):
    """A login to the token is nobody's consent: what A opened says nothing about B."""
    a_sealed, a_public = store.create_signer_key("a", "111111")
    b_sealed, b_public = store.create_signer_key("b", "222222")
    with store.open_signer_key("a", a_sealed, "111111") as a:
        for pin in ("111111", "222223"):
            with pytest.raises(WrongPin):
                store.open_signer_key("b", b_sealed, pin)
        signs(a, a_public)
        with store.open_signer_key("b", b_sealed, "222222") as b:
            signs(b, b_public)
            signs(a, a_public)


def test_a_finishing_never_disturbs_b(store):
    a_sealed, a_public = store.create_signer_key("a", "111111")
    b_sealed, b_public = store.create_signer_key("b", "222222")
    a = store.open_signer_key("a", a_sealed, "111111")
    with store.open_signer_key("b", b_sealed, "222222") as b:
        with a:
            signs(a, a_public)
        signs(b, b_public)
        with store.open_signer_key("a", a_sealed, "111111") as again:
            signs(again, a_public)
        signs(b, b_public)


def test_a_finishing_in_one_thread_never_disturbs_b_in_another(store):
    a_sealed, a_public = store.create_signer_key("a", "111111")
    b_sealed, b_public = store.create_signer_key("b", "222222")
    b_open, a_done = threading.Event(), threading.Event()

    def a_comes_and_goes():
        assert b_open.wait(60)
        for _ in range(3):
            with store.open_signer_key("a", a_sealed, "111111") as a:
                signs(a, a_public)
            with pytest.raises(WrongPin):
                store.open_signer_key("a", a_sealed, "111112")
        a_done.set()

    def b_stays():
        with store.open_signer_key("b", b_sealed, "222222") as b:
            signs(b, b_public)
            b_open.set()
            assert a_done.wait(60)
            signs(b, b_public)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(b_stays), threads.submit(a_comes_and_goes)]:
            done.result(60)


def _work(store, people, rounds, threads=4):
    """Threads that open each person's key by the right PIN, sign, and try the other's PIN while it is open."""
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(_sign_in_turn, store, people, rounds, turn) for turn in range(threads)]:
            done.result(60)
    return threads * rounds


def _sign_in_turn(store, people, rounds, turn):
    for round_ in range(rounds):
        mine, theirs = people[(turn + round_) % 2], people[(turn + round_ + 1) % 2]
        owner, pin, sealed, public_key = mine
        with store.open_signer_key(owner, sealed, pin) as key:
            signs(key, public_key, f"{turn}/{round_}", "second")
            with pytest.raises(WrongPin):
                store.open_signer_key(theirs[0], theirs[2], pin)
            signs(key, public_key, "third")


def test_two_persons_sign_at_once_in_threads_of_two_forked_processes_and_of_their_parent(town):
    """The store is used before the fork, too: what was open then is not used after it."""
    store = town.store()
    people = [(who, pin, *store.create_signer_key(who, pin)) for who, pin in (("a", "111111"), ("b", "222222"))]
    workers = [forked(lambda: _work(store, people, 3)) for _ in range(2)]
    assert _work(store, people, 3) == 12
    assert [worker() for worker in workers] == [12, 12]
    _sign_in_turn(store, people, 2, 0)


def test_leaving_a_key_ends_it(store):
    sealed, _ = store.create_signer_key("ana", PIN)
    label = fresh_label()
    store.create_service_key(label)
    for key in (store.open_signer_key("ana", sealed, PIN), store.open_service_key(label)):
        with key:
            key.sign(batch("x"))
        with pytest.raises(KeyStoreUnavailable, match="closed"):
            key.sign(batch("x"))
        key.__exit__(None, None, None)


def test_an_empty_batch_is_signed_by_no_signature(store):
    sealed, _ = store.create_signer_key("ana", PIN)
    with store.open_signer_key("ana", sealed, PIN) as key:
        assert list(key.sign([])) == []


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.RSA_3072])
def test_a_service_key_lasts_and_signs(town, algorithm):
    label = fresh_label()
    public_key = town.store().create_service_key(label, algorithm)
    for store in (town.store(), town.store()):
        with store.open_service_key(label) as key:
            assert (key.algorithm, key.public_key) == (algorithm, public_key)
            signs(key, public_key, "one", "two")


def test_a_service_key_is_never_replaced(store):
    label = fresh_label()
    public_key = store.create_service_key(label)
    with pytest.raises(KeyStoreUnavailable, match="already"):
        store.create_service_key(label)
    with store.open_service_key(label) as key:
        assert key.public_key == public_key
        signs(key, public_key)


def test_a_service_key_that_is_not_there_is_said_not_to_be(store, town):
    label = fresh_label()
    with pytest.raises(KeyStoreUnavailable, match=label):
        store.open_service_key(label)
    store.create_service_key(label)
    with pytest.raises(KeyStoreUnavailable, match=label):
        town.other().open_service_key(label)


@pytest.mark.parametrize("label", ["", " ", "a\0b", "a\nb", "x" * 65, " lead", "\ud800"])
def test_a_label_that_is_none_is_refused(store, label):
    for action in (store.open_service_key, store.create_service_key):
        with pytest.raises(KeyStoreUnavailable, match="label"):
            action(label)


def test_labels_that_look_alike_are_kept_apart(store):
    stem = fresh_label()
    labels = [stem, f"{stem}.", f".{stem}", f"%2E{stem}", f"{stem}%20", f"{stem}/x", f"x/../{stem}", f"{stem}ț", ".."]
    made = {label: store.create_service_key(label) for label in labels}
    assert len(set(made.values())) == len(labels)
    for label, public_key in made.items():
        with store.open_service_key(label) as key:
            assert key.public_key == public_key


def test_of_processes_that_make_one_service_key_at_once_at_most_one_succeeds(town):
    label = fresh_label()

    def make():
        try:
            return town.store().create_service_key(label)
        except KeyStoreUnavailable:
            return None

    made = [key for key in [result() for result in [forked(make) for _ in range(4)]] if key is not None]
    assert len(made) <= 1
    if made:
        with town.store().open_service_key(label) as key:
            assert key.public_key == made[0]
            signs(key, made[0])
    else:
        with pytest.raises(KeyStoreUnavailable, match="no key"):
            town.store().open_service_key(label)


def test_a_service_key_is_used_by_many_threads_at_once(store):
    label = fresh_label()
    public_key = store.create_service_key(label)

    def work(number):
        for turn in range(10):
            with store.open_service_key(label) as key:
                signs(key, public_key, f"{number}/{turn}")

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(work, number) for number in range(6)]:
            done.result(60)


def test_nothing_shown_of_a_store_or_key_is_a_secret(store, town):
    label = fresh_label()
    store.create_service_key(label)
    sealed, _ = store.create_signer_key("2999000000014", PIN)
    with store.open_signer_key("2999000000014", sealed, PIN) as signer, store.open_service_key(label) as service:
        shown = " ".join(repr(item) + str(item) for item in (store, signer, service))
    assert PIN not in shown
    assert "2999000000014" not in shown
    assert getattr(town, "pin", "operator") not in shown
    with pytest.raises(WrongPin) as refused:
        store.open_signer_key("2999000000014", sealed, "555666")
    assert "555666" not in f"{refused.value!r}{refused.value}"


def test_the_check_says_in_a_line_what_the_store_is(store):
    store.create_service_key(fresh_label())
    line = store.check()
    assert "\n" not in line
    assert "service key" in line
