"""Instruments by name: ours, and those that other distributions bring along."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import entry_points

from gateway.errors import ConfigurationError
from gateway.instruments.api import Instrument

ENTRY_POINTS = "gateway.instruments"
"""Entry points of this group name a callable that takes nothing and returns an ``Instrument``."""


class InstrumentRegistry(Mapping[str, Instrument]):
    """The instruments of this gateway by their own names, in the order in which signers are offered them."""

    def __init__(self, instruments: Sequence[Instrument], names: Mapping[str, str]) -> None:
        """
        *names* maps what e-services may call an instrument (``mobile``, ``moldsign``…, MSign's Instrument) to ours;
        one that leads to an instrument which this gateway does not have leads nowhere.

        Raises:
            ConfigurationError: Two instruments have one name.

        """
        self._instruments: dict[str, Instrument] = {}
        self._given: dict[str, Instrument] = {}
        for instrument in instruments:
            if self._instruments.setdefault(instrument.name, instrument) is not instrument:
                raise ConfigurationError(f"instruments: two are named {instrument.name!r}")
            self._given[instrument.name.casefold()] = instrument
        for given, name in names.items():
            if name in self._instruments:
                self._given[given.strip().casefold()] = self._instruments[name]

    def __getitem__(self, name: str) -> Instrument:
        return self._instruments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)

    def resolve(self, given: str | None) -> Instrument | None:
        """The instrument that an e-service named, whatever its case; None for none or an unknown one: the page asks."""
        return None if given is None else self._given.get(given.strip().casefold())


def installed_instruments(wanted: Collection[str]) -> Sequence[Instrument]:
    """
    The instruments of other distributions whose entry points are *wanted*; nothing else is loaded.

    Raises:
        ConfigurationError: One is not installed, or cannot be loaded.

    """
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name in wanted}
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise ConfigurationError(f"instruments: {', '.join(missing)} not installed")
    loaded: list[Instrument] = []
    for name in wanted:
        try:
            loaded.append(found[name].load()())
        except Exception as error:
            raise ConfigurationError(f"instruments: {name} cannot be loaded ({type(error).__name__})") from error
    return loaded
