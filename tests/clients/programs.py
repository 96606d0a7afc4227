"""
The programs of this folder: what each is, what it lacks on this machine, preparing it, running it.

Run as a module it prepares all of them, for machines that lose their network before the tests.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.soap.published import published_contract

HERE = Path(__file__).resolve().parent
PUBLISHED_AT = "https://localhost:8443/MSign.svc"
"""The address in the contract that programs are generated from; each is told another when it runs."""

_WSDL = HERE / "target" / "MSign.wsdl"
_PREPARE_S = 580
_RUN_S = 240
_MADE = ("target", "node_modules", "__pycache__")


@dataclass(frozen=True, slots=True)
class Program:
    """One stack's client program, as its ``client.toml`` says."""

    name: str
    folder: Path
    stack: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    files: tuple[str, ...]
    check: tuple[str, ...]
    packages: tuple[str, ...]
    slow: bool

    @property
    def missing(self) -> str | None:
        """None where the machine has what the program needs, else what is missing with the line that installs it."""
        lacking = [need for need in self.needs if shutil.which(need) is None]
        lacking += [file for file in self.files if not Path(file).exists()]
        if not lacking and self.check and subprocess.run(self.check, capture_output=True, check=False).returncode:
            lacking = [self.stack]
        if not lacking:
            return None
        return f"{self.stack} needs {', '.join(lacking)}: apt-get install {' '.join(self.packages)}"

    def prepare(self) -> None:
        """
        Run the folder's ``prepare.sh`` unless nothing changed since it last succeeded; safe for several processes.

        Raises ``RuntimeError`` with the end of what it printed.
        """
        script = self.folder / "prepare.sh"
        if not script.exists():
            return
        target = self.folder / "target"
        target.mkdir(exist_ok=True)
        stamp = target / "prepared.sha256"
        with (target / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = self._fingerprint()
            if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
                return
            environment = {**os.environ, "MSIGN_WSDL": str(served_contract())}
            done = subprocess.run(
                ["sh", "prepare.sh"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PREPARE_S,
                check=False,
            )
            if done.returncode:
                end = done.stdout.decode(errors="replace")[-3000:]
                raise RuntimeError(f"{self.folder.name}/prepare.sh ended with {done.returncode}:\n{end}")
            stamp.write_text(wanted, encoding="ascii")

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(served_contract().read_bytes())
        for file in sorted(self.folder.rglob("*")):
            inside = file.relative_to(self.folder).parts
            if file.is_file() and inside[0] not in _MADE:
                digest.update("/".join(inside).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def run(self, scenario: Path) -> list[dict[str, Any]]:
        """What the program printed for *scenario*. Raises ``RuntimeError`` with its errors where it failed."""
        command = [part.replace("{python}", sys.executable) for part in self.command]
        done = subprocess.run(
            [*command, str(scenario)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_RUN_S,
            check=False,
        )
        said = done.stderr.decode(errors="replace")[-3000:]
        if done.returncode:
            raise RuntimeError(f"{self.stack} ended with {done.returncode}:\n{said}")
        try:
            return list(json.loads(done.stdout))
        except ValueError:
            raise RuntimeError(f"{self.stack} printed no JSON: {done.stdout[:1000]!r}\n{said}") from None


def programs(*, slow: bool) -> list[Program]:
    """All programs in the order of their names, with those of the slower set where *slow*."""
    found = [_described(file) for file in sorted(HERE.glob("*/client.toml"))]
    return [program for program in found if slow or not program.slow]


def served_contract() -> Path:
    """The contract in one file as the gateway serves it, for tools that generate."""
    document = published_contract(PUBLISHED_AT).single_wsdl
    if not _WSDL.exists() or _WSDL.read_bytes() != document:
        _WSDL.parent.mkdir(exist_ok=True)
        waiting = _WSDL.with_name(f".{os.getpid()}.wsdl")
        waiting.write_bytes(document)
        waiting.replace(_WSDL)
    return _WSDL


def _described(file: Path) -> Program:
    described = tomllib.loads(file.read_text(encoding="utf-8"))
    return Program(
        name=file.parent.name,
        folder=file.parent,
        stack=described["stack"],
        command=tuple(described["command"]),
        needs=tuple(described["needs"]),
        files=tuple(described.get("files", ())),
        check=tuple(described.get("check", ())),
        packages=tuple(described["packages"]),
        slow=described["slow"],
    )


def main(arguments: list[str]) -> int:
    """Prepare every program that this machine can run, and say so."""
    failed = 0
    for program in programs(slow="--all-clients" in arguments):
        if program.missing is not None:
            print(program.missing)
            continue
        try:
            program.prepare()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(error)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
