"""Signers at the page of a served gateway: each as an anxious person would do it, over real sockets."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from io import BytesIO

import pytest
import requests
from pyhanko.pdf_utils.reader import PdfFileReader
from zeep.exceptions import Fault

from gateway.app import House
from gateway.demo import documents
from gateway.demo.browser import Browser
from gateway.demo.eservice import Content
from gateway.demo.story import visit
from gateway.domain.appearance import LAST_PAGE, VisibleSignature
from gateway.sandbox.persons import PERSONS, Situation
from gateway.settings import load_settings

ANA, ION, VERA = PERSONS[0], PERSONS[1], PERSONS[2]


def post(town, service, person=ANA, count=1):
    return service.post(
        "Hash", town.hashes(count), short="A test", description="A test of signing", expected=person.personal_identifier
    )


def arrive(town, browser, back, request_id):
    return browser.arrive(f"{town.pages}{request_id}", {"returnurl": back.url, "LANG": "en"})


def until_pin(town, browser, back, request_id, person):
    page = arrive(town, browser, back, request_id)
    return browser.submit(page, page.form_with("person"), person=person.personal_identifier)


def text(page):
    return " ".join(page.tree.text_content().split())


def test_a_signed_batch_is_a_success_with_a_signature_for_each_content(town, service):
    request_id = post(town, service, count=3)
    assert visit(town.pages, request_id, ANA)["RequestID"] == request_id
    response = service.response(request_id)
    assert response.Status == "Success"
    assert [r.CorrelationID for r in response.Results.SignResult] == ["c0", "c1", "c2"]


@pytest.fixture
def seen(town, monkeypatch):
    """Makes the e-service's signatures visible while a test runs."""
    for name, value in town.environment.items():
        monkeypatch.setenv(name, value)
    directory = House(load_settings(town.places.settings_file)).consumers
    (consumer,) = directory.all()
    yield lambda appearance: directory.show(consumer.name, appearance)
    directory.show(consumer.name, None)


def test_a_document_shows_who_signed_it_where_its_e_service_wants_that(town, service, seen):
    """As text of the field, whose looks are tested elsewhere; a page that it does not have is refused when posted."""
    agreement = documents.agreement(datetime.now(UTC))
    post_it = partial(service.post, "Pdf", [Content("a", "a.pdf", agreement)], short="A test", description="A test")
    seen(VisibleSignature(LAST_PAGE, 36, 36, 220, 60, text="Semnat: {signer}\n{time}"))
    request_id = post_it(expected=ANA.personal_identifier)
    visit(town.pages, request_id, ANA)
    (result,) = service.response(request_id).Results.SignResult
    (signature,) = PdfFileReader(BytesIO(result.Signature)).embedded_signatures
    assert [float(one) for one in signature.sig_field["/Rect"]] == [36, 36, 256, 96]
    assert signature.sig_field["/TU"].startswith(f"Semnat: {ANA.name}")
    seen(VisibleSignature(99, 36, 36, 220, 60))
    with pytest.raises(Fault, match=r"Contents\[0\].Content.*visible signature's page is 99"):
        post_it(expected=ANA.personal_identifier)


def test_a_wrong_pin_says_how_many_tries_are_left_and_the_right_one_still_signs(town, service, browser, back):
    request_id = post(town, service, VERA)
    page = until_pin(town, browser, back, request_id, VERA)
    page = browser.submit(page, page.form_with("pin"), pin="000000")
    assert "4" in text(page)
    assert page.tree.xpath("//*[@role='alert']")
    assert page.form_with("pin").fields["pin"] in (None, "")
    page = browser.submit(page, page.form_with("pin"), pin=VERA.pin)
    assert service.response(request_id).Status == "Success"


def test_cancelling_is_a_failure_that_says_so_and_releases_nothing(town, service, browser, back):
    request_id = post(town, service)
    page = until_pin(town, browser, back, request_id, ANA)
    (cancel,) = [form for form in page.tree.forms if (form.action or "").endswith("/cancel")]
    page = browser.submit(page, cancel)
    response = service.response(request_id)
    assert (response.Status, response.Message) == ("Failure", "The signing was cancelled by the signer")
    assert not (response.Results and response.Results.SignResult)
    assert any(form.action == back.url for form in page.tree.forms)


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        (Situation.EXPIRED, "expired"),
        (Situation.NOT_YET_VALID, "not valid yet"),
        (Situation.REVOKED, "revoked"),
        (Situation.ON_HOLD, "suspended"),
    ],
)
def test_a_certificate_that_may_not_sign_is_refused_before_the_pin_is_asked(
    town, service, browser, back, situation, said
):
    person = next(p for p in PERSONS if p.situation is situation)
    request_id = post(town, service, person)
    page = until_pin(town, browser, back, request_id, person)
    assert said in text(page).lower()
    assert not page.has_field("pin")
    assert service.response(request_id).Status == "Pending"


def test_a_locked_key_says_until_when(town, service, browser, back):
    person = next(p for p in PERSONS if p.situation is Situation.KEY_LOCKED)
    request_id = post(town, service, person)
    page = until_pin(town, browser, back, request_id, person)
    if page.has_field("pin"):
        page = browser.submit(page, page.form_with("pin"), pin=person.pin)
    assert "blocked" in text(page).lower() or "locked" in text(page).lower()
    assert service.response(request_id).Status == "Pending"


def test_another_person_than_the_expected_one_cannot_sign(town, service, browser, back):
    request_id = post(town, service, ANA)
    page = until_pin(town, browser, back, request_id, ION)
    assert "not the" in text(page).lower()
    assert not page.has_field("pin")


def test_a_second_browser_takes_over_only_by_an_explicit_step_and_the_first_is_told(town, service, browser, back):
    request_id = post(town, service)
    page = until_pin(town, browser, back, request_id, ANA)
    second = Browser()
    other = arrive(town, second, back, request_id)
    assert not other.has_field("pin")
    (takes_over,) = [form for form in other.tree.forms if (form.action or "").endswith("/take-over")]
    second.submit(other, takes_over)
    page = browser.submit(page, page.form_with("pin"), pin=ANA.pin)
    assert service.response(request_id).Status == "Pending"
    assert not any(form.action == back.url for form in page.tree.forms)
    second.close()


def test_looking_at_a_request_changes_nothing(town, service, browser, back):
    request_id = post(town, service)
    for _ in range(3):
        assert requests.get(f"{town.pages}{request_id}", timeout=30).status_code == 200
    assert visit(town.pages, request_id, ANA)["RequestID"] == request_id


def test_a_return_address_that_is_not_the_consumers_is_refused(town, service, browser):
    request_id = post(town, service)
    page = browser.arrive(f"{town.pages}{request_id}", {"ReturnUrl": "https://elsewhere.example/", "lang": "en"})
    assert not page.has_field("person")
    assert "https://elsewhere.example" not in [form.action for form in page.tree.forms]


def test_two_persons_sign_at_once_and_neither_disturbs_the_other(town):
    """Two browsers each, two workers behind the page: ten batches in turns, all signed by the right certificate."""
    wrong = []

    def sign(person, other):
        try:
            service = town.service()
            for _ in range(5):
                request_id = post(town, service, person, count=5)
                browser = Browser()
                page = browser.arrive(f"{town.pages}{request_id}", {"lang": "en"})
                page = browser.submit(page, page.form_with("person"), person=person.personal_identifier)
                refused = browser.submit(page, page.form_with("pin"), pin=other.pin)  # while the other's key is open
                if service.response(request_id).Status != "Pending":
                    wrong.append(f"{person.name} signed with another's PIN")
                browser.submit(refused, refused.form_with("pin"), pin=person.pin)
                results = service.response(request_id).Results
                found = [r for r in results.SignResult if r.Signature] if results else []
                checked = service.verify(
                    "Hash",
                    [(r.CorrelationID, r.Signature, c.data) for r, c in zip(found, town.hashes(5), strict=True)],
                    "en",
                )
                owners = {c.Subject for r in checked for c in r.Certificates.VerificationCertificate}
                if not all(r.SignaturesValid for r in checked) or len(owners) != 1:
                    wrong.append(f"{person.name}: {owners}")
                if not all(person.personal_identifier in owner for owner in owners):
                    wrong.append(f"{person.name} got {owners}")
                browser.close()
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            wrong.append(f"{person.name}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=sign, args=pair) for pair in ((ANA, ION), (ION, ANA))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_sample_e_service_works_against_a_served_gateway(town, sample):
    """samples/python as an integrator would run it: button, sign page, back, result."""
    wsdl = f"{town.soap}?singleWsdl"
    certificate, key = town.sandbox.consumer_files
    sample.EService.msign = sample.MSign(wsdl, str(certificate), str(key), str(town.sandbox.tls_anchor_file))
    sample.EService.pages, sample.EService.waiting = town.pages, {}
    server = sample.ThreadingHTTPServer(("localhost", 0), sample.EService)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    browser = Browser()
    try:
        here = f"http://localhost:{server.server_address[1]}"
        page = browser.arrive(f"{here}/sign", {"person": ANA.personal_identifier})
        page = browser.submit(page, page.form_with("ReturnUrl"))
        page = browser.submit(page, page.form_with("person"), person=ANA.personal_identifier)
        page = browser.submit(page, page.form_with("pin"), pin=ANA.pin)
        page = browser.submit(page, page.form_with("RequestID"))
        assert "Success" in text(page)
        assert "The signature is valid" in text(page)
        refused = browser.arrive(f"{here}/sign", {"person": "123"})
        assert "ExpectedSigner.ID" in text(refused)
    finally:
        browser.close()
        server.shutdown()
        server.server_close()
