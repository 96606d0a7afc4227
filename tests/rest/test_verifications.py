"""Signature files are verified over HTTP and JSON, at once or as a job; what is refused names its field."""

import io
import json
import time
from base64 import b64encode

import pytest

from gateway.errors import ConfigurationError, ServiceBusy


def b64(data):
    return b64encode(data).decode()


def test_a_batch_in_json_is_answered_in_order(house):
    digest = "ab" * 32
    call = {
        "language": "en",
        "policy": "etsi",
        "files": [
            {
                "id": "one",
                "format": "xades",
                "signature": b64(b"<xml/>"),
                "contents": [
                    {"name": "a.txt", "data": b64(b"text")},
                    {"digest_algorithm": "SHA-256", "digest": digest},
                ],
                "as_stated": True,
            },
            {"signature": b64(b"%PDF")},
        ],
    }
    answer = house.post(json=call)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == {
        "files": [
            {"id": "one", "valid": False, "message": "not-signed (en)"},
            {"id": None, "valid": False, "message": "not-signed (en)"},
        ]
    }
    outside = [("a.txt", b"text"), (None, ("sha256", bytes.fromhex(digest)))]
    assert house.given == [
        ("xades", b"<xml/>", outside, True, "etsi"),
        (None, b"%PDF", [], False, "etsi"),
    ]
    assert house.nothing_is_kept()


def test_an_upload_is_verified_with_the_files_beside_it(house):
    parts = {
        "signature": (io.BytesIO(b"<xml/>"), "s.xml"),
        "content": [(io.BytesIO(b"one"), "a.txt"), (io.BytesIO(b"two"), "b.txt")],
        "language": "ru",
        "id": "x",
    }
    answer = house.post(data=parts)
    assert answer.json == {"files": [{"id": "x", "valid": False, "message": "not-signed (ru)"}]}
    assert house.given == [(None, b"<xml/>", [("a.txt", b"one"), ("b.txt", b"two")], False, "msign-compat")]


def test_an_upload_may_bring_the_hash_alone(house):
    answer = house.post(data={"signature": (io.BytesIO(b"<xml/>"), "s.xml"), "hash": "cd" * 20})
    assert answer.status_code == 200
    assert house.given[0][2] == [(None, ("sha1", bytes.fromhex("cd" * 20)))]


def test_a_job_is_taken_in_asked_after_and_removed(house):
    call = {"files": [{"id": "j", "signature": b64(b"x"), "contents": [{"data": b64(b"y")}]}]}
    taken = house.post(json=call, headers=[("Prefer", "respond-async, wait=10")])
    assert (taken.status_code, taken.headers["Preference-Applied"]) == (202, "respond-async")
    address = taken.headers["Location"]
    assert address == f"/v1/verifications/{taken.json['job']}"
    for _ in range(500):
        looked = house.client.get(address)
        if looked.json["state"] == "done":
            break
        assert looked.headers["Retry-After"]
        time.sleep(0.01)
    assert looked.json == {
        "state": "done",
        "expires": "2026-05-04T11:00:00Z",
        "files": [{"id": "j", "valid": False, "message": "not-signed (ro)"}],
    }
    assert house.nothing_is_kept()
    assert house.client.delete(address).status_code == 204
    assert [house.client.get(address).status_code, house.client.delete(address).status_code] == [404, 404]


@pytest.mark.parametrize(
    ("call", "field", "said"),
    [
        ({}, "files", "Field required"),
        ({"files": []}, "files", "at least 1 item"),
        ({"files": [{"signature": ""}]}, "files[0].signature", "at least 1"),
        ({"files": [{"signature": "!!!"}]}, "files[0].signature", "base64"),
        ({"files": [{"signature": "eA==", "format": "docx"}]}, "files[0].format", "'xades', 'pades' or 'asic'"),
        ({"files": [{"signature": "eA==", "contents": [{}]}]}, "files[0].contents[0]", "either data or digest"),
        (
            {"files": [{"signature": "eA==", "contents": [{"digest": "abc", "digest_algorithm": "sha1"}]}]},
            "files[0].contents[0].digest",
            "half an octet",
        ),
        (
            {"files": [{"signature": "eA==", "contents": [{"digest": "ab", "digest_algorithm": "rot13"}]}]},
            "files[0].contents[0].digest_algorithm",
            "is not one of md5",
        ),
        ({"files": [{"signature": "eA=="}], "language": "fr"}, "language", "'ro', 'ru' or 'en'"),
        ({"files": [{"signature": "eA=="}], "polcy": "etsi"}, "polcy", "Extra inputs"),
        ({"files": [{"signature": "eA=="}] * 101}, "files", "at most 100 items"),
    ],
)
def test_what_json_says_wrongly_is_named(house, call, field, said):
    answer = house.post(json=call)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.json["field"] == field
    assert said in answer.json["detail"]
    assert house.given == []


@pytest.mark.parametrize(
    ("parts", "field", "said"),
    [
        ({}, "signature", "exactly one file"),
        ({"signature": "text, no file"}, "signature", "exactly one file"),
        ({"signature": (io.BytesIO(b"x"), "s"), "hash": "zz"}, "hash", "hexadecimal"),
        ({"signature": (io.BytesIO(b"x"), "s"), "hash": "abcd"}, "hash", "20, 32, 48 or 64"),
        ({"signature": (io.BytesIO(b"x"), "s"), "format": "zip"}, "format", "xades, pades, asic"),
        ({"signature": (io.BytesIO(b"x"), "s"), "policy": "none"}, "policy", "msign-compat, etsi"),
        ({"signature": (io.BytesIO(b"x"), "s"), "as_stated": "perhaps"}, "as_stated", "true nor false"),
        ({"signature": (io.BytesIO(b"x"), "s"), "id": "i" * 201}, "id", "more than 200"),
        ({"signature": (io.BytesIO(b"x"), "s"), "hsah": "x"}, None, "not known"),
    ],
)
def test_what_parts_say_wrongly_is_named(house, parts, field, said):
    answer = house.post(data=parts, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert answer.json.get("field") == field
    assert said in answer.json["detail"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff\xfe", b'{"files": 1}', b"[" * 90_000, b'{"files":' + b"9" * 90_000]
)
def test_broken_json_is_refused_without_being_repeated(house, body):
    answer = house.post(data=body, content_type="application/json")
    assert answer.status_code == 400
    assert len(answer.data) < 500


def test_other_bodies_and_methods_are_refused(house):
    assert house.post(data=b"<xml/>", content_type="text/xml").status_code == 415
    assert house.client.get("/v1/verifications").status_code == 405
    assert house.client.get("/v2").status_code == 404
    assert house.post(data=b"x" * 100_001, content_type="application/json").status_code == 413
    large = {"signature": (io.BytesIO(b"x" * 200_001), "s")}
    assert house.post(data=large).status_code == 413


@pytest.mark.parametrize("job", ["0" * 32, "..%2f..", "x", "A" * 32])
def test_a_job_that_nobody_has_is_not_found(house, job):
    answer = house.client.get(f"/v1/verifications/{job}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_one_address_cannot_have_it_all(house):
    house.throttle.left = 0
    answer = house.post(json={"files": [{"signature": "eA=="}]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "600")
    assert house.given == []


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ServiceBusy(7), 503, "send it again"),
        (ConfigurationError("trust.signer_anchors: /secret/place"), 503, "reference"),
        (RuntimeError("secret"), 500, "reference"),
    ],
)
def test_a_failure_tells_its_number_and_nothing_else(house, error, status, said):
    house.raises.append(error)
    answer = house.post(json={"files": [{"signature": "eA=="}]})
    assert answer.status_code == status
    assert said in answer.json["detail"]
    assert "secret" not in answer.text


def test_nobody_waits_longer_than_a_minute_for_a_batch(house):
    from datetime import timedelta

    house.takes = timedelta(seconds=40)
    answer = house.post(json={"files": [{"signature": "eA=="}] * 5})
    assert answer.status_code == 503
    assert "respond-async" in answer.json["detail"]
    assert len(house.given) == 2


def test_nothing_of_a_refused_job_is_kept(house):
    house.jobs._most_open = 0
    call = {"files": [{"signature": b64(b"x"), "contents": [{"data": b64(b"y")}]}]}
    answer = house.post(json=call, headers=[("Prefer", "respond-async")])
    assert answer.status_code == 503
    assert house.nothing_is_kept()


def test_the_description_names_every_address_and_every_model(house):
    described = house.client.get("/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {"/v1/verifications", "/v1/verifications/{job}"}
    models = described["components"]["schemas"]
    named = set(_references(described))
    assert {name.rpartition("/")[2] for name in named} <= set(models)
    assert models["FileMessage"]["properties"]["contents"]["maxItems"] == 100
    parts = {"signature", "content", "hash", "format", "id", "as_stated", "language", "policy"}
    assert set(models["Upload"]["properties"]) == parts
    assert json.dumps(described)


def _references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
