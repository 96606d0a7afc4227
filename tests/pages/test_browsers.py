"""A browser is known again across tabs, sites and posts; nobody else's cookie will do."""

import pytest


def test_an_arrival_by_post_from_another_site_is_found_again(house, request_id):
    """The recommended way: the browser leaves its cookie out of the POST, and has it again at the redirect."""
    browser = house.browser()
    parameters = {"RETURNURL": "https://service.example/signed?step=2", "relaystate": "s", "LANG": "ru"}
    review = browser.post(f"/{request_id}", parameters, cross_site=True)
    assert review.path == f"/{request_id}"
    assert review.tree.get("lang") == "ru"
    confirm = browser.submit(review, "/choose", person="2999000000014")
    result = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert result.form("step=2").xpath("input[@name='RelayState']/@value") == ["s"]


def test_parameters_may_come_in_form_and_query_together(house, request_id):
    """RelayState in the form, ReturnUrl in the address."""
    browser = house.browser()
    browser.post(f"/{request_id}?returnUrl=https://service.example/signed?step=2", {"RelayState": "f"}, cross_site=True)
    result = browser.submit(browser.get(f"/{request_id}"), "/cancel")
    assert result.form("step=2").xpath("input[@name='RelayState']/@value") == ["f"]


def test_the_clean_address_carries_nothing(house, request_id):
    """No parameter stays in the address, not even an unknown one; the request's id may be in capitals."""
    browser = house.browser()
    assert browser.arrive(request_id, RelayState="x", utm="y").path == f"/{request_id}"
    assert browser.get(f"/{request_id}?unknown=1").path == f"/{request_id}"
    assert browser.get(f"/{request_id.upper()}?lang=ru").path == f"/{request_id}"
    assert browser.get(f"/{request_id.upper()}").status == 200


def test_a_second_signing_in_another_tab_leaves_the_first_its_pen(house):
    """The second arrives by a POST without cookies; it must not replace the browser's secret."""
    first, second = house.post(), house.post()
    browser = house.browser()
    confirm = browser.choose(first)
    parameters = {"ReturnUrl": "https://service.example/signed?step=2", "RelayState": "second"}
    review = browser.post(f"/{second}", parameters, cross_site=True)
    browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert house.outcome(first) is not None
    confirm = browser.submit(review, "/choose", person="2999000000014")
    result = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert result.form("step=2").xpath("input[@name='RelayState']/@value") == ["second"]


def test_pressing_sign_again_at_the_service_shows_the_sign_page_again(house, request_id):
    """Official case TC_FUNCT_03: the same browser comes by POST once more and keeps the pen."""
    browser = house.browser()
    browser.choose(request_id)
    page = browser.post(
        f"/{request_id}", {"ReturnUrl": "https://service.example/signed?step=2", "RelayState": "again"}, cross_site=True
    )
    assert page.status == 200
    result = browser.submit(page, "/cancel")
    assert result.form("step=2").xpath("input[@name='RelayState']/@value") == ["again"]


def test_two_tabs_opened_at_once_both_find_their_arrival(house):
    """Both are first, both redirects set the lasting cookie; the one overwritten still finds its way back."""
    one, two = house.post(), house.post()
    browser = house.browser()
    for request_id in (one, two):
        parameters = {"ReturnUrl": "https://service.example/signed?step=2", "RelayState": request_id}
        browser.post(f"/{request_id}", parameters, cross_site=True, follow=False)
    jar = dict(browser.cookies)
    pages = {}
    for request_id in (one, two):
        browser.cookies = {**jar, **{n: v for n, v in browser.cookies.items() if n not in jar and n == "__Host-form"}}
        pages[request_id] = browser.get(f"/{request_id}")
    browser.cookies = {**jar, **browser.cookies}
    for request_id in (one, two):
        result = browser.submit(pages[request_id], "/cancel")
        assert result.form("step=2").xpath("input[@name='RelayState']/@value") == [request_id]


def test_waiting_cookies_do_not_pile_up(house):
    """They are gone once the arrival has met the lasting cookie, and live for minutes at most."""
    browser = house.browser()
    for _ in range(5):
        browser.arrive(house.post())
    browser.get(f"/{house.post()}")
    waiting = [name for name in browser.cookies if name.startswith("__Host-arrival")]
    assert len(waiting) <= 1
    assert all("Max-Age=600" in line or "Max-Age=0" in line for line in browser.set_cookies if "arrival" in line)


@pytest.mark.parametrize("secret", ["", "short", "x" * 44, "ș" * 43, "a b" * 14 + "a", "../" * 14 + "a"])
def test_what_cannot_be_a_secret_of_ours_is_no_cookie(house, request_id, secret):
    """It is replaced when one is needed."""
    browser = house.browser()
    page = browser.get(f"/{request_id}")
    browser.cookies["__Host-browser"] = secret.encode().decode("latin-1")
    browser.submit(page, "/choose", person="2999000000014")
    assert len(browser.cookies["__Host-browser"]) == 43
    assert browser.cookies["__Host-browser"] != secret


def test_an_unknown_request_keeps_and_sets_nothing(house):
    """No arrival, no cookie, whether the id is well formed or not."""
    for path in ("/" + "0" * 32, "/xyz", "/", "/favicon.ico", "/" + "0" * 32 + "/confirm"):
        browser = house.browser()
        page = browser.get(path + "?ReturnUrl=https://service.example/&lang=en")
        assert page.status == 404
        assert page.heading == "We cannot find this request"
        assert not browser.cookies
        posted = house.browser().post(path, {"ReturnUrl": "https://service.example/"})
        assert posted.status in (404, 405)
    assert not house.arrivals.kept


def test_a_browser_without_cookies_is_told_to_allow_them(house, request_id):
    """It can review, and learns why it cannot go on."""
    browser = house.browser()
    page = browser.get(f"/{request_id}")
    browser.cookies.clear()
    refused = browser.submit(page, "/choose", person="2999000000014")
    assert refused.status == 400
    assert "cookie" in refused.text
