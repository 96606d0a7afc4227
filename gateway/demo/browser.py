"""A browser of few lines: it keeps cookies, follows redirects, fills in forms, and runs no script."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

import requests
from lxml import html

_TIMEOUT_S = 60


class PageProblem(Exception):
    """A page is not what a signer would have needed to see."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was answered; *url* after redirects."""

    url: str
    status: int
    tree: html.HtmlElement

    @property
    def title(self) -> str:
        """The first heading, or the title."""
        found = self.tree.xpath("string(//h1)") or self.tree.xpath("string(//title)")
        return " ".join(str(found).split())

    def has_field(self, name: str) -> bool:
        """Whether some form asks for *name*."""
        return any(name in form.fields for form in self.tree.forms)

    def form_with(self, field: str) -> html.FormElement:
        """The form that asks for *field*. Raises ``PageProblem``."""
        for form in self.tree.forms:
            if field in form.fields:
                return form
        raise PageProblem(f"the page “{self.title}” (status {self.status}) has no form that asks for {field}")


class Browser:
    """One person's browser."""

    def __init__(self, language: str = "en") -> None:
        """*language* goes into Accept-Language."""
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Language"] = language

    def arrive(self, url: str, values: dict[str, str]) -> Page:
        """Come from an e-service by its form's POST."""
        return self._page(self._session.post(url, values, timeout=_TIMEOUT_S))

    def submit(self, page: Page, form: html.FormElement, **answers: str) -> Page:
        """Fill *answers* in, tick every box, and press the form's own button."""
        for name, value in answers.items():
            form.fields[name] = value
        values = dict(form.form_values())
        for box in form.xpath(".//input[@type='checkbox']"):
            values[box.get("name")] = box.get("value") or "on"
        target = urljoin(page.url, form.action or page.url)
        headers = {"Referer": page.url, "Origin": "/".join(page.url.split("/")[:3])}
        method = (form.method or "GET").upper()
        options: dict[str, object] = {"data": values} if method == "POST" else {"params": values}
        return self._page(self._session.request(method, target, headers=headers, timeout=_TIMEOUT_S, **options))  # type: ignore[arg-type] # requests' stubs want literal keywords

    def close(self) -> None:
        """Forget everything."""
        self._session.close()

    @staticmethod
    def _page(response: requests.Response) -> Page:
        return Page(response.url, response.status_code, html.document_fromstring(response.content or b"<html/>"))
