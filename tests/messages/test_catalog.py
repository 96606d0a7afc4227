"""Every sentence stands in every language, in its own words, with the same places and all plural forms."""

import itertools
import re
from pathlib import Path

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

import gateway.operations.signer_certificates
import gateway.pages
from gateway.domain.messages import VALIDATION_REASONS, Language, MessageKey
from gateway.errors import ConfigurationError
from gateway.messages.catalog import TextCatalog, load_catalog, parse_entries

PAIRS = list(itertools.combinations(Language, 2))
ALIKE = frozenset[str]()
"""Keys whose texts may be the same in two languages; none yet."""


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def forms(entry):
    return [entry] if isinstance(entry, str) else list(entry.values())


@pytest.mark.parametrize("language", Language)
def test_every_message_key_has_a_text_of_at_most_a_hundred_characters(catalog, language):
    """The contract returns them."""
    for key in MessageKey:
        assert 0 < len(catalog.text(key.value, language)) <= 100, key


@pytest.mark.parametrize(
    ("key", "ro", "ru", "en"),
    [
        (
            MessageKey.EXPIRED_UNPROVEN,
            "Certificatul semnatarului a expirat, iar momentul semnării nu este dovedit",
            "Срок действия сертификата истёк, а время подписания не подтверждено",
            "The signer's certificate has expired and the signing time is not proven",
        ),
        (MessageKey.VALID, "Semnătura este validă", "Подпись действительна", "The signature is valid"),
        (
            MessageKey.CANCELLED,
            "Semnarea a fost anulată de semnatar",
            "Подписание отменено подписывающим лицом",
            "The signing was cancelled by the signer",
        ),
    ],
)
def test_agreed_words_are_kept_to_the_letter(catalog, key, ro, ru, en):
    """Consumers show them as they are."""
    assert [catalog.text(key.value, language) for language in Language] == [ro, ru, en]


def test_texts_differ_between_languages(catalog):
    """A text left untranslated would be the same."""
    for one, other in PAIRS:
        for key, entry in catalog.entries(one).items():
            if key not in ALIKE:
                assert not set(forms(entry)) & set(forms(catalog.entries(other)[key])), key


def test_texts_of_message_keys_differ_from_each_other(catalog):
    """A reason that reads like another is no reason."""
    for language in Language:
        texts = [catalog.text(key.value, language) for key in MessageKey]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", Language)
def test_every_reason_of_validation_is_explained_with_advice(catalog, language):
    """What happened and what to do, in whole sentences; and nothing is explained that is never said."""
    for table in ("explained", "advice"):
        named = {key.removeprefix(f"{table}.") for key in catalog.entries(language) if key.startswith(f"{table}.")}
        assert named == {key.value for key in VALIDATION_REASONS}
        texts = [catalog.text(f"{table}.{key.value}", language) for key in VALIDATION_REASONS]
        assert all(text.endswith(".") and 12 < len(text) <= 220 for text in texts)
    explained = [catalog.text(f"explained.{key.value}", language) for key in VALIDATION_REASONS]
    assert len(set(explained)) == len(explained)


def test_letters_are_those_of_the_language(catalog):
    """Commas below ș and ț, no cedillas; Russian in Cyrillic; English in ASCII letters; no straight quotes."""
    for language in Language:
        for key, entry in catalog.entries(language).items():
            for text in forms(entry):
                assert not set(text) & set('şţŞŢ"'), key
                assert text == text.strip()
                assert "  " not in text
                cyrillic = re.search(r"[А-Яа-яЁё]", re.sub(r"\{[a-z_]+\}", "", text))
                assert bool(cyrillic) is (language is Language.RU), key
                if language is Language.EN:
                    assert not re.search(r"[ăâîșțĂÂÎȘȚ]", text)


@pytest.mark.parametrize("language", Language)
def test_plural_forms_are_complete(catalog, language):
    """One for every category of the language's rule, and every number finds its own."""
    tags = {*Locale.parse(language.value).plural_form.tags, "other"}
    for key, entry in catalog.entries(language).items():
        if not isinstance(entry, str):
            assert set(entry) == tags, key
            for count in (0, 1, 2, 5, 11, 19, 20, 21, 22, 25, 100, 101, 105, 111, 120, 1000):
                text = catalog.plural(key, count, language)
                assert text
                assert "{" not in text


@pytest.mark.parametrize(
    ("count", "ro", "ru", "en"),
    [
        (1, "Semnați documentul", "Подписать 1 документ", "Sign the document"),
        (2, "Semnați 2 documente", "Подписать 2 документа", "Sign 2 documents"),
        (5, "Semnați 5 documente", "Подписать 5 документов", "Sign 5 documents"),
        (20, "Semnați 20 de documente", "Подписать 20 документов", "Sign 20 documents"),
        (21, "Semnați 21 de documente", "Подписать 21 документ", "Sign 21 documents"),
        (101, "Semnați 101 documente", "Подписать 101 документ", "Sign 101 documents"),
    ],
)
def test_numbers_are_said_as_people_say_them(catalog, count, ro, ru, en):
    """With the Romanian "de", and the three Russian endings."""
    assert [catalog.plural("page.sign", count, language) for language in Language] == [ro, ru, en]


def test_every_reason_a_certificate_may_not_sign_has_words(catalog):
    """Whatever ``operations.signer_certificates`` raises."""
    source = Path(gateway.operations.signer_certificates.__file__).read_text(encoding="utf-8")
    keys = set(re.findall(r"\"(certificate-[a-z-]+)\"", source))
    assert len(keys) == 6
    for key in keys:
        for language in Language:
            assert catalog.text(key, language)


def test_the_pages_use_every_text_and_no_other(catalog):
    """No dead sentences for translators, and no key that only fails when a signer comes by."""
    folder = Path(gateway.pages.__file__).parent
    source = "".join(
        path.read_text(encoding="utf-8") for path in [*folder.glob("*.py"), *folder.glob("templates/*.html")]
    )
    used = set(re.findall(r"['\"](page\.[a-z-]+)['\"]", source))
    for key in re.findall(r"_simple\(\"[a-z]+\", \"([a-z-]+)\"", source):
        used |= {f"page.{key}", f"page.{key}-explained"}
    assert used - {"page.css", "page.js"} == {key for key in catalog.entries(Language.RO) if key.startswith("page.")}


def test_there_is_no_fallback(catalog):
    """A missing text, a missing value and the wrong kind of text are errors, not half a page."""
    with pytest.raises(KeyError):
        catalog.text("no-such-text", Language.EN)
    with pytest.raises(KeyError):
        catalog.text("page.return", Language.EN)
    with pytest.raises(KeyError):
        catalog.text("page.sign", Language.EN)
    with pytest.raises(KeyError):
        catalog.plural("page.skip", 2, Language.EN)


@given(st.text())
def test_a_value_is_put_in_as_it_is(value):
    """Braces and backslashes in it mean nothing."""
    catalog = TextCatalog({language: {"a": "x {name} y", "b": language.value} for language in Language})
    assert catalog.text("a", Language.RO, name=value) == f"x {value} y"


def entries(**changes):
    """A small catalog in three languages, with one thing changed."""
    whole = {
        Language.RO: {"a": "unu {n}", "p": {"one": "un", "few": "{count} pagini", "other": "{count} de pagini"}},
        Language.RU: {
            "a": "один {n}",
            "p": {"one": "{count} лист", "few": "{count} листа", "many": "{count} листов", "other": "{count} листа"},
        },
        Language.EN: {"a": "one {n}", "p": {"one": "a page", "other": "{count} pages"}},
    }
    for language, change in changes.items():
        whole[Language(language)] = {**whole[Language(language)], **change}
    return whole


def test_a_whole_catalog_is_taken():
    """The measure for the next test."""
    assert TextCatalog(entries()).plural("p", 3, Language.RU) == "3 листа"


@pytest.mark.parametrize(
    "changes",
    [
        {"en": {"extra": "more"}},
        {"ru": {"a": "один"}},
        {"ru": {"a": "один {m}"}},
        {"en": {"a": ""}},
        {"en": {"p": "pages {count}"}},
        {"ru": {"p": {"one": "{count} лист", "other": "{count} листа"}}},
        {"ro": {"p": {"one": "un", "few": "{count}", "many": "{count}", "other": "{count}"}}},
        {"en": {"p": {"one": "a page", "other": "pages"}}},
    ],
)
def test_a_catalog_that_does_not_match_is_refused(changes):
    """When it is loaded, and not when a signer comes by."""
    with pytest.raises(ConfigurationError, match="messages: "):
        TextCatalog(entries(**changes))


def test_a_missing_language_is_refused():
    """All three or none."""
    whole = entries()
    del whole[Language.EN]
    with pytest.raises(ConfigurationError):
        TextCatalog(whole)


@pytest.mark.parametrize("document", ["a = 1", "a = [", "[a]\none = 'x'\nother = 2", "a = ['x']"])
def test_a_file_that_is_no_catalog_is_refused(document):
    """Numbers, lists and broken files."""
    with pytest.raises(ConfigurationError, match="messages: "):
        parse_entries(document)


def test_tables_become_dotted_keys_and_plurals_stay_whole():
    """The shape of a file."""
    assert parse_entries("a = 'x'\n[p]\nb = 'y'\n[p.c]\none = '1'\nother = '2'") == {
        "a": "x",
        "p.b": "y",
        "p.c": {"one": "1", "other": "2"},
    }
