"""The pages over real signing with stores in memory, and a browser that keeps cookies as browsers do."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import secrets
import sys
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import lxml.html
import pytest
from lxml import etree
from werkzeug.test import Client

from gateway.domain.contents import ContentDigest, ContentType
from gateway.domain.parties import Consumer, ConsumerId, ExpectedSigner
from gateway.domain.requests import RequestId, SignContent, SignRequest
from gateway.messages.catalog import load_catalog
from gateway.operations.completion import Completion
from gateway.operations.sign import Signing
from gateway.pages.application import build_pages_wsgi

_spec = importlib.util.spec_from_file_location("pages_standins", Path(__file__).with_name("standins.py"))
stand_ins = importlib.util.module_from_spec(_spec)
sys.modules["pages_standins"] = stand_ins
_spec.loader.exec_module(stand_ins)

RETURN_URL = "https://service.example/signed?step=2"
MSIGN_NAMES = {"moldsign": "hosted", "mobile": "mobile"}


class House:
    """Everything behind the pages; tests turn its knobs."""

    def __init__(self, catalog):
        self.now = stand_ins.NOW
        self.catalog = catalog
        self.requests, self.contents = stand_ins.MemoryRequests(), stand_ins.MemoryContents()
        self.arrivals = stand_ins.MemoryArrivals(self.requests)
        self.consumer = Consumer(
            ConsumerId("c1"), "Serviciul de probă", "CN=CA", "01", return_origins=("https://service.example",)
        )
        self.consumers = stand_ins.MemoryConsumers(self.consumer)
        self.keys, self.judge, self.authority = stand_ins.HostedKeys(), stand_ins.Judge(), stand_ins.Authority()
        self.instruments = {"hosted": self.keys}
        engines = {ContentType.HASH: stand_ins.PlainEngine(), ContentType.PDF: stand_ins.PlainEngine()}
        self.signing = Signing(
            self.requests,
            self.contents,
            engines,
            self.instruments,
            self.judge,
            Completion(self.contents, engines, self.authority),
            read_certificate=self._read_certificate,
            clock=lambda: self.now,
            new_id=lambda: secrets.token_hex(16),
        )
        self.app = self.build()

    def build(self, **more):
        given = {
            "signing": self.signing,
            "consumers": self.consumers,
            "arrivals": self.arrivals,
            "contents": self.contents,
            "catalog": self.catalog,
            "resolve_instrument": lambda name: MSIGN_NAMES.get((name or "").lower()),
            "secret_key": b"k" * 32,
            "clock": lambda: self.now,
        }
        return build_pages_wsgi(**{**given, **more})

    def _read_certificate(self, der, chain):
        return next(c for c in self.keys.certificates.values() if c.der == der)

    def post(self, *contents, **more):
        """Keep a request for two hashes, or for the given contents; its id."""
        if not contents:
            contents = tuple(
                SignContent(i, None, n, ContentDigest.of(hashlib.sha256(n.encode()).digest()))
                for i, n in enumerate(("cerere.xml", "statut.xml"))
            )
        given = {
            "id": RequestId(secrets.token_hex(16)),
            "consumer_id": self.consumer.id,
            "content_type": ContentType.HASH,
            "contents": contents,
            "short_description": "Cerere",
            "description": "Cerere de înregistrare a întreprinderii",
            "signature_reason": None,
            "expected_signer": None,
            "created": self.now,
            "expires": self.now + timedelta(hours=1),
        }
        request = SignRequest(**{**given, **more})
        self.requests.add(request)
        return request.id

    def post_documents(self, *documents, **more):
        """Keep a request for PDFs, given as (name, bytes)."""
        contents = (SignContent(i, None, name, self.contents.keep(o)) for i, (name, o) in enumerate(documents))
        return self.post(*contents, content_type=ContentType.PDF, **more)

    def expecting(self, person):
        return self.post(expected_signer=ExpectedSigner(person))

    def browser(self, **more):
        return Browser(more.pop("app", self.app), **more)

    def outcome(self, request_id):
        return self.requests.records[request_id].outcome

    def later(self, **more):
        self.now += timedelta(**more)


class Page:
    """An answer, parsed."""

    def __init__(self, response, path):
        self.path, self.status, self.headers, self.data = path, response.status_code, response.headers, response.data
        self.location = response.headers.get("Location")
        self.html = response.data.decode("utf-8", "replace")

    @property
    def tree(self):
        return lxml.html.document_fromstring(self.html)

    @property
    def title(self):
        return self.tree.findtext(".//title")

    @property
    def heading(self):
        return self.tree.find(".//h1").text_content()

    @property
    def text(self):
        return " ".join(self.tree.find("body").text_content().split())

    def form(self, action_ends):
        """The form that posts to an address with this ending."""
        return next(f for f in self.tree.iter("form") if f.get("action").endswith(action_ends))

    def has_form(self, action_ends):
        return any(f.get("action").endswith(action_ends) for f in self.tree.iter("form"))


class Browser:
    """
    Keeps cookies, follows redirects when asked, and sends forms with what is hidden in them.

    Like a real one it leaves out ``SameSite=Lax`` cookies from a POST that another site caused.
    """

    def __init__(self, app, *, language="ro", address="192.0.2.1", base_url="http://localhost"):
        self.client = Client(app, use_cookies=False)
        self.cookies, self.set_cookies, self.seen = {}, [], []
        self.language, self.address, self.base_url = language, address, base_url

    def send(self, method, path, data=None, *, cross_site=False, headers=None, follow=True):
        headers = {"Accept-Language": self.language, **(headers or {})}
        if self.cookies and not (cross_site and method == "POST"):
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.client.open(
            path,
            base_url=self.base_url,
            method=method,
            data=urlencode(data) if data is not None else None,
            content_type="application/x-www-form-urlencoded" if data is not None else None,
            headers=headers,
            environ_base={"REMOTE_ADDR": self.address},
        )
        for line in response.headers.getlist("Set-Cookie"):
            self.set_cookies.append(line)
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        page = Page(response, path)
        response.close()
        self.seen.append(page)
        if follow and page.status == 303:
            return self.send("GET", page.location, follow=True)
        return page

    def get(self, path, **more):
        return self.send("GET", path, **more)

    def post(self, path, data=None, **more):
        return self.send("POST", path, data if data is not None else {}, **more)

    def arrive(self, request_id, **parameters):
        """The usual arrival, by GET."""
        return self.get(f"/{request_id}?" + urlencode({"ReturnUrl": RETURN_URL, **parameters}))

    def submit(self, page, action_ends, follow=True, **fields):
        """Send a form of *page* with its hidden fields and these."""
        form = page.form(action_ends)
        hidden = {i.get("name"): i.get("value") for i in form.iter("input") if i.get("type") == "hidden"}
        return self.post(form.get("action"), {**hidden, **fields}, follow=follow)

    def choose(self, request_id, person=stand_ins.PERSON, **parameters):
        """Arrive and choose a person."""
        return self.submit(self.arrive(request_id, **parameters), "/choose", person=person)

    def sign(self, request_id, pin=stand_ins.PIN, **parameters):
        """All the way."""
        return self.submit(self.choose(request_id, **parameters), "/sign", agree="yes", pin=pin)


def _well_formed(html):
    """Complaints of the HTML parser, other than about elements younger than itself."""
    parser = etree.HTMLParser(recover=True)
    etree.fromstring(html, parser)
    return [entry.message for entry in parser.error_log if entry.type_name != "HTML_UNKNOWN_TAG"]


def check_page(page, language, *, limit=60_000):
    """What every page owes: language, title, one heading, labels, no inline code, nothing from elsewhere, headers."""
    html, tree = page.html, page.tree
    assert html.startswith("<!doctype html>")
    assert _well_formed(html) == []
    assert len(page.data) <= limit
    assert tree.get("lang") == language
    assert page.title
    assert "None" not in page.title
    assert len(tree.findall(".//h1")) == 1
    assert len(tree.findall(".//main")) == 1
    assert not re.search(r"\b(page|field|hint|instrument|instrument-hint)\.[a-z]+-?[a-z]*\b", page.text)
    assert not re.search(r"[{}\ue000-\uf8ff]", page.text)
    assert "style=" not in html
    assert not re.search(r"\son[a-z]+=", html)
    assert not tree.findall(".//style")
    assert all(script.get("src") and not script.text for script in tree.iter("script"))
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        for name in ("src", "href"):
            value = element.get(name) or ""
            assert value.startswith(("/", "#")) or not value, value
        for target in (element.get("aria-describedby") or "").split():
            assert target in ids
        if element.get("form"):
            assert element.get("form") in ids
    for link in tree.iter("a"):
        assert link.text_content().strip()
        if link.get("href").startswith("#"):
            assert link.get("href")[1:] in ids
    for box in tree.iter("input"):
        if box.get("type") == "hidden":
            continue
        assert tree.xpath("//label[@for=$id]", id=box.get("id")) or next(box.iterancestors("label"), None) is not None
        assert box.get("type") in ("checkbox", "radio") or box.get("value") is None
    for form in tree.iter("form"):
        assert form.get("method") == "post"
    csp = page.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in csp
    assert "unsafe" not in csp
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture(scope="session")
def catalog():
    return load_catalog()


@pytest.fixture(scope="session")
def new_house(catalog):
    return lambda: House(catalog)


@pytest.fixture
def house(new_house):
    return new_house()


@pytest.fixture
def request_id(house):
    return house.post()


@pytest.fixture
def check():
    return check_page


@pytest.fixture
def standins():
    return stand_ins
