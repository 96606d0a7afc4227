"""What the commands share: their exit codes, the settings option, and how they speak."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from gateway.settings import Settings, load_settings


class Exit(enum.IntEnum):
    """Exit codes, the same for every command."""

    DONE = 0
    NO = 1
    """The command ran and its answer is no: a check failed, a demo line is wrong, a file is invalid."""
    USAGE = 2
    """Wrong usage or configuration, or a component that is not installed."""


DEFAULT_SETTINGS = Path("gateway.toml")
DEMO_SETTINGS = Path("demo-data") / "gateway.toml"
Config = Annotated[Path, Parameter(name="--config", help="The settings (gateway.toml).")]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def settings_of(config: Path) -> Settings:
    """
    The settings in *config*; where none was named and none is here, those of the demo, and it is said.

    Raises ``ConfigurationError``.
    """
    if config == DEFAULT_SETTINGS and not config.exists() and DEMO_SETTINGS.exists():
        errors.print(f"{DEFAULT_SETTINGS} is not here; using {DEMO_SETTINGS}", style="dim")
        return load_settings(DEMO_SETTINGS)
    return load_settings(config)
