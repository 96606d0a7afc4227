"""
Rows answered by several processes, each row within its time and memory: one that hangs is killed and answered so.

A process and what it started form a group of their own, which is killed whole.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.commands.manifest_rows import ManifestRow
from gateway.commands.verification import VerificationChoice
from gateway.domain.messages import MessageKey
from gateway.domain.verification import VerificationResult
from gateway.errors import ConfigurationError
from gateway.reports.api import facts_of

_START_SECONDS = 60.0
_ROWS_EACH = 500
_PIECE = 1 << 16
_ANSWER_LIMIT = 64 * 1024 * 1024
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR", "TZ")
_SECRETS = ("PIN", "SECRET", "PASSWORD")

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowLimits:
    """*processes* at once; *seconds* and *memory* (octets of address space) for one row."""

    processes: int
    seconds: float
    memory: int


class RowWorkers:
    """Answers the rows of one manifest. Leaves order and output to its caller."""

    def __init__(self, choice: VerificationChoice, limits: RowLimits) -> None:
        """Start nothing yet."""
        self._choice = choice
        self._limits = limits
        self._rows: queue.SimpleQueue[tuple[int, ManifestRow]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._error: BaseException | None = None

    def run(self, rows: Sequence[ManifestRow], answered: Callable[[int, Facts], None]) -> None:
        """
        Call *answered* with the index and facts of every row, as they come, from several threads but one at a time.

        Raises:
            ConfigurationError: The processes cannot work with this choice.

        """
        for numbered in enumerate(rows):
            self._rows.put(numbered)
        lock = threading.Lock()
        count = max(1, min(self._limits.processes, len(rows)))
        threads = [threading.Thread(target=self._lane, args=(answered, lock)) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error

    def _lane(self, answered: Callable[[int, Facts], None], lock: threading.Lock) -> None:
        worker: _Worker | None = None
        try:
            while not self._stop.is_set():
                try:
                    index, row = self._rows.get_nowait()
                except queue.Empty:
                    return
                if worker is None or worker.spent:
                    if worker is not None:
                        worker.end()
                    worker = _Worker(self._choice, self._limits, self._stop)
                facts = worker.ask(row)
                with lock:
                    answered(index, facts)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error = error
            self._stop.set()
        finally:
            if worker is not None:
                worker.end()


class _Worker:
    """One process."""

    def __init__(self, choice: VerificationChoice, limits: RowLimits, stop: threading.Event) -> None:
        self._limits = limits
        self._stop = stop
        self._rows_left = _ROWS_EACH
        self._pending = b""
        self.spent = False
        rows_out, self._to = os.pipe()
        self._from, answers_in = os.pipe()
        details = {"rows": rows_out, "answers": answers_in, "memory": limits.memory, "choice": choice.to_plain()}
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in _KEPT_ENVIRONMENT or (name.startswith("GATEWAY_") and not name.endswith(_SECRETS))
        }
        paths = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" means here
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, with fixed arguments
                [sys.executable, "-P", "-m", "gateway.commands.row_worker", json.dumps(details)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": paths},
                pass_fds=(rows_out, answers_in),
                start_new_session=True,
            )
        except OSError as error:
            self._close()
            raise ConfigurationError(f"no process can be started to verify in: {error.strerror}") from None
        finally:
            os.close(rows_out)
            os.close(answers_in)
        greeting = self._receive(_START_SECONDS)
        if not greeting or not greeting.get("ready"):
            self.end()
            said = greeting.get("error") if greeting else None
            raise ConfigurationError(said or "the processes to verify in do not start")

    def ask(self, row: ManifestRow) -> Facts:
        """The facts of *row*; where the process did not come to an answer, why."""
        self._rows_left -= 1
        began = time.monotonic()
        answer = None
        with suppress(OSError):
            self._send(json.dumps(row.to_plain()).encode() + b"\n", began + self._limits.seconds)
            answer = self._receive(self._limits.seconds - (time.monotonic() - began))
        if answer is not None and "facts" in answer:
            self.spent = bool(answer.get("spent")) or self._rows_left <= 0
            facts: Facts = answer["facts"]
            return facts
        late = time.monotonic() - began >= self._limits.seconds
        self.spent = True
        self.end()
        key = MessageKey.OUT_OF_TIME if late else MessageKey.READER_STOPPED
        return facts_of(row.identifier, VerificationResult(None, (), key))

    def _send(self, octets: bytes, until: float) -> None:
        while octets:
            _, writable, _ = select.select([], [self._to], [], max(0.0, until - time.monotonic()))
            if not writable:
                return
            octets = octets[os.write(self._to, octets[: select.PIPE_BUF]) :]

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        """One line from the process within *seconds*; None where it is late, ended, or says too much."""
        until = time.monotonic() + seconds
        while b"\n" not in self._pending:
            left = until - time.monotonic()
            if left <= 0 or self._stop.is_set() or len(self._pending) > _ANSWER_LIMIT:
                return None
            readable, _, _ = select.select([self._from], [], [], min(left, 0.5))
            if not readable:
                continue
            piece = os.read(self._from, _PIECE)
            if not piece:
                return None
            self._pending += piece
        line, self._pending = self._pending.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError:
            return None
        return message if isinstance(message, dict) else None

    def end(self) -> None:
        """Kill it with all that it started. May be called again."""
        with suppress(ProcessLookupError, PermissionError):
            if self._process.returncode is None:  # not waited for yet, so that its number is still its own
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._close()

    def _close(self) -> None:
        for descriptor in (self._to, self._from):
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
        self._to = self._from = -1
