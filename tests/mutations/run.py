"""
``python tests/mutations/run.py [--only N …]``: plants each bug of the table in a copy of the project and runs its tests.

A bug is caught when a test fails that holds without it. Exit 0 when all were caught, 1 when one survived, 2 when the
tests do not hold by themselves.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutations.table import BUGS  # noqa: E402 - found from here

_LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv",
    "__pycache__",
    "target",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
)
_SECONDS = 600


def main() -> int:
    """Plant, run, report."""
    options = argparse.ArgumentParser(prog="gw mutate", description=__doc__)
    options.add_argument("--only", type=int, nargs="+", metavar="N", help="numbers of bugs, from 1")
    chosen = options.parse_args().only or range(1, len(BUGS) + 1)
    survived = 0
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copy = Path(folder) / ROOT.name
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT, symlinks=True)
        sound: dict[tuple[str, ...], bool] = {}
        for number in chosen:
            bug = BUGS[number - 1]
            if bug.tests not in sound:
                sound[bug.tests] = _holds(copy, bug.tests)
            if not sound[bug.tests]:
                print(f"{number:3} not judged: {' '.join(bug.tests)} fail without any bug", flush=True)
                continue
            caught = _is_caught(copy, number)
            survived += not caught
            print(f"{number:3} {'caught' if caught else 'SURVIVED'}: {bug.breaks} ({bug.file})", flush=True)
    unsound = not all(sound.values())
    print(f"{len(list(chosen))} bugs, {survived} survived{', some were not judged' if unsound else ''}")
    return 2 if unsound else int(bool(survived))


def _is_caught(copy: Path, number: int) -> bool:
    bug = BUGS[number - 1]
    path = copy / bug.file
    before = path.read_text(encoding="utf-8")
    if before.count(bug.text) != 1:
        sys.exit(f"{bug.file}: the text of bug {number} stands there {before.count(bug.text)} times")
    try:
        path.write_text(before.replace(bug.text, bug.instead), encoding="utf-8")
        return not _holds(copy, bug.tests)
    finally:
        path.write_text(before, encoding="utf-8")


def _holds(copy: Path, tests: tuple[str, ...]) -> bool:
    """Whether the tests pass in *copy*; what hangs does not."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
