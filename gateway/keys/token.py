"""
The service's place at a token: one login per process, a session per thread (decision 1).

Login belongs to the whole process and ends with its last session, so one session is kept for it alone. Nothing is
opened before the first use, and nothing that was opened before a fork is used after it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pkcs11 import _pkcs11, exceptions
from pkcs11.exceptions import GeneralError, PKCS11Error
from pkcs11.types import Object, Session
from pkcs11.types import Token as RawToken

from gateway.errors import KeyStoreUnavailable
from gateway.keys.module import Login, Module
from gateway.keys.token_errors import in_words, is_lost, is_stale

T = TypeVar("T")

_TRIES = 8
_TRIES_TO_FIND = 5
_FIRST_PAUSE_S = 0.02


@dataclass(slots=True)
class HeldSession:
    """
    One thread's session. No other thread ever uses it, or a handle found through it.

    *found* keeps handles of token objects warm; *abandoned* are session objects whose holder let go without
    destroying them.
    """

    session: Session
    process: Process
    thread: threading.Thread
    found: dict[Any, Any] = field(default_factory=dict)
    abandoned: deque[Object] = field(default_factory=deque)


@dataclass(slots=True)
class Process:
    """What this process has open. *library* is kept because the handles need it loaded."""

    pid: int
    library: _pkcs11.lib
    token: RawToken
    login: Session
    local: threading.local = field(default_factory=threading.local)
    threads: dict[threading.Thread, HeldSession] = field(default_factory=dict)


class Token:
    """
    A token by its label. Safe for threads; built without touching the module.

    A process that was forked after use starts afresh, where the module notices forks (PKCS#11 2.40 § 5.4 asks it to;
    SoftHSM does with ``library.reset_on_fork = true``); where it does not, use is refused with that reason.
    """

    def __init__(
        self,
        module: str,
        label: str,
        pin: str | Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """*pin*: the operator's, or where to get it at login; *sleep*: seconds between tries."""
        self.label = label
        self._path = module
        self._pin = pin if callable(pin) else lambda: pin
        self._sleep = sleep
        self._module: Module | None = None
        self._process: Process | None = None
        self._lock = threading.Lock()
        self._inside: set[int] = set()
        self._inherited = self._torn = False
        self._refused: str | None = None
        _tell_of_forks(self)

    def __repr__(self) -> str:
        return f"<Token {self.label!r} of {self._path}>"

    def run(self, action: Callable[[HeldSession], T]) -> T:
        """
        Do *action* in this thread's session; it may be done again, so it repeats safely.

        A token that is busy being read by another process is given time; a handle that has gone is looked up again,
        and a session that was lost is opened again, once each.

        Raises:
            KeyStoreUnavailable: The token cannot be used now.

        """
        stale = lost = False
        while True:
            held: HeldSession | None = None
            try:
                with self._entered():
                    held = self._held()
                    return self.patiently(partial(action, held))
            except PKCS11Error as error:
                if is_stale(error) and not stale and held is not None:
                    stale = True
                    held.found.clear()
                elif is_lost(error) and not lost:
                    lost = True
                    self._renew(held)
                else:
                    raise self._unavailable(error) from None

    def within(self, held: HeldSession, action: Callable[[], T]) -> T:
        """
        Do *action* with objects that live in *held* alone, so that nothing can be opened again for it.

        Raises ``KeyStoreUnavailable``, also where another thread or process asks.
        """
        if held.process.pid != os.getpid() or held.thread is not threading.current_thread():
            raise KeyStoreUnavailable("an open key belongs to the thread that opened it")
        try:
            with self._entered():
                return self.patiently(action)
        except PKCS11Error as error:
            if is_lost(error):
                self._renew(held)
            raise self._unavailable(error) from None

    def patiently(self, action: Callable[[], T]) -> T:
        """*action*, again while the token answers CKR_GENERAL_ERROR: SoftHSM does, as two processes read at once."""
        for attempt in range(_TRIES - 1):
            try:
                return action()
            except GeneralError:
                self._sleep(_FIRST_PAUSE_S * 2**attempt)
        return action()

    def discard(self, held: HeldSession) -> None:
        """Close this thread's session, and with it every object that lives in it; the next use opens another."""
        with self._lock:
            self._drop(held)
        with suppress(PKCS11Error), self._entered():
            held.session.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around the making of token objects, once a session is open: one process at a time."""
        assert self._module is not None
        with self._module.alone(self._sleep):
            yield

    def close(self) -> None:
        """Log out and finalise the module for this process; the next use opens it again. Nothing may be under way."""
        with self._lock:
            if self._process is not None and self._module is not None and self._process.pid == os.getpid():
                self._module.finalise()
            self._process = None
            self._inherited = False

    def logged_in(self, held: HeldSession) -> bool:
        """Whether *held* still lives and sees private objects: a search by one that does not finds nothing."""
        return self._module is not None and self._module.logged_in(_handle(held.session))

    def describe(self) -> str:
        """The token in a few words for the operator. Raises ``KeyStoreUnavailable``."""

        def described(held: HeldSession) -> str:
            raw = held.process.token
            serial = raw.serial.decode("ascii", "replace").strip("\0 ")
            return f"token {raw.label!r} ({raw.manufacturer_id}, {raw.model}, serial {serial}) through {self._path}"

        return self.run(described)

    # ------------------------------------------------------------------ sessions

    def _held(self) -> HeldSession:
        process = self._process
        if process is None:
            with self._lock:
                process = self._process = self._process or self._open()
        held: HeldSession | None = getattr(process.local, "held", None)
        if held is None:
            with self._lock:  # some modules do not bear sessions being opened by two threads at once
                self._sweep(process)
                session = self.patiently(lambda: process.token.open(rw=True))
                held = HeldSession(session, process, threading.current_thread())
                process.threads[held.thread] = held
            process.local.held = held
        while held.abandoned:
            with suppress(PKCS11Error):
                held.abandoned.popleft().destroy()
        return held

    def _open(self) -> Process:
        if self._torn:
            raise KeyStoreUnavailable("this process was forked while another thread used the token: start it anew")
        if self._module is None:
            self._module = Module(self._path)
        with self._module.alone(self._sleep):
            return self._open_alone(self._module)

    def _open_alone(self, module: Module) -> Process:
        fresh = module.initialise()
        if self._inherited and not fresh:
            raise KeyStoreUnavailable(
                "the token was used before this process was forked, and its module did not notice: "
                "fork first (SoftHSM: set library.reset_on_fork = true)"
            )
        self._inherited = False
        library, raw = self._find(module, fresh=fresh)
        login = self.patiently(lambda: raw.open(rw=True))
        try:
            self._log_in(module, _handle(login))
        except BaseException:
            with suppress(PKCS11Error):
                login.close()
            raise
        return Process(os.getpid(), library, raw, login)

    def _find(self, module: Module, *, fresh: bool) -> tuple[_pkcs11.lib, RawToken]:
        """
        The token by its label.

        SoftHSM overlooks a token that another process is writing to (a login does) while it reads its folder, and
        reads it only when initialised; so where we were the ones to initialise it, that is done again.
        """
        for attempt in range(_TRIES_TO_FIND if fresh else 1):
            if attempt:
                self._sleep(_FIRST_PAUSE_S * 2**attempt)
                module.finalise()
                module.initialise()
            library = module.library()
            with suppress(exceptions.NoSuchToken):
                return library, self.patiently(partial(library.get_token, token_label=self.label))
        raise exceptions.NoSuchToken

    def _log_in(self, module: Module, session: int) -> None:
        pin = self._pin()
        if pin == self._refused:
            # Tokens lock after some wrong PINs: this one is not tried again.
            raise KeyStoreUnavailable(f"token {self.label!r}: {Login.PIN_REFUSED.value}; correct it and start anew")
        answer = self.patiently(lambda: module.login(session, pin))
        if answer is Login.PIN_REFUSED:
            self._refused = pin
        if answer is not Login.DONE:
            raise KeyStoreUnavailable(f"token {self.label!r}: {answer.value}")

    def _renew(self, held: HeldSession | None) -> None:
        """Forget *held*; and the login too where that is what was lost."""
        with self._lock:
            process = self._process
            if held is not None:
                self._drop(held)
            if process is None or (held is not None and held.process is not process):
                return
            if self._module is None or not self._module.logged_in(_handle(process.login)):
                self._process = None
        if held is not None:
            with suppress(PKCS11Error):
                held.session.close()

    def _drop(self, held: HeldSession) -> None:
        process = held.process
        if getattr(process.local, "held", None) is held:
            del process.local.held
        for thread, session in list(process.threads.items()):
            if session is held:
                del process.threads[thread]

    @staticmethod
    def _sweep(process: Process) -> None:
        """Close the sessions of threads that have ended."""
        for thread in [thread for thread in process.threads if not thread.is_alive()]:
            with suppress(PKCS11Error):
                process.threads.pop(thread).session.close()

    # ------------------------------------------------------------------ forks and words

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Who is inside the module: a fork at that moment leaves the child with locks that nobody opens."""
        me = threading.get_ident()
        outermost = me not in self._inside
        self._inside.add(me)
        try:
            yield
        finally:
            if outermost:
                self._inside.discard(me)

    def forked(self) -> None:
        """In the child: the parent's sessions are not ours, and its lock may have been taken at that moment."""
        self._lock = threading.Lock()
        self._inherited = self._inherited or self._process is not None
        self._torn = self._torn or bool(self._inside)
        self._inside = set()
        self._process = None

    def _unavailable(self, error: PKCS11Error) -> KeyStoreUnavailable:
        return KeyStoreUnavailable(f"token {self.label!r}: {in_words(error)}")


def _tell_of_forks(token: Token) -> None:
    """Registrations last as long as the process, so they must not keep the token."""
    remembered = weakref.ref(token)

    def tell() -> None:
        still = remembered()
        if still is not None:
            still.forked()

    os.register_at_fork(after_in_child=tell)


def _handle(session: Session) -> int:
    return int(session.handle)  # type: ignore[attr-defined]  # there, but left out of the stubs
