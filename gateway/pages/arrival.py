"""
What an e-service sends along with the signer's browser: read, bounded and checked.

Everything here is a function of its arguments. The names are matched whatever their case, in form and query alike
(MSign's own client and its documentation differ in it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.messages import Language

MAX_RETURN_URL = 2048
MAX_RELAY_STATE = 8192
"""Bytes of UTF-8."""

_NAMES = ("returnurl", "relaystate", "lang", "instrument", "msisdn")
_INSTRUMENT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MSISDN = re.compile(r"\+?[0-9]{6,15}")

_ABSOLUTE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?#][!-\[\]-~]*)?",
    re.IGNORECASE | re.ASCII,
)
"""Printable ASCII without backslash, no user information, no percent signs in the host: one reading for everybody."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ANY_PORT_OF_LOCALHOST = "http://localhost"


@dataclass(frozen=True, slots=True)
class Parameters:
    """
    The arrival parameters as given; None where absent.

    *language*, *instrument* and *msisdn* are None as well where they cannot be what they should: they are wishes, and
    a wish that cannot be read is left out (an unknown instrument falls back to the selection).
    """

    return_url: str | None = None
    relay_state: str | None = None
    language: Language | None = None
    instrument: str | None = None
    msisdn: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything came along at all."""
        return self != Parameters()

    @property
    def only_language(self) -> bool:
        """Whether this is no arrival but the language switch."""
        return self == Parameters(language=self.language)

    @property
    def relay_state_fits(self) -> bool:
        """Whether RelayState can be kept and given back unmodified in a form: bounded, and without NUL."""
        text = self.relay_state or ""
        return "\0" not in text and len(text.encode("utf-8", "surrogatepass")) <= MAX_RELAY_STATE


def read_parameters(*sources: Iterable[tuple[str, str]]) -> Parameters:
    """The arrival parameters among (name, value) pairs; earlier sources win, and the first of several values."""
    found: dict[str, str] = {}
    for source in sources:
        for name, value in source:
            if name.lower() in _NAMES:
                found.setdefault(name.lower(), value)
    return Parameters(
        return_url=found.get("returnurl"),
        relay_state=found.get("relaystate"),
        language=parse_language(found.get("lang")),
        instrument=_matching(_INSTRUMENT, found.get("instrument")),
        msisdn=_matching(_MSISDN, found.get("msisdn")),
    )


def parse_language(text: str | None) -> Language | None:
    """ro, ru or en in any case, or None."""
    try:
        return Language((text or "").lower())
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port, normalised; two are the same place when they are equal."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As browsers and Content-Security-Policy write it: without a default port."""
        shown = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{shown}"


def origin_of(url: str) -> Origin | None:
    """
    The origin of an absolute http(s) URL, or None for anything that two programs might read differently.

    Refused are user information, backslashes, spaces, control and non-ASCII characters, other schemes, missing
    slashes, ports out of range, and more than 2048 characters.
    """
    if len(url) > MAX_RETURN_URL:
        return None
    parts = _ABSOLUTE_URL.fullmatch(url)
    if parts is None:
        return None
    scheme = parts["scheme"].lower()
    port = int(parts["port"]) if parts["port"] else _DEFAULT_PORTS[scheme]
    return Origin(scheme, parts["host"].lower(), port) if 0 < port < 65536 else None


def return_url_allowed(url: str, registered: Sequence[str]) -> bool:
    """
    Whether *url* lies on one of the *registered* origins (decision 11).

    ``http://localhost`` stands for every port of localhost; a registration that is no bare origin counts for nothing.
    """
    origin = origin_of(url)
    return origin is not None and any(_covers(entry, origin) for entry in registered)


def return_host(url: str) -> str | None:
    """The host to name to a signer when *url* is not allowed; None where it cannot be told for certain."""
    origin = origin_of(url)
    return origin.host if origin is not None else None


def _covers(entry: str, origin: Origin) -> bool:
    if entry == _ANY_PORT_OF_LOCALHOST:
        return origin.scheme == "http" and origin.host == "localhost"
    bare = _ABSOLUTE_URL.fullmatch(entry)
    return bare is not None and bare["rest"] in (None, "/") and origin_of(entry) == origin


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and pattern.fullmatch(text) else None
