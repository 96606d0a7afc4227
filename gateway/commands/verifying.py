"""``gateway verify``: validate signature files, one by one or from a list, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit
from gateway.commands.manifests import processes, run_manifest
from gateway.commands.row_workers import RowLimits
from gateway.commands.scoring import print_score
from gateway.commands.verification import TrustChoice, VerificationChoice
from gateway.commands.verifying_files import FilesAsked, verify_files
from gateway.domain.messages import Language
from gateway.errors import ConfigurationError


def verify(
    *files: Annotated[Path, Parameter(help="Signed PDFs, XML signatures, or containers (ASiC-E, ASiC-S, BDOC).")],
    content: Annotated[
        Path | None, Parameter(help="The file that was signed, where the signature lies beside it.")
    ] = None,
    hash_: Annotated[str | None, Parameter(name="--hash", help="Its hash instead, in hexadecimal.")] = None,
    certificate: Annotated[
        Path | None, Parameter(help="The signer's certificate, for an XML signature that brings none.")
    ] = None,
    trust: Annotated[
        TrustChoice, Parameter(help="Judge certificates by the trust anchors, or (self) integrity and policy alone.")
    ] = TrustChoice.ANCHORS,
    anchors: Annotated[
        Path | None, Parameter(help="A folder of trust anchors instead of those of the settings.")
    ] = None,
    policy: Annotated[str | None, Parameter(help="msign-compat or etsi, instead of that of the settings.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object per line.")] = False,
    lang: Annotated[Language, Parameter(help="Language of the answers.")] = Language.EN,
    fail_invalid: Annotated[bool, Parameter(help="Exit 1 when a signature is not valid.")] = False,
    report_xml: Annotated[
        Path | None, Parameter(help="Write the report of ETSI TS 119 102-2; sealed where the settings have a seal.")
    ] = None,
    report_html: Annotated[Path | None, Parameter(help="Write a report to read, in the language of --lang.")] = None,
    manifest: Annotated[
        Path | None, Parameter(help="A list in CSV with the columns id, file, format and detached, instead of files.")
    ] = None,
    jsonl: Annotated[Path | None, Parameter(help="The file for the list's answers, a JSON object per line.")] = None,
    compare: Annotated[
        bool, Parameter(help="Print how the answers agree with the list's column expected, and every difference.")
    ] = False,
    seconds: Annotated[float, Parameter(help="Time for one row of the list.")] = 60.0,
    memory_mb: Annotated[int, Parameter(help="Memory for one row of the list.")] = 2048,
    jobs: Annotated[int | None, Parameter(help="Processes for the list; as many as processors by default.")] = None,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Validate signature files; exit 0 when every file was answered, valid or not."""
    if anchors is not None and trust is TrustChoice.SELF:
        raise ConfigurationError("--anchors, --trust self: give one of them")
    choice = VerificationChoice(str(config), str(anchors) if anchors else None, trust, policy)
    asked = FilesAsked(files, content, hash_, json_, lang, fail_invalid, report_xml, report_html, certificate)
    if manifest is None:
        if jsonl is not None or compare:
            raise ConfigurationError("--jsonl, --compare: go with --manifest")
        return verify_files(choice, asked)
    if files or any((content, hash_, json_, report_xml, report_html, certificate)):
        raise ConfigurationError("--manifest: names the files itself, and goes with none of the options for a FILE")
    if jsonl is None and not compare:
        raise ConfigurationError("--jsonl: is needed with --manifest")
    if seconds <= 0 or memory_mb < 256 or (jobs is not None and jobs < 1):
        raise ConfigurationError("--seconds, --jobs: must be above 0; --memory-mb: at least 256")
    limits = RowLimits(jobs or processes(), seconds, memory_mb * 1024 * 1024)
    rows, found = run_manifest(manifest, jsonl, choice, limits)
    if compare:
        print_score(rows, found)
    return Exit.NO if fail_invalid and not all(facts["valid"] for facts in found) else Exit.DONE
