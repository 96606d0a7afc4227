"""The table of deliberate bugs fits the code as it is; ``run.py`` plants them."""

import ast
from pathlib import Path

import pytest

from tests.mutations.table import BUGS

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_thirty_bugs():
    assert len(BUGS) == 30
    assert len({(bug.file, bug.text) for bug in BUGS}) == 30


@pytest.mark.parametrize("number", range(1, 31))
def test_a_bug_can_still_be_planted(number):
    """Its text stands in its file exactly once, and what stands there instead is a program too."""
    bug = BUGS[number - 1]
    source = (ROOT / bug.file).read_text(encoding="utf-8")
    assert source.count(bug.text) == 1
    ast.parse(source.replace(bug.text, bug.instead))
    assert all((ROOT / test).exists() for test in bug.tests)
