"""
One record per operation: opened at the door, filled on the way, written once.

A record never holds a key, PIN, personal identifier, content, signature or whole certificate; callers put in counts,
sizes, ids of consumers, the beginnings of ids of requests, and outcomes. Its reference is what a fault or apology page
shows.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from gateway.errors import GatewayError

_REQUEST_SHOWN = 8
"""Characters of a request's id: enough to find it in the database, and 96 bits short of a bearer secret."""


@dataclass(slots=True)
class AuditRecord:
    """Facts about one operation under way; *reference* is 12 hexadecimal digits."""

    operation: str
    reference: str
    facts: dict[str, str | float | bool | None] = field(default_factory=dict)

    def note(self, **facts: str | float | bool | None) -> None:
        """Add facts to the record. Of a *request*'s id, which opens its page, only the beginning is kept."""
        request = facts.get("request")
        if isinstance(request, str):
            facts["request"] = request[:_REQUEST_SHOWN]
        self.facts.update(facts)


def configure_logging(level: str = "INFO") -> None:
    """One JSON object per line on standard error, for this process."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # tells its context at every look
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


@contextmanager
def audited(operation: str) -> Iterator[AuditRecord]:
    """
    Open the record of *operation*; written when the block ends, with its duration and how it ended.

    An exception of ours is recorded by its class and passes on; any other is recorded by class and place, without its
    message, which might quote a caller's bytes.
    """
    record = AuditRecord(operation, secrets.token_hex(6))
    began = time.perf_counter()
    log = structlog.get_logger()
    try:
        yield record
    except GatewayError as error:
        record.note(refused=type(error).__name__)
        raise
    except Exception as error:
        record.note(failed=type(error).__name__, at=_place_of(error))
        raise
    finally:
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        write = log.error if "failed" in record.facts else log.info
        write(operation, reference=record.reference, ms=milliseconds, **record.facts)


def _place_of(error: BaseException) -> str:
    """Innermost frames as module:line, for operators; no values."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])
