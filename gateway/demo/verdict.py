"""What a verifier that we did not write answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OracleVerdict:
    """
    What one verifier answered.

    *accepted*: everything it looks at holds and leads to an anchor. *detail* is short, without paths or content.
    *looks_at_time_stamps*: whether a spoiled time-stamp would have changed the answer.
    """

    name: str
    accepted: bool
    detail: str
    looks_at_time_stamps: bool = False
