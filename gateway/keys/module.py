"""
A PKCS#11 module loaded into this process, and the calls that python-pkcs11 does not offer.

python-pkcs11 initialises a module without saying that threads will use it, and cannot ask a session whether it is
still logged in. Both are asked of the module here, through its own list of functions (PKCS#11 2.40 § 5.4).
"""

from __future__ import annotations

import ctypes
import enum
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pkcs11 import _pkcs11
from pkcs11.exceptions import GeneralError

from gateway.errors import KeyStoreUnavailable

_OK = 0x0
_GENERAL_ERROR = 0x5
_ALREADY_INITIALIZED = 0x191
_ALREADY_LOGGED_IN = 0x100
_USER = 1
_OS_LOCKING_OK = 2
_LOCK_TRIES, _LOCK_PAUSE_S = 2500, 0.002
_LOGGED_IN_STATES = (1, 3)  # CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS

# Places in CK_FUNCTION_LIST, counted in pointers; place 0 holds the version.
_INITIALIZE, _FINALIZE, _GET_SESSION_INFO, _LOGIN = 1, 2, 16, 19


class Login(enum.Enum):
    """How a module answered a login; whatever is not named here is ``OTHER``."""

    DONE = "done"
    PIN_REFUSED = "the token refuses the service's PIN"
    PIN_LOCKED = "the service's PIN is locked on the token"
    PIN_NOT_SET = "the token has no user PIN yet"
    OTHER = "the token does not let us log in"


_LOGINS = {
    _OK: Login.DONE,
    _ALREADY_LOGGED_IN: Login.DONE,
    0xA0: Login.PIN_REFUSED,
    0xA1: Login.PIN_REFUSED,
    0xA2: Login.PIN_REFUSED,
    0xA3: Login.PIN_REFUSED,
    0xA4: Login.PIN_LOCKED,
    0x102: Login.PIN_NOT_SET,
}


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _SessionInfo(ctypes.Structure):
    """CK_SESSION_INFO."""

    _fields_ = (
        ("slot", ctypes.c_ulong),
        ("state", ctypes.c_ulong),
        ("flags", ctypes.c_ulong),
        ("device_error", ctypes.c_ulong),
    )


class _Library(_pkcs11.lib):
    """python-pkcs11's library over a module that ``Module`` initialises; never finalises it when let go."""

    def initialize(self) -> None:
        """Nothing: done already."""


class Module:
    """A module by its path. Loading happens here, initialising in ``initialise``; neither opens a session."""

    def __init__(self, path: str) -> None:
        """Raises ``KeyStoreUnavailable`` where *path* is no PKCS#11 module."""
        self.path = path
        functions = ctypes.POINTER(ctypes.c_void_p)()
        try:
            self._loaded = ctypes.CDLL(path)
            result = self._loaded.C_GetFunctionList(ctypes.byref(functions))
        except (OSError, AttributeError):
            raise KeyStoreUnavailable(f"{path} cannot be loaded as a PKCS#11 module") from None
        if result != _OK or not functions:
            raise KeyStoreUnavailable(f"{path} does not answer as a PKCS#11 module")
        self._functions = functions

    def initialise(self) -> bool:
        """C_Initialize, with OS locking. False where the module says that it is initialised already."""
        arguments = _InitializeArguments(flags=_OS_LOCKING_OK)
        result = self._call(_INITIALIZE, ctypes.byref(arguments))
        if result not in (_OK, _ALREADY_INITIALIZED):
            raise KeyStoreUnavailable(f"{self.path} cannot be initialised (PKCS#11 error {result:#x})")
        return result == _OK

    def finalise(self) -> None:
        """C_Finalize: every session of this process ends, and what lives in sessions vanishes."""
        self._call(_FINALIZE, None)

    def library(self) -> _pkcs11.lib:
        """python-pkcs11 over this module. Raises ``PKCS11Error``."""
        return _Library(self.path)

    @contextmanager
    def alone(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """
        Keep other processes and threads of this machine that ask the same out, for some seconds at most.

        SoftHSM's files bear many readers, but neither two writers nor a reader who begins while another writes: what it
        has misread then, it believes until it is initialised again. The lock is on the module's own file, so nothing
        has to be made for it, and it ends with its holder. HSMs need none of this, and are not slowed by it.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except OSError:  # the path is a name that the loader has found elsewhere
            yield
            return
        try:
            for _ in range(_LOCK_TRIES):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    sleep(_LOCK_PAUSE_S)
            yield
        finally:
            os.close(descriptor)

    def login(self, session: int, pin: str) -> Login:
        """Log this process in by the session handle *session*. Raises ``GeneralError``, which is worth repeating."""
        octets = pin.encode(errors="surrogateescape")  # as the environment gave it
        result = self._call(
            _LOGIN, ctypes.c_ulong(session), ctypes.c_ulong(_USER), ctypes.c_char_p(octets), ctypes.c_ulong(len(octets))
        )
        if result == _GENERAL_ERROR:
            raise GeneralError
        return _LOGINS.get(result, Login.OTHER)

    def logged_in(self, session: int) -> bool:
        """Whether the session handle *session* lives and is logged in."""
        info = _SessionInfo()
        result = self._call(_GET_SESSION_INFO, ctypes.c_ulong(session), ctypes.byref(info))
        return result == _OK and info.state in _LOGGED_IN_STATES

    def _call(self, place: int, *arguments: Any) -> int:
        function: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_ulong)(self._functions[place])
        return function(*arguments)
