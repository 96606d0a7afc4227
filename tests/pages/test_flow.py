"""A signer's way through the pages, with every turn it may take."""

from dataclasses import replace

import pytest

from gateway.domain.appearance import VisibleSignature
from gateway.domain.contents import ContentDigest
from gateway.domain.messages import MessageKey
from gateway.domain.requests import ContentState, SignContent, SignStatus
from gateway.domain.verdicts import Trust
from gateway.errors import InstrumentUnavailable, KeyStoreUnavailable, ServiceBusy, SigningDeclined
from gateway.instruments.api import Ask, RunInBrowser, Wait


def test_a_person_reviews_confirms_signs_and_is_sent_back(house, request_id):
    """The whole way: the outcome is recorded, and the return form carries RequestID and RelayState."""
    browser = house.browser()
    review = browser.arrive(request_id, RelayState="state 1")
    assert review.path == f"/{request_id}"
    assert "Serviciul de probă" in review.text
    assert "16:05" in review.text
    confirm = browser.submit(review, "/choose", person="2999000000014")
    assert confirm.path == f"/{request_id}/confirm"
    assert "Ana Mărțișor-Probă" in confirm.text
    assert "Semnați 2 documente" in confirm.text
    result = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert result.path == f"/{request_id}/result"
    assert result.heading == "Cele 2 documente sunt semnate"
    assert house.outcome(request_id).status is SignStatus.SUCCESS
    form = result.form("step=2")
    fields = {i.get("name"): i.get("value") for i in form.iter("input")}
    assert fields == {"RequestID": request_id, "RelayState": "state 1"}
    assert form.get("data-after") == "3"
    assert "form-action 'self' https://service.example;" in result.headers["Content-Security-Policy"]


def test_who_signs_learns_that_the_signature_will_show(house, monkeypatch):
    """And the consent is to that: where the operator changes how it looks meanwhile, the page asks again."""
    seen = VisibleSignature(x=10, y=10, width=200, height=50)
    monkeypatch.setattr(house.signing, "_appearance_of", lambda _consumer: seen)
    request_id, browser = house.post_documents(("a.pdf", b"%PDF-")), house.browser()
    confirm = browser.submit(browser.arrive(request_id), "/choose", person="2999000000014")
    assert "Semnătura va fi vizibilă în document" in confirm.text
    monkeypatch.setattr(house.signing, "_appearance_of", lambda _consumer: replace(seen, x=20))
    again = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert again.status == 409
    assert house.outcome(request_id) is None


def test_a_request_is_opened_by_its_address_alone(house, request_id):
    """Without arrival parameters signing works, and the end says where to go instead of sending there."""
    browser = house.browser()
    confirm = browser.submit(browser.get(f"/{request_id}"), "/choose", person="2999000000014")
    result = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert house.outcome(request_id).status is SignStatus.SUCCESS
    assert not list(result.tree.iter("form"))
    assert "Puteți închide această pagină" in result.text
    assert "form-action 'self';" in result.headers["Content-Security-Policy"]


def test_without_relay_state_none_is_sent_back_and_an_empty_one_is(house, request_id):
    """Absent and empty are two things."""
    result = house.browser().sign(request_id)
    assert "RelayState" not in result.html
    other = house.post()
    result = house.browser().sign(other, RelayState="")
    assert result.form("step=2").xpath("input[@name='RelayState']")[0].get("value") == ""


@pytest.mark.parametrize(
    ("person", "problem"),
    [
        ("", "Introduceți codul personal."),
        ("123", "exact 13 cifre"),
        ("2999000000025", "Nu am găsit o cheie"),
    ],
)
def test_a_person_that_cannot_sign_is_asked_again(house, request_id, person, problem):
    """The problem stands in the summary and beside the field, and the page's title says so."""
    page = house.browser().choose(request_id, person=person)
    assert page.status == 422
    assert page.title.startswith("Eroare: ")
    assert problem in page.tree.xpath("//*[@role='alert']")[0].text_content()
    field = page.tree.get_element_by_id("field-person")
    assert field.get("aria-invalid") == "true"
    assert problem in page.tree.get_element_by_id("field-person-error").text_content()
    assert page.tree.xpath("//*[@role='alert']//a/@href") == ["#field-person"]


@pytest.mark.parametrize("key", ["key-blocked", "too-many-attempts"])
def test_every_other_problem_of_a_choice_is_said(house, request_id, catalog, key):
    """A blocked key and a throttled address."""
    from gateway.domain.messages import Language

    house.keys.problem = key
    page = house.browser().choose(request_id)
    assert catalog.text(key, Language.RO) in page.text


def test_a_wrong_pin_is_asked_again_with_the_attempts_left(house, request_id):
    """Nothing is signed; the right PIN then signs with the same consent."""
    browser = house.browser()
    page = browser.submit(browser.choose(request_id), "/sign", agree="yes", pin="000000")
    assert page.status == 422
    assert "PIN greșit. Mai aveți 4 încercări." in page.text
    assert house.outcome(request_id) is None
    browser.submit(page, "/sign", agree="yes", pin="482913")
    assert house.outcome(request_id).status is SignStatus.SUCCESS


def test_the_last_wrong_pin_locks_and_says_until_when(house, request_id):
    """The request stays open (decision 3), the confirm page says the same, and the lock ends by itself."""
    browser = house.browser()
    page = browser.choose(request_id)
    for _ in range(5):
        page = browser.submit(page, "/sign", agree="yes", pin="000000")
    assert page.status == 423
    assert page.heading == "PIN-ul este blocat până la 15:20"
    assert not page.has_form("/sign")
    assert house.outcome(request_id) is None
    assert browser.get(f"/{request_id}/confirm").status == 423
    house.later(minutes=16)
    assert browser.get(f"/{request_id}/confirm").has_form("/sign")


def test_a_blocked_key_is_no_question_any_more(house, request_id):
    """Neither a field nor a button that could sign; another person may be chosen, or the request cancelled."""
    house.keys.ask = lambda holder, visit: Ask((), "key-blocked")
    page = house.browser().choose(request_id)
    assert page.status == 403
    assert "este blocată" in page.text
    assert not page.has_form("/sign")
    assert page.has_form("/cancel")


def test_without_the_tick_no_key_is_tried(house, request_id):
    """A missing consent costs no attempt, and an empty PIN is named along with it."""
    browser = house.browser()
    confirm = browser.choose(request_id)
    page = browser.submit(confirm, "/sign", pin="000000")
    assert page.status == 422
    assert "Bifați că ați citit documentele" in page.text
    assert page.tree.get_element_by_id("agree").get("aria-invalid") == "true"
    assert house.keys.attempts == 5
    page = browser.submit(confirm, "/sign", pin="")
    assert page.tree.xpath("//*[@role='alert']//a/@href") == ["#field-pin", "#agree"]


def test_a_missing_pin_is_asked_for(house, request_id):
    """The instrument's own words."""
    browser = house.browser()
    page = browser.submit(browser.choose(request_id), "/sign", agree="yes", pin="")
    assert "Introduceți PIN-ul." in page.text


def test_cancelling_is_final_and_leads_back(house, request_id):
    """From the review page, before any choice."""
    browser = house.browser()
    page = browser.submit(browser.arrive(request_id), "/cancel")
    assert page.heading == "Semnarea a fost anulată"
    assert house.outcome(request_id).message is MessageKey.CANCELLED
    assert page.has_form("step=2")
    assert browser.get(f"/{request_id}").heading == "Semnarea a fost anulată"


def test_a_silent_time_stamping_authority_keeps_the_values(house, request_id):
    """No second PIN: the page offers another try, which finishes once the authority answers."""
    house.authority.silent = True
    browser = house.browser()
    page = browser.sign(request_id)
    assert page.path == f"/{request_id}"
    assert page.heading == "Mai lipsește marca temporală"
    house.later(minutes=2)
    page = browser.submit(page, "/finish")
    assert "15:07" in page.text
    assert house.outcome(request_id) is None
    house.authority.silent = False
    result = browser.submit(page, "/finish")
    assert result.heading == "Cele 2 documente sunt semnate"


def test_a_batch_signed_in_part_says_which(house):
    """Failure with the results that exist; every document with its own state."""
    request_id = house.post_documents(("bun.pdf", b"%PDF good"), ("rau.pdf", b"%PDF unsignable"))
    page = house.browser().sign(request_id)
    assert house.outcome(request_id).message is MessageKey.PARTLY_SIGNED
    assert page.heading == "Unele documente nu au putut fi semnate"
    states = [" ".join(item.text_content().split()) for item in page.tree.xpath("//ul[@class='list']/li")]
    assert "✓ semnat" in states[0]
    assert "✗ nesemnat" in states[1]
    assert page.form("step=2").get("data-after") == "10"


def test_a_batch_of_which_nothing_could_be_signed(house):
    """Failure, with the way back."""
    request_id = house.post_documents(("rau.pdf", b"%PDF unsignable"))
    page = house.browser().sign(request_id)
    assert page.heading == "Documentul nu a fost semnat"
    assert page.has_form("step=2")


def test_an_expired_request_says_so_and_leads_back_only_by_a_press(house, request_id):
    """The contract returns by itself only from Success and Failure."""
    browser = house.browser()
    browser.arrive(request_id)
    house.later(hours=2)
    page = browser.get(f"/{request_id}")
    assert page.status == 410
    assert page.heading == "Timpul pentru semnare a trecut"
    assert page.form("step=2").get("data-after") is None
    assert browser.get(f"/{request_id}/result").form("step=2").get("data-after") is None


def test_a_step_after_the_end_shows_the_end(house, request_id):
    """Every address of an ended request leads to its outcome; nothing is signed twice."""
    browser = house.browser()
    confirm = browser.choose(request_id)
    browser.submit(confirm, "/sign", agree="yes", pin="482913")
    writes = house.requests.writes
    for page in (
        browser.get(f"/{request_id}"),
        browser.get(f"/{request_id}/confirm"),
        browser.submit(confirm, "/sign", agree="yes", pin="482913"),
        browser.submit(confirm, "/cancel"),
        browser.post(f"/{request_id}/finish", {"csrf_token": _token(confirm)}),
        browser.post(f"/{request_id}/choose", {"csrf_token": _token(confirm), "person": "2999000000014"}),
        browser.post(f"/{request_id}/take-over", {"csrf_token": _token(confirm)}),
    ):
        assert page.path == f"/{request_id}"
        assert page.heading == "Cele 2 documente sunt semnate"
        assert "deja încheiată" in page.text
        assert page.form("step=2").get("data-after") is None
    assert house.requests.writes == writes


def _token(page):
    return page.tree.xpath("//input[@name='csrf_token']/@value")[0]


def test_a_second_browser_must_take_over_and_the_first_is_told(house, request_id):
    """The explicit step; afterwards the first browser can no longer sign, nor take the pen silently."""
    first, second = house.browser(), house.browser()
    confirm = first.choose(request_id)
    page = second.arrive(request_id)
    assert page.status == 409
    assert page.heading == "Cererea este continuată în altă fereastră"
    assert not page.has_form("/sign")
    review = second.submit(page, "/take-over")
    assert review.has_form("/choose")
    told = first.submit(confirm, "/sign", agree="yes", pin="482913")
    assert told.status == 409
    assert told.heading == "Cererea este continuată în altă fereastră"
    assert house.outcome(request_id) is None
    confirm = second.submit(review, "/choose", person="2999000000014")
    second.submit(confirm, "/sign", agree="yes", pin="482913")
    assert house.outcome(request_id).status is SignStatus.SUCCESS


def test_another_browser_cannot_cancel_what_the_first_is_signing(house, request_id):
    """Cancelling needs the pen as well."""
    first, second = house.browser(), house.browser()
    before = second.arrive(request_id)
    first.choose(request_id)
    assert second.submit(before, "/cancel").status == 409
    assert house.outcome(request_id) is None


def test_values_kept_are_finished_by_whoever_takes_over(house, request_id):
    """The consent was given; the pen is enough."""
    house.authority.silent = True
    house.browser().sign(request_id)
    house.authority.silent = False
    other = house.browser()
    page = other.submit(other.arrive(request_id), "/take-over")
    assert page.heading == "Mai lipsește marca temporală"
    other.submit(page, "/finish")
    assert house.outcome(request_id).status is SignStatus.SUCCESS


def test_another_person_than_the_expected_one_cannot_sign(house):
    """The page says so before anything is signed, and names nobody's number."""
    request_id = house.expecting("2999000000025")
    browser = house.browser()
    assert "anumite persoane" in browser.arrive(request_id).text
    page = browser.choose(request_id)
    assert page.status == 403
    assert page.heading == "Aceasta nu este persoana așteptată"
    assert "2999000000025" not in "".join(seen.html for seen in browser.seen)
    assert page.has_form("/cancel")


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (Trust.REVOKED, "revocat"),
        (Trust.ON_HOLD, "suspendat"),
        (Trust.EXPIRED, "expirat"),
        (Trust.NOT_YET_VALID, "nu este încă valabil"),
        (Trust.NO_PATH, "autoritate de încredere"),
        (Trust.WRONG_USAGE, "nu este destinat semnării"),
    ],
)
def test_a_certificate_that_may_not_sign_says_why(house, request_id, trust, words):
    """Each reason of ``operations.sign`` has its words."""
    house.judge.trust = trust
    page = house.browser().choose(request_id)
    assert page.status == 403
    assert page.heading == "Acest certificat nu poate fi folosit"
    assert words in page.text


def test_an_unknown_status_is_no_verdict_but_a_wait(house, request_id):
    """ "Try again" leads back to the request, which is as open as before."""
    house.judge.trust = Trust.STATUS_UNKNOWN
    browser = house.browser()
    page = browser.choose(request_id)
    assert page.status == 503
    assert page.heading == "Un serviciu necesar nu răspunde"
    house.judge.trust = Trust.GOOD
    retry = page.tree.xpath("//a[@class='button']/@href")[0]
    confirm = browser.submit(browser.get(retry), "/choose", person="2999000000014")
    assert confirm.has_form("/sign")


def test_a_consent_over_other_contents_is_not_taken(house, request_id):
    """A forged or stale token: the documents are looked at again."""
    browser = house.browser()
    page = browser.submit(browser.choose(request_id), "/sign", agree="yes", pin="482913", consent="0" * 64)
    assert page.status == 409
    assert page.heading == "Verificați din nou documentele"
    assert house.outcome(request_id) is None


def test_choosing_anew_makes_the_former_consent_useless(house, request_id):
    """The confirm page of an earlier choice, left open in another tab."""
    browser = house.browser()
    stale = browser.choose(request_id)
    browser.submit(browser.get(f"/{request_id}"), "/choose", person="2999000000014")
    assert browser.submit(stale, "/sign", agree="yes", pin="482913").status == 409


def test_a_second_press_while_the_first_is_at_work_shows_how_it_stands(house, request_id):
    """The consent is used, the values wait for a time-stamp: that is the page, and no error."""
    house.authority.silent = True
    browser = house.browser()
    confirm = browser.choose(request_id)
    browser.submit(confirm, "/sign", agree="yes", pin="482913", follow=False)
    again = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert again.heading == "Mai lipsește marca temporală"


def test_a_refusal_on_the_device_is_final(house, request_id):
    """Failure, releasing nothing (decision 9)."""
    house.keys.opens = SigningDeclined("cancelled")
    page = house.browser().sign(request_id)
    assert page.heading == "Semnarea a fost anulată"
    assert house.outcome(request_id).message is MessageKey.CANCELLED


def test_a_device_at_work_elsewhere_shows_its_code_and_asks_again(house, request_id):
    """The form comes back with the consent; when the device has answered, it finishes."""
    house.keys.opens = Wait(4, "48 13")
    browser = house.browser()
    page = browser.sign(request_id)
    assert "48 13" in page.text
    assert page.form("/sign").get("data-after") == "4"
    house.keys.opens = None
    result = browser.submit(page, "/sign", pin="482913")
    assert result.heading == "Cele 2 documente sunt semnate"


def test_an_instrument_that_needs_a_script_we_do_not_have_is_unavailable(house, request_id):
    """Rather than a page that does nothing."""
    house.keys.opens = RunInBrowser("card", {})
    page = house.browser().sign(request_id)
    assert page.status == 503
    assert page.heading == "Acest mod de semnare nu este disponibil acum"


def test_an_instrument_out_of_order_leaves_the_documents_readable(house, request_id):
    """The review page says so instead of asking."""
    house.keys.raises = InstrumentUnavailable("hosted")
    page = house.browser().arrive(request_id)
    assert page.status == 200
    assert "nu este disponibil acum" in page.text
    assert not page.has_form("/choose")
    assert page.has_form("/cancel")


@pytest.mark.parametrize(("error", "status"), [(KeyStoreUnavailable("hsm gone"), 503), (ServiceBusy(7), 503)])
def test_a_key_store_out_of_order_is_an_apology_and_a_busy_one_a_wait(house, request_id, error, status):
    """No detail of the failure reaches the page."""
    house.keys.opens = error
    page = house.browser().sign(request_id)
    assert page.status == status
    assert "hsm" not in page.html
    if isinstance(error, ServiceBusy):
        assert page.headers["Retry-After"] == "7"


class _Other:
    """A second instrument that asks nothing."""

    name = "one-time"

    def __init__(self, standins):
        self.choice = standins

    def choose(self, answers, memo, visit):
        from gateway.instruments.api import Choice

        return Choice("fresh", None)

    def ask(self, holder, visit):
        from gateway.instruments.api import Ask

        return Ask(())

    def open(self, holder, answers, memo, visit):
        return self.choice.Device(self.choice.certificate())


def test_several_instruments_are_offered_and_the_named_one_is_taken(house, request_id, standins):
    """An unknown name falls back to the selection and says so; a known one skips it."""
    house.instruments["one-time"] = _Other(standins)
    browser = house.browser()
    page = browser.arrive(request_id)
    values = page.tree.xpath("//input[@type='radio']/@value")
    assert values == ["hosted", "one-time"]
    nothing = browser.submit(page, "/choose")
    assert nothing.status == 422
    assert "Alegeți cum doriți să semnați." in nothing.text
    asked = browser.submit(page, "/choose", instrument="hosted")
    assert asked.status == 200
    assert asked.tree.xpath("//input[@name='person']")
    assert not asked.tree.xpath("//*[@role='alert']")
    named = house.browser().arrive(house.post(), Instrument="MoldSign")
    assert named.tree.xpath("//input[@name='person']")
    unknown = house.browser().arrive(house.post(), Instrument="securesign")
    assert unknown.tree.xpath("//input[@type='radio']")
    assert "Serviciul a cerut un alt mod de semnare" in unknown.text


def test_a_certificate_made_after_consent_is_announced(house, request_id, standins):
    """One-time keys have no holder to show yet, and ask nothing."""
    house.instruments["one-time"] = _Other(standins)
    browser = house.browser()
    confirm = browser.submit(browser.arrive(request_id), "/choose", instrument="one-time")
    assert "Certificatul se creează după ce confirmați." in confirm.text
    result = browser.submit(confirm, "/sign", agree="yes")
    assert result.heading == "Cele 2 documente sunt semnate"


def test_an_instrument_nobody_offered_is_unavailable(house, request_id):
    """A tampered form."""
    browser = house.browser()
    page = browser.submit(browser.arrive(request_id), "/choose", instrument="mobile")
    assert page.status == 503
    assert house.requests.records[request_id].pen is None


def test_a_choice_made_is_kept_for_who_comes_back(house, request_id):
    """The clean address shows the documents again and offers to go on; it never locks the signer out of review."""
    browser = house.browser()
    browser.choose(request_id)
    page = browser.get(f"/{request_id}")
    assert page.tree.xpath("//a[contains(@href, '/confirm')]")
    assert page.has_form("/choose")
    assert house.browser().get(f"/{request_id}/confirm").status == 409


def test_confirming_before_choosing_leads_to_the_review(house, request_id):
    """An address typed by hand, or kept in the history."""
    browser = house.browser()
    browser.arrive(request_id)
    assert browser.get(f"/{request_id}/confirm").path == f"/{request_id}"
    assert browser.get(f"/{request_id}/result").path == f"/{request_id}"


def test_a_request_of_one_document_speaks_of_one(house):
    """Plural forms reach the page."""
    one = SignContent(0, None, "cerere.xml", ContentDigest.of(b"h" * 32))
    request_id = house.post(one)
    browser = house.browser()
    confirm = browser.choose(request_id)
    assert "Semnați documentul" in confirm.text
    assert "Am citit documentul și vreau să îl semnez" in confirm.text
    result = browser.submit(confirm, "/sign", agree="yes", pin="482913")
    assert result.heading == "Documentul este semnat"
    assert house.requests.records[request_id].progress[0].state is ContentState.DONE
