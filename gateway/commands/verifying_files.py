"""``gateway verify FILE``: each file answered in turn, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rich.text import Text

from gateway.commands.common import Exit, console, errors
from gateway.commands.manifest_rows import detached_file
from gateway.commands.report_files import FileReports
from gateway.commands.verification import VerificationChoice
from gateway.domain.contents import ContentDigest
from gateway.domain.messages import Language, MessageKey
from gateway.domain.verification import DetachedContent, VerificationResult, format_of
from gateway.errors import ConfigurationError
from gateway.messages.api import Catalog
from gateway.messages.catalog import load_catalog
from gateway.operations.verify_signatures import VerifySignatures
from gateway.reports.api import facts_of


@dataclass(frozen=True, slots=True)
class FilesAsked:
    """*files* in turn, with the *content* or *digest* (hexadecimal) that was signed where it lies outside them."""

    files: Sequence[Path]
    content: Path | None
    digest: str | None
    as_json: bool
    language: Language
    fail_invalid: bool
    report_xml: Path | None = None
    report_html: Path | None = None
    certificate: Path | None = None


def verify_files(choice: VerificationChoice, asked: FilesAsked) -> int:
    """
    Validate and print; the exit code.

    Raises:
        ConfigurationError: Nothing to do, or an option cannot be used.

    """
    if not asked.files:
        raise ConfigurationError("FILE: at least one is required")
    if len(asked.files) > 1 and (asked.report_xml is not None or asked.report_html is not None):
        raise ConfigurationError("--report-xml, --report-html: are about one FILE")
    contents = _contents(asked)
    certificates = _certificates(asked.certificate)
    house, operation = choice.house()
    catalog = load_catalog()
    reports = FileReports(catalog, house.report_seal if asked.report_xml is not None else None, asked.language)
    unanswered = invalid = 0
    for file in asked.files:
        try:
            result = _verify(operation, file, contents, certificates)
        except OSError as error:
            errors.print(f"{file}: cannot be read ({error.strerror})", markup=False)
            unanswered += 1
            continue
        invalid += not result.valid
        reports.write(file, result, choice.policy_name(house), asked.report_xml, asked.report_html)
        _print_json(file, result, catalog, asked.language) if asked.as_json else _print(
            file, result, catalog, asked.language
        )
    if unanswered:
        return Exit.USAGE
    return Exit.NO if asked.fail_invalid and invalid else Exit.DONE


def _contents(asked: FilesAsked) -> list[DetachedContent]:
    if asked.content is not None and asked.digest is not None:
        raise ConfigurationError("--content, --hash: give one of them")
    if asked.content is not None:
        if not asked.content.is_file():
            raise ConfigurationError(f"--content: {asked.content} is not a file that can be read")
        return [detached_file(asked.content.name, asked.content)]
    if asked.digest is None:
        return []
    try:
        digest = ContentDigest.of(bytes.fromhex(asked.digest))
    except ValueError as error:
        raise ConfigurationError(f"--hash: {error}") from None
    return [DetachedContent(digest_algorithm=digest.algorithm.value, digest=digest.value)]


def _certificates(file: Path | None) -> list[bytes]:
    """The certificate in *file* (PEM or DER). Raises ``ConfigurationError``."""
    if file is None:
        return []
    try:
        data = file.read_bytes()
        pem = data.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    except (OSError, ValueError):
        raise ConfigurationError(f"--certificate: {file} is not a certificate that can be read") from None
    return [found.public_bytes(Encoding.DER)]


def _verify(
    operation: VerifySignatures, file: Path, contents: Sequence[DetachedContent], certificates: Sequence[bytes]
) -> VerificationResult:
    with file.open("rb") as signature:
        file_format = format_of(signature)
        if file_format is None:
            return VerificationResult(None, (), MessageKey.UNKNOWN_FORMAT)
        return operation.verify_file(file_format, signature, contents, certificates=certificates)


def _print_json(file: Path, result: VerificationResult, catalog: Catalog, language: Language) -> None:
    facts = {**facts_of(str(file), result), "message": catalog.text(result.message.value, language)}
    print(json.dumps(facts, ensure_ascii=False))  # noqa: T201 - one object per line, untouched by any terminal width


def _print(file: Path, result: VerificationResult, catalog: Catalog, language: Language) -> None:
    style = "green" if result.valid else "bold red"
    text = catalog.text(result.message.value, language)
    console.print(Text.assemble(str(file), ": ", (text, style)), soft_wrap=True)
    for one in facts_of(str(file), result)["signatures"]:
        _print_signature(one, catalog, language)


def _print_signature(facts: dict[str, Any], catalog: Catalog, language: Language) -> None:
    sub = f" / {facts['sub_indication']}" if facts["sub_indication"] else ""
    proved = f", proved at {facts['signed_at']}" if facts["signed_at"] else ""
    line = f"  {facts['kind']}: {facts['indication']}{sub}: {facts['signer'] or 'unknown signer'}{proved}"
    console.print(line, markup=False, soft_wrap=True)
    for reason in facts["reasons"]:
        console.print(f"    - {catalog.text(reason, language)} ({reason})", markup=False, soft_wrap=True)
