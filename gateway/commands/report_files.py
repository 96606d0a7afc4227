"""Reports of ``gateway verify`` as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gateway.app import utc_now
from gateway.domain.messages import Language
from gateway.domain.verification import VerificationResult
from gateway.errors import ConfigurationError
from gateway.messages.api import Catalog
from gateway.reports.api import ReportSeal, Validated
from gateway.reports.html import HtmlReports
from gateway.reports.xml import xml_report


class FileReports:
    """Writes the reports on a file that was asked for."""

    def __init__(self, catalog: Catalog, seal: ReportSeal | None, language: Language) -> None:
        """*seal* for XML reports, where there is one; *language* of reports for people."""
        self._pages = HtmlReports(catalog)
        self._seal = seal
        self._language = language

    def write(self, file: Path, result: VerificationResult, policy: str, xml: Path | None, html: Path | None) -> None:
        """
        Write what is asked for: *xml*, *html*, or nothing.

        Raises:
            ConfigurationError: One of them cannot be written.
            OSError: *file* cannot be read again.

        """
        if xml is None and html is None:
            return
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        validated = Validated(file.name, result, utc_now().replace(microsecond=0), policy, digest)
        if xml is not None:
            _write(xml, xml_report(validated, self._seal))
        if html is not None:
            _write(html, self._pages.html(validated, self._language).encode())


def _write(out: Path, octets: bytes) -> None:
    try:
        out.write_bytes(octets)
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written ({error.strerror})") from None
