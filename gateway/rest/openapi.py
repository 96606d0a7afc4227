"""The door's description (OpenAPI 3.1), made of the models that check what comes in."""

from __future__ import annotations

from typing import Any

from gateway.rest.messages import VerificationMessage

_REFERENCE = "#/components/schemas/{model}"


def describe(base: str) -> dict[str, Any]:
    """The whole description; *base* is the path where the door is mounted."""
    schema = VerificationMessage.model_json_schema(ref_template=_REFERENCE)
    models = schema.pop("$defs")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Signature verification",
            "version": "1",
            "summary": "Validates XAdES, PAdES and ASiC signatures (ETSI EN 319 102-1).",
        },
        "servers": [{"url": base}],
        "paths": {
            "/v1/verifications": {"post": _verify()},
            "/v1/verifications/{job}": {"get": _look(), "delete": _forget(), "parameters": [_JOB]},
        },
        "components": {
            "schemas": {
                **models,
                "VerificationMessage": schema,
                "Upload": _UPLOAD,
                "Signature": _SIGNATURE,
                "FileResult": _FILE_RESULT,
                "Results": _object({"files": _list("FileResult")}),
                "Job": _JOB_STATE,
                "Problem": _PROBLEM,
            }
        },
    }


def _verify() -> dict[str, Any]:
    return {
        "operationId": "verify",
        "summary": "Verify signature files, at once or as a job",
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "description": "respond-async: answer 202 with a job to be asked after.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _of("VerificationMessage")},
                "multipart/form-data": {"schema": _of("Upload")},
            },
        },
        "responses": {
            "200": _answer("Results", "What every file comes to, in order"),
            "202": _answer("Job", "Taken in; Location says where to ask"),
            **{str(status): _problem(words) for status, words in _REFUSALS.items()},
        },
    }


def _look() -> dict[str, Any]:
    return {
        "operationId": "look",
        "summary": "How far a job is, and its answers once it is done",
        "responses": {"200": _answer("Job", "Ask again after Retry-After while it runs"), "404": _problem("Gone")},
    }


def _forget() -> dict[str, Any]:
    return {
        "operationId": "forget",
        "summary": "Remove a job with its answers",
        "responses": {"204": {"description": "Removed"}, "404": _problem("Gone")},
    }


def _of(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model)}


def _list(model: str) -> dict[str, Any]:
    return {"type": "array", "items": _of(model)}


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _answer(model: str, words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": _of(model)}}}


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": _of("Problem")}}}


_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_UNTOLD = {"type": ["boolean", "null"], "description": "null: it could not be determined"}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}

_JOB = {"name": "job", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}
_REFUSALS = {
    400: "Something of the call cannot be accepted; the field is named",
    411: "The body's length is not announced",
    413: "The body is too large",
    415: "Neither JSON nor multipart",
    429: "Too many calls from one address",
    503: "Try again after Retry-After",
}

_UPLOAD = {
    "type": "object",
    "required": ["signature"],
    "additionalProperties": False,
    "properties": {
        "signature": _BINARY | {"description": "The signature file"},
        "content": {"type": "array", "items": _BINARY, "description": "Signed files outside it, by their file names"},
        "hash": {"type": "string", "description": "Instead of content: its hash, in hexadecimal"},
        "format": {"type": "string", "enum": ["xades", "pades", "asic"]},
        "id": _TEXT,
        "as_stated": {"type": "boolean"},
        "language": {"type": "string", "enum": ["ro", "ru", "en"]},
        "policy": {"type": "string", "enum": ["msign-compat", "etsi"]},
    },
}

_SIGNATURE = _object(
    {
        "kind": {"type": "string", "description": "signature, or document time-stamp"},
        "crypto_valid": _UNTOLD,
        "structure_valid": _UNTOLD,
        "trusted": _UNTOLD,
        "policy_met": _UNTOLD,
        "indication": {"type": "string", "enum": ["TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"]},
        "sub_indication": _TEXT_OR_NULL,
        "level": _TEXT_OR_NULL,
        "signer": _TEXT_OR_NULL,
        "certificate_sha256": _TEXT_OR_NULL,
        "signed_at": _MOMENT,
        "covers_whole_document": _UNTOLD,
        "modified_after_signing": _UNTOLD,
        "qualification": _TEXT_OR_NULL,
        "reasons": {"type": "array", "items": _TEXT},
    }
)

_FILE_RESULT = _object(
    {
        "id": _TEXT_OR_NULL,
        "valid": {"type": "boolean"},
        "indication": _TEXT_OR_NULL,
        "sub_indication": _TEXT_OR_NULL,
        "reasons": {"type": "array", "items": _TEXT},
        "message": _TEXT | {"description": "One sentence in the language asked, of at most 100 characters"},
        "signatures": _list("Signature"),
    },
    "message",
)

_JOB_STATE = _object(
    {
        "job": _TEXT,
        "state": {"type": "string", "enum": ["waiting", "running", "done", "failed"]},
        "expires": {"type": "string", "format": "date-time"},
        "files": _list("FileResult"),
    },
    "job",
    "expires",
    "files",
)

_PROBLEM = _object(
    {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "field": _TEXT},
    "field",
)
