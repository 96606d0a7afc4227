"""
Work on hostile documents in processes that can be killed (decision 29): a thread cannot be stopped, a process can.

A few processes are kept warm for each process that asks, started at the first call (never before a fork) and replaced
after a limit, a kill or many uses. A call lends them one open file; they answer in JSON and plain octets, never in
pickles, so that a process which a document took over can lie, but not run anything here. They hold no secret, write
no file, and end with the process that started them.

The work itself is a module with ``OPERATIONS``: names to generators of ``Answer``, each called with a descriptor that
it may read by position and with plain arguments. It refuses by raising ``Refused``. ``isolated`` is the other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import ConfigurationError, ServiceBusy
from gateway.formats.isolated import OUT_OF_MEMORY, TOO_MUCH_MEMORY, Answer, receive, send

_START_SECONDS = 60.0
_MOST_OCTETS = 128 * 1024 * 1024
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from gateway.formats.isolated import serve; serve(json.loads(sys.argv[2]))"
)


class Declined(Exception):
    """The work refused: *reason* is plain English without content."""

    def __init__(self, reason: str) -> None:
        """*reason* as the work gave it."""
        super().__init__(reason)
        self.reason = reason


class Stopped(Exception):
    """The work did not come to its end: *reason* completes "the document …"; *answers* came before."""

    def __init__(self, reason: str, answers: list[Answer]) -> None:
        """*answers* given before the end are good."""
        super().__init__(reason)
        self.reason = reason
        self.answers = answers


@dataclass(slots=True)
class _Pool:
    """The processes of one parent."""

    turn: threading.Condition = field(default_factory=threading.Condition)
    idle: list[_Child] = field(default_factory=list)
    existing: int = 0
    waiting: int = 0


class Isolation:
    """Runs the operations of one module in killable processes. Safe for threads, and usable on both sides of a fork."""

    def __init__(
        self,
        module: str,
        *,
        processes: int = 2,
        seconds: float = 20.0,
        memory: int = 1 << 30,
        waiting: int = 32,
        uses: int = 1000,
    ) -> None:
        """
        Nothing is started yet.

        Args:
            module: where ``OPERATIONS`` stands; imported in the processes alone.
            processes: at most so many at once, for each process that calls.
            seconds: of a call's work, by the clock and of CPU; the process is killed then.
            memory: octets of address space of each.
            waiting: calls that may wait for a process, each at most *seconds* long.
            uses: calls after which a process is replaced.

        """
        self._settings = {"module": module, "seconds": seconds, "memory": memory}
        self._processes = processes
        self._seconds = seconds
        self._waiting = waiting
        self._uses = uses
        self._pools: dict[int, _Pool] = {}
        weakref.finalize(self, _end_all, self._pools)

    def run(self, name: str, arguments: Mapping[str, Any], descriptor: int) -> list[Answer]:
        """
        Every answer of operation *name* over the open file *descriptor*, whose position is left alone.

        Raises:
            Declined: The work refused, and says why.
            Stopped: Out of time or memory, or its process ended; what was answered before is kept.
            ServiceBusy: All processes are taken and enough callers wait.
            ConfigurationError: No process can be started here.

        """
        pool = self._pool()
        child = self._take(pool)
        healthy = False
        try:
            answers, healthy = child.ask(name, arguments, descriptor, self._seconds)
        except Declined:
            healthy = True
            raise
        finally:
            self._give_back(pool, child, keep=healthy and child.uses < self._uses)
        return answers

    def _pool(self) -> _Pool:
        """The pool of the process that calls; what a fork copied belongs to another and is only let go of."""
        mine = os.getpid()
        found = self._pools.get(mine)
        if found is None:
            found = self._pools.setdefault(mine, _Pool())
            for owner in [pid for pid in self._pools if pid != mine]:
                other = self._pools.pop(owner, None)
                for child in other.idle if other else ():
                    child.forget()
        return found

    def _take(self, pool: _Pool) -> _Child:
        with pool.turn:
            if not self._is_free(pool):
                self._wait(pool)
            while pool.idle:
                child = pool.idle.pop()
                if child.alive:
                    return child
                child.end()
                pool.existing -= 1
            pool.existing += 1
        try:
            return _Child(self._settings)
        except BaseException:
            with pool.turn:
                pool.existing -= 1
                pool.turn.notify()
            raise

    def _is_free(self, pool: _Pool) -> bool:
        return bool(pool.idle) or pool.existing < self._processes

    def _wait(self, pool: _Pool) -> None:
        if pool.waiting >= self._waiting:
            raise ServiceBusy(max(1, int(self._seconds)))
        pool.waiting += 1
        try:
            if not pool.turn.wait_for(lambda: self._is_free(pool), timeout=self._seconds):
                raise ServiceBusy(max(1, int(self._seconds)))
        finally:
            pool.waiting -= 1

    def _give_back(self, pool: _Pool, child: _Child, *, keep: bool) -> None:
        if not keep:
            child.end()
        with pool.turn:
            if keep:
                pool.idle.append(child)
            else:
                pool.existing -= 1
            pool.turn.notify()


class _Child:
    """One process and the line to it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.uses = 0
        self._line, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        details = {**settings, "line": far_end.fileno(), "parent": os.getpid()}
        paths = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" means here, as for the import system
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, with fixed arguments
                [sys.executable, "-sP", "-c", _BOOT, json.dumps(paths), json.dumps(details)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
                pass_fds=(far_end.fileno(),),
            )
        except OSError as error:
            self._line.close()
            raise ConfigurationError(f"no process can be started to read documents in: {error.strerror}") from None
        finally:
            far_end.close()
        self._greet()

    def _greet(self) -> None:
        """Wait until it has imported what it needs."""
        said = "it ended"
        with contextlib.suppress(OSError, ValueError, EOFError):
            self._line.settimeout(_START_SECONDS)
            greeting, _ = receive(self._line, _MOST_OCTETS)
            if greeting.get("ready"):
                return
            said = str(greeting.get("error"))[:200]
        self.end()
        raise ConfigurationError(f"the process to read documents in does not start: {said}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, name: str, arguments: Mapping[str, Any], descriptor: int, seconds: float
    ) -> tuple[list[Answer], bool]:
        """The answers, and whether the process may be asked again."""
        self.uses += 1
        answers: list[Answer] = []
        deadline = time.monotonic() + seconds
        try:
            self._line.settimeout(seconds)
            send(self._line, {"run": name, "arguments": dict(arguments)}, (), descriptor)
            while True:
                self._line.settimeout(max(0.001, deadline - time.monotonic()))
                message, blobs = receive(self._line, _MOST_OCTETS)
                if "answer" not in message:
                    break
                answers.append(Answer(message["answer"], tuple(blobs)))
        except TimeoutError:
            raise Stopped(_out_of_time(seconds), answers) from None
        except (OSError, EOFError, ValueError):
            raise Stopped(self._why_it_ended(seconds), answers) from None
        if "refused" in message:
            raise Declined(str(message["refused"]))
        if "failed" in message:
            raise Stopped(str(message["failed"]), answers)
        return answers, not message.get("spent")

    def _why_it_ended(self, seconds: float) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=1)
            if code == -signal.SIGXCPU:
                return _out_of_time(seconds)
            if code == OUT_OF_MEMORY:
                return TOO_MUCH_MEMORY
        return "could not be read, because the process that read it was ended"

    def end(self) -> None:
        """Kill it and wait for it."""
        self._line.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def forget(self) -> None:
        """Let go of a process that is another's child."""
        self._line.close()
        self._process.returncode = 0


def _out_of_time(seconds: float) -> str:
    return f"cannot be read within {seconds:g} seconds"


def _end_all(pools: dict[int, _Pool]) -> None:
    pool = pools.pop(os.getpid(), None)
    for child in pool.idle if pool else ():
        child.end()
