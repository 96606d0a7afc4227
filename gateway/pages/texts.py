"""Words, moments and sizes in one signer's language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_time
from babel.units import format_unit
from markupsafe import Markup, escape

from gateway.domain.messages import Language
from gateway.errors import ConfigurationError
from gateway.messages.api import Catalog

NAMES_OF_LANGUAGES = {Language.RO: "Română", Language.RU: "Русский", Language.EN: "English"}
"""Every language is called by its own name, on every page."""

_LOCALES = {Language.RO: "ro", Language.RU: "ru", Language.EN: "en_GB"}
"""English as Europe writes it: 23 November, 24 hours."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Speaker:
    """The catalog in one language and one time zone; what templates call ``say``."""

    catalog: Catalog
    language: Language
    zone: tzinfo

    def text(self, key: str, **values: object) -> str:
        """The text of *key*. Raises ``KeyError`` where there is none."""
        return self.catalog.text(key, self.language, **values)

    def plural(self, key: str, count: int, **values: object) -> str:
        """The form of *key* for *count*."""
        return self.catalog.plural(key, count, self.language, **values)

    def rich(self, key: str, **values: object) -> Markup:
        """
        The text of *key* with its values in bold, escaped, and kept apart from the direction of the text around.

        Values are put in after the text is escaped, by private characters in their places, which no value can hold.
        """
        marks = {name: chr(0xE000 + position) for position, name in enumerate(values)}
        markup = escape(self.text(key, **marks))
        for name, mark in marks.items():
            bold = Markup("<b><bdi>{}</bdi></b>").format(visible(str(values[name])))
            markup = Markup(str(markup).replace(mark, str(bold)))  # noqa: S704  both halves are escaped above
        return markup

    def moment(self, when: datetime, now: datetime) -> str:
        """*when* as the time of day, with its date unless it is today's (in the signer's zone)."""
        local = when.astimezone(self.zone)
        time = format_time(local, "HH:mm", locale=_LOCALES[self.language])
        if local.date() == now.astimezone(self.zone).date():
            return time
        return f"{self.date(when)}, {time}"

    def date(self, when: datetime) -> str:
        """*when* as a date in words."""
        return format_date(when.astimezone(self.zone).date(), "long", locale=_LOCALES[self.language])

    def size(self, octets: int) -> str:
        """A length in bytes, in the unit that people use (kB and MB of 1000)."""
        if octets < 1000:
            amount, unit, pattern = float(octets), "digital-byte", "#,##0"
        elif octets < 999_500:
            amount, unit, pattern = octets / 1000, "digital-kilobyte", "#,##0"
        else:
            amount, unit, pattern = octets / 1_000_000, "digital-megabyte", "#,##0.0"
        return format_unit(amount, unit, "short", format=pattern, locale=_LOCALES[self.language])


def visible(text: str) -> str:
    """
    *text* from outside as it may be shown: what cannot be seen becomes a space.

    A name must not hide its ending behind characters that turn the direction of writing.
    """
    shown = "".join(" " if unicodedata.category(character) in _INVISIBLE else character for character in text)
    return " ".join(shown.split())


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ``ConfigurationError``."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(f"pages: time_zone {name!r} is not known") from None
