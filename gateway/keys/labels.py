"""Labels of service keys, as settings give them."""

from __future__ import annotations

from gateway.errors import KeyStoreUnavailable

LONGEST_LABEL = 64


def checked_label(label: str) -> str:
    """
    *label* as it stands, where it can be one: 1 to 64 printable characters without a space at either end.

    Raises ``KeyStoreUnavailable``.
    """
    if not 0 < len(label) <= LONGEST_LABEL or not label.isprintable() or label != label.strip():
        raise KeyStoreUnavailable(f"a key's label has 1 to {LONGEST_LABEL} printable characters")
    return label
