"""The REST door over real stores, with a verifier that says what it was given."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import Client

from gateway.domain.messages import MessageKey
from gateway.domain.verification import VerificationResult
from gateway.operations.verification_jobs import VerificationJobs
from gateway.rest.application import build_rest_wsgi
from gateway.storage.database import migrate, open_database
from gateway.storage.files import FileContentStore
from gateway.storage.sql import SqlVerificationJobStore


class Throttle:
    def __init__(self):
        self.left, self.asked = 1000, []

    def allow(self, address, _now, about=""):
        self.asked.append((address, about))
        self.left -= 1
        return self.left >= 0


class House:
    def __init__(self, folder):
        self.now, self.ids, self.given, self.raises = datetime(2026, 5, 4, 10, tzinfo=UTC), 0, [], []
        self.takes = timedelta(0)
        engine = open_database(f"sqlite:///{folder}/gateway.sqlite")
        migrate(engine)
        self.contents = FileContentStore(folder / "contents", self.new_id)
        self.throttle = Throttle()
        self.jobs = VerificationJobs(
            SqlVerificationJobStore(engine), self.contents, self.verify, self.report, lambda: self.now, self.new_id
        )
        self.client = Client(
            build_rest_wsgi(
                verify=self.verify,
                report=self.report,
                jobs=self.jobs,
                contents=self.contents,
                throttle=self.throttle,
                clock=lambda: self.now,
                policy="msign-compat",
                body_limit=200_000,
                json_limit=100_000,
            )
        )

    def new_id(self):
        self.ids += 1
        return f"{self.ids:032x}"

    def verify(self, file_format, signature, contents, *, as_stated, policy):
        if self.raises:
            raise self.raises.pop()
        self.now += self.takes
        outside = [(c.name, c.open().read() if c.open else (c.digest_algorithm, c.digest)) for c in contents]
        self.given.append((file_format and file_format.value, signature.read(), outside, as_stated, policy))
        return VerificationResult(None, (), MessageKey.NOT_SIGNED)

    def report(self, file_id, result, language):
        return {"id": file_id, "valid": result.valid, "message": f"{result.message.value} ({language.value})"}

    def post(self, headers=(), **request):
        return self.client.post("/v1/verifications", headers=dict(headers), **request)

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
