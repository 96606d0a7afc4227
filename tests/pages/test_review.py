"""The signer sees every content by name and fingerprint, however many there are."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contents import ContentDigest
from gateway.domain.messages import Language
from gateway.domain.requests import SignContent
from gateway.instruments.api import Ask, Field
from gateway.pages.interactions import questions_of
from gateway.pages.review import grouped
from gateway.pages.texts import Speaker, visible


@pytest.fixture
def say(catalog):
    from zoneinfo import ZoneInfo

    return Speaker(catalog, Language.RO, ZoneInfo("Europe/Chisinau"))


@pytest.mark.parametrize(("name", "length"), [("SHA-1", 20), ("SHA-256", 32), ("SHA-384", 48), ("SHA-512", 64)])
def test_a_hash_is_shown_whole_with_its_algorithm(house, name, length):
    """In groups of four digits."""
    value = bytes(range(length))
    page = house.browser().get(f"/{house.post(SignContent(0, None, 'a.xml', ContentDigest.of(value)))}")
    assert f"Amprentă {name}" in page.text
    shown = page.tree.findtext(".//code")
    assert shown.replace(" ", "") == value.hex()
    assert {len(group) for group in shown.split()} == {4}


def test_a_document_is_shown_with_size_fingerprint_and_download(house):
    """And with what is to become of signatures that it may carry."""
    octets = b"%PDF" * 60_000
    page = house.browser().get(f"/{house.post_documents(('a.pdf', octets))}")
    assert "PDF · 240 kB" in page.text
    assert hashlib.sha256(octets).hexdigest() in page.text.replace(" ", "")
    assert page.tree.xpath("//a[contains(@href, '/contents/0')]")


@given(st.binary(min_size=1, max_size=64))
def test_grouping_loses_nothing(octets):
    """Every digit, in order, four at a time."""
    assert bytes.fromhex(grouped(octets)) == octets
    assert all(len(group) <= 4 for group in grouped(octets).split())


def test_a_nameless_content_goes_by_its_number(house):
    """Counted from one, as people do."""
    contents = (SignContent(i, None, None, ContentDigest.of(bytes([i]) * 32)) for i in range(2))
    text = house.browser().get(f"/{house.post(*contents)}").text
    assert "Documentul 1" in text
    assert "Documentul 2" in text


def test_a_thousand_contents_are_all_listed(house, check):
    """Each opens in place; a hundred stay within the size of a page."""
    for count, limit in ((1000, 500_000), (100, 60_000)):
        contents = (SignContent(i, None, f"c-{i}.xml", ContentDigest.of(i.to_bytes(32, "big"))) for i in range(count))
        browser = house.browser()
        page = browser.arrive(house.post(*contents))
        check(page, "ro", limit=limit)
        assert len(page.tree.xpath("//ol[@class='long']/li/details")) == count
        shown = {code.text.replace(" ", "") for code in page.tree.iter("code")}
        assert shown == {i.to_bytes(32, "big").hex() for i in range(count)}
        confirm = browser.submit(page, "/choose", person="2999000000014")
        check(confirm, "ro")


@given(st.text(max_size=40))
def test_nothing_invisible_is_shown(text):
    """No control character, no change of direction, no private character; and nothing visible is lost."""
    import unicodedata

    shown = visible(text)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)
    kept = [c for c in text if unicodedata.category(c)[0] in "LNPSM"]
    assert [c for c in shown if not c.isspace()] == [c for c in kept if not c.isspace()]


def test_a_long_description_leaves_the_heading_short(house):
    """The short one is the heading, the long one stands below it."""
    long = "Cerere de înregistrare. " * 20
    page = house.browser().get(f"/{house.post(description=long, short_description='Înregistrare')}")
    assert page.heading == "Înregistrare"
    assert long.strip() in page.text


def test_values_in_bold_are_escaped_and_set_apart(say):
    """In the order of the text, whatever they hold."""
    shown = say.rich("page.requested-by", consumer="<A\ue000 & B>")
    assert shown == "Solicitat de <b><bdi>&lt;A &amp; B&gt;</bdi></b>"


@pytest.mark.parametrize(
    ("octets", "shown"), [(1, "1 B"), (999, "999 B"), (1500, "2 kB"), (999_600, "1,0 MB"), (1_250_000, "1,2 MB")]
)
def test_sizes_are_told_as_people_say_them(say, octets, shown):
    """Decimal units, in the language's own spelling."""
    assert say.size(octets).replace("\xa0", " ") == shown


PROBLEMS = [
    "unknown-person",
    "key-blocked",
    "too-many-attempts",
    "wrong-pin",
    "pin-locked",
    "pin-missing",
    "person-missing",
    "person-malformed",
]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_has_its_text_at_its_field(say, problem):
    """What the hosted instrument may find wrong."""
    questions = questions_of(Ask((Field("pin", secret=True),), problem, "pin", attempts_left=2), say)
    assert questions.inputs[0].error.endswith("Mai aveți 2 încercări.")
    assert [found.target for found in questions.problems] == ["field-pin"]


def test_a_problem_or_field_without_a_text_is_an_error_of_ours(say):
    """Loudly: nobody is shown a key instead of a sentence."""
    with pytest.raises(KeyError):
        questions_of(Ask((Field("pin"),), "brand-new-problem"), say)
    with pytest.raises(KeyError):
        questions_of(Ask((Field("brand-new-field"),)), say)


def test_a_field_cannot_take_the_names_that_the_pages_need(say):
    """It would overwrite the consent or the token."""
    for name in ("csrf_token", "consent", "agree", "instrument"):
        with pytest.raises(ValueError, match=name):
            questions_of(Ask((Field(name),)), say)


def test_a_problem_of_no_field_stands_in_the_summary_alone(say):
    """A throttled address is nobody's field; it is said all the same."""
    for fields in ((), (Field("pin", secret=True),)):
        questions = questions_of(Ask(fields, "too-many-attempts"), say)
        assert [found.target for found in questions.problems] == [None]
        assert all(shown.error is None for shown in questions.inputs)
