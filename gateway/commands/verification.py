"""What ``verify`` is told, as plain values, and the operation built of them, here and in its worker processes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import House
from gateway.commands.common import settings_of
from gateway.operations.verify_signatures import VerifySignatures
from gateway.settings import Settings, settings_from


class TrustChoice(enum.Enum):
    """Against what certificates are judged."""

    ANCHORS = "anchors"
    """The trust anchors of the settings, or of a folder."""
    SELF = "self"
    """Nothing: integrity and policy alone. Every certificate is taken as it stands, and ``trusted`` is unknown."""


@dataclass(frozen=True, slots=True)
class VerificationChoice:
    """
    How to judge: *config* names the settings, *anchors* a folder of trust anchors instead, *policy* one by name.

    Without anchors no settings are needed.
    """

    config: str
    anchors: str | None
    trust: TrustChoice
    policy: str | None

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"config": self.config, "anchors": self.anchors, "trust": self.trust.value, "policy": self.policy}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> VerificationChoice:
        """What ``to_plain`` gave."""
        return cls(plain["config"], plain["anchors"], TrustChoice(plain["trust"]), plain["policy"])

    def settings(self) -> Settings:
        """The settings that this choice needs. Raises ``ConfigurationError``."""
        if self.anchors is not None:
            trust = {"signer_anchors": self.anchors, "tsa_anchors": self.anchors}
            return settings_from({"environment": "development", "trust": trust}, Path.cwd())
        if self.trust is TrustChoice.SELF and not Path(self.config).exists():
            return settings_from({"environment": "development"}, Path.cwd())
        return settings_of(Path(self.config))

    def operation(self) -> VerifySignatures:
        """VerifySignatures, wired so. Raises ``ConfigurationError``."""
        return self.house()[1]

    def house(self) -> tuple[House, VerifySignatures]:
        """The rooms, and VerifySignatures wired so. Raises ``ConfigurationError``."""
        house = House(self.settings())
        anchored = self.trust is TrustChoice.ANCHORS
        return house, house.verification(self.policy_name(house), anchored=anchored)

    def policy_name(self, house: House) -> str:
        """The policy that is used."""
        return self.policy or house.settings.validation.policy
