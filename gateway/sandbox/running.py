"""A sandbox set up and served in processes of its own, for the demo, tests and benches."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.sandbox.founding import Places
from gateway.sandbox.layout import Sandbox, open_sandbox

_START_S = 60
_STOP_S = 40
_LOG_LINES = 15
LOG = "gateway.log"


def set_up(places: Places) -> Sandbox:
    """
    ``found`` in a process that ends afterwards, for it opens the key store; returns the sandbox, without its keys.

    Raises ``ConfigurationError`` with what was wrong.
    """
    command = [
        sys.executable,
        "-m",
        "gateway.sandbox.founding",
        json.dumps({**asdict(places), "data": str(places.data)}),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    if done.returncode:
        last = done.stderr.strip().splitlines()[-_LOG_LINES:]
        raise ConfigurationError("\n".join(last) or f"the sandbox in {places.data} could not be set up")
    return open_sandbox(places.sandbox_folder)


@contextmanager
def served(places: Places, sandbox: Sandbox, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """
    The gateway and its sandbox, answering; gives the process id of ``gateway serve``, which is ended afterwards.

    What it logs goes to ``gateway.log`` in the data folder. *environment* is added to this process's.

    Raises:
        ConfigurationError: A port is in use, or the gateway did not start (with the end of its log).

    """
    ports = {"--soap-port": places.soap_port, "--page-port": places.page_port, "--sandbox-port": sandbox.port}
    refuse_used(ports)
    log = places.data / LOG
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(places.settings_file)]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as written:  # noqa: PTH123 - by descriptor
        server = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env={**os.environ, **(environment or {})}
        )
    try:
        _await(server, list(ports.values()), log)
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def refuse_used(ports: Mapping[str, int]) -> None:
    """Raises ``ConfigurationError`` with the option whose port somebody else uses."""
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise ConfigurationError(f"{option}: port {port} is in use on this machine; choose another") from None


def _await(server: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    """Until every port answers."""
    deadline = time.monotonic() + _START_S
    for port in ports:
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
                raise ConfigurationError("\n".join(["the gateway did not start:", *tail]))
            time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
