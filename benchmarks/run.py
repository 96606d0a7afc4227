"""
``./gw bench NAME [--json FILE]``: measurements, as ratios within one run. ``./gw bench all`` writes the page as well.

A bench is a module beside this one with a function ``measure``; ``tables`` says what it gives. ``all`` runs each in a
process of its own, so that none meets what another has left in memory, and puts the tables into ``docs/benchmarks.md``.
What is written there by hand stays: every section that is no bench's. Exit 0 if everything was measured.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
sys.path.insert(0, str(HERE))

from tables import Row, markdown_rows, print_rows, read_json, write_json  # noqa: E402 - beside this file

_MACHINE = "The machine"
_VERSIONS = ("lxml", "spyne", "cryptography", "pyhanko", "xmlsec", "signxml", "python-pkcs11", "SQLAlchemy")
_INTRODUCTION = """\
# Benchmarks

Every figure is a ratio within one run, so that it says something on another machine too: the work and its reference
take turns. Tables are as `./gw bench all` printed them; run one yourself with the command of its section. What is
bounded by a reach that is a plain figure (MB) is bounded itself; otherwise the ratio is.
"""


def main() -> int:
    """Run one bench or all; print, write."""
    names = benches()
    options = argparse.ArgumentParser(
        prog="gw bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("name", choices=[*names, "all"], help="what to measure")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    options.add_argument("--section", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.name == "all":
        return run_all(names, given.json)
    module = importlib.import_module(given.name)
    rows = module.measure()
    if all(isinstance(row, Row) for row in rows):
        print_rows(getattr(module, "TITLE", given.name), rows)
    if given.json is not None:
        write_json(given.json, rows)
    if given.section is not None:
        given.section.write_text(section(given.name, module, rows), encoding="utf-8")
    return 0


def benches() -> list[str]:
    """The modules beside this one that define ``measure``; none is imported for it."""
    return sorted(path.stem for path in HERE.glob("*.py") if _defines_measure(path))


def _defines_measure(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "measure" for node in tree.body)


def run_all(names: Sequence[str], json_file: Path | None) -> int:
    """Each bench in turn, then the page. One that could not be measured keeps the section that it had."""
    written, rows = [], []
    for name in names:
        print(f"gw bench {name}", flush=True)
        measured = _run_apart(name)
        if measured is None:
            print(f"gw bench {name}: not measured", file=sys.stderr)
            continue
        written.append(measured[0])
        rows += measured[1]
    former = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(former, written), encoding="utf-8")
    print(f"written: {PAGE.relative_to(HERE.parent)}")
    if json_file is not None:
        write_json(json_file, rows)
    return 0 if len(written) == len(names) else 1


def _run_apart(name: str) -> tuple[str, list[dict[str, Any]]] | None:
    """A bench's section and rows."""
    with tempfile.TemporaryDirectory() as folder:
        rows, text = Path(folder) / "rows.json", Path(folder) / "section.md"
        command = [sys.executable, str(Path(__file__).resolve()), name, "--json", str(rows), "--section", str(text)]
        if subprocess.run(command, check=False).returncode or not text.exists():
            return None
        return text.read_text(encoding="utf-8"), read_json(rows)


def page(former: str, written: Sequence[str]) -> str:
    """The page of the benches' sections *written* and of every other section that *former* has."""
    parts = {_MACHINE: machine(), **{title: text for part in written for title, text in sections(part).items()}}
    kept = {title: text for title, text in sections(former).items() if title not in parts}
    return "\n".join(part.strip("\n") + "\n" for part in (_INTRODUCTION, *parts.values(), *kept.values()))


def sections(text: str) -> dict[str, str]:
    """The second-level sections of a page by title."""
    found = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return {part.splitlines()[0].removeprefix("## ").strip(): part for part in found if part.startswith("## ")}


def section(name: str, module: Any, rows: Sequence[Any]) -> str:
    """A bench's section: how to run it, what it is about, its table."""
    title = getattr(module, "TITLE", name)
    about = str(getattr(module, "ABOUT", None) or module.__doc__ or "").strip()
    table = markdown_rows(rows) if all(isinstance(row, Row) for row in rows) else _any_table(rows)
    return f"## {title}\n\n`./gw bench {name} [--json FILE]`\n\n{about}\n\n{table}\n"


def _any_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows that are plain objects, by their keys."""
    headings = list(rows[0])
    lines = [headings, ["---"] * len(headings), *([str(row.get(key, "")) for key in headings] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """What was measured on, and when."""
    versions = []
    for package in _VERSIONS:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = f"{processor()}, {len(os.sched_getaffinity(0))} cores"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.release()}"
    return f"## {_MACHINE}\n\n{cores}; {system}; {python}; {datetime.now(UTC):%Y-%m-%d}.\n{', '.join(versions)}.\n"


def processor() -> str:
    """The processor's model as the system names it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    facts = dict(re.findall(r"^(model name|vendor_id|cpu family|model)\s*:\s*(.+)$", text, flags=re.MULTILINE))
    name: str = facts.get("model name", "unknown")
    if name.lower() != "unknown":
        return name
    if facts:
        return f"{facts.get('vendor_id', '?')} family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    return str(platform.processor() or platform.machine())


if __name__ == "__main__":
    sys.exit(main())
