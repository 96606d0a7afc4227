"""The application around the pages: its path, its files, its settings."""

import re

import pytest

from gateway.errors import ConfigurationError
from gateway.pages.application import build_pages_wsgi


@pytest.mark.parametrize("stripped", [True, False])
def test_pages_below_a_path_work_whether_a_proxy_strips_it_or_not(house, request_id, stripped):
    """MSign's client glues the id to the address, so a path must end in a slash; every link carries it."""
    app = house.build(base_path="/sign/")
    prefix = "" if stripped else "/sign"
    browser = house.browser(app=app)
    arrived = browser.get(f"{prefix}/{request_id}?ReturnUrl=https://service.example/signed?step=2", follow=False)
    assert arrived.location == f"/sign/{request_id}"
    page = browser.get(f"{prefix}/{request_id}")
    addresses = page.tree.xpath("//head//@href | //head//@src | //form/@action | //a/@href[not(starts-with(., '#'))]")
    assert len(addresses) > 5
    assert all(address.startswith("/sign/") for address in addresses)
    result = browser.submit(page, "/cancel")
    assert result.has_form("step=2")
    link = browser.get(f"{prefix}/unknown").tree.xpath("//nav/a/@href")[0]
    assert link.startswith("/sign/unknown?lang=")


def test_style_and_script_are_kept_for_good_under_hashed_names(house, request_id):
    """A new version has a new name."""
    browser = house.browser()
    page = browser.get(f"/{request_id}")
    found = page.tree.xpath("//head/link/@href | //head/script/@src")
    kinds = {}
    for address in found:
        assert re.fullmatch(r"/static/[a-z]+-[0-9a-f]{12}\.(css|js|svg)", address)
        served = browser.get(address)
        assert served.status == 200
        assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        kinds[address.rpartition(".")[2]] = served.headers["Content-Type"]
        assert b"http://" not in served.data.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in served.data
        assert b"@import" not in served.data
    assert kinds["css"].startswith("text/css")
    assert kinds["js"].startswith("text/javascript")
    assert kinds["svg"] == "image/svg+xml"
    assert browser.get("/static/page.css").status == 404
    assert browser.get("/static/../application.py").status == 404
    assert browser.get("/static/%2e%2e%2fapplication.py").status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_key": b"short"},
        {"base_path": "sign/"},
        {"base_path": "/sign"},
        {"base_path": "//evil.example/"},
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_at_the_start(house, wrong):
    """And named."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        house.build(**wrong)


def test_two_processes_with_the_same_key_share_their_visitors(house, request_id):
    """Nothing is remembered in the application itself."""
    one, other = house.app, house.build()
    browser = house.browser(app=one)
    review = browser.arrive(request_id)
    browser.client = house.browser(app=other).client
    assert browser.submit(review, "/choose", person="2999000000014").has_form("/sign")


def test_the_clients_address_is_the_connections(house, request_id):
    """What a header says of it is not believed."""
    seen = []
    choose = house.keys.choose

    def watching(answers, memo, visit):
        seen.append(visit.address)
        return choose(answers, memo, visit)

    house.keys.choose = watching
    browser = house.browser(address="198.51.100.7")
    page = browser.get(f"/{request_id}", headers={"X-Forwarded-For": "203.0.113.1"})
    browser.submit(page, "/choose", person="2999000000014")
    assert set(seen) == {"198.51.100.7"}


def test_every_constructor_value_is_named(house):
    """Rooms are wired by name."""
    with pytest.raises(TypeError):
        build_pages_wsgi(house.signing)


def test_methods_that_nobody_offered_are_refused(house, request_id):
    """With what is allowed."""
    page = house.browser().send("DELETE", f"/{request_id}")
    assert page.status == 405
    assert "GET" in page.headers["Allow"]
