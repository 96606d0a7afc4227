"""What strangers may send and see: bearer addresses, forged forms, other sites, hostile texts."""

import base64
import hashlib
import json
import re
import zlib

import pytest

from gateway.domain.contents import ContentDigest, ContentId, ContentType, StoredContent
from gateway.domain.parties import Consumer, ConsumerId
from gateway.domain.requests import SignContent

PERSON, PIN = "2999000000014", "482913"
HOSTILE = "\"><script>alert(1)</script>'&amp;<b>ș\r\nX: y"


def test_get_changes_nothing_but_the_visitors_own_arrival(house, request_id):
    """Link previews and crawlers may open every address."""
    before = house.requests.records[request_id]
    browser = house.browser()
    for path in ("", "/confirm", "/result", "?lang=ru", "?ReturnUrl=https://service.example/x", "/choose", "/sign"):
        browser.get(f"/{request_id}{path}")
    for path in ("/cancel", "/finish", "/take-over"):
        assert browser.get(f"/{request_id}{path}").status == 405
    assert house.requests.records[request_id] == before
    assert house.requests.writes == 0
    assert {arrival.request_id for arrival in house.arrivals.kept.values()} == {request_id}


def test_a_bare_get_sets_no_lasting_cookie(house, request_id):
    """Only the seed of the form's token; whoever only looks is not remembered."""
    browser = house.browser()
    browser.get(f"/{request_id}")
    assert set(browser.cookies) == {"__Host-form"}
    assert not house.arrivals.kept


def test_an_arrival_claims_nothing(house, request_id):
    """The POST that comes without our token takes no pen, and does not disturb who holds it."""
    first = house.browser()
    confirm = first.choose(request_id)
    pen = house.requests.records[request_id].pen
    writes = house.requests.writes
    house.browser().post(f"/{request_id}", {"ReturnUrl": "https://service.example/other"}, cross_site=True)
    assert house.requests.writes == writes
    assert house.requests.records[request_id].pen == pen
    result = first.submit(confirm, "/sign", agree="yes", pin=PIN)
    assert result.form("step=2").get("action") == "https://service.example/signed?step=2"


def test_an_arrivals_fields_are_no_answers(house, request_id):
    """An e-service cannot choose, consent or cancel by what it posts."""
    house.browser().post(f"/{request_id}", {"person": PERSON, "agree": "yes", "pin": PIN, "instrument": "hosted"})
    assert house.requests.records[request_id].pen is None


@pytest.mark.parametrize("step", ["choose", "sign", "cancel", "finish", "take-over"])
def test_a_form_without_our_token_does_nothing(house, request_id, step):
    """Neither a missing token, nor another browser's."""
    browser, stranger = house.browser(), house.browser()
    page = stranger.arrive(request_id)
    foreign = page.tree.xpath("//input[@name='csrf_token']/@value")[0]
    browser.choose(request_id)
    before = house.requests.records[request_id]
    for token in ({}, {"csrf_token": ""}, {"csrf_token": foreign}):
        refused = browser.post(f"/{request_id}/{step}", {"person": PERSON, "agree": "yes", "pin": PIN, **token})
        assert refused.status == 400
        assert refused.heading == "Formularul nu a putut fi primit"
    assert house.requests.records[request_id] == before


def test_over_tls_a_form_from_another_site_is_refused(house, request_id):
    """The token's check looks at the Referer, which our Referrer-Policy lets through to ourselves."""
    browser = house.browser(base_url="https://sign.example")
    token = browser.get(f"/{request_id}").tree.xpath("//input[@name='csrf_token']/@value")[0]
    form = {"csrf_token": token}
    for referrer in ({}, {"Referer": "https://evil.example/"}):
        assert browser.post(f"/{request_id}/cancel", form, headers=referrer).status == 400
    assert house.outcome(request_id) is None
    browser.post(f"/{request_id}/cancel", form, headers={"Referer": f"https://sign.example/{request_id}"})
    assert house.outcome(request_id) is not None


def test_neither_pin_nor_personal_number_comes_back(house, capsys):
    """Not in a page, an address, a header, a cookie or the audit; not even when something breaks."""
    request_id = house.expecting(PERSON)
    browser = house.browser()
    for fault in (None, RuntimeError(f"{PERSON} {PIN}"), None):
        house.keys.opens = fault
        confirm = browser.choose(request_id, MSISDN="37360000000")
        browser.submit(confirm, "/sign", pin=PIN)
        browser.submit(confirm, "/sign", agree="yes", pin=PIN if fault else "111111")
    browser.submit(browser.choose(request_id), "/sign", agree="yes", pin=PIN)
    assert house.outcome(request_id) is not None
    sent = "".join(f"{page.html}{page.headers}" for page in browser.seen) + _readable(browser)
    audit = "".join(capsys.readouterr())
    assert "sign-page.sign" in audit
    for secret in (PERSON, PIN, "111111", "37360000000"):
        assert secret not in sent
        assert secret not in audit


def _readable(browser):
    """The contents of Flask's session cookies."""
    read = ""
    for line in browser.set_cookies:
        value = line.partition("=")[2].partition(";")[0]
        payload = value.lstrip(".").split(".")[0]
        octets = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        read += (zlib.decompress(octets) if value.startswith(".") else octets).decode("latin-1")
    return read + "".join(browser.set_cookies)


def test_the_form_cookie_holds_the_tokens_seed_and_nothing_else(house, request_id):
    """It can be read by whoever has the browser."""
    browser = house.browser()
    browser.sign(request_id)
    payload = browser.cookies["__Host-form"].split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).keys() == {"csrf_token"}


@pytest.mark.parametrize("field", ["RelayState", "short_description", "description", "signature_reason", "name"])
def test_texts_from_outside_are_text(house, field):
    """Markup in any of them is shown, or given back, and never becomes markup."""
    content = SignContent(0, None, HOSTILE if field == "name" else "a", ContentDigest.of(b"h" * 32))
    texts = {field: HOSTILE} if field not in ("RelayState", "name") else {}
    request_id = house.post(content, **texts)
    browser = house.browser()
    result = browser.sign(request_id, **({"RelayState": HOSTILE} if field == "RelayState" else {}))
    for page in browser.seen:
        assert "<script>alert" not in page.html
        assert page.headers.get("X") is None
    if field == "RelayState":
        # The HTML parser turns CR LF into LF, and the browser's form turns it back.
        state = result.form("step=2").xpath("input[@name='RelayState']/@value")[0]
        assert state.replace("\n", "\r\n") == HOSTILE.replace("\r\n", "\n").replace("\n", "\r\n")


def test_a_consumers_name_is_text_too(house):
    """Registered by an operator, and escaped all the same."""
    consumer = Consumer(ConsumerId("c1"), "<i>A&B</i>", "CN=CA", "01")
    house.consumers.by_id = {"c1": consumer}
    page = house.browser().get(f"/{house.post()}")
    assert "<i>" not in page.html
    assert "<i>A&B</i>" in page.text


def test_a_refused_return_address_is_named_and_never_linked(house, request_id):
    """No signing is offered, nothing is kept, and the address appears nowhere else."""
    for method in ("GET", "POST"):
        browser = house.browser()
        parameters = {"ReturnUrl": "https://evil.example/take?it=all", "RelayState": "r"}
        page = (
            browser.arrive(request_id, **parameters)
            if method == "GET"
            else browser.post(f"/{request_id}", parameters, cross_site=True)
        )
        assert page.status == 400
        assert page.heading == "Adresa de revenire nu este permisă"
        assert "evil.example" in page.text
        assert "take?it=all" not in page.html
        assert not page.tree.xpath("//main//a | //form | //button")
        assert not browser.cookies
    assert not house.arrivals.kept


def test_a_disabled_consumer_gets_nobody_back(house, request_id):
    """Neither on arrival, nor when it was disabled in between."""
    browser = house.browser()
    browser.arrive(request_id)
    house.consumers.by_id = {
        "c1": Consumer(ConsumerId("c1"), "S", "CN=CA", "01", enabled=False, return_origins=("https://service.example",))
    }
    assert house.browser().arrive(request_id).status == 400
    result = browser.submit(browser.get(f"/{request_id}"), "/cancel")
    assert not list(result.tree.iter("form"))
    assert "service.example" not in result.headers["Content-Security-Policy"]


def test_redirects_stay_here(house, request_id):
    """Whatever the Host header and the path say, Location is a path of ours."""
    browser = house.browser(base_url="http://evil.example")
    browser.sign(request_id)
    for path in (
        f"//{request_id}",
        f"/{request_id}/",
        f"//evil.example/{request_id}",
        f"/{request_id}?x=//evil.example",
    ):
        browser.get(path, follow=False)
    locations = [page.location for page in browser.seen if page.location]
    assert locations
    assert all(re.fullmatch(r"/[0-9a-f]{32}(/confirm|/result)?", location) for location in locations), locations


@pytest.mark.parametrize("step", ["", "/choose", "/sign"])
def test_an_oversized_form_is_not_read(house, request_id, step):
    """413, and nothing happens."""
    browser = house.browser()
    page = browser.choose(request_id)
    token = page.tree.xpath("//input[@name='csrf_token']/@value")[0]
    before = house.requests.records[request_id]
    refused = browser.post(f"/{request_id}{step}", {"csrf_token": token, "RelayState": "x" * 70_000})
    assert refused.status == 413
    assert refused.heading == "S-au trimis prea multe date"
    assert house.requests.records[request_id] == before


def test_answers_are_bounded(house, request_id):
    """No instrument asks for an essay, or for a hundred fields."""
    browser = house.browser()
    review = browser.arrive(request_id)
    assert browser.submit(review, "/choose", person="1" * 257).status == 413
    assert browser.submit(review, "/choose", **{f"f{i}": "1" for i in range(40)}).status == 413
    assert house.requests.records[request_id].pen is None


def test_a_relay_state_beyond_the_bound_is_refused(house, request_id):
    """It could not be given back unmodified."""
    page = house.browser().post(f"/{request_id}", {"RelayState": "x" * 9000})
    assert page.status == 413
    assert not house.arrivals.kept


def test_an_unforeseen_error_shows_a_number_and_nothing_else(house, request_id, capsys):
    """The number is the audit record's."""
    house.keys.opens = RuntimeError("secret detail")
    page = house.browser().sign(request_id)
    assert page.status == 500
    reference = re.search(r"\b[0-9a-f]{12}\b", page.text).group()
    audit = "".join(capsys.readouterr())
    assert reference in audit
    assert "RuntimeError" in audit
    for text in (page.html, audit):
        assert "secret detail" not in text
        assert "Traceback" not in text


def test_a_store_that_fails_before_the_view_gives_an_apology_too(house, request_id):
    """With a number of its own."""
    browser = house.browser()
    browser.arrive(request_id)
    house.arrivals.get = lambda *_: 1 / 0
    page = browser.get(f"/{request_id}")
    assert page.status == 500
    assert re.search(r"\b[0-9a-f]{12}\b", page.text)


def test_headers_of_a_page(house, request_id):
    """Strict, and over TLS for a year."""
    headers = house.browser().get(f"/{request_id}").headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "camera=()" in headers["Permissions-Policy"]
    plain = house.browser(app=house.build(secure_cookies=False)).get(f"/{request_id}")
    assert "Strict-Transport-Security" not in plain.headers


def test_only_the_result_page_may_send_a_form_elsewhere(house, request_id):
    """Decision 11."""
    browser = house.browser()
    browser.sign(request_id)
    widened = {page.path for page in browser.seen if "service.example" in page.headers["Content-Security-Policy"]}
    assert widened == {f"/{request_id}/result"}


def test_cookies_are_bound_to_this_host(house, request_id):
    """__Host-, Secure, HttpOnly, SameSite=Lax, Path=/ and no Domain; plain names only where there is no TLS."""
    browser = house.browser()
    browser.sign(request_id)
    assert browser.set_cookies
    for line in browser.set_cookies:
        assert line.startswith("__Host-")
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
    plain = house.browser(app=house.build(secure_cookies=False))
    plain.sign(house.post())
    assert {line.partition("=")[0].partition("-")[0] for line in plain.set_cookies} == {"form", "arrival", "browser"}
    assert not any("secure" in line.lower() for line in plain.set_cookies)


def test_only_the_digest_of_a_browsers_secret_is_stored(house, request_id):
    """256 bits in the cookie, SHA-256 in the stores."""
    browser = house.browser()
    browser.choose(request_id)
    secret = browser.cookies["__Host-browser"]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert house.requests.records[request_id].pen.browser == hashlib.sha256(secret.encode()).digest()


# ---------------------------------------------------------------------- documents


def test_a_document_is_a_download_that_can_do_nothing(house):
    """Its bytes, its name, no sniffing, no script, nothing kept."""
    octets = b"%PDF-1.7 " + bytes(range(256)) * 1000
    request_id = house.post_documents(("cerere și statut.pdf", octets))
    page = house.browser().get(f"/{request_id}/contents/0")
    assert page.status == 200
    assert page.data == octets
    assert page.headers["Content-Type"] == "application/pdf"
    assert page.headers["Content-Length"] == str(len(octets))
    assert page.headers["Content-Disposition"] == (
        "attachment; filename=\"cerere si statut.pdf\"; filename*=UTF-8''cerere%20%C8%99i%20statut.pdf"
    )
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert house.contents.opened[-1].closed
    assert house.requests.writes == 0


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../etc/passwd", "etc_passwd.pdf"),
        ("C:\\a\\b.pdf", "C_a_b.pdf"),
        ("a\r\nSet-Cookie: x=y.pdf", "a Set-Cookie_ x=y.pdf"),
        ("invoice\u202efdp.exe", "invoice fdp.exe.pdf"),
        ('"; filename="x.exe', "; filename=_x.exe.pdf"),
        ("", "document-1.pdf"),
        (None, "document-1.pdf"),
        ("...", "document-1.pdf"),
        ("a.PDF", "a.pdf"),
        ("x" * 300, "x" * 120 + ".pdf"),
    ],
)
def test_a_downloads_name_is_harmless(name, saved):
    """On the signer's disk, and in the header."""
    from gateway.pages.documents import file_name

    stored = StoredContent(ContentId("c"), 1, b"h" * 32)
    assert file_name(SignContent(0, None, name, stored)) == saved
    assert not set(file_name(SignContent(0, None, name, stored))) & set('/\\:"\r\n\u202e')


def test_what_is_no_document_is_not_found(house, request_id):
    """A hash, an index beyond the end."""
    browser = house.browser()
    assert browser.get(f"/{request_id}/contents/0").status == 404
    documents = house.post_documents(("a.pdf", b"%PDF"))
    for index in ("1", "-1", "x", "99999999999999999999"):
        assert browser.get(f"/{documents}/contents/{index}").status == 404


def test_a_document_that_the_store_cannot_find_is_to_be_tried_again(house):
    """A store that is away for a moment must not make a signer believe that the request is gone."""
    documents = house.post_documents(("a.pdf", b"%PDF"))
    house.contents.files.clear()
    page = house.browser().get(f"/{documents}/contents/0")
    assert page.status == 503
    assert page.headers["Retry-After"] == "30"


def test_a_document_is_not_given_out_after_the_end(house):
    """The address may lie in a history for long; by then the result is the consumer's."""
    request_id = house.post_documents(("a.pdf", b"%PDF"))
    browser = house.browser()
    browser.sign(request_id)
    assert browser.get(f"/{request_id}/contents/0").path == f"/{request_id}"
    assert house.requests.records[request_id].request.content_type is ContentType.PDF
