"""``gateway lint``: what strict mode, or the service as it is, would refuse in a captured request, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from gateway.commands.common import Exit, console, errors
from gateway.soap.limits import SoapLimits
from gateway.soap.lint import Finding, lint_message


def lint(
    file: Annotated[Path, Parameter(help="The SOAP envelope, as it was sent.")],
    *,
    action: Annotated[str | None, Parameter(help="The SOAPAction header it was sent with.")] = None,
) -> int:
    """Say what a captured request does wrong; exit 0 when there is nothing to say, 1 when there is."""
    stated = None if action is None else action.strip().strip('"')
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            findings = lint_message(stream, size, action=stated, limits=SoapLimits())
    except OSError as error:
        errors.print(f"{file}: cannot be read ({error.strerror})", markup=False)
        return Exit.USAGE
    for finding in findings:
        _print(finding)
    if findings:
        return Exit.NO
    console.print(f"{file}: nothing to say", markup=False, soft_wrap=True)
    return Exit.DONE


def _print(finding: Finding) -> None:
    mode, style = ("refused", "bold red") if finding.compatible else ("refused in strict mode", "yellow")
    console.print(Text.assemble(finding.member, ": ", finding.reason, " (", (mode, style), ")"), soft_wrap=True)
