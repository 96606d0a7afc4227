"""What our own authorities issued and ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, and_, insert, or_, select, update

from gateway.storage.api import IssuedCertificate
from gateway.storage.tables import certificates
from gateway.storage.transactions import reading, writing

_HOLD = 6
"""CRLReason certificateHold (RFC 5280 § 5.3.1), the only end that is not for good."""


class SqlCertificateRegister:
    """See the door (``CertificateRegister``)."""

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def add(self, certificate: IssuedCertificate) -> None:
        """See the door."""
        with writing(self._engine) as connection:
            connection.execute(
                insert(certificates).values(
                    issuer_key_hash=certificate.issuer_key_hash,
                    serial=certificate.serial,
                    der=certificate.der,
                    issued=certificate.issued,
                    revoked=certificate.revoked,
                    reason=certificate.reason,
                )
            )

    def get(self, issuer_key_hash: bytes, serial: int) -> IssuedCertificate | None:
        """See the door."""
        with reading(self._engine) as connection:
            row = connection.execute(select(certificates).where(_is(issuer_key_hash, serial))).one_or_none()
        return _issued(row) if row is not None else None

    def revoke(self, issuer_key_hash: bytes, serial: int, at: datetime, reason: int) -> bool:
        """See the door. False for a certificate that was never issued."""
        not_for_good = or_(certificates.c.revoked.is_(None), certificates.c.reason == _HOLD)
        return self._change(issuer_key_hash, serial, not_for_good, revoked=at, reason=reason)

    def resume(self, issuer_key_hash: bytes, serial: int) -> bool:
        """See the door."""
        return self._change(issuer_key_hash, serial, certificates.c.reason == _HOLD, revoked=None, reason=None)

    def revoked(self, issuer_key_hash: bytes) -> Sequence[IssuedCertificate]:
        """See the door. In the order in which they ended."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(certificates)
                .where(certificates.c.issuer_key_hash == issuer_key_hash, certificates.c.revoked.is_not(None))
                .order_by(certificates.c.revoked, certificates.c.serial)
            ).all()
        return [_issued(row) for row in found]

    def _change(self, issuer_key_hash: bytes, serial: int, guard: ColumnElement[bool], **values: Any) -> bool:
        with writing(self._engine) as connection:
            done = connection.execute(update(certificates).where(_is(issuer_key_hash, serial), guard).values(values))
            return done.rowcount == 1


def _is(issuer_key_hash: bytes, serial: int) -> ColumnElement[bool]:
    return and_(certificates.c.issuer_key_hash == issuer_key_hash, certificates.c.serial == serial)


def _issued(row: Row[Any]) -> IssuedCertificate:
    return IssuedCertificate(
        issuer_key_hash=row.issuer_key_hash,
        serial=row.serial,
        der=row.der,
        issued=row.issued,
        revoked=row.revoked,
        reason=row.reason,
    )
