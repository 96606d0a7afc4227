"""What time makes due: let go of requests past their retention and of contents nobody claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from gateway.storage.api import ContentStore, RequestStore

_BATCH = 500
_UNCLAIMED_GRACE = timedelta(hours=24)
"""A content is written before its row: only what is much older than any call can be an orphan."""


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """How many were let go."""

    requests: int
    contents_of_requests: int
    orphaned_contents: int
    jobs: int = 0


class Maintenance:
    """Idempotent: two runs at once are harmless, and a run that is cut short loses nothing."""

    def __init__(
        self,
        requests: RequestStore,
        contents: ContentStore,
        retention: timedelta,
        clock: Callable[[], datetime],
        purge_jobs: Callable[[], int] = lambda: 0,
    ) -> None:
        """
        *retention*: how long a request is kept after it was posted; *purge_jobs* lets go of verification jobs that
        expired, and says of how many.
        """
        self._requests = requests
        self._contents = contents
        self._retention = retention
        self._clock = clock
        self._purge_jobs = purge_jobs

    def __call__(self) -> MaintenanceReport:
        """Do all that is due now."""
        now = self._clock()
        requests = contents = 0
        while True:
            gone = self._requests.delete_created_before(now - self._retention, _BATCH)
            for content_id in gone.contents:
                self._contents.delete(content_id)
            requests += gone.requests
            contents += len(gone.contents)
            if gone.requests < _BATCH:
                return MaintenanceReport(requests, contents, self._purge_orphans(now), self._purge_jobs())

    def _purge_orphans(self, now: datetime) -> int:
        purged = 0
        old = self._contents.older_than(now - _UNCLAIMED_GRACE)
        while batch := list(islice(old, _BATCH)):
            for content_id in set(batch) - self._requests.contents_in_use(batch):
                self._contents.delete(content_id)
                purged += 1
        return purged
