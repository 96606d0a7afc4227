"""What a provider publishes of itself (OpenID Connect Discovery 1.0) and its keys, kept for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.errors import AuthorityUnavailable, ConfigurationError
from gateway.identity.http import bounded

_KEPT = timedelta(hours=1)
_KEYS_AGAIN = timedelta(minutes=1)
"""A token under an unknown key makes the keys be asked for again, this often at most."""
_KEYS = 32
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The addresses and habits that matter here."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    names_itself: bool
    """It puts ``iss`` into its answers (RFC 9207): one without is not its own."""


def parse_issuer(url: str) -> str:
    """
    An issuer's identifier: https without query or fragment, and http on loopback alone.

    Raises ``ConfigurationError``.
    """
    parts = urlsplit(url)
    loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or loopback):
        raise ConfigurationError("identity.issuer: must be an https address without query or fragment")
    return url


class Provider:
    """Fetches and keeps metadata and keys of one issuer. Safe for threads; opens nothing before it is used."""

    def __init__(self, issuer: str, seconds: float) -> None:
        """*seconds*: for one exchange. Raises ``ConfigurationError``."""
        self._issuer = parse_issuer(issuer)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def metadata(self, now: datetime) -> Metadata:
        """What it publishes, at most an hour old. Raises ``AuthorityUnavailable``."""
        with self._lock:
            if self._metadata is None or now - self._metadata[0] > _KEPT:
                found = self._read_metadata(self.ask("GET", _well_known(self._issuer)))
                self._metadata = (now, found)
            return self._metadata[1]

    def keys(self, now: datetime, *, again: bool = False) -> KeySet:
        """Its public keys; with *again* newer ones, where those are older than a minute."""
        address = self.metadata(now).keys
        with self._lock:
            age = None if self._keys is None else now - self._keys[0]
            if self._keys is None or age is None or age > _KEPT or (again and age > _KEYS_AGAIN):
                self._keys = (now, self._read_keys(self.ask("GET", address)))
            return self._keys[1]

    def ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """One exchange that is answered by a JSON object with 200. Raises ``AuthorityUnavailable``."""
        with requests.Session() as session:
            bounded(session, self._seconds)
            try:
                response = session.request(method, url, allow_redirects=False, **more)
            except (requests.RequestException, OSError) as error:
                raise self.unavailable(f"not reached ({type(error).__name__})") from None
        return self.read(response)

    def read(self, response: requests.Response) -> dict[str, Any]:
        """The JSON object of a good answer. Raises ``AuthorityUnavailable``."""
        if response.status_code != requests.codes.ok:
            raise self.unavailable(f"answers HTTP {response.status_code}")
        try:
            found = response.json()
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self.unavailable("answer is no JSON object")
        return found

    def unavailable(self, reason: str) -> AuthorityUnavailable:
        """To be raised."""
        return AuthorityUnavailable("identity provider", reason)

    def _read_metadata(self, found: dict[str, Any]) -> Metadata:
        if found.get("issuer") != self._issuer:
            raise self.unavailable("publishes another issuer's name")
        needed: Callable[[str], str] = lambda name: self._address(found, name, required=True) or ""  # noqa: E731
        return Metadata(
            issuer=self._issuer,
            authorization=needed("authorization_endpoint"),
            token=needed("token_endpoint"),
            keys=needed("jwks_uri"),
            userinfo=self._address(found, "userinfo_endpoint"),
            end_session=self._address(found, "end_session_endpoint"),
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, found: dict[str, Any], name: str, *, required: bool = False) -> str | None:
        """An address as secure as the issuer's own; None where it is absent and need not be there."""
        value = found.get(name)
        if value is None and not required:
            return None
        parts = urlsplit(value) if isinstance(value, str) else None
        loopback = parts is not None and parts.scheme == "http" and parts.hostname in _LOOPBACK
        allowed = loopback and self._issuer.startswith("http:")
        if parts is None or not parts.hostname or not (parts.scheme == "https" or allowed):
            raise self.unavailable(f"publishes no usable {name}")
        return str(value)

    def _read_keys(self, found: dict[str, Any]) -> KeySet:
        """Keys of kinds that are not known here are left out: a provider may have them for others."""
        listed = found.get("keys")
        if not isinstance(listed, list):
            raise self.unavailable("publishes no keys")
        usable = []
        for key in listed[:_KEYS]:
            try:
                one = KeySet.import_key_set({"keys": [key]})
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                continue
            usable += [each for each in one.keys if each.key_type != "oct" and not each.is_private]
        if not usable:
            raise self.unavailable("publishes no usable keys")
        return KeySet(usable)


def _well_known(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"
