"""A sandbox made once, not served, for the command line."""

from __future__ import annotations

import pytest

from gateway.__main__ import main
from gateway.sandbox.founding import Places
from gateway.sandbox.running import set_up


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    made = Places(tmp_path_factory.mktemp("roof") / "data", 1, 2, 3)
    set_up(made)
    return made


@pytest.fixture
def run(capsys, places):
    """Run a command against the sandbox's settings: exit code, output, errors."""

    def _run(*arguments, config=True):
        options = ["--config", str(places.settings_file)] if config else []
        code = main([*map(str, arguments), *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return _run
