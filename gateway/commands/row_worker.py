"""
A process that answers rows of a manifest, one after the other; ``row_workers`` starts, feeds and ends it.

It is limited in memory from its first line on, and speaks JSON, a line for a line, over descriptors of its own: what
libraries print goes nowhere.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from typing import Any

from gateway.commands.manifest_rows import ManifestRow, answer_row
from gateway.commands.verification import VerificationChoice
from gateway.domain.messages import MessageKey
from gateway.domain.verification import VerificationResult
from gateway.errors import GatewayError, ServiceBusy
from gateway.operations.verify_signatures import VerifySignatures
from gateway.reports.api import facts_of

SHARE_SPENT = 0.5
"""Of its memory that a process may have used; then a fresh one is better."""


def main(arguments: list[str]) -> int:
    """Answer rows from the descriptors and by the choice in *arguments* until there are no more."""
    details = json.loads(arguments[0])
    memory = int(details["memory"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    logging.disable(logging.CRITICAL)
    with os.fdopen(details["answers"], "w", encoding="ascii") as answers, os.fdopen(details["rows"], "rb") as rows:
        try:
            operation = VerificationChoice.from_plain(details["choice"]).operation()
        except GatewayError as error:
            _say(answers, {"error": str(error)})
            return 1
        _say(answers, {"ready": True})
        for line in rows:
            facts = _answer(operation, ManifestRow.from_plain(json.loads(line)))
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            _say(answers, {"facts": facts, "spent": used > memory * SHARE_SPENT})
    return 0


def _answer(operation: VerifySignatures, row: ManifestRow) -> dict[str, Any]:
    try:
        return facts_of(row.identifier, answer_row(operation, row))
    except ServiceBusy:
        return facts_of(row.identifier, VerificationResult(None, (), MessageKey.READER_STOPPED))
    except MemoryError:
        return facts_of(row.identifier, VerificationResult(None, (), MessageKey.READER_STOPPED))


def _say(answers: Any, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
