"""The door of ``keys``: private keys and what holds them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.signatures import DataToBeSigned, SignatureValue


class OpenKey(AbstractContextManager["OpenKey"], Protocol):
    """A private key opened for one batch by one thread; leaving it destroys the handle."""

    @property
    def algorithm(self) -> KeyAlgorithm:
        """The key's kind."""

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Sign each; PKCS#1 v1.5 for RSA, r‖s for ECDSA. Raises ``KeyStoreUnavailable``."""


class KeyStore(Protocol):
    """
    Makes and opens keys. Signers' keys never lie here: the caller keeps the sealed bytes (decision 2).

    Sealed keys and service keys are bound to the store that made them. Safe for threads and after a fork.
    """

    def create_signer_key(
        self, owner: str, pin: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256
    ) -> tuple[bytes, bytes]:
        """
        Make a signer's key, sealed by *pin* and bound to *owner*. Returns (sealed, SubjectPublicKeyInfo DER).

        Raises ``KeyStoreUnavailable``, and ``EnrolmentRefused`` for a PIN that has not 4 to 64 characters.
        """

    def open_signer_key(self, owner: str, sealed: bytes, pin: str) -> OpenKey:
        """
        Unseal and open a signer's key. One key's opening or closing never disturbs another's.

        Raises ``WrongPin``, ``KeyStoreUnavailable``. Attempts are counted by the caller (decision 3).
        """

    def reseal_signer_key(self, owner: str, sealed: bytes, pin: str, new_pin: str) -> bytes:
        """The same key under another PIN. Raises ``WrongPin``, ``KeyStoreUnavailable``, ``EnrolmentRefused``."""

    def create_service_key(self, label: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256) -> bytes:
        """
        Make a lasting key of the service (CA, TSA) under *label*; returns its SubjectPublicKeyInfo DER.

        Raises ``KeyStoreUnavailable``, also where *label* is in use.
        """

    def open_service_key(self, label: str) -> OpenKey:
        """Open the service key *label*. Raises ``KeyStoreUnavailable`` where there is none."""

    def check(self) -> str:
        """Try the store and say in a line what it is. Raises ``KeyStoreUnavailable`` with what is wrong."""
