"""``gateway check``: the configuration as it is understood, and whether everything behind it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.text import Text

from gateway.app import House
from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit, console, settings_of
from gateway.errors import GatewayError
from gateway.sandbox.layout import open_sandbox
from gateway.serving import listeners
from gateway.settings import Settings, shown
from gateway.storage.database import check_database


def check(*, config: Config = DEFAULT_SETTINGS) -> int:
    """Print the settings without their secrets, then try database, contents, keys, TLS, trust, TSA and CA."""
    settings = settings_of(config)
    for line in _lines("", shown(settings)):
        console.print(line, markup=False, soft_wrap=True)
    console.print()
    right = [_try(name, attempt) for name, attempt in _attempts(settings)]
    return Exit.DONE if all(right) else Exit.NO


def _lines(prefix: str, values: dict[str, Any]) -> list[str]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict) and name != "module_environment" and prefix.count(".") == 0:
            found += _lines(f"{prefix}{name}.", value)
        else:
            found.append(f"{prefix}{name} = {value}")
    return found


def _attempts(settings: Settings) -> list[tuple[str, Callable[[], str]]]:
    house = House(settings)
    # Rooms are entered only inside each attempt, so that what is missing for one does not hide the others.
    attempts: list[tuple[str, Callable[[], str]]] = [
        ("database", lambda: check_database(house.database)),
        ("contents", lambda: house.contents.check()),  # noqa: PLW0108 - deferred on purpose
        ("keys", lambda: house.key_store.check()),  # noqa: PLW0108 - deferred on purpose
        ("listeners", lambda: ", ".join(f"{one.name} on {one.bind}" for one in listeners(settings))),
        ("page secret", lambda: f"{len(settings.pages.secret_key())} characters"),
        ("trust anchors", lambda: _anchors(house)),
        ("time-stamps", lambda: "; ".join(one.check() for one in house.authorities)),
    ]
    if settings.sandbox is not None:
        folder = settings.sandbox.folder
        attempts.append(
            ("authority", lambda: open_sandbox(folder).authority(house.key_store, house.register).check()),
        )
    return attempts


def _anchors(house: House) -> str:
    _ = house.judge  # reads both folders
    trust = house.settings.trust
    return f"read from {trust.signer_anchors} and {trust.tsa_anchors}"


def _try(name: str, attempt: Callable[[], str]) -> bool:
    """One line: what answered, or what is wrong."""
    try:
        said, style, mark = attempt(), "green", "ok"
    except GatewayError as error:
        said, style, mark = str(error), "bold red", "WRONG"
    console.print(Text.assemble((f"{mark:6}", style), f"{name:14}", said), soft_wrap=True)
    return mark == "ok"
