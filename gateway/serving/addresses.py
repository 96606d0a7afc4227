"""How many connections each address has here."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence

_IPV6_SITE = 64


class AddressCount:
    """
    Counts open connections by address, IPv6 by its /64. Of one thread.

    Connections of a unix socket have no address and are not counted.
    """

    def __init__(self, limit: int, exempt: Sequence[str] = ()) -> None:
        """
        *limit*: connections of one address, 0 for any number; *exempt*: addresses and networks that are not counted.

        Raises ``ValueError`` for what is no network.
        """
        self._limit = limit
        self._exempt = [ipaddress.ip_network(text, strict=False) for text in exempt]
        self._open: Counter[str] = Counter()

    def enter(self, address: object) -> str | None:
        """
        Count a connection of *address* (as ``accept`` gives it); the key to ``leave`` it by, empty where it is not
        counted; None where it is one too many.
        """
        key = self._key(address)
        if key and self._open[key] >= self._limit:
            return None
        if key:
            self._open[key] += 1
        return key

    def leave(self, key: str) -> None:
        """The connection of *key* ended."""
        if not key:
            return
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]

    def _key(self, address: object) -> str:
        if not self._limit or not isinstance(address, tuple) or not address:
            return ""
        found = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if any(found in network for network in self._exempt):
            return ""
        if isinstance(found, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((int(found) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))
        return str(found)
