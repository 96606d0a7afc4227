"""``./gw bench NAME [--json FILE]``: measurements, as ratios within one run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import job
import soap

BENCHES = {"job": job.measure, "soap": soap.measure}


def main() -> int:
    """Run one bench, print its table, write its rows."""
    options = argparse.ArgumentParser(prog="gw bench", description=__doc__)
    options.add_argument("name", choices=sorted(BENCHES))
    options.add_argument("--json", type=Path, help="write the rows to this file")
    given = options.parse_args()
    rows = BENCHES[given.name]()
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
