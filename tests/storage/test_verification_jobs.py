"""Verifications that are answered later: claimed by one at a time, taken over when their worker is gone."""

from datetime import timedelta

import pytest

from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.messages import Language
from gateway.domain.verification import FileFormat
from gateway.domain.verification_jobs import JobId, JobState, SuppliedContent, VerificationJob, VerificationTask
from gateway.storage.sql import SqlVerificationJobStore

LEASE = timedelta(minutes=1)


@pytest.fixture
def jobs(database):
    return SqlVerificationJobStore(database)


@pytest.fixture
def make_job(now):
    def make(number=1, **changes):
        stored = StoredContent(ContentId("c" * 32), 5, b"s" * 32)
        tasks = (
            VerificationTask("first", FileFormat.XADES, stored, (SuppliedContent("a.txt", stored),), as_stated=True),
            VerificationTask(None, None, stored, (SuppliedContent(None, None, "sha256", b"d" * 32),)),
        )
        given = {
            "id": JobId(f"{number:032x}"),
            "created": now + timedelta(seconds=number),
            "expires": now + timedelta(hours=1),
            "language": Language.RU,
            "policy": "etsi",
            "tasks": tasks,
        }
        return VerificationJob(**given | changes)

    return make


def test_a_job_is_given_back_as_it_was_put(jobs, make_job, now):
    job = make_job()
    jobs.add(job)
    assert jobs.get(job.id, now) == job
    assert jobs.open(now) == 1


def test_the_oldest_waiting_job_is_claimed_once(jobs, make_job, now):
    older, newer = make_job(1), make_job(2)
    jobs.add(newer)
    jobs.add(older)
    claimed = [jobs.claim(now, LEASE) for _ in range(3)]
    assert [job and job.id for job in claimed] == [older.id, newer.id, None]
    assert [claimed[0].state, claimed[0].claims] == [JobState.RUNNING, 1]


def test_many_workers_never_share_a_job(jobs, make_job, now, at_once):
    for number in range(4):
        jobs.add(make_job(number))
    taken = at_once(*[lambda: jobs.claim(now, LEASE)] * 8)
    ids = [job.id for job in taken if job is not None]
    assert sorted(ids) == sorted({make_job(number).id for number in range(4)})


def test_a_job_whose_worker_is_gone_is_taken_over_and_the_first_can_end_it_no_more(jobs, make_job, now):
    jobs.add(make_job())
    first = jobs.claim(now, LEASE)
    assert jobs.claim(now + LEASE, LEASE) is None, "the lease still runs"
    assert jobs.extend(first, now + 2 * LEASE)
    assert jobs.claim(now + LEASE + timedelta(seconds=1), LEASE) is None, "it was extended"
    second = jobs.claim(now + 3 * LEASE, LEASE)
    assert second.claims == 2
    assert not jobs.finish(first, JobState.DONE, "[1]")
    assert not jobs.extend(first, now + 9 * LEASE)
    assert jobs.finish(second, JobState.DONE, "[2]")
    done = jobs.get(second.id, now)
    assert (done.state, done.answers) == (JobState.DONE, "[2]")
    assert jobs.claim(now + 30 * LEASE, LEASE) is None
    assert jobs.open(now) == 0


def test_an_expired_job_is_found_for_removal_and_for_nothing_else(jobs, make_job, now):
    job = make_job(expires=now)
    jobs.add(job)
    assert jobs.get(job.id, now) is None
    assert jobs.claim(now, LEASE) is None
    assert jobs.open(now) == 0
    assert list(jobs.expired(now, 10)) == [job.id]
    assert jobs.remove(job.id) == job
    assert jobs.remove(job.id) is None
    assert list(jobs.expired(now, 10)) == []
