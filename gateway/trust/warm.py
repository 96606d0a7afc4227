"""What is kept warm: a bounded store of readings, safe for threads. It belongs to the object that made it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Warm(Generic[K, V]):
    """
    At most *entries* values of together at most *weight*; what was used longest ago goes first.

    Says nothing about how long a value is good: its reader decides.
    """

    def __init__(self, entries: int, weight: int | None = None) -> None:
        """*weight*: in the unit that ``put`` is given; None does not weigh."""
        self._entries = entries
        self._limit = weight
        self._weight = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, weight: int = 0) -> None:
        """Keep *value*, letting go of others; one heavier than the whole store is not kept."""
        if self._limit is not None and weight > self._limit:
            return
        with self._lock:
            replaced = self._values.pop(key, None)
            self._weight += weight - (replaced[1] if replaced else 0)
            self._values[key] = (value, weight)
            while len(self._values) > self._entries or (self._limit is not None and self._weight > self._limit):
                _, (_, gone) = self._values.popitem(last=False)
                self._weight -= gone
