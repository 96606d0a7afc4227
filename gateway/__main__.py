"""The command line. Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, or something missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from gateway import __version__
from gateway.commands import administration, augmenting, checking, demonstrating, linting, reference, serving, verifying
from gateway.commands.common import Exit, errors
from gateway.errors import ConfigurationError, GatewayError

HELP = """A self-hosted gateway for electronic signatures, wire-compatible with MSign.

Exit codes: 0 done; 1 the answer is no (a check failed, a demo line is wrong); 2 wrong usage or configuration, or
something that must be installed is missing.

For developers: gw test [--system] [--all-clients] runs every check, gw bench NAME measures, gw fuzz NAME looks for
trouble.
"""


def build() -> App:
    """The command line's parser."""
    app = App(
        name="gw",
        help=HELP,
        version=__version__,
        help_on_error=False,
        default_parameter=Parameter(negative=()),  # no --no-once beside --once
    )
    for command in (
        demonstrating.demo,
        serving.serve,
        checking.check,
        reference.settings,
        verifying.verify,
        augmenting.augment,
        linting.lint,
        administration.persons,
        administration.maintain,
        administration.migrate,
    ):
        app.command(command)
    app.command(administration.consumers)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        result = build()(
            list(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=True,
            result_action="return_value",
        )
    except CycloptsError:
        return Exit.USAGE
    except ConfigurationError as error:
        errors.print(str(error), markup=False, style="bold red")
        return Exit.USAGE
    except GatewayError as error:
        errors.print(f"{type(error).__name__}: {error}", markup=False, style="bold red")
        return Exit.NO
    except KeyboardInterrupt:
        return 130
    return int(result or 0)


if __name__ == "__main__":
    sys.exit(main())
