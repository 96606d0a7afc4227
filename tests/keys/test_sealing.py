"""The box that every store seals signers' keys in."""

from __future__ import annotations

import hmac
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import KeyStoreUnavailable, WrongPin
from gateway.keys.sealing import KeyMaterial, normalised_pin, read_sealed, seal, unseal

MATERIAL = KeyMaterial(KeyAlgorithm.P384, b"public", b"private half")
NAMES = b"n" * 16
PINS = st.text(min_size=4, max_size=20).filter(lambda pin: normalised_pin(pin) is not None)


def pepper(octets):
    return hmac.digest(b"pepper", octets, "sha256")


def other_pepper(octets):
    return hmac.digest(b"other", octets, "sha256")


@settings(max_examples=15, deadline=None)
@given(PINS, st.text(max_size=30), PINS, st.text(max_size=30))
def test_only_the_same_pin_and_owner_open(pin, owner, other_pin, other_owner):
    sealed = read_sealed(seal(MATERIAL, owner, pin, kind=b"f", names=NAMES, pepper=pepper), b"f")
    assert sealed.names == NAMES
    assert unseal(sealed, owner, unicodedata.normalize("NFD", pin), pepper) == MATERIAL
    if normalised_pin(other_pin) != normalised_pin(pin):
        with pytest.raises(WrongPin):
            unseal(sealed, owner, other_pin, pepper)
    if other_owner != owner:
        with pytest.raises(WrongPin):
            unseal(sealed, other_owner, pin, pepper)


def test_only_the_same_pepper_opens():
    sealed = read_sealed(seal(MATERIAL, "ana", "1234", kind=b"f", names=NAMES, pepper=pepper), b"f")
    with pytest.raises(WrongPin):
        unseal(sealed, "ana", "1234", other_pepper)


def test_what_is_sealed_cannot_be_seen():
    sealed = seal(MATERIAL, "2999000000014", "482915", kind=b"f", names=NAMES, pepper=pepper)
    for secret in (b"private half", b"public", b"2999000000014", b"482915"):
        assert secret not in sealed
    assert "private half" not in repr(MATERIAL)


@given(st.binary(max_size=80))
def test_unpacking_never_fails_in_other_words(packed):
    try:
        material = KeyMaterial.unpack(packed)
    except KeyStoreUnavailable:
        return
    assert material.pack() == packed


@given(st.binary(max_size=200), st.sampled_from([b"f", b"h"]))
def test_reading_never_fails_in_other_words(sealed, kind):
    try:
        found = read_sealed(sealed, kind)
    except KeyStoreUnavailable:
        return
    assert found.header + found.box == sealed


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
def test_a_pin_is_normalised_or_refused_and_never_an_error(pin):
    """Half surrogates, control characters, letters that grow eighteenfold when normalised."""
    typed = normalised_pin(pin)
    if typed is not None:
        assert 4 <= len(typed.decode()) <= 64
        assert normalised_pin(typed.decode()) == typed
