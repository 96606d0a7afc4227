"""Instruments by name, MSign's names for them, and those that other distributions bring."""

from __future__ import annotations

import importlib
import sys

import pytest

from gateway.errors import ConfigurationError
from gateway.instruments.registry import InstrumentRegistry, installed_instruments


class Means:
    def __init__(self, name):
        self.name = name


MSIGN = {"mobile": "mobile", "moldsign": "device", "nationalid": "hosted", "securesign": "hosted", "tax": "absent"}


@pytest.fixture
def registry():
    return InstrumentRegistry([Means("hosted"), Means("mobile"), Means("device")], MSIGN)


def test_instruments_are_kept_by_name_in_their_order(registry):
    assert list(registry) == ["hosted", "mobile", "device"]
    assert len(registry) == 3
    assert registry["device"].name == "device"
    assert registry.get("tax") is None
    with pytest.raises(KeyError):
        registry["nationalid"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mobile", "mobile"),
        ("MoldSign", "device"),
        ("NATIONALID", "hosted"),
        (" securesign ", "hosted"),
        ("hosted", "hosted"),
        ("Device", "device"),
    ],
)
def test_a_given_name_is_resolved_whatever_its_case(registry, given, name):
    assert registry.resolve(given).name == name


@pytest.mark.parametrize("given", [None, "", "nobody", "mobisign", "tax", "absent", "hosted\0", "x" * 10_000])
def test_an_unknown_name_or_one_for_an_absent_instrument_resolves_to_none(registry, given):
    assert registry.resolve(given) is None


def test_a_configured_name_goes_before_an_instruments_own():
    registry = InstrumentRegistry([Means("hosted"), Means("mobile")], {"Mobile": "hosted"})
    assert registry.resolve("mobile").name == "hosted"
    assert registry["mobile"].name == "mobile"


def test_two_instruments_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="hosted"):
        InstrumentRegistry([Means("hosted"), Means("hosted")], {})


def test_what_was_given_may_change_afterwards_without_changing_the_registry():
    names = {"tax": "hosted"}
    registry = InstrumentRegistry([Means("hosted")], names)
    names.clear()
    assert registry.resolve("tax").name == "hosted"


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """A distribution that brings instruments, installed on a path of its own."""
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gateway.instruments]\ncard = stranger_means:Card\nbroken = stranger_means:broken\nlost = stranger_means:Lost\n"
    )
    (tmp_path / "stranger_means.py").write_text(
        "loads = []\nclass Card:\n    name = 'card'\n    def __init__(self):\n        loads.append(self)\n"
        "def broken():\n    raise RuntimeError('secret detail')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("stranger_means", None)


@pytest.mark.usefixtures("distribution")
def test_an_instrument_of_another_distribution_is_found_by_its_entry_point():
    (card,) = installed_instruments(["card"])
    assert InstrumentRegistry([card], {"tax": "card"}).resolve("Tax") is card


@pytest.mark.usefixtures("distribution")
def test_nothing_is_loaded_that_was_not_asked_for():
    assert installed_instruments([]) == []
    assert "stranger_means" not in sys.modules


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize("name", ["broken", "lost", "absent"])
def test_an_instrument_that_cannot_be_had_is_a_configuration_error(name):
    with pytest.raises(ConfigurationError, match=name) as refused:
        installed_instruments([name])
    assert "secret detail" not in str(refused.value)
