"""What every page has around it: language, title, TEST band, style sheet, and the short pages that state one thing."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import flask
from markupsafe import Markup

from gateway.domain.messages import Language
from gateway.domain.requests import RequestId
from gateway.messages.api import Catalog
from gateway.pages.assets import Assets
from gateway.pages.texts import NAMES_OF_LANGUAGES, Speaker
from gateway.pages.turn import Turn


class Step(enum.Enum):
    """The way through, as the list at the top shows it."""

    REVIEW = "page.step-review"
    CONFIRM = "page.step-confirm"
    DONE = "page.step-done"


@dataclass(frozen=True, slots=True)
class Action:
    """Something the signer may do next: *href* for a link, *post* for a form of one button."""

    label: str
    href: str | None = None
    post: str | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """
    A page that states one thing: *kind* is good, warn or bad, and colours what the words say already.

    The language links lead to the request, or to *address* (GET); there are none without *switch*.
    """

    kind: str
    heading: str
    paragraphs: Sequence[str | Markup]
    actions: Sequence[Action] = ()
    switch: bool = True
    address: str | None = None


class Frame:
    """Renders pages. Knows words and looks, and nothing of signing."""

    def __init__(
        self,
        catalog: Catalog,
        zone: tzinfo,
        assets: Assets,
        clock: Callable[[], datetime],
        *,
        test_band: bool,
    ) -> None:
        """*zone* is the one in which times are told; *test_band* marks every page as a trial."""
        self._catalog = catalog
        self._zone = zone
        self._assets = assets
        self._clock = clock
        self._test_band = test_band

    def speaker(self, language: Language) -> Speaker:
        """The words of *language*."""
        return Speaker(self._catalog, language, self._zone)

    def moment(self, when: datetime, turn: Turn) -> str:
        """*when* in the visitor's words, seen from now."""
        return self.speaker(turn.language).moment(when, self._clock())

    def page(
        self,
        turn: Turn,
        template: str,
        *,
        title: str,
        status: int = 200,
        step: Step | None = None,
        failed: bool = False,
        switch: str | None = None,
        model: Mapping[str, object],
    ) -> flask.Response:
        """
        *template* with *model* in the visitor's language.

        *failed* puts "Error" before the title; *switch* is the address that the language links lead to (GET).
        """
        say = self.speaker(turn.language)
        html = flask.render_template(
            template,
            say=say,
            title=say.text("page.error-title", title=title) if failed else title,
            step=step,
            steps=tuple(Step),
            switch=switch,
            languages=NAMES_OF_LANGUAGES,
            asset=self._assets.name,
            test_band=self._test_band,
            request_id=turn.request_id,
            **model,
        )
        return flask.make_response(html, status)

    def notice(self, turn: Turn, notice: Notice, status: int) -> flask.Response:
        """A short page that states one thing."""
        switch = None
        if notice.switch:
            here = show_address(turn.request_id) if turn.request_id is not None else _own_address()
            switch = notice.address or here
        return self.page(
            turn, "notice.html", title=notice.heading, status=status, switch=switch, model={"notice": notice}
        )


def show_address(request_id: RequestId) -> str:
    """The clean address of a request."""
    return flask.url_for("show", request_id=request_id)


def _own_address() -> str | None:
    """The path asked for, where asking again is harmless."""
    return flask.request.script_root + flask.request.path if flask.request.method == "GET" else None
