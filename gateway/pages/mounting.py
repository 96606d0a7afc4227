"""The public path of the pages, whether the proxy before them strips it or passes it on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BASE_PATH = re.compile(r"/([A-Za-z0-9._~-]+/)*")


class Mounted:
    """
    A WSGI application that finds and writes its addresses below *base_path*.

    A path with the prefix has it moved to ``SCRIPT_NAME``; a path without it is taken as stripped. Either way links
    and redirects carry the prefix, and none is ever made from the Host header.
    """

    def __init__(self, application: WSGIApplication, base_path: str) -> None:
        """*base_path* begins and ends with a slash. Raises ``ConfigurationError``."""
        if not _BASE_PATH.fullmatch(base_path):
            raise ConfigurationError("pages: base_path must begin and end with a slash")
        self._application = application
        self._prefix = base_path.rstrip("/")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        if self._prefix:
            path = str(environ.get("PATH_INFO", ""))
            if path.startswith(f"{self._prefix}/"):
                environ["PATH_INFO"] = path.removeprefix(self._prefix)
            environ["SCRIPT_NAME"] = self._prefix
        return self._application(environ, start_response)
