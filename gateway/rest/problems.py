"""What went wrong, as problem details (RFC 9457); nothing of what a caller sent is repeated."""

from __future__ import annotations

import json

import flask
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

_TITLES = {
    400: "The request cannot be accepted",
    404: "There is no such job (any more)",
    405: "This address has no such method",
    411: "The length of the body is not announced",
    413: "The request is too large",
    415: "The body is of a type that is not read here",
    429: "Too many requests from this address",
    500: "The gateway failed",
    503: "Too much is under way; try again later",
}


class Problem(Exception):
    """An answer that is no success; *detail* is plain English without content."""

    def __init__(self, status: int, detail: str, *, field: str | None = None, retry_after_s: int | None = None) -> None:
        """*field*: the member or part that is meant, as the caller writes it."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s

    def response(self) -> flask.Response:
        """As ``application/problem+json``."""
        members = {
            "title": _TITLES.get(self.status, "The request failed"),
            "status": self.status,
            "detail": self.detail,
        }
        if self.field is not None:
            members["field"] = self.field
        response = flask.Response(json.dumps(members), self.status, mimetype="application/problem+json")
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        return response


def from_validation(error: ValidationError) -> Problem:
    """The first thing that a model refused, with the path to it; never the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ""
    for step in first["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    detail = first["msg"].removeprefix("Value error, ")
    return Problem(400, f"{path or 'body'}: {detail}", field=path or None)


def from_http(error: HTTPException) -> Problem:
    """What Flask or Werkzeug refused."""
    status = error.code or 500
    return Problem(status, _DETAILS.get(status, error.name))


_DETAILS = {
    404: "Ask for /v1/openapi.json to see which addresses there are.",
    405: "Ask for /v1/openapi.json to see which methods there are.",
    413: "The body is larger than this gateway reads.",
    415: "Send application/json, or multipart/form-data with a part named signature.",
}
