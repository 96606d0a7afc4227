"""What a provider says of a person, into a person: which claim is what is configured, for every provider differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.persons import Person

_LONGEST = 200
_STEP = re.compile(r"[^.]+")


class MissingClaim(Exception):
    """A claim without which nobody is known; *claim* is its configured name."""

    def __init__(self, claim: str) -> None:
        """*claim*: its configured name."""
        super().__init__(claim)
        self.claim = claim


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """
    Which claim holds what; a dot goes into a claim that is an object (``address.country``).

    *identifier_prefix* is taken off the identifier where it is there: ``PNOMD-`` of ``PNOMD-2000123456789``.
    """

    personal_identifier: str = "sub"
    given_name: str = "given_name"
    family_name: str = "family_name"
    email: str = "email"
    telephone: str = "phone_number"
    identifier_prefix: str = ""

    def person(self, claims: Mapping[str, Any]) -> Person:
        """The person that *claims* describe. Raises ``MissingClaim``."""
        identifier = _text(claims, self.personal_identifier)
        if identifier is None or not identifier.removeprefix(self.identifier_prefix):
            raise MissingClaim(self.personal_identifier)
        given, family = _text(claims, self.given_name), _text(claims, self.family_name)
        if given is None and family is None:
            raise MissingClaim(self.family_name)
        return Person(
            identifier.removeprefix(self.identifier_prefix),
            given or "",
            family or "",
            _text(claims, self.email),
            _text(claims, self.telephone),
        )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """A claim that is a text (or a whole number), trimmed; None for anything else."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for step in _STEP.findall(name):
            found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or len(found) > _LONGEST or not found.isprintable():
        return None
    return found.strip() or None
