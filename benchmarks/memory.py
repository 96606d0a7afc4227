"""What processes hold in memory, as Linux tells it: what is held now, and the most since they were asked to forget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def children(parent: int) -> Iterator[int]:
    """The processes that *parent* started and that still run."""
    for task in Path(f"/proc/{parent}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def reset(pid: int) -> int:
    """Set the high-water mark back; what is held now, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def most(pid: int) -> int:
    """The high-water mark, in bytes."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024
