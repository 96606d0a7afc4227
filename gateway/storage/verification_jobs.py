"""Verifications that are answered later."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, and_, delete, insert, or_, select, update

from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.messages import Language
from gateway.domain.verification import FileFormat
from gateway.domain.verification_jobs import JobId, JobState, SuppliedContent, VerificationJob, VerificationTask
from gateway.storage.tables import verification_jobs as jobs
from gateway.storage.transactions import reading, writing


class SqlVerificationJobStore:
    """See the door (``VerificationJobStore``)."""

    def __init__(self, engine: Engine) -> None:
        """*engine*: of ``open_database``."""
        self._engine = engine

    def add(self, job: VerificationJob) -> None:
        """See the door."""
        row = {
            "id": job.id,
            "created": job.created,
            "expires": job.expires,
            "language": job.language,
            "policy": job.policy,
            "tasks": json.dumps([_task_fields(task) for task in job.tasks], separators=(",", ":")),
            "state": job.state,
            "claims": job.claims,
        }
        with writing(self._engine) as connection:
            connection.execute(insert(jobs).values(row))

    def get(self, job_id: JobId, now: datetime) -> VerificationJob | None:
        """See the door."""
        with reading(self._engine) as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id, jobs.c.expires > now)).one_or_none()
        return _job(row) if row is not None else None

    def open(self, now: datetime) -> int:
        """See the door."""
        with reading(self._engine) as connection:
            unfinished = jobs.c.state.in_([JobState.WAITING, JobState.RUNNING])
            return len(connection.scalars(select(jobs.c.id).where(unfinished, jobs.c.expires > now)).all())

    def claim(self, now: datetime, lease: timedelta) -> VerificationJob | None:
        """See the door."""
        with writing(self._engine) as connection:
            due = select(jobs).where(_is_due(now)).order_by(jobs.c.created).limit(1)
            row = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            taken = {"state": JobState.RUNNING, "claims": row.claims + 1, "claimed_until": now + lease}
            connection.execute(update(jobs).where(jobs.c.id == row.id).values(taken))
        return replace(_job(row), state=JobState.RUNNING, claims=row.claims + 1)

    def extend(self, job: VerificationJob, until: datetime) -> bool:
        """See the door."""
        with writing(self._engine) as connection:
            return bool(connection.execute(update(jobs).where(_held(job)).values(claimed_until=until)).rowcount)

    def finish(self, job: VerificationJob, state: JobState, answers: str | None) -> bool:
        """See the door."""
        values = {"state": state, "answers": answers, "claimed_until": None}
        with writing(self._engine) as connection:
            return bool(connection.execute(update(jobs).where(_held(job)).values(values)).rowcount)

    def remove(self, job_id: JobId) -> VerificationJob | None:
        """See the door."""
        with writing(self._engine) as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
            connection.execute(delete(jobs).where(jobs.c.id == job_id))
        return _job(row) if row is not None else None

    def expired(self, now: datetime, limit: int) -> list[JobId]:
        """See the door."""
        with reading(self._engine) as connection:
            found = select(jobs.c.id).where(jobs.c.expires <= now).order_by(jobs.c.expires).limit(limit)
            return [JobId(job_id) for job_id in connection.scalars(found)]


def _is_due(now: datetime) -> ColumnElement[bool]:
    left = and_(jobs.c.state == JobState.RUNNING, jobs.c.claimed_until < now)
    return and_(jobs.c.expires > now, or_(jobs.c.state == JobState.WAITING, left))


def _held(job: VerificationJob) -> ColumnElement[bool]:
    """Whether the claim is still the latest: a job that was taken over belongs to another."""
    return and_(jobs.c.id == job.id, jobs.c.state == JobState.RUNNING, jobs.c.claims == job.claims)


def _job(row: Row[Any]) -> VerificationJob:
    return VerificationJob(
        id=JobId(row.id),
        created=row.created,
        expires=row.expires,
        language=Language(row.language),
        policy=row.policy,
        tasks=tuple(_task(fields) for fields in json.loads(row.tasks)),
        state=row.state,
        claims=row.claims,
        answers=row.answers,
    )


def _task_fields(task: VerificationTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "format": task.format.value if task.format is not None else None,
        "signature": _stored_fields(task.signature),
        "contents": [_content_fields(content) for content in task.contents],
        "as_stated": task.as_stated,
    }


def _content_fields(content: SuppliedContent) -> dict[str, Any]:
    return {
        "name": content.name,
        "stored": _stored_fields(content.stored) if content.stored is not None else None,
        "digest_algorithm": content.digest_algorithm,
        "digest": content.digest.hex() if content.digest is not None else None,
    }


def _stored_fields(stored: StoredContent) -> list[Any]:
    return [stored.content_id, stored.length, stored.sha256.hex()]


def _task(fields: dict[str, Any]) -> VerificationTask:
    return VerificationTask(
        id=fields["id"],
        format=FileFormat(fields["format"]) if fields["format"] is not None else None,
        signature=_stored(fields["signature"]),
        contents=tuple(_content(each) for each in fields["contents"]),
        as_stated=fields["as_stated"],
    )


def _content(fields: dict[str, Any]) -> SuppliedContent:
    return SuppliedContent(
        name=fields["name"],
        stored=_stored(fields["stored"]) if fields["stored"] is not None else None,
        digest_algorithm=fields["digest_algorithm"],
        digest=bytes.fromhex(fields["digest"]) if fields["digest"] is not None else None,
    )


def _stored(fields: list[Any]) -> StoredContent:
    content_id, length, sha256 = fields
    return StoredContent(ContentId(content_id), length, bytes.fromhex(sha256))
