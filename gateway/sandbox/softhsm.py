"""
A SoftHSM token for trying out what an HSM will do: made in a folder of the sandbox, found by its own configuration.

Its keys are files like any others. The PINs pass over the command line of ``softhsm2-util`` while the token is made,
where other users of the machine could see them: never give it a PIN that protects something.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.sandbox.files import PRIVATE, write_file

_INSTALL = "apt-get install softhsm2"
_UTILITY = "softhsm2-util"
_MODULE = "libsofthsm2.so"
_TIMEOUT_S = 30
_LONGEST_LABEL = 32  # bytes of CK_TOKEN_INFO.label
_PLACES = (
    "/usr/lib/softhsm",
    "/usr/lib64/softhsm",
    "/usr/lib64/pkcs11",
    "/usr/local/lib/softhsm",
    "/opt/homebrew/lib/softhsm",
)
_MULTIARCH = "/usr/lib"

# Workers forked from a process that used the token must be able to start afresh.
_CONFIGURATION = """\
directories.tokendir = {tokens}
objectstore.backend = file
log.level = ERROR
slots.removable = false
library.reset_on_fork = true
"""


def create_token(folder: Path, label: str, pin: str, so_pin: str) -> Path:
    """
    Make the token *label* in *folder*, where it is missing; returns the path of its ``softhsm2.conf``.

    A token that is there keeps its keys and PINs, whatever *pin* and *so_pin* say. Safe for processes at once.

    Args:
        folder: made for its owner only; tokens lie below it.
        label: at most 32 bytes.
        pin, so_pin: 4 to 255 bytes; the user's, with which the gateway logs in, and the security officer's.

    Raises:
        ConfigurationError: SoftHSM is not installed, or cannot make the token.

    """
    utility = shutil.which(_UTILITY)
    if utility is None:
        raise ConfigurationError(f"{_UTILITY} is not installed: {_INSTALL}")
    if not label.isprintable() or label != label.strip() or not 0 < len(label.encode()) <= _LONGEST_LABEL:
        raise ConfigurationError(f"the token's label {label!r} must have 1 to {_LONGEST_LABEL} printable characters")
    folder = folder.resolve()
    if not str(folder).isprintable():
        raise ConfigurationError("the token's folder has a name that SoftHSM cannot read")
    configuration = folder / "softhsm2.conf"
    try:
        with _alone_in(folder):
            tokens = folder / "tokens"
            tokens.mkdir(mode=0o700, exist_ok=True)
            if not configuration.exists():
                write_file(configuration, _CONFIGURATION.format(tokens=tokens).encode(), PRIVATE)
            if label not in _labels(utility, configuration):
                pins = ("--pin", pin, "--so-pin", so_pin)
                _run(utility, configuration, "--init-token", "--free", "--label", label, *pins)
    except OSError as error:
        raise ConfigurationError(f"the token's folder {folder} cannot be used: {error.strerror}") from None
    return configuration


def use_token(configuration: Path) -> str:
    """
    Have this process find the tokens of *configuration*; returns the path of SoftHSM's module.

    To be called before the module is loaded: it reads its configuration when it is initialised.

    Raises:
        ConfigurationError: There is no such configuration, or SoftHSM is not installed.

    """
    if not configuration.is_file():
        raise ConfigurationError(f"there is no SoftHSM configuration {configuration}")
    module = find_module((*_PLACES, *sorted(str(path) for path in Path(_MULTIARCH).glob("*/softhsm"))))
    os.environ["SOFTHSM2_CONF"] = str(configuration.resolve())
    return module


def find_module(places: Iterable[str]) -> str:
    """SoftHSM's module in the first of *places* (folders) that has it. Raises ``ConfigurationError``."""
    for place in places:
        module = Path(place) / _MODULE
        if module.is_file():
            return str(module)
    raise ConfigurationError(f"{_MODULE} is not installed: {_INSTALL}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; the lock ends with the process that holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _labels(utility: str, configuration: Path) -> list[str]:
    shown = _run(utility, configuration, "--show-slots")
    return [label.rstrip() for label in re.findall(r"^\s+Label:\s{1,12}(.*)$", shown, re.MULTILINE)]


def _run(utility: str, configuration: Path, *arguments: str) -> str:
    """Run softhsm2-util; nothing of what it was given gets into an error."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system, arguments without a shell
            [utility, *arguments],
            env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise ConfigurationError(f"{_UTILITY} cannot be run ({type(error).__name__})") from None
    if done.returncode != 0:
        raise ConfigurationError(f"{_UTILITY} {arguments[0]} failed: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "it gave no reason"
