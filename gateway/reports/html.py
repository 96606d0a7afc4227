"""The report for people: one page that needs nothing else, in three languages, for the screen and for paper."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from babel.dates import format_datetime
from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.domain.messages import Language, MessageKey
from gateway.domain.reasons import reasons_of
from gateway.domain.verdicts import SignatureKind
from gateway.domain.verification import SignatureConclusion
from gateway.messages.api import Catalog
from gateway.reports.api import Validated
from gateway.reports.facts import signature_facts

_LOCALES = {Language.RO: "ro", Language.RU: "ru", Language.EN: "en_GB"}
_QUALIFICATIONS = ("QESig", "AdESig-QC", "AdESig")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class _Reason:
    """One reason as it is read: a line, what happened, what to do."""

    text: str
    explained: str
    advice: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """One signature or document time-stamp as it is read; *details* are names and values in order."""

    title: str
    kind: str
    verdict: str
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[_Reason, ...]
    details: tuple[tuple[str, str], ...]


class HtmlReports:
    """Writes reports in the catalog's words. Safe for threads."""

    def __init__(self, catalog: Catalog, zone: tzinfo = UTC) -> None:
        """*zone*: of the times that are shown; each says which it is."""
        self._catalog = catalog
        self._zone = zone
        environment = Environment(
            loader=PackageLoader("gateway.reports"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("report.html")

    def html(self, validated: Validated, language: Language) -> str:
        """The report on one file: a whole page without scripts and without links to anything."""
        words = _Words(self._catalog, language, self._zone)
        result = validated.result
        return self._template.render(
            say=words.say,
            language=language.value,
            validated=validated,
            name=visible(validated.name),
            checked=words.moment(validated.checked_at),
            kind="good" if result.valid else "warn" if result.message is MessageKey.TRUST_NOT_JUDGED else "bad",
            overall=words.reason(result.message),
            entries=words.entries(result.conclusions),
        )


@dataclass(frozen=True, slots=True)
class _Words:
    """The catalog in one language."""

    catalog: Catalog
    language: Language
    zone: tzinfo

    def say(self, name: str, **values: object) -> str:
        return self.catalog.text(f"report.{name}", self.language, **values)

    def moment(self, when: datetime) -> str:
        local = when.astimezone(self.zone)
        shown = format_datetime(local, "d MMMM y, HH:mm:ss", locale=_LOCALES[self.language])
        offset = local.strftime("%z")
        return f"{shown} (UTC)" if offset in ("+0000", "") else f"{shown} (UTC{offset[:3]}:{offset[3:]})"

    def reason(self, key: MessageKey) -> _Reason:
        name = key.value
        return _Reason(
            self.catalog.text(name, self.language),
            self.catalog.text(f"explained.{name}", self.language),
            self.catalog.text(f"advice.{name}", self.language),
        )

    def entries(self, conclusions: tuple[SignatureConclusion, ...]) -> list[_Entry]:
        numbers = dict.fromkeys(SignatureKind, 0)
        found = []
        for one in conclusions:
            numbers[one.integrity.kind] += 1
            found.append(self._entry(one, numbers[one.integrity.kind]))
        return found

    def _entry(self, one: SignatureConclusion, number: int) -> _Entry:
        keys = reasons_of(one)
        kind = "good" if one.accepted and one.message is not MessageKey.TRUST_NOT_JUDGED else "bad"
        return _Entry(
            title=self.say(one.integrity.kind.value, number=number),
            kind="warn" if one.message is MessageKey.TRUST_NOT_JUDGED else kind,
            verdict=self.catalog.text(one.message.value, self.language),
            facts=tuple(self._facts(one)),
            reasons=tuple(self.reason(key) for key in keys or (one.message,)),
            details=tuple(self._details(one)),
        )

    def _facts(self, one: SignatureConclusion) -> list[tuple[str, str]]:
        signature = one.integrity.kind is SignatureKind.SIGNATURE
        proved = self.moment(one.signed_at) if one.signed_at else self.say("no-time")
        who = visible(one.subject) if one.subject else self.say("unknown-signer")
        found = [
            (self.say("signer" if signature else "authority"), who),
            (self.say("signed-at" if signature else "stamped-at"), proved),
        ]
        if one.integrity.claimed_signing_time is not None:
            found.append((self.say("claimed"), self.moment(one.integrity.claimed_signing_time)))
        if signature:
            qualified = one.trust.qualification if one.trust is not None else None
            named = qualified if qualified in _QUALIFICATIONS else "none"
            found.append((self.say("qualification"), self.say(f"qualification-{named}")))
        if one.integrity.covers:
            found.append((self.say("covers"), ", ".join(visible(name) for name in one.integrity.covers)))
        return found

    def _details(self, one: SignatureConclusion) -> list[tuple[str, str]]:
        facts = signature_facts(one)
        holds = None if one.integrity.structure_valid is None else one.integrity.structure_valid
        found = [
            ("indication", " / ".join(filter(None, (facts["indication"], facts["sub_indication"])))),
            ("integrity", self._answer(bool(facts["crypto_valid"]) and holds)),
            ("trusted", self._answer(facts["trusted"])),
            ("policy-met", self._answer(facts["policy_met"])),
        ]
        if facts["covers_whole_document"] is not None:
            found.append(("whole", self._answer(facts["covers_whole_document"])))
        if facts["modified_after_signing"] is not None:
            found.append(("changed", self._answer(facts["modified_after_signing"])))
        found += [(name, facts[key]) for name, key in (("level", "level"), ("certificate", "certificate_sha256"))]
        return [(self.say(name), visible(value)) for name, value in found if value]

    def _answer(self, fact: bool | None) -> str:
        return self.say("undetermined" if fact is None else "yes" if fact else "no")


def visible(text: str) -> str:
    """*text* from outside with a space for what cannot be seen: a name must not turn the writing around it."""
    return "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
