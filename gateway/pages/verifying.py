"""
The page where anybody has a signature verified: an upload, a verdict for every signer, a report to take along.

Nothing that is sent is kept: a file lies in memory, or in a temporary file while it is read, and the reports are part
of the answer.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import flask
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from gateway.audit import audited
from gateway.domain.contents import ContentDigest
from gateway.domain.indications import Indication
from gateway.domain.lending import lend
from gateway.domain.messages import Language, MessageKey
from gateway.domain.verdicts import SignatureKind
from gateway.domain.verification import DetachedContent, FileFormat, SignatureConclusion, VerificationResult
from gateway.errors import ServiceBusy
from gateway.messages.api import Catalog
from gateway.pages.assets import Assets
from gateway.pages.frame import Action, Frame, Notice
from gateway.pages.security import add_headers
from gateway.pages.texts import Speaker, visible, zone_of
from gateway.pages.turn import Turn, current_turn, language_of
from gateway.storage.api import AddressThrottle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_FIELDS_IN_MEMORY = 64 * 1024
_PARTS = 16
_SHOWN = 100
_NAME = 120
_RETRY_S = 30
_REPORTS = {"html": "page.verify-report-html", "xml": "page.verify-report-xml", "json": "page.verify-report-json"}
_KINDS = {Indication.TOTAL_PASSED: "good", Indication.TOTAL_FAILED: "bad", Indication.INDETERMINATE: "warn"}


class VerifiesUploads(Protocol):
    """What is done with an upload."""

    def __call__(
        self, file_format: FileFormat | None, signature: BinaryIO, contents: Sequence[DetachedContent]
    ) -> VerificationResult:
        """The result; never raises for anything in the file."""


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A report that can be downloaded: *write* makes it for a file of the given name and SHA-256."""

    ending: str
    media_type: str
    write: Callable[[str, bytes, VerificationResult, Language], bytes]


def build_verify_wsgi(
    *,
    verify: VerifiesUploads,
    explain: Callable[[MessageKey, Language], str],
    advise: Callable[[MessageKey, Language], str],
    reports: Mapping[str, ReportKind],
    throttle: AddressThrottle,
    catalog: Catalog,
    clock: Callable[[], datetime],
    upload_limit: int,
    secure: bool = True,
    test_band: bool = False,
    time_zone: str = "Europe/Chisinau",
) -> WSGIApplication:
    """
    The page as a WSGI application of its own, for it knows nothing of sign requests.

    Args:
        explain: What a reason means, longer than its one sentence.
        advise: What to do about it.
        reports: By their short names: html, xml, json.
        throttle: Uploads of one address that go on within its window.
        upload_limit: Bytes of an upload with everything in it.

    Raises:
        ConfigurationError: The time zone is not known.

    """
    assets = Assets()
    frame = Frame(catalog, zone_of(time_zone), assets, clock, test_band=test_band)
    views = _Views(frame, verify, explain, advise, reports, throttle, clock, upload_limit)
    app = flask.Flask("gateway.pages", static_folder=None)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config.update(MAX_CONTENT_LENGTH=upload_limit, MAX_FORM_MEMORY_SIZE=_FIELDS_IN_MEMORY, MAX_FORM_PARTS=_PARTS)

    @app.before_request
    def begin() -> None:
        flask.g.turn = Turn(language_of(flask.request, None))

    @app.after_request
    def end(response: flask.Response) -> flask.Response:
        add_headers(response, form_origin=None, secure=secure)
        return response

    app.add_url_rule("/", "ask", views.answered(views.ask), methods=["GET"])
    app.add_url_rule("/", "verify", views.answered(views.verify), methods=["POST"])
    app.add_url_rule("/static/<name>", "static_file", assets.serve, methods=["GET"])
    app.register_error_handler(HTTPException, views.http)
    return app


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with the form: *target* is the field's id."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class _Upload:
    signature: FileStorage
    contents: tuple[DetachedContent, ...]

    @property
    def name(self) -> str:
        """The file's name as it may be shown."""
        return visible(self.signature.filename or "")[:_NAME]

    def sha256(self) -> bytes:
        """The file's."""
        self.signature.stream.seek(0)
        return hashlib.file_digest(self.signature.stream, "sha256").digest()  # type: ignore[arg-type] # a binary file


class _Views:
    def __init__(
        self,
        frame: Frame,
        verify: VerifiesUploads,
        explain: Callable[[MessageKey, Language], str],
        advise: Callable[[MessageKey, Language], str],
        reports: Mapping[str, ReportKind],
        throttle: AddressThrottle,
        clock: Callable[[], datetime],
        upload_limit: int,
    ) -> None:
        self._frame = frame
        self._verify = verify
        self._explain = explain
        self._advise = advise
        self._reports = reports
        self._throttle = throttle
        self._clock = clock
        self._upload_limit = upload_limit

    def answered(self, view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        """*view* under an audit record, with every failure as a page."""

        @functools.wraps(view)
        def answer() -> ResponseReturnValue:
            reference = ""
            try:
                with audited(f"verify-page.{view.__name__}") as record:
                    reference = record.reference
                    try:
                        return view()
                    except HTTPException as error:
                        record.note(refused=type(error).__name__)
                        return self.http(error)
            except ServiceBusy as busy:
                return self._short("warn", "page.busy", "page.verify-busy-explained", 503, busy.retry_after_s)
            except Exception:  # noqa: BLE001 - recorded by the audit; the visitor learns its number and no more
                return self._apology(reference)

        return answer

    def ask(self) -> flask.Response:
        """The empty form."""
        return self._form(())

    def verify(self) -> flask.Response:
        """The verdict on what was sent, or the form again with what is wrong."""
        request = flask.request
        if not self._throttle.allow(request.remote_addr or "", self._clock(), "verification"):
            return self._short("warn", "page.busy", "page.verify-throttled-explained", 429, _RETRY_S)
        upload = self._read(request)
        if not isinstance(upload, _Upload):
            return self._form(upload)
        stream = cast("BinaryIO", upload.signature.stream)
        return self._verdict(upload, self._verify(None, stream, upload.contents))

    def http(self, error: HTTPException) -> ResponseReturnValue:
        """Unknown addresses and oversized forms."""
        if error.code is None or error.code < 400:
            return error
        if error.code == 413:
            return self._short("bad", "page.too-large", "page.verify-too-large-explained", 413)
        if error.code in (404, 405):
            response = self._short("bad", "page.verify-unknown", "page.verify-unknown-explained", error.code)
            response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
            return response
        return self._short("bad", "page.form", "page.verify-form-explained", error.code)

    def _read(self, request: flask.Request) -> _Upload | tuple[_Wrong, ...]:
        say = self._frame.speaker(current_turn().language)
        signature = request.files.get("signature")
        if signature is None or not signature.filename:
            return (_Wrong("signature", say.text("page.verify-file-missing")),)
        contents = [_content(part) for part in request.files.getlist("content") if part.filename]
        typed = "".join(request.form.get("hash", "").split())
        if typed:
            try:
                digest = ContentDigest.of(bytes.fromhex(typed))
            except ValueError:
                return (_Wrong("hash", say.text("page.verify-hash-wrong")),)
            contents.append(DetachedContent(None, None, digest.algorithm.value, digest.value))
        return _Upload(signature, tuple(contents))

    def _form(self, wrong: Sequence[_Wrong]) -> flask.Response:
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        return self._frame.page(
            turn,
            "verify.html",
            title=say.text("page.verify"),
            failed=bool(wrong),
            status=400 if wrong else 200,
            switch=flask.url_for("ask"),
            model={
                "problems": wrong,
                "wrong": {each.target: each.text for each in wrong},
                "limit": say.size(self._upload_limit),
            },
        )

    def _verdict(self, upload: _Upload, result: VerificationResult) -> flask.Response:
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        message = say.text(result.message.value)
        kind = "good" if result.valid else _KINDS[result.indication]
        # What passed and is yet not accepted must not look accepted.
        model = {
            "name": upload.name,
            "kind": "warn" if kind == "good" and not result.valid else kind,
            "message": message,
            "explained": self._explain(result.message, turn.language),
            "advice": self._advise(result.message, turn.language),
            "signers": [self._signer(one, say) for one in result.conclusions[:_SHOWN]],
            "more": max(0, len(result.conclusions) - _SHOWN),
            "reports": [self._report(key, kind, upload, result) for key, kind in self._reports.items()],
        }
        return self._frame.page(turn, "verified.html", title=message, switch=None, model=model)

    def _signer(self, one: SignatureConclusion, say: Speaker) -> dict[str, object]:
        integrity = one.integrity
        claimed = integrity.claimed_signing_time
        return {
            "kind": "good" if one.accepted else _KINDS[one.indication],
            "stamp": integrity.kind is SignatureKind.DOCUMENT_TIME_STAMP,
            "subject": visible(one.subject) if one.subject else None,
            "message": say.text(one.message.value),
            "explained": self._explain(one.message, say.language),
            "advice": self._advise(one.message, say.language),
            "proved": self._moment(one.signed_at, say),
            "claimed": self._moment(claimed, say) if one.signed_at is None else None,
            "level": integrity.level,
            "qualification": one.trust.qualification if one.trust is not None else None,
            "covers": [visible(name) for name in integrity.covers],
            "indication": one.indication.value + (f" / {one.sub_indication.value}" if one.sub_indication else ""),
        }

    def _moment(self, when: datetime | None, say: Speaker) -> str | None:
        return say.moment(when, self._clock()) if when is not None else None

    def _report(self, key: str, kind: ReportKind, upload: _Upload, result: VerificationResult) -> dict[str, str]:
        octets = kind.write(upload.name, upload.sha256(), result, current_turn().language)
        return {
            "label": _REPORTS[key],
            "file": f"verification.{kind.ending}",
            "address": f"data:{kind.media_type};base64,{base64.b64encode(octets).decode()}",
        }

    def _short(
        self, kind: str, heading: str, text: str, status: int, retry_after_s: int | None = None
    ) -> flask.Response:
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        again = (Action(say.text("page.verify-again"), href=flask.url_for("ask")),)
        notice = Notice(kind, say.text(heading), (say.text(text),), again, switch=False)
        response = self._frame.notice(turn, notice, status)
        if retry_after_s is not None:
            response.headers["Retry-After"] = str(retry_after_s)
        return response

    def _apology(self, reference: str) -> flask.Response:
        turn = current_turn()
        say = self._frame.speaker(turn.language)
        paragraphs = (say.text("page.error-explained"), say.rich("page.reference", reference=reference))
        again = (Action(say.text("page.verify-again"), href=flask.url_for("ask")),)
        return self._frame.notice(turn, Notice("bad", say.text("page.error"), paragraphs, again, switch=False), 500)


def _content(part: FileStorage) -> DetachedContent:
    """A signed file beside the signature, by the name it came with; read where it lies."""
    stream = cast("BinaryIO", part.stream)
    return DetachedContent(part.filename, lambda: lend(stream))
