"""``gateway augment``: make finished signatures last, or renew what made them last."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, cast

from cyclopts import Parameter

from gateway.app import House
from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit, console, errors, settings_of
from gateway.domain.signatures import SignatureLevel
from gateway.domain.verification import FileFormat
from gateway.errors import AuthorityUnavailable, ConfigurationError, UnreadableSignature, UnsignableDocument
from gateway.operations.augment import Raised

_LEVELS = {"lt": SignatureLevel.B_LT, "lta": SignatureLevel.B_LTA}


def augment(
    *files: Annotated[Path, Parameter(help="Signed PDFs and XAdES signatures (.xml), of level T at least.")],
    level: Annotated[
        Literal["lt", "lta"] | None,
        Parameter(help="lt: with validation data; lta: and an archive time-stamp. Default: lta for PDF, lt for XAdES."),
    ] = None,
    into: Annotated[Path | None, Parameter(help="Folder for the results. Default: beside each file.")] = None,
    force: Annotated[bool, Parameter(help="Replace results that exist already.")] = False,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """
    Raise signatures to a level that lasts; the files given stay as they are.

    FILE.pdf becomes FILE-lta.pdf, FILE.xml becomes FILE-lt.xml. A PDF that has an archive time-stamp gets a newer one.
    Exit 0 when every file was raised.
    """
    if not files:
        raise ConfigurationError("FILE: at least one is required")
    if into is not None and not into.is_dir():
        raise ConfigurationError(f"--into: {into} is not a folder")
    house = House(settings_of(config))
    failed = sum(not _one(house, file, level, into, force=force) for file in files)
    return Exit.NO if failed else Exit.DONE


def _one(house: House, file: Path, level: str | None, into: Path | None, *, force: bool) -> bool:
    try:
        with file.open("rb") as stream:
            pdf = b"%PDF-" in stream.read(1024)
            stream.seek(0)
            chosen = level or ("lta" if pdf else "lt")
            target = (into or file.parent) / f"{file.stem}-{chosen}{file.suffix}"
            if target.exists() and not force:
                errors.print(f"{file}: {target} exists already; --force replaces it", markup=False)
                return False
            file_format = FileFormat.PADES if pdf else FileFormat.XADES
            raised = _written(target, lambda out: house.augment(file_format, stream, _LEVELS[chosen], out))
    except OSError as error:
        errors.print(f"{file}: {error.strerror or 'cannot be read or written'}", markup=False)
    except (UnreadableSignature, UnsignableDocument) as error:
        errors.print(f"{file}: {error.reason}", markup=False)
    except AuthorityUnavailable as error:
        errors.print(f"{file}: {error.authority} {error.reason}; try again later", markup=False)
    else:
        before, after = raised.before or "unknown level", raised.after or "unknown level"
        console.print(f"{file}: {before} → {after}: {target}", markup=False, soft_wrap=True)
        return True
    return False


def _written(target: Path, write: Callable[[BinaryIO], Raised]) -> Raised:
    """What *write* returns, with its file whole under its name, or no file."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            done = write(cast("BinaryIO", out))
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    return done
