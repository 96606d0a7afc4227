"""The style sheet, script and icon: read once, served under names that carry their hash, kept by browsers for good."""

from __future__ import annotations

import hashlib
from importlib import resources

from flask import Response, abort

_KINDS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"


class Assets:
    """Files of ``static/`` by their hashed names."""

    def __init__(self) -> None:
        folder = resources.files("gateway.pages") / "static"
        self._names: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, str]] = {}
        for name, kind in _KINDS.items():
            octets = folder.joinpath(name).read_bytes()
            stem, _, ending = name.partition(".")
            hashed = f"{stem}-{hashlib.sha256(octets).hexdigest()[:12]}.{ending}"
            self._names[name] = hashed
            self._files[hashed] = (octets, kind)

    def name(self, name: str) -> str:
        """The served name of a file. Raises ``KeyError``."""
        return self._names[name]

    def serve(self, name: str) -> Response:
        """The file behind a served name; 404 for any other."""
        if name not in self._files:
            abort(404)
        octets, kind = self._files[name]
        response = Response(octets, content_type=kind)
        response.headers["Cache-Control"] = _FOREVER
        return response
