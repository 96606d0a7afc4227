"""Large messages under way at once, bounded by their bytes and by the room where contents are stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gateway.errors import ServiceBusy

_STEP = 16 * 1024 * 1024
_RETRY_AFTER_S = 15
_RETRY_WHEN_FULL_S = 60


class BodyBudget:
    """What one process takes at once. Safe for threads."""

    def __init__(self, total: int, beyond: int, has_room: Callable[[int], bool] = lambda _bytes: True) -> None:
        """
        *total* bytes of messages larger than *beyond*; one alone may be larger. *has_room* says whether so many bytes
        may be stored.
        """
        self._total = total
        self._beyond = beyond
        self._has_room = has_room
        self._taken = 0
        self._lock = threading.Lock()

    def lease(self) -> Lease:
        """For one message; given back when it is left."""
        return Lease(self)

    def take(self, held: int, wanted: int) -> int:
        """What a message of *wanted* bytes holds, which held *held*. Raises ``ServiceBusy`` and takes nothing."""
        if wanted <= max(held, self._beyond):
            return held
        if not self._has_room(wanted - held):
            raise ServiceBusy(_RETRY_WHEN_FULL_S)
        with self._lock:
            others = self._taken - held
            if others and others + wanted > self._total:
                raise ServiceBusy(_RETRY_AFTER_S)
            self._taken = others + wanted
        return wanted

    def give_back(self, held: int) -> None:
        """A message is done."""
        with self._lock:
            self._taken -= held


class Lease:
    """One message's share of a ``BodyBudget``. Of one thread."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._budget.give_back(self._held)
        self._held = 0

    def cover(self, size: int) -> None:
        """The message has *size* bytes, as was announced. Raises ``ServiceBusy``."""
        self._held = self._budget.take(self._held, size)

    def cover_so_far(self, size: int) -> None:
        """The message has *size* bytes and may go on; it is covered some way ahead. Raises ``ServiceBusy``."""
        if size > self._held:
            self._held = self._budget.take(self._held, size if not self._held else size + _STEP)
