"""Anybody has a signature verified: the page says who signed, when, and why not; it keeps nothing."""

import io
import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from werkzeug.test import Client

from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import Language, MessageKey
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, Trust, TrustVerdict
from gateway.domain.verification import SignatureConclusion, VerificationResult
from gateway.errors import ServiceBusy
from gateway.messages.catalog import load_catalog
from gateway.pages.verifying import ReportKind, build_verify_wsgi

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
INTEGRITY = IntegrityVerdict(
    kind=SignatureKind.SIGNATURE,
    crypto_valid=True,
    structure_valid=True,
    failure=None,
    certificate=b"c",
    certificate_reference_matches=True,
    other_certificates=(),
    time_stamps=(),
    claimed_signing_time=datetime(2026, 5, 3, 9, 30, tzinfo=UTC),
    signature_digests=frozenset({"sha256"}),
    content_digest=None,
    level="PAdES-BASELINE-T",
)
GOOD = SignatureConclusion(
    Indication.TOTAL_PASSED,
    None,
    MessageKey.VALID,
    INTEGRITY,
    TrustVerdict(Trust.GOOD, NOW, qualification="QESig"),
    None,
    (),
    b"c",
    "CN=Ion Țurcanu <script>",
    datetime(2026, 5, 4, 8, 15, tzinfo=UTC),
)
REVOKED = replace(
    GOOD,
    indication=Indication.INDETERMINATE,
    sub_indication=SubIndication.REVOKED_NO_POE,
    message=MessageKey.REVOKED_UNPROVEN,
    signed_at=None,
)


class House:
    def __init__(self):
        self.given, self.raises, self.left, self.result = (
            [],
            [],
            100,
            VerificationResult(None, (GOOD,), MessageKey.VALID),
        )
        catalog = load_catalog()
        report = ReportKind(
            "html",
            "text/html",
            lambda name, sha256, result, language: f"{name} {sha256.hex()[:4]} {language.value}".encode(),
        )
        self.client = Client(
            build_verify_wsgi(
                verify=self.verify,
                explain=lambda key, language: f"explained: {key.value} {language.value}",
                advise=lambda key, language: f"advised: {key.value} {language.value}",
                reports={"html": report},
                throttle=self,
                catalog=catalog,
                clock=lambda: NOW,
                upload_limit=100_000,
            )
        )

    def allow(self, _address, _now, about=""):
        assert about == "verification"
        self.left -= 1
        return self.left >= 0

    def verify(self, file_format, signature, contents):
        if self.raises:
            raise self.raises.pop()
        outside = [(c.name, c.open().read() if c.open else (c.digest_algorithm, c.digest)) for c in contents]
        self.given.append((file_format, signature.read(), outside))
        return self.result

    def post(self, language="en", **parts):
        return self.client.post(f"/?lang={language}", data=parts, content_type="multipart/form-data")

    def upload(self, language="en", **more):
        return self.post(language, signature=(io.BytesIO(b"%PDF-1.7"), "contract.pdf"), **more)


@pytest.fixture
def house():
    return House()


@pytest.mark.parametrize(
    ("language", "heading"),
    [("ro", "Verificați o semnătură"), ("ru", "Проверка подписи"), ("en", "Verify a signature")],
)
def test_the_form_is_there_in_every_language_and_needs_no_script(house, language, heading):
    page = house.client.get(f"/?lang={language}")
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert f"<h1>{heading}</h1>" in page.text
    assert 'enctype="multipart/form-data"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


def test_a_valid_signature_is_told_with_signer_time_and_qualification(house):
    page = house.upload()
    assert house.given == [(None, b"%PDF-1.7", [])]
    assert "<h1>The signature is valid</h1>" in page.text
    assert 'class="note good"' in page.text
    for fact in ("contract.pdf", "CN=Ion Țurcanu &lt;script&gt;", "11:15", "QESig", "PAdES-BASELINE-T", "TOTAL-PASSED"):
        assert fact in page.text
    assert "<script>" not in page.text
    assert "Time stated by the signer" not in page.text


def test_a_doubt_is_told_with_its_reason_and_the_time_that_nobody_proved(house):
    house.result = VerificationResult(None, (REVOKED, GOOD), MessageKey.SOME_NOT_VALID)
    page = house.upload("ro")
    assert 'class="note warn"' in page.text
    assert "Nu toate semnăturile sunt valide" in page.text
    assert "explained: revoked-time-unproven ro" in page.text
    assert "Ora declarată de semnatar (nedovedită)" in page.text
    assert "INDETERMINATE / REVOKED_NO_POE" in page.text
    assert page.text.index("Semnătura 1") < page.text.index("Semnătura 2")


def test_what_passed_and_is_not_accepted_does_not_look_accepted(house):
    house.result = VerificationResult(None, (), MessageKey.NOT_SIGNED)
    page = house.upload()
    assert 'class="note good"' not in page.text
    assert "The document is not signed" in page.text


def test_the_report_is_part_of_the_answer(house):
    page = house.upload("ru")
    address = re.search(r'href="data:text/html;base64,([^"]+)" download="verification.html"', page.text)
    assert b64decode(address[1]).decode() == f"contract.pdf {sha256(b'%PDF-1.7').hexdigest()[:4]} ru"


def test_documents_and_hashes_go_with_their_signature(house):
    house.upload(content=[(io.BytesIO(b"one"), "a.txt"), (io.BytesIO(b"two"), "b.txt")], hash=" AB " * 20)
    assert house.given[0][2] == [("a.txt", b"one"), ("b.txt", b"two"), (None, ("sha1", b"\xab" * 20))]


def test_empty_fields_of_a_browser_are_no_documents(house):
    """A browser sends a part without a name for a file field that was left empty."""
    house.upload(content=(io.BytesIO(b""), ""), hash="")
    assert house.given[0][2] == []


@pytest.mark.parametrize(
    ("parts", "field", "said"),
    [
        ({}, "signature", "Choose the file"),
        ({"signature": (io.BytesIO(b""), "")}, "signature", "Choose the file"),
        ({"signature": (io.BytesIO(b"x"), "x.xml"), "hash": "xyz"}, "hash", "40, 64, 96 or 128"),
        ({"signature": (io.BytesIO(b"x"), "x.xml"), "hash": "abcd"}, "hash", "40, 64, 96 or 128"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field_and_at_the_top(house, parts, field, said):
    page = house.post(**parts)
    assert page.status_code == 400
    assert "<title>Error: " in page.text
    assert f'<a href="#{field}">' in page.text
    assert re.search(rf'id="{field}"[^>]*aria-describedby="{field}-hint {field}-error" aria-invalid="true"', page.text)
    assert page.text.count(said) >= 2
    assert house.given == []


def test_too_large_too_often_and_too_busy_each_have_a_page(house):
    large = house.post(signature=(io.BytesIO(b"x" * 100_001), "x.pdf"))
    assert (large.status_code, "larger than is accepted" in large.text) == (413, True)
    house.raises.append(ServiceBusy(7))
    busy = house.upload()
    assert (busy.status_code, busy.headers["Retry-After"], "Send the file again" in busy.text) == (503, "7", True)
    house.left = 0
    throttled = house.upload()
    assert (throttled.status_code, "Too many files" in throttled.text) == (429, True)


def test_a_failure_tells_its_number_and_nothing_else(house):
    house.raises.append(RuntimeError("secret"))
    page = house.upload()
    assert page.status_code == 500
    assert "Reference number" in page.text
    assert "secret" not in page.text


def test_other_addresses_and_methods_have_a_page(house):
    assert "There is no such page" in house.client.get("/elsewhere?lang=en").text
    refused = house.client.put("/?lang=en")
    assert (refused.status_code, "GET" in refused.headers["Allow"]) == (405, True)


def test_a_name_that_turns_the_direction_of_writing_is_shown_plainly(house):
    page = house.post(signature=(io.BytesIO(b"x"), "a\u202efdp.exe"))
    assert "\u202e" not in page.text


@pytest.mark.parametrize("language", Language)
def test_pages_are_small(house, language):
    house.result = VerificationResult(None, (GOOD,) * 20, MessageKey.ALL_VALID)
    assert len(house.upload(language.value).data) < 60_000
    assert len(house.client.get(f"/?lang={language.value}").data) < 60_000
