"""Keys on a token: nothing left behind, sessions lost and found again, forks, and tokens that are not what they should be."""

from __future__ import annotations

import gc
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from keys_stores import batch, forked, signs
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import DeviceRemoved, GeneralError, PKCS11Error

from gateway.errors import KeyStoreUnavailable, WrongPin
from gateway.keys.module import Login, Module
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.keys.sealing_keys import current_keys

pytestmark = pytest.mark.softhsm

PIN = "482915"


@pytest.fixture
def store(tokens):
    return tokens.store()


@pytest.fixture
def token(store):
    return store._token


@pytest.fixture
def signer(store):
    return store.create_signer_key("ana", PIN)


def fresh_label():
    return f"service {uuid.uuid4().hex[:12]}"


def passing(token):
    """Secret and private objects that live in sessions of this process."""
    return token.run(lambda held: [o for o in _objects(held, {Attribute.TOKEN: False}) if o.object_class in _SECRET])


def lasting_secrets(token):
    return token.run(
        lambda held: [
            bytes(o[Attribute.ID]) for o in _objects(held, {Attribute.TOKEN: True}) if o.object_class in _SECRET
        ]
    )


_SECRET = (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)


def _objects(held, attributes):
    return list(held.session.get_objects(attributes))


def call(token, place, *arguments):
    """Do something to the module behind the store's back."""
    return token._module._call(place, *arguments)


def slot(token):
    import ctypes

    return ctypes.c_ulong(token._process.token.slot.slot_id)


FINALIZE, CLOSE_ALL, LOGOUT = 2, 15, 20


def lose_all(token):
    assert call(token, CLOSE_ALL, slot(token)) == 0


def log_out(token):
    import ctypes

    assert call(token, LOGOUT, ctypes.c_ulong(token._process.login.handle)) == 0


def finalise(token):
    assert call(token, FINALIZE, None) == 0


# ---------------------------------------------------------------- what stays, what goes


def test_nothing_of_a_signer_stays_on_the_token(store, token):
    store.check()
    before = lasting_secrets(token)
    sealed, public_key = store.create_signer_key("ana", PIN)
    assert passing(token) == []
    with store.open_signer_key("ana", sealed, PIN) as key:
        assert len(passing(token)) == 1
        signs(key, public_key)
    assert passing(token) == []
    assert lasting_secrets(token) == before


def test_a_wrong_pin_leaves_nothing_behind(store, token, signer):
    with pytest.raises(WrongPin):
        store.open_signer_key("ana", signer[0], "000000")
    assert passing(token) == []


def test_a_batch_that_fails_leaves_nothing_behind(store, token, signer):
    class Trouble(Exception):
        pass

    def fails():
        with store.open_signer_key("ana", signer[0], PIN) as key:
            key.sign(batch("one"))
            raise Trouble

    with pytest.raises(Trouble):
        fails()
    assert passing(token) == []


def test_a_pin_refused_at_enrolment_leaves_nothing_behind(store, token):
    with pytest.raises(Exception, match="4 to 64"):
        store.create_signer_key("ana", "1")
    assert passing(token) == []


def test_a_key_that_nobody_left_is_destroyed_at_the_next_use(store, token, signer):
    key = store.open_signer_key("ana", signer[0], PIN)
    assert len(passing(token)) == 1
    del key
    gc.collect()
    assert passing(token) == []


def test_a_key_left_by_another_thread_is_destroyed_by_its_own(store, token, signer):
    key = store.open_signer_key("ana", signer[0], PIN)
    leaving = threading.Thread(target=key.__exit__, args=(None, None, None))
    leaving.start()
    leaving.join()
    assert passing(token) == []
    with pytest.raises(KeyStoreUnavailable, match="closed"):
        key.sign(batch("x"))


def test_a_key_that_cannot_be_destroyed_goes_with_its_session(store, token, signer):
    key = store.open_signer_key("ana", signer[0], PIN)

    class Undying:
        def destroy(self):
            raise GeneralError

    key._token._sleep = lambda _: None
    key._key = Undying()
    key.__exit__(None, None, None)
    assert passing(token) == []


def test_no_key_of_ours_can_leave_the_token(store, token, signer):
    label = fresh_label()
    store.create_service_key(label)
    with store.open_signer_key("ana", signer[0], PIN):

        def looked_at(held):
            keys = current_keys(token, held)
            found = [o for o in _objects(held, {}) if o.object_class in _SECRET]
            assert len(found) >= 4
            for key in found:
                assert key[Attribute.SENSITIVE]
                assert not key[Attribute.EXTRACTABLE]
                with pytest.raises(PKCS11Error):
                    keys.wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD)
            for key in (keys.wrapping, keys.pepper):
                assert key[Attribute.NEVER_EXTRACTABLE]

        token.run(looked_at)


def test_a_sealing_key_that_could_leave_the_token_is_not_used(tokens):
    store = tokens.other("spoilt")
    for label in ("msign-gateway wrapping", "msign-gateway pepper"):
        planted = store._token.run(
            lambda held, label=label: held.session.generate_key(
                KeyType.AES,
                256,
                id=b"12345678",
                label=label,
                store=True,
                capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
            )
        )
        with pytest.raises(KeyStoreUnavailable, match="could leave the token"):
            store.create_signer_key("ana", PIN)
        planted.destroy()
    store.check()


def test_processes_that_make_the_sealing_keys_at_once_open_each_others_keys_and_settle_on_one(tokens):
    begin = time.monotonic() + 0.3

    def first_use():
        time.sleep(max(0, begin - time.monotonic()))
        return tokens.other("raced").create_signer_key("ana", PIN)

    made = [result() for result in [forked(first_use) for _ in range(4)]]
    store = tokens.other("raced")
    for sealed, public_key in made:
        with store.open_signer_key("ana", sealed, PIN) as key:
            signs(key, public_key)

    def chosen():
        return tokens.other("raced").create_signer_key("ana", PIN)[0][2:18]

    assert chosen() == forked(chosen)() == forked(chosen)()
    assert len(lasting_secrets(store._token)) == 2


def test_added_sealing_keys_leave_the_old_ones_in_use_for_what_they_sealed(tokens):
    store = tokens.other("raced")
    sealed, public_key = store.create_signer_key("ana", PIN)
    store._token.run(
        lambda held: held.session.generate_key(
            KeyType.AES,
            256,
            id=bytes(8),
            label="msign-gateway wrapping",
            store=True,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
    )
    again = tokens.other("raced")
    newer, _ = again.create_signer_key("ana", PIN)
    store._token.run(lambda held: held.found.clear())
    assert store.create_signer_key("ana", PIN)[0][2:18] != sealed[2:18]
    for one in (sealed, newer):
        with store.open_signer_key("ana", one, PIN) as key:
            key.sign(batch("x"))
    with store.open_signer_key("ana", store.reseal_signer_key("ana", sealed, PIN, "9999"), "9999") as key:
        signs(key, public_key)


# ---------------------------------------------------------------- threads


def test_every_thread_has_a_session_of_its_own_and_keeps_it(token):
    together = threading.Barrier(4)

    def handles():
        first = token.run(lambda held: held.session.handle)
        together.wait(60)
        return first, token.run(lambda held: held.session.handle)

    with ThreadPoolExecutor(4) as threads:
        seen = [done.result(60) for done in [threads.submit(handles) for _ in range(4)]]
    assert all(first == again for first, again in seen)
    assert len({first for first, _ in seen}) == 4
    assert token._process.login.handle not in {first for first, _ in seen}


def test_sessions_of_threads_that_ended_are_closed(store, token):
    for _ in range(12):
        thread = threading.Thread(target=store.create_signer_key, args=("ana", PIN))
        thread.start()
        thread.join()
    assert len(token._process.threads) <= 2


def test_an_open_key_is_refused_to_other_threads(store, signer):
    with store.open_signer_key("ana", signer[0], PIN) as key:
        with ThreadPoolExecutor(1) as threads, pytest.raises(KeyStoreUnavailable, match="thread"):
            threads.submit(key.sign, batch("x")).result(60)
        signs(key, signer[1])


def test_nothing_is_opened_before_the_first_use(tokens):
    store = Pkcs11KeyStore("/nowhere/module.so", "one", "1234")
    assert "/nowhere" in repr(store)
    assert tokens.store()._token._process is None


# ---------------------------------------------------------------- lost and found again


@pytest.mark.parametrize("lose", [lose_all, log_out, finalise])
def test_a_service_key_goes_on_after_the_sessions_were_lost(store, token, lose):
    label = fresh_label()
    public_key = store.create_service_key(label)
    with store.open_service_key(label) as key:
        signs(key, public_key)
        lose(token)
        signs(key, public_key, "one", "two")
    with store.open_service_key(label) as key:
        signs(key, public_key)


@pytest.mark.parametrize("lose", [lose_all, log_out, finalise])
def test_a_signers_key_is_lost_with_its_session_and_opens_again_by_the_pin(store, token, signer, lose):
    with store.open_signer_key("ana", signer[0], PIN) as key:
        signs(key, signer[1])
        lose(token)
        with pytest.raises(KeyStoreUnavailable):
            key.sign(batch("x"))
    with store.open_signer_key("ana", signer[0], PIN) as key:
        signs(key, signer[1])
    assert passing(token) == []


@pytest.mark.parametrize("lose", [lose_all, log_out, finalise])
def test_a_lost_login_is_never_taken_for_an_empty_token(store, token, lose):
    """Without a login private objects are invisible: that must not make new sealing keys or deny old ones."""
    label = fresh_label()
    store.create_service_key(label)
    token.run(lambda held: held.found.clear())
    before = sorted(lasting_secrets(token))
    lose(token)
    store.open_service_key(label)
    lose(token)
    with pytest.raises(KeyStoreUnavailable, match="already"):
        store.create_service_key(label)
    lose(token)
    store.create_signer_key("ana", PIN)
    assert sorted(lasting_secrets(token)) == before


def test_threads_find_their_way_back_all_at_once(store, token, signer):
    together = threading.Barrier(5)

    def work():
        for _ in range(3):
            together.wait(60)
            with store.open_signer_key("ana", signer[0], PIN) as key:
                signs(key, signer[1])
            together.wait(60)

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work) for _ in range(4)]
        for _ in range(3):
            store.check()
            lose_all(token)
            together.wait(60)
            together.wait(60)
        for done in working:
            done.result(60)


def test_only_the_thread_whose_session_was_lost_opens_another(store, token, signer):
    store.check()
    process, before = token._process, token.run(lambda held: held)
    before.session.close()
    after = token.run(lambda held: (held, current_keys(token, held).peppered(b"x")))[0]
    assert after is not before
    assert token._process is process


def test_a_token_that_does_not_come_back_is_unavailable_and_used_again_when_it_does(
    tokens, store, token, monkeypatch, tmp_path
):
    label = fresh_label()
    public_key = store.create_service_key(label)
    empty = tmp_path / "softhsm2.conf"
    empty.write_text(f"directories.tokendir = {tmp_path}\nobjectstore.backend = file\n")
    finalise(token)
    with monkeypatch.context() as away:
        away.setenv("SOFTHSM2_CONF", str(empty))
        for _ in range(2):
            with pytest.raises(KeyStoreUnavailable, match="no token of this label"):
                store.open_service_key(label)
    Module(tokens.module).finalise()
    with store.open_service_key(label) as key:
        signs(key, public_key)


def test_a_lost_session_is_opened_again_once_and_no_more(token):
    tries = []

    def always_removed(held):
        tries.append(held)
        raise DeviceRemoved

    with pytest.raises(KeyStoreUnavailable, match="DeviceRemoved"):
        token.run(always_removed)
    assert len(tries) == 2
    assert tries[0] is not tries[1]


def test_a_busy_token_is_given_time_and_not_for_ever(tokens):
    pauses, answers = [], [GeneralError, GeneralError, None]
    token = tokens.store(sleep=pauses.append)._token

    def busy(held):
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return "done"

    assert token.run(busy) == "done"
    assert pauses == sorted(pauses)
    assert len(pauses) == 2
    answers[:] = [GeneralError] * 100
    pauses.clear()
    with pytest.raises(KeyStoreUnavailable, match="GeneralError"):
        token.run(busy)
    assert 4 <= len(pauses) <= 12
    assert sum(pauses) < 5


def test_a_batch_interrupted_by_a_busy_token_goes_on_where_it_stopped(store, token, monkeypatch):
    from gateway.keys import token_objects

    label = fresh_label()
    public_key = store.create_service_key(label)
    real, calls = token_objects.sign_on, []

    def sometimes(*arguments):
        calls.append(arguments[-1].octets)
        if len(calls) == 2:
            raise GeneralError
        return real(*arguments)

    monkeypatch.setattr(token_objects, "sign_on", sometimes)
    with store.open_service_key(label) as key:
        signs(key, public_key, "one", "two", "three")
    assert calls == [b"one", b"two", b"two", b"three"]


def test_a_key_that_was_replaced_by_another_process_is_noticed(tokens, store, token):
    label = fresh_label()
    store.create_service_key(label)

    def elsewhere(*, again):
        def work():
            other = tokens.store()
            other._token.run(lambda held: [o.destroy() for o in _objects(held, {Attribute.LABEL: label})])
            return other.create_service_key(label) if again else None

        return forked(work)()

    with store.open_service_key(label) as key:
        public_key = elsewhere(again=True)
        with pytest.raises(KeyStoreUnavailable, match="replaced"):
            key.sign(batch("x"))
    with store.open_service_key(label) as key:
        signs(key, public_key)
    elsewhere(again=False)
    with pytest.raises(KeyStoreUnavailable):
        store.open_service_key(label).sign(batch("x"))


# ---------------------------------------------------------------- forks


def test_a_process_forked_after_use_starts_afresh_and_its_parent_goes_on(store, signer):
    with store.open_signer_key("ana", signer[0], PIN) as key:

        def child():
            with pytest.raises(KeyStoreUnavailable, match="thread"):
                key.sign(batch("x"))
            key.__exit__(None, None, None)
            with store.open_signer_key("ana", signer[0], PIN) as mine:
                signs(mine, signer[1])
            return forked(lambda: store.create_signer_key("ion", PIN))()

        sealed, public_key = forked(child)()
        signs(key, signer[1])
    with store.open_signer_key("ion", sealed, PIN) as key:
        signs(key, public_key)


def test_a_fork_that_the_module_does_not_notice_is_refused_with_what_to_do(tokens, tmp_path):
    unaware = tmp_path / "softhsm2.conf"
    unaware.write_text(tokens.configuration.read_text().replace("reset_on_fork = true", "reset_on_fork = false"))
    tokens.store().check()

    def child():
        os.environ["SOFTHSM2_CONF"] = str(unaware)
        Module(tokens.module).finalise()
        store = tokens.store()
        store.check()

        def grandchild():
            with pytest.raises(KeyStoreUnavailable, match=r"before this process was forked.*reset_on_fork = true"):
                store.check()
            return True

        assert forked(grandchild)()
        store.close()
        assert "one" in forked(store.check)()
        return store.check()

    assert "one" in forked(child)()


def test_a_fork_in_the_middle_of_anothers_call_is_refused(store, token):
    store.check()
    inside, done = threading.Event(), threading.Event()
    busy = threading.Thread(target=token.run, args=(lambda held: (inside.set(), done.wait(60)),))
    busy.start()
    try:
        assert inside.wait(60)

        def child():
            with pytest.raises(KeyStoreUnavailable, match="forked while another thread"):
                store.check()
            return True

        assert forked(child)()
    finally:
        done.set()
        busy.join()
    store.check()


# ---------------------------------------------------------------- not what it should be


def test_a_refused_operators_pin_is_tried_once_so_that_the_token_does_not_lock(tokens):
    def child():
        tried = []
        login = Module.login

        def counted(self, session, pin):
            tried.append(pin)
            return login(self, session, pin)

        Module.login = counted
        store = Pkcs11KeyStore(tokens.module, "one", "not the PIN")
        for _ in range(3):
            with pytest.raises(KeyStoreUnavailable, match="refuses the service's PIN") as refused:
                store.check()
            assert "not the PIN" not in str(refused.value)
        assert tried == ["not the PIN"]
        corrected = iter(("still wrong", tokens.pin))
        later = Pkcs11KeyStore(tokens.module, "one", lambda: next(corrected))
        with pytest.raises(KeyStoreUnavailable):
            later.check()
        return later.check()

    assert "one" in forked(child)()


@pytest.mark.parametrize("answer", [Login.PIN_LOCKED, Login.PIN_NOT_SET, Login.OTHER])
def test_the_operator_reads_why_the_token_does_not_let_us_in(tokens, monkeypatch, answer):
    monkeypatch.setattr(Module, "login", lambda *_: answer)
    with pytest.raises(KeyStoreUnavailable, match=answer.value):
        tokens.store().check()


@pytest.mark.parametrize("module", ["/nowhere/module.so", "/etc/hostname", "libc.so.6"])
def test_a_module_that_is_none_is_said_to_be_none(module):
    with pytest.raises(KeyStoreUnavailable, match="PKCS#11 module"):
        Pkcs11KeyStore(module, "one", "1234").check()


def test_a_token_that_is_not_there_is_said_not_to_be(tokens):
    with pytest.raises(KeyStoreUnavailable, match=r"'nobody'.*no token of this label"):
        Pkcs11KeyStore(tokens.module, "nobody", "1234").check()


def test_mechanisms_that_the_token_lacks_are_named(tokens, tmp_path):
    poor = tmp_path / "softhsm2.conf"
    poor.write_text(tokens.configuration.read_text() + "slots.mechanisms = -CKM_MD5,CKM_RSA_PKCS,CKM_SHA256_HMAC\n")
    tokens.store().check()

    def child():
        os.environ["SOFTHSM2_CONF"] = str(poor)
        with pytest.raises(KeyStoreUnavailable, match="does not offer RSA_PKCS, SHA256_HMAC"):
            tokens.store().check()
        return True

    assert forked(child)()


def test_the_check_names_token_module_and_keys(tokens):
    store = tokens.store()
    store.create_service_key(fresh_label())
    line = store.check()
    assert line.startswith("token 'one' (SoftHSM project, SoftHSM v2, serial ")
    assert tokens.module in line
    assert "service key" in line
    assert tokens.pin not in line


# ---------------------------------------------------------------- taking turns


def test_processes_take_turns_at_opening_and_making(tokens):
    """SoftHSM believes what it misread while another process wrote, so nobody opens or makes in between."""
    happened = []
    turn = ExitStack()
    turn.enter_context(Module(tokens.module).alone(happened.append))

    def pause(_):
        happened.append("waits")
        if len(happened) == 3:
            happened.append("given up")
            turn.close()

    with Module(tokens.module).alone(pause):
        happened.append("enters")
    assert happened == ["waits", "waits", "waits", "given up", "enters"]


@pytest.mark.parametrize("make", ["sealing keys", "service key"])
def test_lasting_objects_are_made_in_turn(tokens, make):
    turn, pauses = ExitStack(), []

    def pause(seconds):
        pauses.append(seconds)
        turn.close()

    store = tokens.other("turns", sleep=pause)
    assert lasting_secrets(store._token) == [] or make == "service key"
    turn.enter_context(Module(tokens.module).alone(pause))
    if make == "sealing keys":
        store.create_signer_key("ana", PIN)
    else:
        store.create_service_key(fresh_label())
    assert len(pauses) == 1


def test_a_turn_that_nobody_gives_up_is_waited_for_some_seconds_only(tokens):
    pauses = []
    with Module(tokens.module).alone(lambda _: None):
        store = tokens.store(sleep=pauses.append)
        assert store.check()
    assert pauses
    assert sum(pauses) < 20
