"""Keys as objects of a PKCS#11 token: searched for, made, and turned into SubjectPublicKeyInfo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from asn1crypto.core import OctetString
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag
from pkcs11.exceptions import PKCS11Error, UserNotLoggedIn
from pkcs11.types import Object, PrivateKey, PublicKey, Session
from pkcs11.util.ec import encode_named_curve_parameters

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned, SignatureValue
from gateway.errors import KeyStoreUnavailable
from gateway.keys.token import HeldSession, Token

_SIGNS: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY
_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.P256: ec.SECP256R1(),
    KeyAlgorithm.P384: ec.SECP384R1(),
    KeyAlgorithm.P521: ec.SECP521R1(),
}

# DigestInfo before the digest (RFC 8017 § 9.2, note 1).
_DIGEST_INFO = {
    DigestAlgorithm.SHA1: bytes.fromhex("3021300906052b0e03021a05000414"),
    DigestAlgorithm.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    DigestAlgorithm.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    DigestAlgorithm.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}

NEEDED = (
    Mechanism.AES_KEY_GEN,
    Mechanism.AES_KEY_WRAP_PAD,
    Mechanism.EC_KEY_PAIR_GEN,
    Mechanism.ECDSA,
    Mechanism.GENERIC_SECRET_KEY_GEN,
    Mechanism.RSA_PKCS,
    Mechanism.RSA_PKCS_KEY_PAIR_GEN,
    Mechanism.SHA256_HMAC,
)
"""What the gateway asks of a token."""


def search(token: Token, held: HeldSession, attributes: Mapping[Attribute, Any]) -> list[Any]:
    """Objects with these attributes. Raises ``PKCS11Error``; never answers "none" for want of a login."""
    if not token.logged_in(held):
        raise UserNotLoggedIn
    return list(held.session.get_objects(dict(attributes)))


def make_pair(
    session: Session, algorithm: KeyAlgorithm, *, label: str | None = None, key_id: bytes | None = None
) -> tuple[PublicKey, PrivateKey]:
    """
    Make a key pair. With *label* and *key_id* it stays on the token and cannot leave it; without, it lives in
    the session and may be wrapped. Raises ``PKCS11Error``.
    """
    lasting = label is not None
    wanted: dict[str, Any] = {
        "label": label,
        "id": key_id,
        "store": lasting,
        "capabilities": _SIGNS,
        "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: not lasting},
    }
    if algorithm.is_rsa:
        return session.generate_keypair(KeyType.RSA, _BITS[algorithm], **wanted)
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[algorithm].name)}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    return parameters.generate_keypair(**wanted)


@contextmanager
def destroyed_after(token: Token, held: HeldSession, *objects: Object) -> Iterator[None]:
    """
    Destroy session *objects* when the block ends, however it ends.

    What cannot be destroyed goes with its session.
    """
    try:
        yield
    finally:
        try:
            for item in objects:
                token.patiently(item.destroy)
        except PKCS11Error:
            token.discard(held)


def public_key_info(key: Object) -> bytes:
    """SubjectPublicKeyInfo (DER) of a public key object. Raises ``PKCS11Error``, ``KeyStoreUnavailable``."""
    try:
        if key[Attribute.KEY_TYPE] == KeyType.RSA:
            modulus = int.from_bytes(key[Attribute.MODULUS])
            public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
            public = rsa.RSAPublicNumbers(int.from_bytes(key[Attribute.PUBLIC_EXPONENT]), modulus).public_key()
        else:
            public = _elliptic(key[Attribute.EC_PARAMS], key[Attribute.EC_POINT])
    except (ValueError, UnsupportedAlgorithm):
        raise KeyStoreUnavailable("a public key on the token is of a kind that we do not sign with") from None
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _elliptic(parameters: bytes, point: bytes) -> ec.EllipticCurvePublicKey:
    for curve in _CURVES.values():
        if encode_named_curve_parameters(curve.name) == parameters:
            # The point is wrapped in an OCTET STRING (PKCS#11 2.40 § 2.3.3); some modules leave that out.
            width = 1 + 2 * ((curve.key_size + 7) // 8)
            octets = point if len(point) == width else OctetString.load(point).native
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, octets)
    raise ValueError("another curve")


def sign_on(token: Token, key: Any, algorithm: KeyAlgorithm, data: DataToBeSigned) -> SignatureValue:
    """
    One signature by a private key object: PKCS#1 v1.5, or r‖s of fixed width. Only the digest goes to the token.

    Raises ``PKCS11Error``, ``KeyStoreUnavailable``.
    """
    if not hasattr(key, "sign"):
        raise KeyStoreUnavailable(f"token {token.label!r}: a key on it may not sign")
    if algorithm.is_rsa:
        value = key.sign(_DIGEST_INFO[data.algorithm] + data.digest, mechanism=Mechanism.RSA_PKCS)
        expected = _BITS[algorithm] // 8
    else:
        width = (_CURVES[algorithm].key_size + 7) // 8
        # A longer digest counts by its leftmost bits (FIPS 186-5 § 6.4.1); not every module cuts it.
        value = key.sign(data.digest[:width], mechanism=Mechanism.ECDSA)
        expected = 2 * width
    if len(value) != expected:
        raise KeyStoreUnavailable(f"token {token.label!r} answered a signature of {len(value)} bytes")
    return SignatureValue(bytes(value))


def sign_rest(
    token: Token, key: Any, algorithm: KeyAlgorithm, data: Sequence[DataToBeSigned], signed: list[SignatureValue]
) -> None:
    """Sign what of *data* is not in *signed* yet: after a failure, the next try goes on where it stopped."""
    while len(signed) < len(data):
        signed.append(sign_on(token, key, algorithm, data[len(signed)]))
