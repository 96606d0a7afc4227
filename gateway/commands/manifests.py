"""``gateway verify --manifest``: many files in several processes, one JSON line for each row."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.commands.common import errors
from gateway.commands.manifest_rows import ManifestRow, read_manifest
from gateway.commands.row_workers import RowLimits, RowWorkers
from gateway.commands.verification import VerificationChoice
from gateway.errors import ConfigurationError

Facts = dict[str, Any]


def run_manifest(
    manifest: Path, out: Path | None, choice: VerificationChoice, limits: RowLimits
) -> tuple[list[ManifestRow], list[Facts]]:
    """
    Answer every row of *manifest*, with progress on standard error; lines go to *out* in the order of the rows.

    Returns the rows and the facts of each.

    Raises:
        ConfigurationError: The manifest cannot be read, *out* not be written, or nothing be verified with this choice.

    """
    rows = read_manifest(manifest)
    choice.settings()  # what is wrong with them is said here, and not by every process
    found: list[Facts | None] = [None] * len(rows)
    with _written(out) as stream, _progress(len(rows)) as advance:
        line = _Lines(found, stream)

        def answered(index: int, facts: Facts) -> None:
            found[index] = facts
            line.write()
            advance()

        if rows:
            RowWorkers(choice, limits).run(rows, answered)
    return rows, [facts for facts in found if facts is not None]


def processes() -> int:
    """As many as there are processors for us."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Lines:
    """Writes facts as soon as all before them are written."""

    def __init__(self, found: Sequence[Facts | None], stream: TextIO | None) -> None:
        self._found = found
        self._stream = stream
        self._next = 0

    def write(self) -> None:
        while self._next < len(self._found):
            facts = self._found[self._next]
            if facts is None:
                return
            if self._stream is not None:
                self._stream.write(json.dumps(facts, ensure_ascii=False) + "\n")
                self._stream.flush()
            self._next += 1


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO | None]:
    if out is None:
        yield None
    else:
        try:
            # An identifier that was no UTF-8 becomes JSON's own escape.
            stream = out.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise ConfigurationError(f"{out}: cannot be written ({error.strerror})") from None
        with stream:
            yield stream


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task("verifying", total=total)
        yield lambda: bar.advance(task)
