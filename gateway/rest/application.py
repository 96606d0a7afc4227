"""
The REST door as a WSGI application: verify at once, or take a job in and answer by polling.

Nothing of a synchronous call is kept. A job's contents are kept until it is done, its answers until it expires; its id
is a bearer secret.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from gateway.audit import AuditRecord, audited
from gateway.domain.contents import StoredContent
from gateway.domain.verification_jobs import (
    JobState,
    SuppliedContent,
    VerificationJob,
    VerificationTask,
    parse_job_id,
)
from gateway.errors import GatewayError, ServiceBusy
from gateway.operations.verification_jobs import Report, VerificationJobs, VerifiesFiles
from gateway.rest.openapi import describe
from gateway.rest.problems import Problem, from_http
from gateway.rest.reading import Asked, AskedFile, read_call
from gateway.storage.api import AddressThrottle, ContentStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_POLL_S = 2
_THROTTLED_S = 600
_AT_ONCE = timedelta(seconds=60)
_IN_MEMORY = 1024 * 1024
_PARTS = 250


def build_rest_wsgi(
    *,
    verify: VerifiesFiles,
    report: Report,
    jobs: VerificationJobs,
    contents: ContentStore,
    throttle: AddressThrottle,
    clock: Callable[[], datetime],
    policy: str,
    body_limit: int,
    json_limit: int = 16 * 1024 * 1024,
) -> WSGIApplication:
    """
    The application, to be mounted where the operator likes.

    Args:
        verify: Verifies one file, bounded in time and memory.
        report: Makes an answer of a result.
        jobs: Takes in what is to be answered later.
        throttle: Calls of one address that go on within its window.
        policy: The name of the installation's validation policy.
        body_limit: Bytes of a multipart body; larger parts lie in temporary files while they are read.
        json_limit: Bytes of a JSON body, which is held in memory.

    """
    app = flask.Flask("gateway.rest", static_folder=None)
    app.url_map.strict_slashes = False
    app.config.update(MAX_FORM_MEMORY_SIZE=_IN_MEMORY, MAX_FORM_PARTS=_PARTS, MAX_CONTENT_LENGTH=body_limit)
    views = _Views(verify, report, jobs, contents, throttle, clock, policy, json_limit)
    rules: list[tuple[str, str, Callable[..., ResponseReturnValue]]] = [
        ("/v1/verifications", "POST", views.verify),
        ("/v1/verifications/<job_id>", "GET", views.look),
        ("/v1/verifications/<job_id>", "DELETE", views.forget),
        ("/v1/openapi.json", "GET", views.description),
    ]
    for address, method, view in rules:
        app.add_url_rule(address, f"{method} {address}", _answered(view), methods=[method])
    app.register_error_handler(HTTPException, lambda error: from_http(error).response())
    app.after_request(_dressed)
    return app


def _answered(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """*view* under an audit record, with every failure as problem details."""

    @functools.wraps(view)
    def answer(**values: str) -> ResponseReturnValue:
        reference = ""
        try:
            with audited(f"rest.{view.__name__}") as record:
                reference = record.reference
                try:
                    return view(record, **values)
                except Problem as problem:
                    record.note(refused=f"{problem.status}")
                    return problem.response()
                except HTTPException as error:
                    record.note(refused=f"{error.code}")
                    return from_http(error).response()
        except ServiceBusy as busy:
            return Problem(503, "Nothing was kept; send it again.", retry_after_s=busy.retry_after_s).response()
        except GatewayError:
            return Problem(503, f"Try again later; reference {reference}.", retry_after_s=_POLL_S).response()
        except Exception:  # noqa: BLE001 - recorded by the audit; the caller learns its number and no more
            return Problem(500, f"The operator finds out why by the reference {reference}.").response()

    return answer


def _dressed(response: flask.Response) -> flask.Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


class _Views:
    def __init__(
        self,
        verify: VerifiesFiles,
        report: Report,
        jobs: VerificationJobs,
        contents: ContentStore,
        throttle: AddressThrottle,
        clock: Callable[[], datetime],
        policy: str,
        json_limit: int,
    ) -> None:
        self._verify = verify
        self._report = report
        self._jobs = jobs
        self._contents = contents
        self._throttle = throttle
        self._clock = clock
        self._policy = policy
        self._json_limit = json_limit

    def verify(self, record: AuditRecord) -> ResponseReturnValue:
        """Verify what was sent: now, or as a job with ``Prefer: respond-async`` (RFC 7240)."""
        request = flask.request
        self._check_length(request)
        if not self._throttle.allow(request.remote_addr or "", self._clock(), "verification"):
            raise Problem(429, "Wait a few minutes, then go on.", retry_after_s=_THROTTLED_S)
        try:
            asked = read_call(request)
        except OSError:  # too slow, cut off, or in broken chunks
            raise Problem(400, "The body did not arrive whole.") from None
        later = any(part.strip().lower() == "respond-async" for part in request.headers.get("Prefer", "").split(","))
        record.note(files=len(asked.files), later=later)
        policy = asked.policy or self._policy
        if later:
            return self._take_in(asked, policy)
        return _json({"files": self._at_once(asked, policy)})

    def look(self, record: AuditRecord, job_id: str) -> ResponseReturnValue:
        """How far a job is, and its answers once it is done."""
        del record
        job = self._find(job_id)
        answer: dict[str, Any] = {"state": job.state.value, "expires": _moment(job.expires)}
        if job.answers is not None:
            answer["files"] = json.loads(job.answers)
        response = _json(answer)
        if job.state in (JobState.WAITING, JobState.RUNNING):
            response.headers["Retry-After"] = str(_POLL_S)
        return response

    def forget(self, record: AuditRecord, job_id: str) -> ResponseReturnValue:
        """Remove a job with its answers."""
        del record
        self._jobs.forget(self._find(job_id).id)
        return flask.Response(status=204)

    def description(self, record: AuditRecord) -> ResponseReturnValue:
        """OpenAPI 3.1."""
        del record
        response = _json(describe(flask.request.script_root or "/"))
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    def _check_length(self, request: flask.Request) -> None:
        if request.content_length is None and not request.environ.get("wsgi.input_terminated"):
            raise Problem(411, "Announce the body's length, or send it in chunks.")
        if request.mimetype == "application/json":
            request.max_content_length = self._json_limit

    def _at_once(self, asked: Asked, policy: str) -> list[dict[str, Any]]:
        """The answers while the caller waits, which is for a minute at most and then until the file under way ends."""
        until, answers = self._clock() + _AT_ONCE, []
        for file in asked.files:
            if self._clock() > until:
                raise Problem(503, "This takes longer than a caller may wait; send it with Prefer: respond-async.")
            answers.append(self._now(file, asked, policy))
        return answers

    def _now(self, file: AskedFile, asked: Asked, policy: str) -> dict[str, Any]:
        supplied = [content.detached() for content in file.contents]
        result = self._verify(file.format, file.signature, supplied, as_stated=file.as_stated, policy=policy)
        return self._report(file.id, result, asked.language)

    def _take_in(self, asked: Asked, policy: str) -> flask.Response:
        kept: list[StoredContent] = []
        try:
            tasks = [self._task(file, kept) for file in asked.files]
            job_id = self._jobs.submit(tasks, asked.language, policy)
        except BaseException:
            for stored in kept:
                self._contents.delete(stored.content_id)
            raise
        response = _json({"job": job_id, "state": JobState.WAITING.value}, 202)
        response.headers["Location"] = f"{flask.request.script_root}/v1/verifications/{job_id}"
        response.headers["Preference-Applied"] = "respond-async"
        response.headers["Retry-After"] = str(_POLL_S)
        return response

    def _task(self, file: AskedFile, kept: list[StoredContent]) -> VerificationTask:
        signature = self._keep(file.signature, kept)
        supplied = tuple(
            SuppliedContent(
                content.name,
                self._keep(content.stream, kept) if content.stream is not None else None,
                content.digest_algorithm,
                content.digest,
            )
            for content in file.contents
        )
        return VerificationTask(file.id, file.format, signature, supplied, as_stated=file.as_stated)

    def _keep(self, stream: BinaryIO, kept: list[StoredContent]) -> StoredContent:
        stream.seek(0)
        with self._contents.create() as writer:
            shutil.copyfileobj(stream, writer)
            kept.append(writer.commit())
        return kept[-1]

    def _find(self, job_id: str) -> VerificationJob:
        known = parse_job_id(job_id)
        job = self._jobs.look(known) if known is not None else None
        if job is None:
            raise Problem(404, "Jobs are kept for an hour.")
        return job


def _json(value: dict[str, Any], status: int = 200) -> flask.Response:
    return flask.Response(json.dumps(value, ensure_ascii=False), status, mimetype="application/json")


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
