"""A key store on a PKCS#11 token: an HSM, or SoftHSM for trying it out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import PKCS11Error

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.signatures import DataToBeSigned
from gateway.errors import KeyStoreUnavailable, WrongPin
from gateway.keys.labels import checked_label
from gateway.keys.sealing import KeyMaterial, Pepper, SealedKey, read_sealed, seal, unseal
from gateway.keys.sealing_keys import current_keys, named_keys
from gateway.keys.token import HeldSession, Token
from gateway.keys.token_keys import ServiceTokenKey, SignerTokenKey, lasting_objects
from gateway.keys.token_objects import NEEDED, destroyed_after, make_pair, public_key_info, search

_KIND = b"h"
_ID_LENGTH = 16


class Pkcs11KeyStore:
    """
    Keys made and used inside a token; implements ``KeyStore``. Safe for threads and after a fork.

    The service logs in once per process with the operator's PIN, at first use; that login is nobody's consent
    (decision 1). A signer's key is made in the token, wrapped there, sealed by the signer's PIN and a pepper that stays
    in the token, and comes back for one batch as an object of one session (decision 2). Service keys are token
    objects that cannot leave. One store per token and process; what a process has open ends with the process.
    """

    def __init__(
        self,
        module: str,
        token_label: str,
        pin: str | Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            module: path of the PKCS#11 module.
            token_label: the token's label, of which there must be one.
            pin: the operator's PIN, or where to get it when logging in.
            sleep: waits so many seconds, between tries on a token that is busy.

        """
        self._token = Token(module, token_label, pin, sleep=sleep)

    def __repr__(self) -> str:
        return f"<Pkcs11KeyStore {self._token!r}>"

    def create_signer_key(
        self, owner: str, pin: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256
    ) -> tuple[bytes, bytes]:
        """
        Make a signer's key, sealed by *pin* and bound to *owner*. Returns (sealed, SubjectPublicKeyInfo DER).

        Raises ``KeyStoreUnavailable``; ``EnrolmentRefused`` for a PIN of fewer than 4 or more than 64 characters.
        """

        def made(held: HeldSession) -> tuple[bytes, KeyMaterial]:
            keys = current_keys(self._token, held)
            public, private = make_pair(held.session, algorithm)
            with destroyed_after(self._token, held, private, public):
                return keys.names, KeyMaterial(algorithm, public_key_info(public), keys.wrap(private))

        names, material = self._token.run(made)
        sealed = seal(material, owner, pin, kind=_KIND, names=names, pepper=self._pepper(names))
        return sealed, material.public_key

    def open_signer_key(self, owner: str, sealed: bytes, pin: str) -> SignerTokenKey:
        """
        Unseal and unwrap a signer's key, for this thread and one batch.

        Raises ``WrongPin``; ``KeyStoreUnavailable`` where it was sealed by another token.
        """
        found = read_sealed(sealed, _KIND)
        material = self._unseal(found, owner, pin)

        def opened(held: HeldSession) -> SignerTokenKey:
            key = named_keys(self._token, held, found.names).unwrap(material.private, material.algorithm)
            return SignerTokenKey(self._token, held, key, material.algorithm, material.public_key)

        return self._token.run(opened)

    def reseal_signer_key(self, owner: str, sealed: bytes, pin: str, new_pin: str) -> bytes:
        """
        The same key under *new_pin*; it is not unwrapped for that.

        Raises as ``open_signer_key`` and, for the new PIN, ``EnrolmentRefused``.
        """
        found = read_sealed(sealed, _KIND)
        material = self._unseal(found, owner, pin)
        return seal(material, owner, new_pin, kind=_KIND, names=found.names, pepper=self._pepper(found.names))

    def create_service_key(self, label: str, algorithm: KeyAlgorithm = KeyAlgorithm.P256) -> bytes:
        """Make a lasting key under *label*. Raises ``KeyStoreUnavailable`` also where there is one already."""
        checked = checked_label(label)

        def made(held: HeldSession) -> bytes:
            with self._token.writing():
                return self._make_service_key(checked, algorithm, held)

        return self._token.run(made)

    def open_service_key(self, label: str) -> ServiceTokenKey:
        """Open the service key *label*. Raises ``KeyStoreUnavailable`` where there is none."""
        return ServiceTokenKey(self._token, checked_label(label))

    def check(self) -> str:
        """Log in, make, seal, open and use a signer's key, and say in a line which token this is."""
        self._token.run(self._require_mechanisms)
        number = self._token.run(self._number_of_service_keys)
        try:
            sealed, _ = self.create_signer_key("check", "check")
            with self.open_signer_key("check", sealed, "check") as key:
                _require_valid(key)
        except (WrongPin, InvalidSignature):
            raise KeyStoreUnavailable(f"token {self._token.label!r} does not give back the keys it makes") from None
        return f"{self._token.describe()}, {number} service key{'' if number == 1 else 's'}"

    def close(self) -> None:
        """
        Log out and finalise the module in this process; the next use opens everything anew.

        For a process that used the token and forks later. No key may be open.
        """
        self._token.close()

    def _unseal(self, found: SealedKey, owner: str, pin: str) -> KeyMaterial:
        self._token.run(lambda held: named_keys(self._token, held, found.names))
        return unseal(found, owner, pin, self._pepper(found.names))

    def _pepper(self, names: bytes) -> Pepper:
        return lambda octets: self._token.run(lambda held: named_keys(self._token, held, names).peppered(octets))

    def _make_service_key(self, label: str, algorithm: KeyAlgorithm, held: HeldSession) -> bytes:
        if lasting_objects(self._token, held, ObjectClass.PRIVATE_KEY, label):
            raise KeyStoreUnavailable(f"token {self._token.label!r} holds a key {label!r} already")
        key_id = secrets.token_bytes(_ID_LENGTH)
        try:
            public, _ = make_pair(held.session, algorithm, label=label, key_id=key_id)
            encoded = public_key_info(public)
            found = lasting_objects(self._token, held, ObjectClass.PRIVATE_KEY, label)
        except BaseException:
            self._withdraw(held, label, key_id)
            raise
        # Of two that make one at the same moment, the later sees the earlier's key; who sees another's withdraws.
        if len(found) != 1:
            self._withdraw(held, label, key_id)
            raise KeyStoreUnavailable(f"token {self._token.label!r}: another process is making a key {label!r}")
        return encoded

    def _withdraw(self, held: HeldSession, label: str, key_id: bytes) -> None:
        """Take back what has been made of a service key, where the token still lets us."""
        wanted = {Attribute.LABEL: label, Attribute.ID: key_id, Attribute.TOKEN: True}
        with suppress(PKCS11Error):
            for made in self._token.patiently(lambda: search(self._token, held, wanted)):
                made.destroy()

    def _require_mechanisms(self, held: HeldSession) -> None:
        offered = held.process.token.slot.get_mechanisms()
        missing = [mechanism.name for mechanism in NEEDED if mechanism not in offered]
        if missing:
            raise KeyStoreUnavailable(f"token {self._token.label!r} does not offer {', '.join(missing)}")

    def _number_of_service_keys(self, held: HeldSession) -> int:
        return len(search(self._token, held, {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.TOKEN: True}))


def _require_valid(key: SignerTokenKey) -> None:
    """Raises ``InvalidSignature`` where *key*, of an elliptic curve, does not sign as its public key says."""
    data = DataToBeSigned(b"check")
    value = key.sign([data])[0].octets
    half = len(value) // 2
    encoded = utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    public = serialization.load_der_public_key(key.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(encoded, data.octets, ec.ECDSA(hashes.SHA256()))
