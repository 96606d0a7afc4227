"""
A key store on encrypted files, for the sandbox and for development.

Whoever can read the folder can guess PINs and use service keys, so it takes an HSM to protect keys from the machine
they are used on: see ``pkcs11``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import KeyStoreUnavailable
from gateway.keys.labels import checked_label
from gateway.keys.private_folder import PrivateFolder, State
from gateway.keys.sealing import NAMES_LENGTH, KeyMaterial, read_sealed, seal, unseal
from gateway.keys.software import PrivateKey, SoftwareKey, load_key, make_key

_KIND = b"f"
_WRAPPING, _PEPPER = "wrapping.secret", "pepper.secret"
_SUFFIX = ".key"
_LONGEST_NAME = 200
_SECRET, _NONCE, _TAG = 32, 12, 16
_VERSION = b"\1"
_WARM_KEYS = 64


class _Loaded(NamedTuple):
    """A service key kept loaded, and the state of the file it was read from."""

    state: State
    material: KeyMaterial
    private: PrivateKey


class FileKeyStore:
    """
    Keys in a folder of this machine; implements ``KeyStore``. Safe for threads, forks and several processes.

    The folder (0700) holds a wrapping key, a pepper, and service keys in files (0600) encrypted by AES-256-GCM
    under the wrapping key. Signers' keys go to the caller, sealed by their PINs and the pepper; without this very
    pepper nobody opens them again. Service keys stay loaded: the last 64, each until its file changes.
    """

    def __init__(self, folder: Path) -> None:
        """*folder*: made at the first key, together with its wrapping key and pepper."""
        self._folder = PrivateFolder(folder)
        self._warm: dict[str, _Loaded] = {}
        self._secrets: dict[str, tuple[State, bytes]] = {}

    def __repr__(self) -> str:
        return f"<FileKeyStore {self._folder.path}>"

    def create_signer_key(
        self, owner: str, pin: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256
    ) -> tuple[bytes, bytes]:
        """
        Make a signer's key, sealed by *pin* and bound to *owner*. Returns (sealed, SubjectPublicKeyInfo DER).

        Raises ``KeyStoreUnavailable``; ``EnrolmentRefused`` for a PIN of fewer than 4 or more than 64 characters.
        """
        material = make_key(algorithm)
        return self._seal(material, owner, pin), material.public_key

    def open_signer_key(self, owner: str, sealed: bytes, pin: str) -> SoftwareKey:
        """Unseal a signer's key. Raises ``WrongPin``; ``KeyStoreUnavailable`` where it was sealed elsewhere."""
        material = self._unseal(owner, sealed, pin)
        return SoftwareKey(material.algorithm, material.public_key, load_key(material))

    def reseal_signer_key(self, owner: str, sealed: bytes, pin: str, new_pin: str) -> bytes:
        """The same key under *new_pin*. Raises as ``open_signer_key`` and, for the new PIN, ``EnrolmentRefused``."""
        return self._seal(self._unseal(owner, sealed, pin), owner, new_pin)

    def create_service_key(self, label: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256) -> bytes:
        """Make a lasting key under *label*. Raises ``KeyStoreUnavailable`` also where there is one already."""
        name = _file_name(label)
        if self._folder.state(name) is not None:
            raise KeyStoreUnavailable(f"there is a key {label!r} already")
        material = make_key(algorithm)
        nonce = secrets.token_bytes(_NONCE)
        box = AESGCM(self._wrapping_key()).encrypt(nonce, material.pack(), _bound_to(label))
        if not self._folder.add(name, _VERSION + nonce + box):
            raise KeyStoreUnavailable(f"there is a key {label!r} already")
        return material.public_key

    def open_service_key(self, label: str) -> SoftwareKey:
        """Open the service key *label*. Raises ``KeyStoreUnavailable`` where there is none, or it cannot be read."""
        name = _file_name(label)
        state = self._folder.state(name)
        if state is None:
            raise KeyStoreUnavailable(f"there is no key {label!r}")
        loaded = self._warm.get(label)
        if loaded is None or loaded.state != state:
            material = self._read(label, name)
            loaded = _Loaded(state, material, load_key(material))
            # Replaced as a whole when full: no lock, so none that a fork could leave taken.
            kept = self._warm if len(self._warm) < _WARM_KEYS else {}
            self._warm = {**kept, label: loaded}
        return SoftwareKey(loaded.material.algorithm, loaded.material.public_key, loaded.private)

    def check(self) -> str:
        """Open every service key, seal and open a signer's key; say in a line what this is."""
        names = [name for name in self._folder.names() if name.endswith(_SUFFIX)]
        sealed, _ = self.create_signer_key("check", "check")
        with self.open_signer_key("check", sealed, "check"):
            pass
        for name in names:
            with self.open_service_key(unquote(name.removesuffix(_SUFFIX))):
                pass
        keys = "1 service key" if len(names) == 1 else f"{len(names)} service keys"
        return f"key files in {self._folder.path}, {keys}; for the sandbox and development, not for production"

    def _seal(self, material: KeyMaterial, owner: str, pin: str) -> bytes:
        return seal(material, owner, pin, kind=_KIND, names=self._name(), pepper=self._pepper)

    def _unseal(self, owner: str, sealed: bytes, pin: str) -> KeyMaterial:
        found = read_sealed(sealed, _KIND)
        if not hmac.compare_digest(found.names, self._name()):
            raise KeyStoreUnavailable("a sealed key was made by another key folder")
        return unseal(found, owner, pin, self._pepper)

    def _read(self, label: str, name: str) -> KeyMaterial:
        kept = self._folder.read(name)
        if kept is None:
            raise KeyStoreUnavailable(f"there is no key {label!r}")
        if kept[:1] != _VERSION or len(kept) <= 1 + _NONCE + _TAG:
            raise KeyStoreUnavailable(f"the key file {name} is of another version, or no key file")
        try:
            packed = AESGCM(self._wrapping_key()).decrypt(kept[1 : 1 + _NONCE], kept[1 + _NONCE :], _bound_to(label))
        except InvalidTag:
            raise KeyStoreUnavailable(f"the key file {name} was changed, or comes from another key folder") from None
        return KeyMaterial.unpack(packed)

    def _wrapping_key(self) -> bytes:
        return self._secret(_WRAPPING)

    def _pepper(self, octets: bytes) -> bytes:
        return hmac.digest(self._secret(_PEPPER), octets, "sha256")

    def _name(self) -> bytes:
        """By which sealed keys of this folder are told from others'; says nothing about the pepper."""
        return hashlib.sha256(self._pepper(b"name of the folder")).digest()[:NAMES_LENGTH]

    def _secret(self, name: str) -> bytes:
        """One of the folder's two secrets, made where there is none; of two makers at once both use the first's."""
        known = self._secrets.get(name)
        if known is not None and known[0] == self._folder.state(name):
            return known[1]
        # Looked at before the secret itself: every key file was written after the wrapping key.
        needed = name == _WRAPPING and any(other.endswith(_SUFFIX) for other in self._folder.names())
        state = self._folder.state(name)
        if state is None:
            if needed:
                raise KeyStoreUnavailable(f"{_WRAPPING} is gone: the key files of {self._folder.path} need it")
            self._folder.add(name, secrets.token_bytes(_SECRET))
            state = self._folder.state(name)
        found = self._folder.read(name)
        if state is None or found is None or len(found) != _SECRET:
            raise KeyStoreUnavailable(f"{self._folder.path / name} is not a key of this store")
        self._secrets = {**self._secrets, name: (state, found)}
        return found


def _file_name(label: str) -> str:
    """Where *label* lies: itself with all but letters, digits and ``-_.~`` percent-encoded, so no two share a file."""
    name = quote(checked_label(label), safe="") + _SUFFIX
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST_NAME:
        raise KeyStoreUnavailable("a label with so many letters outside the Latin alphabet cannot name a file")
    return name


def _bound_to(label: str) -> bytes:
    return b"gateway service key 1\0" + label.encode()
