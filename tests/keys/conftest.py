"""Both key stores behind one door: files in a folder, and a SoftHSM token of each test module's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("keys_stores", Path(__file__).with_name("stores.py"))
stores = sys.modules["keys_stores"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stores)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    if shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2-util is not installed: apt-get install softhsm2")
    before = os.environ.get("SOFTHSM2_CONF")
    tokens = stores.Tokens(tmp_path_factory.mktemp("softhsm"))
    yield tokens
    # The module reads its configuration when initialised: leave it so for whoever comes next in this process.
    last = tokens.store()
    last.check()
    last.close()
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(params=["files", pytest.param("token", marks=pytest.mark.softhsm)])
def town(request, tmp_path):
    """Where stores of one kind come from."""
    return stores.Files(tmp_path) if request.param == "files" else request.getfixturevalue("tokens")


@pytest.fixture
def store(town):
    return town.store()
