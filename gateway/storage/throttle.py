"""Slows one address down before it can lock somebody else's key (decision 3)."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address

from sqlalchemy import ColumnElement, Connection, Engine, case, delete, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.storage.columns import Moment
from gateway.storage.tables import address_tries
from gateway.storage.transactions import writing

_DROPPED_AT_ONCE = 100
_IPV6_HOST_BITS = 64
"""Whoever has an IPv6 address commonly has its whole /64."""


class SqlAddressThrottle:
    """
    See the door (``AddressThrottle``). Counts in windows: the first try of an address opens one.

    Addresses are kept as HMAC-SHA256, so that the table names nobody without the key; IPv6 by their /64. What is older
    than a window is dropped on the way.
    """

    def __init__(self, engine: Engine, *, tries: int, window: timedelta, key: bytes) -> None:
        """*tries* of one address go on within *window*; *key*: a secret of the installation, the same on every host."""
        self._engine = engine
        self._tries = tries
        self._window = window
        self._key = key

    def allow(self, address: str, now: datetime, about: str = "") -> bool:
        """See the door."""
        hashed = self._hashed(address, about)
        with writing(self._engine) as connection:
            tries = self._count(connection, hashed, now)
            self._drop_old(connection, now)
        return tries <= self._tries

    def forgive(self, address: str, about: str = "") -> None:
        """See the door."""
        with writing(self._engine) as connection:
            connection.execute(delete(address_tries).where(address_tries.c.address == self._hashed(address, about)))

    def _hashed(self, address: str, about: str) -> bytes:
        named = _network(address) + (f"\0{about}" if about else "")
        return hmac.digest(self._key, named.encode(errors="surrogatepass"), sha256)

    def _count(self, connection: Connection, hashed: bytes, now: datetime) -> int:
        """Tries of this window, this one included; one past the limit counts no further."""
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(address_tries).values(address=hashed, since=now, tries=1)
        over = self._is_over(now)
        more = case((address_tries.c.tries > self._tries, address_tries.c.tries), else_=address_tries.c.tries + 1)
        counted = insert.on_conflict_do_update(
            index_elements=["address"],
            set_={
                "since": case((over, literal(now, Moment)), else_=address_tries.c.since),
                "tries": case((over, 1), else_=more),
            },
        )
        return int(connection.execute(counted.returning(address_tries.c.tries)).scalar_one())

    def _drop_old(self, connection: Connection, now: datetime) -> None:
        """Some of those whose window is over. Others' rows are skipped, never waited for: nobody can deadlock."""
        old = select(address_tries.c.address).where(self._is_over(now)).limit(_DROPPED_AT_ONCE)
        found = list(connection.scalars(old.with_for_update(skip_locked=True)))
        if found:
            connection.execute(delete(address_tries).where(address_tries.c.address.in_(found)))

    def _is_over(self, now: datetime) -> ColumnElement[bool]:
        """Past its window, or begun by a clock that was far ahead."""
        return or_(address_tries.c.since <= now - self._window, address_tries.c.since > now + self._window)


def _network(address: str) -> str:
    """What counts as one address; what cannot be read counts as it stands."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS)}/{_IPV6_HOST_BITS}"
