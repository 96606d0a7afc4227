"""
Verifications that are answered later: taken in at once, worked on behind, asked after until they are done.

Whoever takes a job in may be ended before it is done; the job is then taken over by whoever looks next. What was sent
is kept until the job is done, its answers until it expires.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol

from gateway.audit import audited
from gateway.domain.messages import Language
from gateway.domain.verification import DetachedContent, FileFormat, VerificationResult
from gateway.domain.verification_jobs import (
    JobId,
    JobState,
    SuppliedContent,
    VerificationJob,
    VerificationTask,
)
from gateway.errors import GatewayError, ServiceBusy
from gateway.storage.api import ContentStore, VerificationJobStore

_LEASE = timedelta(minutes=3)
"""Longer than one file may take; extended after each."""
_MOST_CLAIMS = 3
_BUSY_S = 30


class VerifiesFiles(Protocol):
    """What a job does for each of its files."""

    def __call__(
        self,
        file_format: FileFormat | None,
        signature: BinaryIO,
        contents: Sequence[DetachedContent],
        *,
        as_stated: bool,
        policy: str,
    ) -> VerificationResult:
        """The result; never raises for anything in the file."""


Report = Callable[[str | None, VerificationResult, Language], dict[str, Any]]
"""The answer about one file, as JSON can carry it."""


class VerificationJobs:
    """Takes jobs in and works on them in one thread of this process. Leaves words and the wire to others."""

    def __init__(
        self,
        jobs: VerificationJobStore,
        contents: ContentStore,
        verify: VerifiesFiles,
        report: Report,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        *,
        kept: timedelta = timedelta(hours=1),
        most_open: int = 100,
    ) -> None:
        """*kept*: how long a job can be asked after, in all; *most_open*: unfinished jobs of the whole installation."""
        self._jobs = jobs
        self._contents = contents
        self._verify = verify
        self._report = report
        self._clock = clock
        self._new_id = new_id
        self._kept = kept
        self._most_open = most_open
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._woken = False

    def submit(self, tasks: Sequence[VerificationTask], language: Language, policy: str) -> JobId:
        """
        Keep a job, and set to work. The contents of *tasks* are the job's from now on.

        Raises:
            ServiceBusy: Too many jobs wait; the contents stay the caller's.

        """
        now = self._clock()
        if self._jobs.open(now) >= self._most_open:
            raise ServiceBusy(_BUSY_S)
        job = VerificationJob(JobId(self._new_id()), now, now + self._kept, language, policy, tuple(tasks))
        self._jobs.add(job)
        self._wake()
        return job.id

    def look(self, job_id: JobId) -> VerificationJob | None:
        """How far a job is; None where there is none (any more). One whose worker is gone is taken up again."""
        job = self._jobs.get(job_id, self._clock())
        if job is not None and job.state in (JobState.WAITING, JobState.RUNNING):
            self._wake()
        return job

    def forget(self, job_id: JobId) -> bool:
        """Remove a job with all it holds; False where there is none."""
        job = self._jobs.remove(job_id)
        if job is None:
            return False
        self._let_go(job)
        return True

    def purge(self, limit: int = 500) -> int:
        """Remove at most *limit* jobs that expired; how many."""
        return sum(self.forget(job_id) for job_id in self._jobs.expired(self._clock(), limit))

    def work(self) -> bool:
        """Do one job that is due; False where there is none."""
        job = self._jobs.claim(self._clock(), _LEASE)
        if job is None:
            return False
        with suppress(Exception), audited("verification_job") as record:
            record.note(files=len(job.tasks), claims=job.claims)
            self._end(job, None if job.claims > _MOST_CLAIMS else self._answers(job))
        return True

    def _end(self, job: VerificationJob, answers: str | None) -> None:
        state = JobState.FAILED if answers is None else JobState.DONE
        if self._jobs.finish(job, state, answers):
            self._let_go(job)

    def _answers(self, job: VerificationJob) -> str | None:
        """The reports of all files; None where some file could not be had any more."""
        answers = []
        for task in job.tasks:
            try:
                result = self._one(task, job.policy)
            except ServiceBusy:
                raise  # the lease runs out, and another try is made
            except GatewayError:
                return None
            answers.append(self._report(task.id, result, job.language))
            if not self._jobs.extend(job, self._clock() + _LEASE):
                break  # another has taken over; what is said here counts no more
        return json.dumps(answers, ensure_ascii=False)

    def _one(self, task: VerificationTask, policy: str) -> VerificationResult:
        supplied = [self._supplied(content) for content in task.contents]
        with closing(self._contents.open(task.signature.content_id)) as signature:
            return self._verify(task.format, signature, supplied, as_stated=task.as_stated, policy=policy)

    def _supplied(self, content: SuppliedContent) -> DetachedContent:
        stored = content.stored
        if stored is None:
            return DetachedContent(content.name, None, content.digest_algorithm, content.digest)
        return DetachedContent(content.name, lambda: self._contents.open(stored.content_id))

    def _let_go(self, job: VerificationJob) -> None:
        for task in job.tasks:
            for stored in task.stored():
                self._contents.delete(stored.content_id)

    def _wake(self) -> None:
        """Have a thread work until nothing is due; a daemon, for a job whose worker ends is taken over."""
        with self._lock:
            self._woken = True
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="verification jobs", daemon=True)
                self._worker.start()

    def _run(self) -> None:
        # A store that is away has recorded it; whoever asks after the job wakes us again.
        with suppress(GatewayError):
            while self._is_woken():
                while self.work():
                    pass
            return
        with self._lock:
            self._worker = None

    def _is_woken(self) -> bool:
        """Whether somebody woke us since the last look; otherwise this thread is the worker no more."""
        with self._lock:
            woken, self._woken = self._woken, False
            if not woken:
                self._worker = None
            return woken
