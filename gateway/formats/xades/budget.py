"""How much is done for one file at most, however many signatures and references it has (decision 29)."""

from __future__ import annotations

from gateway.errors import UnreadableSignature

_OCTETS = 256 * 1024 * 1024
_CALLS = 6


class Budget:
    """Octets that are canonicalised or parsed again, and calls of the process that evaluates XPath."""

    def __init__(self, octets: int = _OCTETS, calls: int = _CALLS) -> None:
        """For one file; a container's signature files share one."""
        self._octets = octets
        self._calls = calls

    def spend(self, octets: int) -> None:
        """Raises ``UnreadableSignature`` where that is more than is left."""
        self._octets -= octets
        if self._octets < 0:
            raise UnreadableSignature("more is referenced than is read")

    def can_spend(self, octets: int) -> bool:
        """The same for what can be left out."""
        if octets > self._octets:
            return False
        self._octets -= octets
        return True

    def can_call(self) -> bool:
        """Whether the process may be asked once more."""
        self._calls -= 1
        return self._calls >= 0

    def stop_calling(self) -> None:
        """It may have run out of time: not again for this file."""
        self._calls = 0
