"""The gateway's certificate register, with what the sandbox's authorities issued before there was one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.storage.api import CertificateRegister, IssuedCertificate


class RegisterWithDeclared:
    """A ``CertificateRegister`` over another; *declared* certificates are good, and cannot be revoked."""

    def __init__(self, register: CertificateRegister, declared: Iterable[IssuedCertificate]) -> None:
        """*declared*: never written to *register*."""
        self._register = register
        self._declared = {(c.issuer_key_hash, c.serial): c for c in declared}

    def add(self, certificate: IssuedCertificate) -> None:
        """See the door."""
        self._register.add(certificate)

    def get(self, issuer_key_hash: bytes, serial: int) -> IssuedCertificate | None:
        """See the door."""
        declared = self._declared.get((issuer_key_hash, serial))
        return declared or self._register.get(issuer_key_hash, serial)

    def revoke(self, issuer_key_hash: bytes, serial: int, at: datetime, reason: int) -> bool:
        """See the door."""
        if (issuer_key_hash, serial) in self._declared:
            return False
        return self._register.revoke(issuer_key_hash, serial, at, reason)

    def resume(self, issuer_key_hash: bytes, serial: int) -> bool:
        """See the door."""
        return self._register.resume(issuer_key_hash, serial)

    def revoked(self, issuer_key_hash: bytes) -> Sequence[IssuedCertificate]:
        """See the door."""
        return self._register.revoked(issuer_key_hash)
