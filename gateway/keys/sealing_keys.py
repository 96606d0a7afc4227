"""
The token's own two secrets: an AES key that wraps signers' keys, and the pepper of their PINs (decision 2).

Neither can leave the token. Each is a token object under a fixed label, told from others of its label by a random
CKA_ID; everything sealed says which two it needs. Processes of one machine take turns making them. Where several
machines share a token and each make one at the same moment, it does no harm: whatever was sealed meanwhile opens by
name, and from then on all of them choose the one with the lowest id. The same makes a change of keys simple: new ones
are added, old ones stay until nothing needs them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT
from pkcs11.types import PrivateKey

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import KeyStoreUnavailable
from gateway.keys.token import HeldSession, Token
from gateway.keys.token_objects import search

_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of secret: its label, how it is made, and what it may do."""

    label: str
    key_type: KeyType
    mechanism: Mechanism
    capabilities: MechanismFlag


_WRAPPING = _Kind(
    "msign-gateway wrapping", KeyType.AES, Mechanism.AES_KEY_GEN, MechanismFlag.WRAP | MechanismFlag.UNWRAP
)
_PEPPER = _Kind(
    "msign-gateway pepper",
    KeyType.GENERIC_SECRET,
    Mechanism.GENERIC_SECRET_KEY_GEN,
    MechanismFlag.SIGN | MechanismFlag.VERIFY,
)

_BITS = 256
_HIDDEN = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
# python-pkcs11 would name rights that an EC private key cannot have, and tokens refuse them even when not asked for.
_NOT_ASKED = {Attribute.ENCRYPT: DEFAULT, Attribute.WRAP: DEFAULT, Attribute.VERIFY: DEFAULT}


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """Both secrets as one session sees them; *names* is what sealed bytes say of them."""

    names: bytes
    wrapping: Any
    pepper: Any

    def peppered(self, octets: bytes) -> bytes:
        """HMAC-SHA-256 in the token. Raises ``PKCS11Error``."""
        return bytes(self.pepper.sign(octets, mechanism=Mechanism.SHA256_HMAC))

    def wrap(self, key: PrivateKey) -> bytes:
        """A private key of the session, wrapped (RFC 5649). Raises ``PKCS11Error``."""
        return bytes(self.wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD))

    def unwrap(self, wrapped: bytes, algorithm: KeyAlgorithm) -> Any:
        """The private key as an object of this session that cannot leave the token. Raises ``PKCS11Error``."""
        return self.wrapping.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.RSA if algorithm.is_rsa else KeyType.EC,
            wrapped,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            store=False,
            capabilities=MechanismFlag.SIGN,
            template=_HIDDEN | _NOT_ASKED | {Attribute.PRIVATE: True},
        )


def current_keys(token: Token, held: HeldSession) -> SealingKeys:
    """The two with which keys are sealed from now on; made where there are none. Raises ``PKCS11Error``."""
    kept: SealingKeys | None = held.found.get(current_keys)
    if kept is None:
        wrapping_id, wrapping = _found_or_made(token, held, _WRAPPING)
        pepper_id, pepper = _found_or_made(token, held, _PEPPER)
        kept = SealingKeys(wrapping_id + pepper_id, wrapping, pepper)
        held.found[current_keys] = held.found[kept.names] = kept
    return kept


def named_keys(token: Token, held: HeldSession, names: bytes) -> SealingKeys:
    """The two that sealed bytes name. Raises ``KeyStoreUnavailable`` where they are not on this token."""
    kept: SealingKeys | None = held.found.get(names)
    if kept is None:
        wrapping = _by_id(token, held, _WRAPPING).get(names[:_ID_LENGTH])
        pepper = _by_id(token, held, _PEPPER).get(names[_ID_LENGTH:])
        if wrapping is None or pepper is None:
            raise KeyStoreUnavailable(f"a sealed key was made by another token than {token.label!r}")
        kept = held.found[names] = SealingKeys(names, wrapping, pepper)
    return kept


def _found_or_made(token: Token, held: HeldSession, kind: _Kind) -> tuple[bytes, Any]:
    found = _by_id(token, held, kind)
    if not found:
        with token.writing():
            found = _by_id(token, held, kind)
            if not found:
                _make(held, kind)
                found = _by_id(token, held, kind)
    lowest = min(found)
    return lowest, found[lowest]


def _make(held: HeldSession, kind: _Kind) -> None:
    held.session.generate_key(
        kind.key_type,
        _BITS,
        id=secrets.token_bytes(_ID_LENGTH),
        label=kind.label,
        store=True,
        capabilities=kind.capabilities,
        mechanism=kind.mechanism,
        template=_HIDDEN,
    )


def _by_id(token: Token, held: HeldSession, kind: _Kind) -> dict[bytes, Any]:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: kind.label, Attribute.TOKEN: True}
    found = {bytes(key[Attribute.ID]): key for key in search(token, held, wanted)}
    for key_id, key in found.items():
        if len(key_id) != _ID_LENGTH or key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
            raise KeyStoreUnavailable(
                f"token {token.label!r}: the key {kind.label!r} was not made by the gateway, or could leave the token"
            )
    return found
