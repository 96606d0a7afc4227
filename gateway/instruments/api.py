"""The door of ``instruments``: what a signer signs with. Instruments never write HTML and never see documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.domain.certificates import SigningCertificate
from gateway.domain.parties import ExpectedSigner
from gateway.domain.signatures import DataToBeSigned, SignatureValue

Answers = Mapping[str, str]
"""What the signer entered, by field name; may hold a PIN and lives inside one call."""

Memo = Mapping[str, str]
"""The instrument's notes between visits, stored with the session; never a secret."""


@dataclass(frozen=True, slots=True)
class Field:
    """An input: *name* keys its label in the catalogs (``field.{name}``), *secret* hides what is typed."""

    name: str
    secret: bool = False
    numeric: bool = False
    autocomplete: str = "off"


@dataclass(frozen=True, slots=True)
class Ask:
    """
    Questions for the signer; *problem* is a catalog key naming what was wrong with the last answers.

    *attempts_left* goes with a wrong PIN, *locked_until* with a locked key.
    """

    fields: tuple[Field, ...]
    problem: str | None = None
    problem_field: str | None = None
    attempts_left: int | None = None
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The device is at work elsewhere: look again after *seconds*; *code* is shown on both screens."""

    seconds: int
    code: str | None = None
    memo: Memo = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunInBrowser:
    """A *script* of ours runs with *payload* and brings answers back."""

    script: str
    payload: Mapping[str, str]


Interaction = Ask | Wait | RunInBrowser


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Whose key will sign: *holder* is the instrument's reference to it.

    *certificate* None means that it is made only after consent (one-time keys).
    """

    holder: str
    certificate: SigningCertificate | None
    memo: Memo = field(default_factory=dict)


class SigningDevice(AbstractContextManager["SigningDevice"], Protocol):
    """A key opened by the signer for one visit; leaving it forgets or destroys the key."""

    @property
    def certificate(self) -> SigningCertificate:
        """The signing certificate; the one consented to, where there was one."""

    def sign(self, data: Sequence[DataToBeSigned]) -> Sequence[SignatureValue | None] | Interaction:
        """Sign each in order; None marks what the device would not sign. Raises ``SigningDeclined``."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The circumstances of a call: when, from which address, and whom the consumer expects."""

    now: datetime
    address: str
    expected_signer: ExpectedSigner | None = None


class Instrument(Protocol):
    """A kind of signing means."""

    @property
    def name(self) -> str:
        """The name in settings and in the page's Instrument parameter."""

    def choose(self, answers: Answers, memo: Memo, visit: Visit) -> Choice | Interaction:
        """
        Find out whose key will sign, without opening it. Without answers: what must be asked.

        Raises ``InstrumentUnavailable``.
        """

    def ask(self, holder: str, visit: Visit) -> Ask:
        """What must be asked to open *holder*'s key (a PIN), with its lock if it has one."""

    def open(self, holder: str, answers: Answers, memo: Memo, visit: Visit) -> SigningDevice | Interaction:
        """
        Open the key. A wrong PIN is an ``Ask`` with the attempts left.

        Raises ``InstrumentUnavailable``, ``SigningDeclined``.
        """
