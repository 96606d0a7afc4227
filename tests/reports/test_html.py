"""Reports for people stand alone, say everything in their language, and show hostile names harmlessly."""

from datetime import timedelta, timezone

import pytest
from lxml import html

from gateway.domain.messages import Language
from gateway.messages.catalog import load_catalog
from gateway.reports.html import HtmlReports, visible

CATALOG = load_catalog()


def page(validated, language=Language.EN, **more):
    return HtmlReports(CATALOG, **more).html(validated, language)


@pytest.mark.parametrize("language", Language)
def test_every_report_is_a_whole_page_that_needs_nothing_else(anything, language):
    text = page(anything, language)
    tree = html.fromstring(text)
    assert tree.get("lang") == language.value
    assert tree.xpath("//script | //link | //img | //iframe | //form | //@href | //@src") == []
    assert not [name for name in tree.xpath("//@*") if str(name).startswith("on")]
    assert len(tree.xpath("//main")) == len(tree.xpath("//h1")) == 1
    for section in tree.xpath("//section"):
        (label,) = section.xpath("@aria-labelledby")
        assert len(section.xpath(f".//h2[@id='{label}']")) == 1
    assert len(tree.xpath("//section")) == 1 + len(anything.result.conclusions)
    message = anything.result.message.value
    for key in (message, f"explained.{message}", f"advice.{message}"):
        assert CATALOG.text(key, language) in tree.text_content()


def test_a_good_report_says_who_and_when(of_result):
    text = html.fromstring(page(of_result("good"))).text_content()
    for said in ("CN=Ana Țurcanu, C=MD", "1 June 2025, 09:30:15 (UTC)", "qualified electronic signature",
                 "contract.pdf", "11" * 32, "msign-compat", "PAdES-BASELINE-T", "TOTAL-PASSED"):  # fmt: skip
        assert said in text


def test_times_may_be_those_of_another_zone_and_say_so(of_result):
    text = page(of_result("good"), Language.RO, zone=timezone(timedelta(hours=3)))
    assert "1 iunie 2025, 12:30:15 (UTC+03:00)" in text


def test_a_time_that_is_not_proved_is_never_shown_as_proved(of_result):
    assert "not proven" in page(of_result("without-time"))


def test_hostile_names_are_shown_and_do_nothing(of_result):
    text = page(of_result("broken"))
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text
    assert "\u202e" not in text
    assert visible("a\u202eb\x00c\ud800") == "a b c "
    text.encode()


def test_a_reason_beside_the_verdict_is_explained_with_advice(of_result):
    text = html.fromstring(page(of_result("revoked"), Language.RU)).text_content()
    for key in ("weak-algorithm", "explained.weak-algorithm", "advice.weak-algorithm"):
        assert CATALOG.text(key, Language.RU) in text
