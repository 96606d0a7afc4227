"""How strong a certificate's public key is; whether that is enough is ``domain.policy``'s question."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from gateway.domain.policy import KeyFamily, KeyStrength


def key_strength(certificate: bytes) -> KeyStrength | None:
    """Kind and size of the public key in *certificate* (DER); None where it cannot be read. Never raises."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except Exception:  # noqa: BLE001 - hostile certificates fail in many ways, all of them mean "cannot be read"
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return KeyStrength(KeyFamily.RSA, key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return KeyStrength(KeyFamily.ELLIPTIC, key.curve.key_size)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return KeyStrength(KeyFamily.EDWARDS, 255)
    if isinstance(key, ed448.Ed448PublicKey):
        return KeyStrength(KeyFamily.EDWARDS, 448)
    return KeyStrength(KeyFamily.OTHER, 0)
