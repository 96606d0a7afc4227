"""Raw bytes at the readers of XML or PDF, led by coverage (atheris); run as a process of its own by ``verify``."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# What the readers lean on comes first, so that coverage is of the readers alone.
import gateway.asn1.public_keys
import gateway.domain.verdicts
import gateway.formats.api

with atheris.instrument_imports(include=["gateway.formats.xades", "gateway.formats.pades", "gateway.asn1.ber"]):
    import gateway.formats.pades.worker
    import gateway.formats.xades.reader

from tests.fuzz.verify_targets import TARGETS


def main():
    """Run libFuzzer with this process's own arguments, beginning with the good files."""
    what, corpus, *rest = sys.argv[1:]
    target = TARGETS[what]()
    for number, sample in enumerate(target.samples):
        (Path(corpus) / f"good-{number}").write_bytes(sample)
    atheris.Setup([sys.argv[0], corpus, *rest], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    assert gateway.formats.pades.worker.OPERATIONS
    assert gateway.formats.xades.reader.XadesReader
    main()
