"""A SoftHSM2 token in a folder, with a signer's sealed key: what ``sign`` measures with an HSM's kind of key."""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from pkcs11 import Mechanism
from sign_material import USAGE
from verify_material import Authority

from gateway.asn1.x509 import read_certificate
from gateway.errors import ConfigurationError
from gateway.keys import sealing
from gateway.keys.api import OpenKey
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.sandbox.softhsm import create_token, use_token

_OWNER, _LABEL = "bench signer", "bench"


class _Remembered:
    """Argon2id that stretches a PIN with a salt once: its cost is a choice, and not what is measured."""

    def __init__(self, stretching: Any) -> None:
        self._stretching = stretching
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    def __call__(self, *, salt: bytes, **choices: int) -> Any:
        known, made = self._known, self._stretching(salt=salt, **choices)

        class Stretching:
            def derive(self, typed: bytes) -> bytes:
                if (salt, typed) not in known:
                    known[salt, typed] = made.derive(typed)
                return known[salt, typed]

        return Stretching()


class HeldToken:
    """A signer's key on the token, and a raw one of the same kind."""

    def __init__(self, store: Pkcs11KeyStore, issuing: Authority) -> None:
        self._store, self._pin = store, secrets.token_hex(4)
        self._sealed, public = store.create_signer_key(_OWNER, self._pin)
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bench token signer")])
        issued = issuing.issue(named, _Public(public), USAGE)
        self.certificate = read_certificate(issued.public_bytes(serialization.Encoding.DER), (issuing.der,))
        self._raw = store.open_signer_key(_OWNER, self._sealed, self._pin)
        self._digest = hashlib.sha256(secrets.token_bytes(32)).digest()

    def opened(self) -> OpenKey:
        """The key, unsealed and unwrapped for one batch."""
        return self._store.open_signer_key(_OWNER, self._sealed, self._pin)

    def sign_raw(self, number: int) -> None:
        """The key operations alone, by python-pkcs11 with a key that is there already."""
        key: Any = self._raw._key  # noqa: SLF001 - below our own code
        for _ in range(number):
            key.sign(self._digest, mechanism=Mechanism.ECDSA)

    def close(self) -> None:
        """Let go of the raw key."""
        self._raw.__exit__(None, None, None)


@contextmanager
def token_store(folder: Path, issuing: Authority) -> Iterator[HeldToken]:
    """A new token. Exits where SoftHSM2 is not installed."""
    pin, stretching = secrets.token_hex(8), sealing.Argon2id
    try:
        configuration = create_token(folder / "token", _LABEL, pin, secrets.token_hex(8))
        store = Pkcs11KeyStore(use_token(configuration), _LABEL, pin)
    except ConfigurationError as problem:
        sys.exit(f"not measured: {problem}")
    sealing.Argon2id = _Remembered(stretching)  # type: ignore[misc, assignment]  # the stretching is set aside
    try:
        held = HeldToken(store, issuing)
        yield held
        held.close()
    finally:
        sealing.Argon2id = stretching  # type: ignore[misc]
        store.close()


class _Public:
    """What a builder of certificates asks of a key whose private half is elsewhere."""

    def __init__(self, encoded: bytes) -> None:
        self._key = serialization.load_der_public_key(encoded)

    def public_key(self) -> Any:
        return self._key
