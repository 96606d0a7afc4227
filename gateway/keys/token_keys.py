"""Open keys of a token: a signer's, which lives for one batch, and the service's, which stay on the token."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import PKCS11Error
from pkcs11.types import Object

from gateway.asn1.x509 import key_algorithm_of
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.signatures import DataToBeSigned, SignatureValue
from gateway.errors import KeyStoreUnavailable
from gateway.keys.token import HeldSession, Token
from gateway.keys.token_objects import public_key_info, search, sign_rest

_WARM_KEYS = 64


class SignerTokenKey:
    """
    A signer's key as an object of this thread's session; implements ``OpenKey``. Leaving it destroys the object.

    A session that is lost takes the key with it, and only the signer's PIN brings it back.
    """

    def __init__(
        self, token: Token, held: HeldSession, key: Object, algorithm: KeyAlgorithm, public_key: bytes
    ) -> None:
        """*key*: the private key object, living in *held*; *public_key*: SubjectPublicKeyInfo, DER."""
        self.algorithm = algorithm
        self.public_key = public_key
        self._token = token
        self._held = held
        self._key: Object | None = key

    def __repr__(self) -> str:
        return f"<SignerTokenKey {self.algorithm.value}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        key, self._key = self._key, None
        if key is None or self._held.process.pid != os.getpid():
            return
        if self._held.thread is not threading.current_thread():
            self._held.abandoned.append(key)
            return
        try:
            self._token.within(self._held, key.destroy)
        except KeyStoreUnavailable:
            self._token.discard(self._held)  # what cannot be destroyed goes with its session

    def __del__(self) -> None:
        """Nobody left it: its own thread destroys it at the next use of the session."""
        key = getattr(self, "_key", None)
        if key is not None:
            self._held.abandoned.append(key)

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Sign each; PKCS#1 v1.5 for RSA, r‖s for ECDSA. Raises ``KeyStoreUnavailable``."""
        key = self._key
        if key is None:
            raise KeyStoreUnavailable("the key has been closed")
        signed: list[SignatureValue] = []
        self._token.within(self._held, lambda: sign_rest(self._token, key, self.algorithm, data, signed))
        return signed


@dataclass(frozen=True, slots=True)
class ServiceKeyObject:
    """A service key as one session sees it."""

    key: Any
    algorithm: KeyAlgorithm
    public_key: bytes


class ServiceTokenKey:
    """A service key, looked up in the session of whichever thread signs; implements ``OpenKey``."""

    def __init__(self, token: Token, label: str) -> None:
        """Raises ``KeyStoreUnavailable`` where there is no key *label*."""
        found = token.run(partial(service_key, token, label))
        self.algorithm = found.algorithm
        self.public_key = found.public_key
        self._token = token
        self._label = label
        self._open = True

    def __repr__(self) -> str:
        return f"<ServiceTokenKey {self._label!r} {self.algorithm.value}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Sign each; PKCS#1 v1.5 for RSA, r‖s for ECDSA. Raises ``KeyStoreUnavailable``."""
        if not self._open:
            raise KeyStoreUnavailable("the key has been closed")
        signed: list[SignatureValue] = []

        def sign(held: HeldSession) -> None:
            found = service_key(self._token, self._label, held)
            if found.public_key != self.public_key:
                raise KeyStoreUnavailable(f"the key {self._label!r} was replaced while it was open")
            sign_rest(self._token, found.key, self.algorithm, data, signed)

        self._token.run(sign)
        return signed


def service_key(token: Token, label: str, held: HeldSession) -> ServiceKeyObject:
    """
    The service key *label*, kept warm in *held*. Raises ``PKCS11Error``.

    Raises ``KeyStoreUnavailable`` where there is none, more than one, or one that cannot be used.
    """
    warm: ServiceKeyObject | None = held.found.get((service_key, label))
    if warm is not None:
        return warm
    found = lasting_objects(token, held, ObjectClass.PRIVATE_KEY, label)
    if len(found) != 1:
        number = "more than one" if found else "no"
        raise KeyStoreUnavailable(f"token {token.label!r} holds {number} key {label!r}")
    public_key = _public_key_of(token, held, found[0], label)
    algorithm = key_algorithm_of(serialization.load_der_public_key(public_key))
    if algorithm is None:
        raise KeyStoreUnavailable(f"token {token.label!r}: the key {label!r} is of a kind that we do not sign with")
    if len(held.found) >= _WARM_KEYS:
        held.found.clear()
    kept = held.found[service_key, label] = ServiceKeyObject(found[0], algorithm, public_key)
    return kept


def lasting_objects(token: Token, held: HeldSession, kind: ObjectClass, label: str) -> list[Any]:
    """Token objects of this class and label. Raises ``PKCS11Error``."""
    return search(token, held, {Attribute.CLASS: kind, Attribute.LABEL: label, Attribute.TOKEN: True})


def _public_key_of(token: Token, held: HeldSession, private: Any, label: str) -> bytes:
    """From the public key object of the same CKA_ID; an RSA private key usually says enough by itself."""
    key_id = bytes(private[Attribute.ID])
    for public in lasting_objects(token, held, ObjectClass.PUBLIC_KEY, label):
        if bytes(public[Attribute.ID]) == key_id:
            return public_key_info(public)
    try:
        return public_key_info(private)
    except PKCS11Error:
        raise KeyStoreUnavailable(f"token {token.label!r} holds no public key beside the key {label!r}") from None
