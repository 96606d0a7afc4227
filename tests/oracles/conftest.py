"""The oracles' fixtures: the stranger town, EU DSS, and skips that name what to install."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

_HERE = Path(__file__).resolve().parent
_PACKAGES = {
    "xmlsec1": "xmlsec1",
    "pdfsig": "poppler-utils",
    "certutil": "libnss3-tools",
    "openssl": "openssl",
}


def _module(name: str) -> ModuleType:
    """A plain module of this folder; tests are not a package."""
    known = f"oracles_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, _HERE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        spec.loader.exec_module(module)
    return sys.modules[known]


@pytest.fixture(scope="session")
def towns() -> ModuleType:
    """The module ``town``."""
    return _module("town")


@pytest.fixture(scope="session")
def town(towns, tmp_path_factory):
    """A stranger town with its services up."""
    town = towns.Town(tmp_path_factory.mktemp("town"))
    yield town
    town.close()


@pytest.fixture(scope="session")
def dss():
    """The module ``dss_oracle`` with EU DSS built, or a skip that says what this machine lacks."""
    oracle = _module("dss_oracle")
    try:
        oracle.build()
    except oracle.DssUnavailable as lacking:
        pytest.skip(str(lacking))
    return oracle


@pytest.fixture
def needs():
    """Skip unless the named programs are installed."""

    def check(*programs: str) -> None:
        for program in programs:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed: apt-get install {_PACKAGES[program]}")

    return check
