"""What every test shares: skips are told with their install lines, and count as failures in CI."""

from __future__ import annotations

import os

import pytest

from tests.postgresql import NOT_INSTALLED, Server, programs

IN_CI = os.environ.get("CI") == "true"
NOT_IN_THE_PROJECT = "../shared"
"""Reasons that name it are about development material that a checkout need not have, in CI either."""


def pytest_addoption(parser):
    parser.addoption("--all-clients", action="store_true", help="try the slower set of client stacks too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one: what is not tried there is tried nowhere."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if NOT_IN_THE_PROJECT not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {reason}"
    return report


def pytest_terminal_summary(terminalreporter):
    """Each reason once, with how many tests it kept from running."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("not tried on this machine")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count:4}  {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def postgresql():
    """A server of this session's own."""
    found = programs()
    if found is None:
        pytest.skip(NOT_INSTALLED)
    server = Server(found)
    yield server
    server.stop()
