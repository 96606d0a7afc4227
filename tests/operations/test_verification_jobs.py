"""Jobs are taken in at once, worked on behind, survive their worker, and leave nothing lying about."""

import io
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.messages import Language, MessageKey
from gateway.domain.verification import FileFormat, VerificationResult
from gateway.domain.verification_jobs import JobState, SuppliedContent, VerificationTask
from gateway.errors import ServiceBusy, StoredContentMissing
from gateway.operations.verification_jobs import VerificationJobs
from gateway.storage.database import migrate, open_database
from gateway.storage.files import FileContentStore
from gateway.storage.sql import SqlVerificationJobStore

START = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


class House:
    """The real stores, and a verifier that says what it was given."""

    def __init__(self, folder):
        self.now, self.ids, self.given = START, 0, []
        engine = open_database(f"sqlite:///{folder}/jobs.sqlite")
        migrate(engine)
        self.store = SqlVerificationJobStore(engine)
        self.contents = FileContentStore(folder / "contents", self.new_id)
        self.hold = threading.Event()
        self.hold.set()
        self.raises = []
        self.jobs = self.open()

    def open(self, **options):
        """Another process over the same stores."""
        return VerificationJobs(
            self.store, self.contents, self.verify, self.report, lambda: self.now, self.new_id, **options
        )

    def new_id(self):
        self.ids += 1
        return f"{self.ids:032x}"

    def put(self, data):
        with self.contents.create() as writer:
            writer.write(data)
            return writer.commit()

    def verify(self, file_format, signature, contents, *, as_stated, policy):
        assert self.hold.wait(10)
        if self.raises:
            raise self.raises.pop()
        outside = [(c.name, c.open().read() if c.open else (c.digest_algorithm, c.digest)) for c in contents]
        self.given.append((file_format, signature.read(), outside, as_stated, policy))
        return VerificationResult(None, (), MessageKey.NOT_SIGNED)

    def report(self, task_id, result, language):
        return {"id": task_id, "message": result.message.value, "language": language.value}

    def ended(self, job_id):
        for _ in range(500):
            job = self.jobs.look(job_id)
            if job.state in (JobState.DONE, JobState.FAILED):
                return job
            time.sleep(0.01)
        raise AssertionError("the job did not end")

    def nothing_is_kept(self):
        """A moment after a job's end, for its contents are let go once it is told."""
        for _ in range(500):
            if not list(self.contents.older_than(datetime.now(UTC) + timedelta(days=1))):
                return True
            time.sleep(0.01)
        return False


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_a_job_is_answered_file_by_file_and_its_contents_are_let_go(house):
    tasks = [
        VerificationTask("a", FileFormat.XADES, house.put(b"<xml/>"), (SuppliedContent("c.txt", house.put(b"text")),)),
        VerificationTask(
            None, None, house.put(b"%PDF"), (SuppliedContent(None, None, "sha256", b"d"),), as_stated=True
        ),
    ]
    job = house.ended(house.jobs.submit(tasks, Language.RU, "etsi"))
    assert job.state is JobState.DONE
    assert json.loads(job.answers) == [
        {"id": "a", "message": "not-signed", "language": "ru"},
        {"id": None, "message": "not-signed", "language": "ru"},
    ]
    assert house.given == [
        (FileFormat.XADES, b"<xml/>", [("c.txt", b"text")], False, "etsi"),
        (None, b"%PDF", [(None, ("sha256", b"d"))], True, "etsi"),
    ]
    assert house.nothing_is_kept()


def test_submitting_does_not_wait_for_the_work(house):
    house.hold.clear()
    job_id = house.jobs.submit([VerificationTask("a", None, house.put(b"x"))], Language.EN, "etsi")
    assert house.jobs.look(job_id).state in (JobState.WAITING, JobState.RUNNING)
    house.hold.set()
    assert house.ended(job_id).state is JobState.DONE


def test_a_job_whose_process_died_is_done_by_the_next_one_that_is_asked(house):
    """The dead process is one that claimed the job and never came back."""
    task = VerificationTask("a", None, house.put(b"x"))
    house.hold.clear()
    job_id = house.jobs.submit([task], Language.EN, "etsi")
    while house.store.get(job_id, house.now).state is not JobState.RUNNING:
        time.sleep(0.01)
    house.now += timedelta(minutes=4)
    house.open().look(job_id)
    while house.store.get(job_id, house.now).claims != 2:
        time.sleep(0.01)
    house.hold.set()
    assert house.ended(job_id).state is JobState.DONE


def test_a_file_that_ends_its_process_again_and_again_fails_in_the_end(house):
    house.hold.clear()
    job_id = house.jobs.submit([VerificationTask("a", None, house.put(b"x"))], Language.EN, "etsi")
    while house.store.get(job_id, house.now).state is not JobState.RUNNING:
        time.sleep(0.01)
    for _ in range(2):
        house.now += timedelta(minutes=4)
        assert house.store.claim(house.now, timedelta(minutes=3)).id == job_id
    house.now += timedelta(minutes=4)
    assert house.open().work()
    assert house.store.get(job_id, house.now).state is JobState.FAILED
    house.hold.set()


def test_contents_that_are_gone_fail_the_job(house):
    house.raises.append(StoredContentMissing())
    job = house.ended(house.jobs.submit([VerificationTask("a", None, house.put(b"x"))], Language.EN, "etsi"))
    assert (job.state, job.answers) == (JobState.FAILED, None)


def test_a_busy_moment_is_no_end(house):
    house.raises.append(ServiceBusy(1))
    job_id = house.jobs.submit([VerificationTask("a", None, house.put(b"x"))], Language.EN, "etsi")
    for _ in range(200):
        if not house.raises:
            break
        time.sleep(0.01)
    assert house.jobs.look(job_id).state is JobState.RUNNING
    house.now += timedelta(minutes=4)
    assert house.ended(job_id).state is JobState.DONE


def test_too_many_open_jobs_are_refused_and_keep_nothing(house):
    house.hold.clear()
    jobs = house.open(most_open=1)
    jobs.submit([VerificationTask("a", None, house.put(b"x"))], Language.EN, "etsi")
    with pytest.raises(ServiceBusy):
        jobs.submit([VerificationTask("b", None, house.put(b"y"))], Language.EN, "etsi")
    house.hold.set()


def test_forgetting_and_expiring_remove_contents_too(house):
    house.hold.clear()
    first, second = (
        house.jobs.submit([VerificationTask("a", None, house.put(io.BytesIO(b"x").read()))], Language.EN, "etsi")
        for _ in range(2)
    )
    assert house.jobs.forget(first)
    assert not house.jobs.forget(first)
    assert house.jobs.look(first) is None
    house.now += timedelta(hours=2)
    assert house.jobs.look(second) is None
    assert house.jobs.purge() == 1
    assert house.nothing_is_kept()
    house.hold.set()
