"""What was signed here is verified by anybody: on the page, over REST at once or later, and made to last by augment."""

from __future__ import annotations

import time

import pytest
import requests

from gateway.__main__ import main
from gateway.demo.story import visit
from gateway.sandbox.persons import PERSONS

ANA = PERSONS[0]


@pytest.fixture
def signed(town, service, tmp_path):
    """A signature over a hash as a file, and the hash."""
    content = town.hashes()[0]
    request_id = service.post(
        "Hash", [content], short="A test", description="A test of verifying", expected=ANA.personal_identifier
    )
    visit(town.pages, request_id, ANA)
    (result,) = service.response(request_id).Results.SignResult
    file = tmp_path / "signed.xml"
    file.write_bytes(result.Signature)
    return file, content.data


def test_anybody_has_a_signature_verified_on_the_page(town, signed):
    file, digest = signed
    page = requests.post(
        f"{town.pages}verify/?lang=en",
        files={"signature": ("signed.xml", file.read_bytes())},
        data={"hash": digest.hex()},
        timeout=30,
    )
    assert page.status_code == 200
    assert "<h1>The signature is valid</h1>" in page.text
    assert "XAdES-BASELINE-T" in page.text
    assert page.text.count('download="verification.') == 2


def test_the_page_says_when_the_document_is_another(town, signed):
    file, digest = signed
    other = bytes([digest[0] ^ 1]) + digest[1:]
    page = requests.post(
        f"{town.pages}verify/?lang=en",
        files={"signature": ("signed.xml", file.read_bytes())},
        data={"hash": other.hex()},
        timeout=30,
    )
    assert "<h1>The signature belongs to a different document</h1>" in page.text


def test_programs_verify_over_rest_at_once_and_as_a_job(town, signed):
    file, digest = signed
    address = f"{town.pages}api/v1/verifications"

    def post(**headers):
        parts = {"signature": ("signed.xml", file.read_bytes())}
        data = {"hash": digest.hex(), "id": "mine", "language": "ru"}
        return requests.post(address, files=parts, data=data, headers=headers, timeout=30)

    now = post()
    (answer,) = now.json()["files"]
    assert (answer["id"], answer["valid"], answer["message"]) == ("mine", True, "Подпись действительна")
    assert answer["signatures"][0]["level"] == "XAdES-BASELINE-T"
    later = post(Prefer="respond-async")
    assert later.status_code == 202
    job = requests.compat.urljoin(town.pages, later.headers["Location"])
    for _ in range(300):
        looked = requests.get(job, timeout=30).json()
        if looked["state"] == "done":
            break
        time.sleep(0.1)
    assert looked["files"] == [answer]
    assert requests.delete(job, timeout=30).status_code == 204


def test_the_rest_door_keeps_what_it_describes(town, signed):
    """Every member that an answer has stands in the description, and the other way round."""
    file, digest = signed
    described = requests.get(f"{town.pages}api/v1/openapi.json", timeout=30).json()["components"]["schemas"]
    parts = {"signature": ("signed.xml", file.read_bytes())}
    answer = requests.post(f"{town.pages}api/v1/verifications", files=parts, data={"hash": digest.hex()}, timeout=30)
    (whole,) = answer.json()["files"]
    assert set(whole) == set(described["FileResult"]["properties"])
    assert set(whole["signatures"][0]) == set(described["Signature"]["properties"])


def test_augment_makes_a_signature_last(town, signed, capsys):
    file, digest = signed
    config = ["--config", str(town.places.data / "gateway.toml")]
    assert main(["augment", str(file), *config]) == 0
    assert "XAdES-BASELINE-T → XAdES-BASELINE-LT" in capsys.readouterr().out
    lasting = file.with_name("signed-lt.xml")
    assert main(["verify", str(lasting), "--hash", digest.hex(), "--fail-invalid", *config]) == 0
    assert main(["augment", str(file), *config]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["augment", str(file), "--level", "lta", *config]) == 1
    assert "the highest level is LT" in capsys.readouterr().err
    assert sorted(one.name for one in file.parent.iterdir()) == ["signed-lt.xml", "signed.xml"]
