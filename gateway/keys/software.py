"""Keys held in this process's memory: made, read, and signed with by ``cryptography``."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned, SignatureValue
from gateway.errors import KeyStoreUnavailable
from gateway.keys.sealing import KeyMaterial

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_EXPONENT = 65537
_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.P256: ec.SECP256R1(),
    KeyAlgorithm.P384: ec.SECP384R1(),
    KeyAlgorithm.P521: ec.SECP521R1(),
}
_HASHES: dict[DigestAlgorithm, hashes.HashAlgorithm] = {
    DigestAlgorithm.SHA1: hashes.SHA1(),  # noqa: S303 - as the caller says; what may be signed is policy's question
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
_PKCS1 = padding.PKCS1v15()
_ECDSA = {algorithm: ec.ECDSA(hashing) for algorithm, hashing in _HASHES.items()}


def make_key(algorithm: KeyAlgorithm) -> KeyMaterial:
    """A fresh key, its private half as PKCS#8 (DER)."""
    key: PrivateKey
    if algorithm.is_rsa:
        key = rsa.generate_private_key(_EXPONENT, _BITS[algorithm])
    else:
        key = ec.generate_private_key(_CURVES[algorithm])
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyMaterial(algorithm, public, private)


def load_key(material: KeyMaterial) -> PrivateKey:
    """
    The private key of *material*, which has come out of an authenticated box of ours.

    Raises ``KeyStoreUnavailable``.
    """
    try:
        # Testing an RSA key's primes costs tens of milliseconds a time; ours were tested when made, and the box
        # proves that they are the same.
        key = serialization.load_der_private_key(material.private, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyStoreUnavailable("a kept key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyStoreUnavailable("a kept key is of a kind that does not sign")
    return key


class SoftwareKey:
    """An open key in memory; implements ``OpenKey``. Leaving it lets go of the private key."""

    def __init__(self, algorithm: KeyAlgorithm, public_key: bytes, private_key: PrivateKey) -> None:
        """*public_key*: SubjectPublicKeyInfo of *private_key*, DER."""
        self.algorithm = algorithm
        self.public_key = public_key
        self._private: PrivateKey | None = private_key

    def __repr__(self) -> str:
        return f"<SoftwareKey {self.algorithm.value}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._private = None

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue]:
        """Sign each; PKCS#1 v1.5 for RSA, r‖s for ECDSA. Raises ``KeyStoreUnavailable`` after the key was left."""
        private = self._private
        if private is None:
            raise KeyStoreUnavailable("the key has been closed")
        try:
            return [SignatureValue(_signed(private, item)) for item in data]
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyStoreUnavailable(f"the key cannot sign ({type(error).__name__})") from None


def _signed(private: PrivateKey, data: DataToBeSigned) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(data.octets, _PKCS1, _HASHES[data.algorithm])
    width = (private.key_size + 7) // 8
    r, s = utils.decode_dss_signature(private.sign(data.octets, _ECDSA[data.algorithm]))
    return r.to_bytes(width) + s.to_bytes(width)
