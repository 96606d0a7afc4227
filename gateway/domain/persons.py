"""A person, as an identity provider vouches for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """*personal_identifier* is the national number as the provider gives it; names as they are to be shown."""

    personal_identifier: str
    given_name: str
    family_name: str
    email: str | None = None
    telephone: str | None = None

    @property
    def name(self) -> str:
        """Given name and family name, as Moldova writes them."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class Authentication:
    """
    That a provider knew a person.

    *authenticated* is when the person last proved it (UTC), which with single sign-on may have been long ago;
    *assurance* the provider's class of it (``acr``); *subject* its own name for the person; *ticket* what logging out
    there wants back.
    """

    person: Person
    provider: str
    subject: str
    authenticated: datetime
    assurance: str | None
    ticket: str
