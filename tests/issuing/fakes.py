"""Honest small stand-ins for the doors that ``issuing`` and ``sandbox`` lean on."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.signatures import SignatureValue
from gateway.errors import KeyStoreUnavailable, WrongPin

NOW = datetime(2026, 5, 4, 10, 20, 30, 654321, tzinfo=UTC)
CURVES = {KeyAlgorithm.P256: ec.SECP256R1, KeyAlgorithm.P384: ec.SECP384R1, KeyAlgorithm.P521: ec.SECP521R1}
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def make_private_key(algorithm):
    if algorithm.is_rsa:
        return rsa.generate_private_key(65537, int(algorithm.value[4:]))
    return ec.generate_private_key(CURVES[algorithm]())


def spki(private_key):
    return private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class MemoryKey:
    def __init__(self, private_key, algorithm):
        self._key, self.algorithm, self.public_key = private_key, algorithm, spki(private_key)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def sign(self, data):
        return [SignatureValue(self._sign(d)) for d in data]

    def _sign(self, data):
        prehashed = utils.Prehashed(HASHES[data.algorithm.value]())
        if self.algorithm.is_rsa:
            return self._key.sign(data.digest, padding.PKCS1v15(), prehashed)
        size = (self._key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(self._key.sign(data.digest, ec.ECDSA(prehashed)))
        return r.to_bytes(size) + s.to_bytes(size)


class MemoryKeyStore:
    """Keys in memory behind the door of ``keys``; *broken* answers as an HSM that went away."""

    def __init__(self):
        self.keys, self.broken, self.opened = {}, False, 0

    def create_service_key(self, label, algorithm=KeyAlgorithm.P256):
        self.keys[label] = MemoryKey(make_private_key(algorithm), algorithm)
        return self.keys[label].public_key

    def open_service_key(self, label):
        if self.broken or label not in self.keys:
            raise KeyStoreUnavailable("no such key")
        self.opened += 1
        return self.keys[label]

    def create_signer_key(self, owner, pin, algorithm=KeyAlgorithm.P256):
        sealed = f"{owner}:{len(self.keys)}".encode()
        self.keys[(owner, sealed, pin)] = MemoryKey(make_private_key(algorithm), algorithm)
        return sealed, self.keys[(owner, sealed, pin)].public_key

    def open_signer_key(self, owner, sealed, pin):
        if (owner, sealed, pin) not in self.keys:
            raise WrongPin
        return self.keys[(owner, sealed, pin)]

    def check(self):
        return "memory"


class MemoryRegister:
    """The certificate register as its door describes it."""

    def __init__(self):
        self._rows, self._lock = {}, threading.Lock()

    def add(self, certificate):
        with self._lock:
            assert (certificate.issuer_key_hash, certificate.serial) not in self._rows
            self._rows[certificate.issuer_key_hash, certificate.serial] = certificate

    def get(self, issuer_key_hash, serial):
        return self._rows.get((issuer_key_hash, serial))

    def revoke(self, issuer_key_hash, serial, at, reason):
        with self._lock:
            row = self._rows[issuer_key_hash, serial]
            if row.revoked is not None and row.reason != 6:
                return False
            self._rows[issuer_key_hash, serial] = replace(row, revoked=at, reason=reason)
            return True

    def resume(self, issuer_key_hash, serial):
        with self._lock:
            row = self._rows[issuer_key_hash, serial]
            if row.reason != 6:
                return False
            self._rows[issuer_key_hash, serial] = replace(row, revoked=None, reason=None)
            return True

    def revoked(self, issuer_key_hash):
        return [r for (h, _), r in self._rows.items() if h == issuer_key_hash and r.revoked is not None]
