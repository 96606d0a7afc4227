"""
The door of ``identity``: a person is sent to a provider and comes back known.

Two steps with a browser's journey between them. What the second must know of the first is a *memo*, which the caller
keeps for this browser alone and gives back once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.messages import Language
from gateway.domain.persons import Authentication


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and the *memo* for its return: secrets of this one journey."""

    url: str
    memo: Mapping[str, str]


class SignIn(Protocol):
    """One identity provider, of whatever protocol."""

    @property
    def name(self) -> str:
        """What people call it."""

    def begin(self, *, fresh: bool, language: Language, now: datetime) -> Departure:
        """
        Send a person to log in; with *fresh* whoever is logged in there already must prove it again.

        Raises ``AuthorityUnavailable`` where the provider does not answer.
        """

    def finish(self, answer: Mapping[str, str], memo: Mapping[str, str], now: datetime) -> Authentication:
        """
        Who came back with *answer* (the parameters of the address to which the provider sent the browser).

        Raises:
            SignInRefused: The person gave up, or the answer is not to be believed.
            AuthorityUnavailable: The provider does not answer now.

        """

    def leave(self, authentication: Authentication, back: str, now: datetime) -> str | None:
        """Where to send a browser that logs out, to come back to *back*; None where the provider has no such thing."""
