"""A time-stamping authority that does not answer costs the signer nothing but time: values are kept, no second PIN."""

from __future__ import annotations

import hashlib
import tomllib

import pytest

from gateway.demo.browser import Browser
from gateway.demo.eservice import Content, EService, ReturnAddress
from gateway.demo.story import visit
from gateway.sandbox.founding import Places
from gateway.sandbox.persons import PERSONS
from gateway.sandbox.running import served, set_up

ANA = PERSONS[0]


@pytest.fixture
def place(tmp_path, free_ports):
    """A sandbox that is not served yet, and a port where nobody listens."""
    *ports, dead = free_ports(4)
    places = Places(tmp_path / "data", *ports)
    return places, set_up(places), f"http://127.0.0.1:{dead}/tsa"


def test_values_are_kept_across_a_restart_and_finished_without_the_pin(place):
    places, sandbox, nowhere = place
    back, browser = ReturnAddress(), Browser()
    pages = f"http://localhost:{places.page_port}/"
    wsdl = f"https://localhost:{places.soap_port}/MSign.svc?singleWsdl"
    digests = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
    try:
        with served(places, sandbox, {"GATEWAY_TIMESTAMPS__URL": nowhere, "GATEWAY_TIMESTAMPS__TIMEOUT_S": "2"}):
            service = EService(wsdl, sandbox.consumer_files, sandbox.tls_anchor_file)
            contents = [Content(f"c{i}", f"{i}", digest) for i, digest in enumerate(digests)]
            request_id = service.post("Hash", contents, short="x", description="x", expected=ANA.personal_identifier)
            page = browser.arrive(f"{pages}{request_id}", {"ReturnUrl": back.url, "lang": "en"})
            page = browser.submit(page, page.form_with("person"), person=ANA.personal_identifier)
            page = browser.submit(page, page.form_with("pin"), pin=ANA.pin)
            assert not page.has_field("pin")
            (again,) = [form for form in page.tree.forms if (form.action or "").endswith("/finish")]
            page = browser.submit(page, again)
            (again,) = [form for form in page.tree.forms if (form.action or "").endswith("/finish")]
            assert service.response(request_id).Status == "Pending"
        with served(places, sandbox):
            service = EService(wsdl, sandbox.consumer_files, sandbox.tls_anchor_file)
            page = browser.submit(page, again)
            assert any(form.action == back.url for form in page.tree.forms)
            response = service.response(request_id)
            assert response.Status == "Success"
            results = [(r.CorrelationID, r.Signature) for r in response.Results.SignResult]
            answers = service.verify("Hash", [(c, s, d) for (c, s), d in zip(results, digests, strict=True)], "ro")
            assert [a.Message for a in answers] == ["Semnătura este validă"] * 3
    finally:
        browser.close()
        back.close()


def test_another_authority_stands_in_for_one_that_is_silent(place):
    """The signer does not notice."""
    places, sandbox, nowhere = place
    usual = tomllib.loads(places.settings_file.read_text(encoding="utf-8"))["timestamps"]["url"]
    environment = {
        "GATEWAY_TIMESTAMPS__URL": nowhere,
        "GATEWAY_TIMESTAMPS__TIMEOUT_S": "2",
        "GATEWAY_TIMESTAMPS__OTHERS": f'[{{name = "second", url = "{usual}"}}]',
    }
    wsdl = f"https://localhost:{places.soap_port}/MSign.svc?singleWsdl"
    with served(places, sandbox, environment):
        service = EService(wsdl, sandbox.consumer_files, sandbox.tls_anchor_file)
        content = Content("c", "c", hashlib.sha256(b"c").digest())
        request_id = service.post("Hash", [content], short="x", description="x", expected=ANA.personal_identifier)
        visit(f"http://localhost:{places.page_port}/", request_id, ANA)
        assert service.response(request_id).Status == "Success"
