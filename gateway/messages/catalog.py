"""
The catalogs of ``ro.toml``, ``ru.toml`` and ``en.toml``: every sentence, once per language, checked when loaded.

A file holds texts and tables of texts; a text in table ``page`` named ``skip`` has the key ``page.skip``. A table with
the form ``other`` is not a group but one text with plural forms, named as in CLDR (one, few, many, other).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources

from babel import Locale

from gateway.domain.messages import Language
from gateway.errors import ConfigurationError

Forms = Mapping[str, str]
Entries = Mapping[str, str | Forms]

_PLACE = re.compile(r"\{([a-z_]+)\}")
_OTHER = "other"


class TextCatalog:
    """
    Texts in Romanian, Russian and English (``messages.api.Catalog``).

    A missing key, a missing value for a place, or a plain text asked for as a plural is a ``KeyError``: there is no
    fallback to another language, for a half-translated page misleads more than an error.
    """

    def __init__(self, entries: Mapping[Language, Entries]) -> None:
        """*entries*: texts by key, for every language. Raises ``ConfigurationError`` where they do not match."""
        self._rules = {language: Locale.parse(language.value).plural_form for language in Language}
        self._entries = {language: dict(entries.get(language, {})) for language in Language}
        self._check()

    def text(self, key: str, language: Language, **values: object) -> str:
        """The text of *key*; ``{name}`` places take *values*."""
        entry = self._entries[language][key]
        if not isinstance(entry, str):
            raise KeyError(key)
        return _fill(entry, values)

    def plural(self, key: str, count: int, language: Language, **values: object) -> str:
        """The form of *key* for *count*, by the plural rule of *language* (CLDR)."""
        entry = self._entries[language][key]
        if isinstance(entry, str):
            raise KeyError(key)
        return _fill(entry[self._rules[language](count)], {**values, "count": count})

    def entries(self, language: Language) -> Entries:
        """Every text of *language* by key; plural forms as a mapping. For tests and translators."""
        return self._entries[language]

    def _check(self) -> None:
        reference = self._entries[Language.RO]
        for language in Language:
            entries = self._entries[language]
            odd = sorted(entries.keys() ^ reference.keys())
            if odd:
                raise ConfigurationError(f"messages: {language.value} and ro do not both have {odd[0]!r}")
            for key, entry in entries.items():
                self._check_entry(key, entry, reference[key], language)

    def _check_entry(self, key: str, entry: str | Forms, reference: str | Forms, language: Language) -> None:
        where = f"messages: {key!r} in {language.value}"
        if isinstance(entry, str) is not isinstance(reference, str):
            raise ConfigurationError(f"{where} has plural forms in one language and none in another")
        if not isinstance(entry, str) and set(entry) != {*self._rules[language].tags, _OTHER}:
            raise ConfigurationError(f"{where} does not have the plural forms of its language")
        if _places(entry) != _places(reference):
            raise ConfigurationError(f"{where} has other places than in ro")
        if not all(_texts(entry)):
            raise ConfigurationError(f"{where} is empty")


def load_catalog() -> TextCatalog:
    """Read and check the catalogs that come with the package. Raises ``ConfigurationError``."""
    folder = resources.files("gateway.messages")
    return TextCatalog(
        {
            language: parse_entries(folder.joinpath(f"{language.value}.toml").read_text(encoding="utf-8"))
            for language in Language
        }
    )


def parse_entries(document: str) -> Entries:
    """The texts of one catalog file (TOML) by key. Raises ``ConfigurationError``."""
    try:
        return dict(_flatten(tomllib.loads(document), ""))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"messages: {error}") from None


def _flatten(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str | Forms]]:
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict) and _OTHER in value:
            if not all(isinstance(form, str) for form in value.values()):
                raise ConfigurationError(f"messages: {key!r} has a plural form that is no text")
            yield key, value
        elif isinstance(value, dict):
            yield from _flatten(value, f"{key}.")
        else:
            raise ConfigurationError(f"messages: {key!r} is no text")


def _texts(entry: str | Forms) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(entry.values())


def _places(entry: str | Forms) -> set[str]:
    return {place for text in _texts(entry) for place in _PLACE.findall(text)}


def _fill(text: str, values: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(values[place[1]]), text)
