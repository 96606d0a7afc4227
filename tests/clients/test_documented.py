"""docs/clients.md and the machine's preparation name every client, and what the page shows is code that is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.programs import programs
from tests.run import SLOWER_CLIENTS, SYSTEM

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clients.md"
SNIPPET = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_THE_MACHINE = {"nodejs", "npm"}
"""Not installed by us: see tests/run.py."""


@pytest.mark.parametrize("client", programs(slow=True), ids=lambda client: client.name)
def test_every_stack_has_a_row_and_a_section_with_a_snippet_of_its_program(client):
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert any(client.stack in row for row in rows)
    (section,) = re.findall(rf"^## {re.escape(client.stack)}\b.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert any(name.startswith((f"tests/clients/{client.name}/", "samples/")) for name, _ in SNIPPET.findall(section))


def test_every_shown_line_stands_in_the_program_in_the_same_order():
    shown = SNIPPET.findall(PAGE.read_text(encoding="utf-8"))
    assert shown
    for name, snippet in shown:
        lines = iter(squeezed((ROOT / name).read_text(encoding="utf-8")))
        for line in squeezed(snippet):
            assert any(line in found for found in lines), f"{name} has no line, or not there: {line}"


def test_no_code_is_shown_without_the_program_that_it_is_from():
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n```") == 2 * len(SNIPPET.findall(page))


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("client", programs(slow=True), ids=lambda client: client.name)
def test_whatever_a_stack_needs_is_installed_before_it_is_tried(client):
    installed = {*SYSTEM, *SLOWER_CLIENTS} if client.slow else set(SYSTEM)
    assert {*client.packages} - OF_THE_MACHINE <= installed


def test_no_package_that_could_keep_all_others_from_being_installed_is_on_the_line():
    assert not OF_THE_MACHINE & {*SYSTEM, *SLOWER_CLIENTS}
