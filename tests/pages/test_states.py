"""Every state of the pages in every language: whole, labelled, translated, strict."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.verdicts import Trust
from gateway.errors import InstrumentUnavailable, KeyLocked, KeyStoreUnavailable, ServiceBusy
from gateway.instruments.api import Ask, Wait

LANGUAGES = ("ro", "ru", "en")
GOOD = {"agree": "yes", "pin": "482913"}


def review(house, browser):
    return browser.arrive(house.post(signature_reason="Înregistrare", description="Cerere " + "lungă " * 60))


def review_of_documents(house, browser):
    request_id = house.post_documents(("a.pdf", b"%PDF a"), (None, b"%PDF b" * 400_000))
    record = house.requests.records[request_id]
    contents = tuple(replace(content, multiple_signatures=True) for content in record.request.contents)
    house.requests.records[request_id] = replace(record, request=replace(record.request, contents=contents))
    return browser.arrive(request_id)


def review_of_many(house, browser):
    return browser.arrive(house.post_documents(*((f"a{i}.pdf", b"%PDF") for i in range(25))))


def review_for_somebody(house, browser):
    return browser.arrive(house.expecting("2999000000014"), Instrument="securesign")


def review_with_little_time(house, browser):
    return browser.arrive(house.post(expires=house.now + timedelta(minutes=7)))


def review_after_a_choice(house, browser):
    request_id = house.post()
    browser.choose(request_id)
    return browser.get(f"/{request_id}")


def review_with_an_error(house, browser):
    return browser.choose(house.post(), person="12")


def review_without_an_instrument(house, browser):
    house.keys.raises = InstrumentUnavailable("hosted")
    return browser.arrive(house.post())


def selection(house, browser):
    house.instruments["device"] = house.keys
    return browser.arrive(house.post())


def selection_with_an_error(house, browser):
    return browser.submit(selection(house, browser), "/choose")


def confirm(house, browser):
    return browser.choose(house.post())


def confirm_of_many_documents(house, browser):
    return browser.choose(house.post_documents(*((f"a{i}.pdf", b"%PDF") for i in range(25))))


def confirm_with_a_wrong_pin(house, browser):
    return browser.submit(confirm(house, browser), "/sign", agree="yes", pin="1")


def confirm_without_consent(house, browser):
    return browser.submit(confirm(house, browser), "/sign", pin="")


def locked(house, browser):
    house.keys.locked_until = house.now + timedelta(days=2)
    return confirm(house, browser)


def locked_by_exception(house, browser):
    house.keys.opens = KeyLocked(house.now + timedelta(minutes=15))
    return browser.sign(house.post())


def closed(house, browser):
    house.keys.ask = lambda holder, visit: Ask((), "key-blocked")
    return confirm(house, browser)


def throttled(house, browser):
    house.keys.problem, house.keys.problem_field = "too-many-attempts", None
    return confirm(house, browser)


def waiting(house, browser):
    house.keys.opens = Wait(5, "1234")
    return browser.sign(house.post())


def kept(house, browser):
    house.authority.silent = True
    return browser.sign(house.post())


def kept_again(house, browser):
    return browser.submit(kept(house, browser), "/finish")


def success(house, browser):
    return browser.sign(house.post(), RelayState="r")


def success_of_many(house, browser):
    return browser.sign(house.post_documents(*((f"a{i}.pdf", b"%PDF") for i in range(25))))


def success_seen_again(house, browser):
    request_id = house.post()
    browser.sign(request_id)
    house.later(days=2)
    return browser.get(f"/{request_id}")


def partly(house, browser):
    return browser.sign(house.post_documents(("a.pdf", b"%PDF"), ("b.pdf", b"unsignable")))


def failure(house, browser):
    return browser.sign(house.post_documents(("b.pdf", b"unsignable")))


def cancelled(house, browser):
    return browser.submit(browser.arrive(house.post()), "/cancel")


def expired(house, browser):
    request_id = house.post()
    browser.arrive(request_id)
    house.later(hours=3)
    return browser.get(f"/{request_id}")


def of_a_struck_off_service(house, browser):
    request_id = house.post()
    browser.arrive(request_id)
    house.consumers.by_id.clear()
    return browser.submit(browser.get(f"/{request_id}"), "/cancel")


def taken(house, browser):
    request_id = house.post()
    house.browser().choose(request_id)
    return browser.arrive(request_id)


def return_refused(house, browser):
    return browser.arrive(house.post(), ReturnUrl="https://elsewhere.example/")


def return_unreadable(house, browser):
    return browser.arrive(house.post(), ReturnUrl="javascript:alert(1)")


def authority(house, browser):
    house.judge.trust = Trust.STATUS_UNKNOWN
    return browser.choose(house.post())


def other_person(house, browser):
    return browser.choose(house.expecting("2999000000025"))


def _certificate(trust):
    def state(house, browser):
        house.judge.trust = trust
        return browser.choose(house.post())

    state.__name__ = f"certificate_{trust.value}"
    return state


def instrument(house, browser):
    return browser.submit(browser.arrive(house.post()), "/choose", instrument="elsewhere")


def mismatch(house, browser):
    return browser.submit(confirm(house, browser), "/sign", **GOOD, consent="no")


def forged_form(house, browser):
    request_id = house.post()
    browser.arrive(request_id)
    return browser.post(f"/{request_id}/cancel", {"csrf_token": "x"})


def busy(house, browser):
    house.keys.opens = ServiceBusy(3)
    return browser.sign(house.post())


def failing_keys(house, browser):
    house.keys.opens = KeyStoreUnavailable("x")
    return browser.sign(house.post())


def failing(house, browser):
    house.keys.opens = RuntimeError("x")
    return browser.sign(house.post())


def too_large(house, browser):
    return browser.post(f"/{house.post()}", {"RelayState": "x" * 100_000})


def unknown(house, browser):
    return browser.get(f"/{secrets.token_hex(16)}")


def no_request(house, browser):
    return browser.get("/")


STATES = [
    review,
    review_of_documents,
    review_of_many,
    review_for_somebody,
    review_with_little_time,
    review_after_a_choice,
    review_with_an_error,
    review_without_an_instrument,
    selection,
    selection_with_an_error,
    confirm,
    confirm_of_many_documents,
    confirm_with_a_wrong_pin,
    confirm_without_consent,
    locked,
    locked_by_exception,
    closed,
    throttled,
    waiting,
    kept,
    kept_again,
    success,
    success_of_many,
    success_seen_again,
    partly,
    failure,
    cancelled,
    expired,
    of_a_struck_off_service,
    taken,
    return_refused,
    return_unreadable,
    authority,
    other_person,
    *(_certificate(trust) for trust in Trust if trust not in (Trust.GOOD, Trust.STATUS_UNKNOWN)),
    instrument,
    mismatch,
    forged_form,
    busy,
    failing_keys,
    failing,
    too_large,
    unknown,
    no_request,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_page_is_whole_and_its_own_in_every_language(new_house, check, state):
    """The same state three times, each in a house of its own: no page shares a title or a heading with another."""
    pages = {}
    for language in LANGUAGES:
        house = new_house()
        page = state(house, house.browser(language=language))
        check(page, language)
        pages[language] = page
    assert len({page.title for page in pages.values()}) == len(LANGUAGES)
    assert len({page.text for page in pages.values()}) == len(LANGUAGES)
    assert len({page.status for page in pages.values()}) == 1


@pytest.mark.parametrize("state", [review, confirm, locked, success, unknown, taken], ids=lambda state: state.__name__)
def test_the_language_links_lead_to_the_same_page_in_that_language(house, state):
    """By GET, and the address is clean again afterwards."""
    browser = house.browser()
    page = state(house, browser)
    for language in ("ru", "en", "ro"):
        link = page.tree.xpath("//nav/a[@hreflang=$l]/@href", l=language)[0]
        switched = browser.get(link)
        assert switched.tree.get("lang") == language
        assert state is unknown or switched.path == link.partition("?")[0]
        page = switched


def test_a_result_in_another_language_still_returns(house):
    """Switching at the end loses neither the address nor the RelayState."""
    browser = house.browser()
    page = success(house, browser)
    page = browser.get(page.tree.xpath("//nav/a[@hreflang='ru']/@href")[0])
    assert page.heading == "Подписано 2 документа"
    assert page.form("step=2").xpath("input[@name='RelayState']/@value") == ["r"]


def test_the_language_is_the_parameters_then_the_browsers_then_romanian(house):
    """lang wins over Accept-Language; what is no language of ours counts for nothing."""
    request_id = house.post()
    for parameters, accepted, language in (
        ({"lang": "ru"}, "en", "ru"),
        ({"LANG": "EN"}, "ru", "en"),
        ({}, "en-GB,ru;q=0.5", "en"),
        ({"lang": "de"}, "ru", "ru"),
        ({"lang": ""}, "de", "ro"),
        ({}, "", "ro"),
    ):
        page = house.browser(language=accepted).arrive(request_id, **parameters)
        assert page.tree.get("lang") == language, (parameters, accepted)


def test_the_trial_band_is_on_every_page_when_it_should_be(house):
    """And nowhere otherwise."""
    request_id = house.post()
    trial = house.build(test_band=True)
    for path in (f"/{request_id}", "/unknown"):
        assert "TEST – semnături fără valoare juridică" in house.browser(app=trial).get(path).text
        assert "TEST" not in house.browser().get(path).text


def test_the_steps_say_where_the_signer_is(house):
    """One current step, those before it done."""
    page = confirm(house, house.browser())
    steps = page.tree.xpath("//ol[@class='steps']/li")
    assert [step.get("aria-current") for step in steps] == [None, "step", None]
    assert steps[0].get("class") == "done"
    assert "pas încheiat" in steps[0].text_content()


def test_times_are_told_in_the_signers_zone(house):
    """Chișinău by default, another by setting; a time of another day carries its date."""
    request_id = house.post()
    tokyo = house.browser(app=house.build(time_zone="Asia/Tokyo"))
    assert "23:05" in tokyo.get(f"/{request_id}").text
    far = house.post(expires=house.now + timedelta(days=3))
    assert "5 martie 2026, 15:05" in house.browser().get(f"/{far}").text
    assert "5 марта 2026 г., 15:05" in house.browser(language="ru").get(f"/{far}").text
    assert "5 March 2026, 15:05" in house.browser(language="en").get(f"/{far}").text
