"""
A signer's key under the signer's PIN (decision 2): the same box for every store, with the store's own pepper.

The PIN is stretched by Argon2id (RFC 9106) and put through an HMAC whose key never leaves the store, so guessing needs
the store and not only the sealed bytes. The box is AES-256-GCM over the key, bound to its owner and to the names of
the store's keys that it needs.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import EnrolmentRefused, KeyStoreUnavailable, WrongPin

SHORTEST_PIN, LONGEST_PIN = 4, 64
"""Characters of a PIN after normalisation."""

NAMES_LENGTH = 16

_TYPED_LIMIT = 256
_SALT, _NONCE, _TAG = 16, 12, 16
_SEALED_LIMIT = 16 * 1024
_PREFIX = 2
_HEADER = _PREFIX + NAMES_LENGTH + _SALT + _NONCE
_PURPOSE = b"gateway signer key 1\0"

# Version 1 stands for all of these: another choice is another version.
_VERSION = 1
_ARGON2_PASSES, _ARGON2_LANES, _ARGON2_KIB = 2, 1, 19456

_CODES = {
    KeyAlgorithm.RSA_2048: 1,
    KeyAlgorithm.RSA_3072: 2,
    KeyAlgorithm.RSA_4096: 3,
    KeyAlgorithm.P256: 4,
    KeyAlgorithm.P384: 5,
    KeyAlgorithm.P521: 6,
}
_ALGORITHMS = {code: algorithm for algorithm, code in _CODES.items()}

Pepper = Callable[[bytes], bytes]
"""HMAC-SHA-256 under a key that never leaves the store: octets in, 32 bytes out."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A key as a store keeps it: its kind, SubjectPublicKeyInfo (DER), and *private* in the store's own form."""

    algorithm: KeyAlgorithm
    public_key: bytes
    private: bytes = field(repr=False)

    def pack(self) -> bytes:
        """Plain bytes; to be encrypted."""
        return b"".join(
            (bytes((_CODES[self.algorithm],)), len(self.public_key).to_bytes(2), self.public_key, self.private)
        )

    @classmethod
    def unpack(cls, packed: bytes) -> KeyMaterial:
        """What ``pack`` packed. Raises ``KeyStoreUnavailable`` for anything else."""
        end = 3 + int.from_bytes(packed[1:3])
        algorithm = _ALGORITHMS.get(packed[0]) if packed else None
        if algorithm is None or end >= len(packed):
            raise KeyStoreUnavailable("a kept key cannot be read")
        return cls(algorithm, packed[3:end], packed[end:])


@dataclass(frozen=True, slots=True)
class SealedKey:
    """Sealed bytes taken apart. *names* are the 16 bytes by which the store finds the keys that it needs to open it."""

    names: bytes
    header: bytes
    box: bytes

    @property
    def salt(self) -> bytes:
        """The salt of the PIN."""
        return self.header[_PREFIX + NAMES_LENGTH :][:_SALT]

    @property
    def nonce(self) -> bytes:
        """The nonce of the box."""
        return self.header[-_NONCE:]


def read_sealed(sealed: bytes, kind: bytes) -> SealedKey:
    """
    Take sealed bytes apart; *kind* is the one byte of the store's kind.

    Raises:
        KeyStoreUnavailable: They are of another kind of store, of another version, or no sealed key at all.

    """
    if not _HEADER + _TAG < len(sealed) <= _SEALED_LIMIT or sealed[:1] != bytes((_VERSION,)):
        raise KeyStoreUnavailable("a sealed key cannot be read: it is no sealed key, or of another version")
    if sealed[1:_PREFIX] != kind:
        raise KeyStoreUnavailable("a sealed key was made by another kind of key store")
    return SealedKey(sealed[_PREFIX : _PREFIX + NAMES_LENGTH], sealed[:_HEADER], sealed[_HEADER:])


def seal(material: KeyMaterial, owner: str, pin: str, *, kind: bytes, names: bytes, pepper: Pepper) -> bytes:
    """
    Put *material* under *pin*, bound to *owner*.

    Raises:
        EnrolmentRefused: The PIN has not between 4 and 64 characters.

    """
    typed = normalised_pin(pin)
    if typed is None:
        raise EnrolmentRefused(f"a PIN has {SHORTEST_PIN} to {LONGEST_PIN} characters")
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    header = b"".join((bytes((_VERSION,)), kind, names, salt, nonce))
    cipher = AESGCM(_sealing_key(typed, salt, pepper))
    return header + cipher.encrypt(nonce, material.pack(), _bound_to(header, owner))


def unseal(sealed: SealedKey, owner: str, pin: str, pepper: Pepper) -> KeyMaterial:
    """
    Open the box.

    Raises:
        WrongPin: It does not open: another PIN, another owner, or changed bytes; they look alike from here.

    """
    typed = normalised_pin(pin)
    if typed is None:
        raise WrongPin
    cipher = AESGCM(_sealing_key(typed, sealed.salt, pepper))
    try:
        packed = cipher.decrypt(sealed.nonce, sealed.box, _bound_to(sealed.header, owner))
    except InvalidTag:
        raise WrongPin from None
    return KeyMaterial.unpack(packed)


def normalised_pin(pin: str) -> bytes | None:
    """
    A PIN as it is stretched: Unicode form NFKC in UTF-8, so that it does not depend on the keyboard it was typed on.

    None where it cannot be a PIN.
    """
    if len(pin) > _TYPED_LIMIT:
        return None
    typed = unicodedata.normalize("NFKC", pin)
    if not SHORTEST_PIN <= len(typed) <= LONGEST_PIN:
        return None
    try:
        return typed.encode()
    except UnicodeEncodeError:
        return None


def _sealing_key(typed: bytes, salt: bytes, pepper: Pepper) -> bytes:
    try:
        stretching = Argon2id(
            salt=salt, length=32, iterations=_ARGON2_PASSES, lanes=_ARGON2_LANES, memory_cost=_ARGON2_KIB
        )
        stretched = stretching.derive(typed)
    except UnsupportedAlgorithm:
        raise KeyStoreUnavailable("the cryptography package is built without Argon2id") from None
    return pepper(_PURPOSE + stretched)


def _bound_to(header: bytes, owner: str) -> bytes:
    """The header has one length, so header and owner cannot run into each other."""
    return header + owner.encode(errors="surrogatepass")
