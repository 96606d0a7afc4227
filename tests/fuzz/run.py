"""``./gw fuzz NAME …``: throw things at a part of the gateway and say what was thrown and what was found."""

from __future__ import annotations

import importlib
import sys

NAMES = ("soap", "verify")


def main(arguments: list[str]) -> int:
    """Hand over to the module of that name; exit 0 where nothing was found, 1 where something was, 2 for a usage."""
    if not arguments or arguments[0] not in NAMES:
        print(f"usage: gw fuzz {{{','.join(NAMES)}}} [--seconds N | --inputs N] [--seed S]", file=sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    module = importlib.import_module(f"tests.fuzz.{arguments[0]}")
    result: int = module.main(arguments[1:])
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
