"""Keys are measured, and what is kept warm is bounded."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from gateway.domain.policy import KeyFamily, KeyStrength
from gateway.trust.strength import key_strength
from gateway.trust.warm import Warm


@pytest.mark.parametrize(
    ("make", "strength"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), KeyStrength(KeyFamily.RSA, 1024)),
        (lambda: ec.generate_private_key(ec.SECP384R1()), KeyStrength(KeyFamily.ELLIPTIC, 384)),
        (lambda: ec.generate_private_key(ec.BrainpoolP256R1()), KeyStrength(KeyFamily.ELLIPTIC, 256)),
        (ed25519.Ed25519PrivateKey.generate, KeyStrength(KeyFamily.EDWARDS, 255)),
        (ed448.Ed448PrivateKey.generate, KeyStrength(KeyFamily.EDWARDS, 448)),
        (lambda: dsa.generate_private_key(1024), KeyStrength(KeyFamily.OTHER, 0)),
    ],
)
def test_a_key_is_measured_by_kind_and_size(kit, make, strength):
    assert key_strength(kit.root().issue("Signer", key=make()).der) == strength


def test_what_is_no_certificate_has_no_strength():
    assert key_strength(b"nothing") is None


def test_the_longest_unused_goes_first():
    warm: Warm[str, int] = Warm(2)
    warm.put("a", 1)
    warm.put("b", 2)
    assert warm.get("a") == 1
    warm.put("c", 3)
    assert [warm.get(key) for key in "abc"] == [1, None, 3]


def test_weight_is_bounded_and_given_back():
    warm: Warm[str, int] = Warm(10, weight=100)
    warm.put("too heavy", 0, 101)
    assert warm.get("too heavy") is None
    for turn in range(5):
        warm.put("same", turn, 90)
    assert warm.get("same") == 4
    warm.put("small", 1, 10)
    assert warm.get("small") == 1
    warm.put("more", 2, 20)
    assert [warm.get(key) for key in ("same", "small", "more")] == [None, 1, 2]
