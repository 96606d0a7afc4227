"""What a token's errors mean: look again, open again, or tell the operator."""

from __future__ import annotations

from pkcs11 import exceptions
from pkcs11.exceptions import PKCS11Error

# Other processes may delete token objects, and a logout takes private objects away: the handle is looked up again.
_STALE = (
    exceptions.ObjectHandleInvalid,
    exceptions.KeyHandleInvalid,
    exceptions.WrappingKeyHandleInvalid,
    exceptions.UnwrappingKeyHandleInvalid,
)
_LOST = (
    exceptions.SessionHandleInvalid,
    exceptions.SessionClosed,
    exceptions.DeviceRemoved,
    exceptions.DeviceError,
    exceptions.TokenNotPresent,
    exceptions.SlotIDInvalid,
    exceptions.UserNotLoggedIn,
)


def is_stale(error: PKCS11Error) -> bool:
    """Whether a handle has gone, and is worth looking up again."""
    return isinstance(error, _STALE)


def is_lost(error: PKCS11Error) -> bool:
    """Whether the session, or the whole login, has gone."""
    return isinstance(error, _LOST) or _is_not_initialised(error)


def in_words(error: PKCS11Error) -> str:
    """What the operator should know; nothing that was sent to the token."""
    if isinstance(error, exceptions.NoSuchToken):
        return "there is no token of this label"
    if isinstance(error, exceptions.MultipleTokensReturned):
        return "there is more than one token of this label"
    if is_lost(error):
        return f"it was lost and could not be opened again ({type(error).__name__})"
    return f"it answered {type(error).__name__}"


def _is_not_initialised(error: PKCS11Error) -> bool:
    """CKR_CRYPTOKI_NOT_INITIALIZED, for which python-pkcs11 has no class of its own."""
    return type(error) is PKCS11Error and "(not initialized)" in str(error)
