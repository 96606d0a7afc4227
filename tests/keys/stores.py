"""Both kinds of key store, made for tests, and what tests ask of keys."""

from __future__ import annotations

import os
import pickle
import traceback

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned
from gateway.keys.files import FileKeyStore
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.sandbox.softhsm import create_token, use_token

HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def holds(public_key, data, value):
    """Raises ``InvalidSignature`` unless *value* is this key's signature over *data*, of the door's shape."""
    public = serialization.load_der_public_key(public_key)
    algorithm = HASHES[data.algorithm.value]()
    if isinstance(public, ec.EllipticCurvePublicKey):
        width = (public.key_size + 7) // 8
        assert len(value.octets) == 2 * width
        r, s = int.from_bytes(value.octets[:width]), int.from_bytes(value.octets[width:])
        public.verify(utils.encode_dss_signature(r, s), data.octets, ec.ECDSA(algorithm))
    else:
        assert len(value.octets) == public.key_size // 8
        public.verify(value.octets, data.octets, padding.PKCS1v15(), algorithm)


def batch(*texts, algorithm=DigestAlgorithm.SHA256):
    return [DataToBeSigned(text.encode(), algorithm) for text in texts]


def signs(key, public_key, *texts):
    """The open *key* signs the texts, in their order, as *public_key* says."""
    data = batch(*(texts or ("content",)))
    values = key.sign(data)
    assert len(values) == len(data)
    for item, value in zip(data, values, strict=True):
        holds(public_key, item, value)


def forked(work):
    """Start *work* in a forked process; the function returned waits and gives its result, or raises its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            try:
                answer = (True, work())
            except BaseException as error:  # noqa: BLE001 - all of it is told to the parent
                answer = (False, f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
            with os.fdopen(writing, "wb") as stream:
                pickle.dump(answer, stream)
        finally:
            os._exit(0)
    os.close(writing)

    def result():
        with os.fdopen(reading, "rb") as stream:
            octets = stream.read()
        os.waitpid(child, 0)
        assert octets, "the child died"
        fine, value = pickle.loads(octets)
        if not fine:
            raise AssertionError(value)
        return value

    return result


class Files:
    """Stores on folders: ``store`` again and again the same, ``other`` another."""

    def __init__(self, folder):
        self.folder = folder

    def store(self):
        return FileKeyStore(self.folder / "keys")

    def other(self):
        return FileKeyStore(self.folder / "other")


class Tokens:
    """Stores on two tokens of one module."""

    pin, other_pin = "operator-1", "operator-2"

    def __init__(self, folder):
        self.configuration = create_token(folder, "one", self.pin, "12345678")
        for label in ("two", "spoilt", "raced", "turns"):
            create_token(folder, label, self.other_pin, "12345678")
        self.module = use_token(self.configuration)

    def store(self, **arguments):
        return Pkcs11KeyStore(self.module, "one", self.pin, **arguments)

    def other(self, label="two", **arguments):
        return Pkcs11KeyStore(self.module, label, lambda: self.other_pin, **arguments)
