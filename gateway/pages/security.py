"""Response headers: nothing from elsewhere, nothing kept, nothing framed (OWASP's list, as CSP level 3 reads it)."""

from __future__ import annotations

from flask import Response

from gateway.pages.arrival import Origin

_HSTS_SECONDS = 31_536_000

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: Flask-WTF compares the Referer of forms sent over TLS.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

DOCUMENT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
"""For consumers' documents: even if a browser shows one, it can do nothing."""


def page_policy(form_origin: Origin | None) -> str:
    """The policy of a page; *form_origin* is where its return form may be sent besides ourselves (decision 11)."""
    targets = "'self'" if form_origin is None else f"'self' {form_origin}"
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def add_headers(response: Response, *, form_origin: Origin | None, secure: bool) -> None:
    """Set what every answer carries; a view's own Content-Security-Policy and Cache-Control stay."""
    for name, value in _ALWAYS.items():
        response.headers[name] = value
    response.headers.setdefault("Content-Security-Policy", page_policy(form_origin))
    response.headers.setdefault("Cache-Control", "no-store")
    if secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_HSTS_SECONDS}"
