"""
Where status services may be asked: which addresses in certificates we are willing to follow (decision 30).

A certificate is written by somebody else. Following what it says blindly would let its maker have this process call
anything that it can reach; so only plain http and https addresses count, and only public network addresses.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

URL_LIMIT = 2048
"""Characters of an address, at most."""

_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_NUMERIC_END = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_PRINTABLE = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}
_PRIVILEGED = 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.88.99.0/24",  # 6to4 relays, given up (RFC 7526)
        "64:ff9b:1::/48",  # translation inside a network (RFC 8215)
        "::ffff:0:0:0/96",  # translation of IPv4 (RFC 2765)
        "fec0::/10",  # site-local (RFC 3879)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)
"""What not every version of Python's own table holds."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchFailed(Exception):
    """Nothing was fetched; the text says why, for operators, without content of what came."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart: *literal* where the host is a network address and not a name."""

    scheme: str
    host: str
    port: int
    path: str
    literal: IPAddress | None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """
    Take *url* apart, strictly: http or https, a host name or a plain network address, no user information.

    Numbers that some resolvers take for addresses (``2130706433``, ``0x7f.1``, ``127.1``) are neither. Raises
    ``FetchFailed``.
    """
    if len(url) > URL_LIMIT or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise FetchFailed("address too long or with unprintable characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchFailed("address not readable") from None
    if parts.scheme not in _PORTS:
        raise FetchFailed("address is neither http nor https")
    if "@" in parts.netloc:
        raise FetchFailed("address with user information")
    host = (parts.hostname or "").removesuffix(".")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path, _literal(host))


def _literal(host: str) -> IPAddress | None:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host)
        except ValueError:
            raise FetchFailed("host is no network address") from None
    if not _HOST.fullmatch(host):
        raise FetchFailed("host is no name")
    if _NUMERIC_END.fullmatch(host.rpartition(".")[2]):
        try:
            return ipaddress.IPv4Address(host)
        except ValueError:
            raise FetchFailed("host is no network address") from None
    return None


def refuse_address(address: str, port: int, *, allow_loopback: bool) -> None:
    """
    Raise ``FetchFailed`` unless *address* is public, or loopback where *allow_loopback*.

    IPv6 forms that carry an IPv4 address are judged by that one too. On public addresses, of the privileged ports
    only those of http and https are called, for the others belong to services that are not status services.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        raise FetchFailed("name does not resolve to a network address") from None
    if allow_loopback and _is_loopback(parsed):
        return
    for one in (parsed, *_embedded(parsed)):
        if not one.is_global or one.is_multicast or one.is_reserved or any(one in net for net in _NOT_PUBLIC):
            raise FetchFailed("address is not public")
    if port < _PRIVILEGED and port not in _PORTS.values():
        raise FetchFailed("port is not one of a status service")


def _is_loopback(address: IPAddress) -> bool:
    return address.is_loopback or any(one.is_loopback for one in _embedded(address))


def _embedded(address: IPAddress) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses inside an IPv6 address: mapped, compatible, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    if address in _NAT64 or isatap or (int(address) >> 32 == 0 and int(address) > 1):
        found.append(low)
    return [one for one in found if one is not None]
