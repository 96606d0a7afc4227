"""Verifications that are answered later: what was asked, and how far it is."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from gateway.domain.contents import StoredContent
from gateway.domain.messages import Language
from gateway.domain.verification import FileFormat

JobId = NewType("JobId", str)
_JOB_ID = re.compile(r"[0-9a-f]{32}")


class JobState(enum.Enum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SuppliedContent:
    """Signed data outside a signature file: its bytes in the content store, or their digest by a hashlib name."""

    name: str | None
    stored: StoredContent | None = None
    digest_algorithm: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerificationTask:
    """One signature file of a job; *format* None: it is found out."""

    id: str | None
    format: FileFormat | None
    signature: StoredContent
    contents: tuple[SuppliedContent, ...] = ()
    as_stated: bool = False

    def stored(self) -> list[StoredContent]:
        """Everything of it that lies in the content store."""
        return [self.signature, *(content.stored for content in self.contents if content.stored is not None)]


@dataclass(frozen=True, slots=True)
class VerificationJob:
    """
    What was asked together. Its id is a bearer secret of 128 bits: whoever has it may read the answers.

    *answers* are the reports as a JSON array once the state is DONE. *claims* counts how often somebody set to work,
    and is the number of the latest claim.
    """

    id: JobId
    created: datetime
    expires: datetime
    language: Language
    policy: str
    tasks: tuple[VerificationTask, ...]
    state: JobState = JobState.WAITING
    claims: int = 0
    answers: str | None = None


def parse_job_id(text: str) -> JobId | None:
    """The id, or None where *text* cannot be one."""
    return JobId(text) if _JOB_ID.fullmatch(text) else None
