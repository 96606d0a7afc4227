"""The door of ``messages``: what people read."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.messages import Language


class Catalog(Protocol):
    """Texts in Romanian, Russian and English."""

    def text(self, key: str, language: Language, **values: object) -> str:
        """The text of *key*; ``{name}`` places take *values*. Raises ``KeyError`` where it is missing: no fallback."""

    def plural(self, key: str, count: int, language: Language, **values: object) -> str:
        """The form of *key* for *count*, which fills ``{count}``."""
