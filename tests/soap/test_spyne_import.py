"""Spyne is imported in one place, which lends it what newer Pythons took away, and it keeps quiet."""

import ast
import logging
import subprocess
import sys
from pathlib import Path

import gateway
from gateway.soap._spyne import _parse_header

PACKAGE = Path(gateway.__file__).parent


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def test_one_module_imports_spyne():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "spyne" for name in imports_of(path))
    }
    assert found == {"soap/_spyne.py"}


def test_the_stand_in_for_cgi_reads_a_header():
    assert _parse_header('text/xml; charset="utf-8"; Action=x') == (
        "text/xml",
        {"charset": "utf-8", "action": "x"},
    )
    assert _parse_header("text/xml") == ("text/xml", {})


def test_the_import_works_and_leaves_no_stand_in_behind():
    """In a fresh process, for here everything is imported already."""
    code = (
        "import sys, importlib.util\n"
        "before = importlib.util.find_spec('cgi') is not None\n"
        "import gateway.soap.application\n"
        "assert before or 'cgi' not in sys.modules\n"
        "print('served')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("served", "")


def test_spyne_writes_no_logs(caplog):
    """Its loggers write whole messages."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("spyne.protocol.soap.soap11.invalid").critical("a whole message")
        logging.getLogger("spyne.application.server").critical("an exception")
    assert not caplog.records
