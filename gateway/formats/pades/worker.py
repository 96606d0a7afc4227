"""The operations of ``engine`` that run isolated. Imported there alone: it makes pyHanko quicker for the process."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.domain.appearance import VisibleSignature
from gateway.formats.isolated import Answer, Operation, Refused
from gateway.formats.pades import hexadecimal, xref_streams, xref_tables
from gateway.formats.pades.appearance import Stamp
from gateway.formats.pades.documents import is_encrypted, with_reader
from gateway.formats.pades.inspecting import check, permitted
from gateway.formats.pades.lasting import evidence_revision, stamp_revision
from gateway.formats.pades.surveying import comparisons, survey
from gateway.formats.pades.writing import SignatureText, revision


def _inspect(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*multiple_signatures*, and a revision's arguments. Answers nothing, or refuses."""
    text, container = _text(arguments), int(arguments["container"])
    multiple, stamp = bool(arguments["multiple_signatures"]), _stamp(arguments)
    with_reader(descriptor, lambda reader: check(reader, text, container, multiple_signatures=multiple, stamp=stamp))
    yield Answer({})


def _revise(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """
    *name*, *identifier*, *moment*, *reason*, *container*, and *appearance* with its *lines* where one is wanted.

    Answers what goes before and after the Contents.
    """
    text, container, stamp = _text(arguments), int(arguments["container"]), _stamp(arguments)

    def work(reader: PdfFileReader) -> Answer:
        if is_encrypted(reader):
            raise Refused("is encrypted")
        made = revision(reader, text, container, permitted(reader, stamp))
        return Answer({}, (made.octets[: made.hole], made.octets[made.hole_end :]))

    yield with_reader(descriptor, work)


def _add_evidence(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*identifier*; *certificates*, *ocsp_responses*, *crls* in base64. Answers the octets to append."""
    found = [[b64decode(one) for one in arguments[name]] for name in ("certificates", "ocsp_responses", "crls")]
    identifier = bytes.fromhex(arguments["identifier"])

    def work(reader: PdfFileReader) -> Answer:
        return Answer({}, (evidence_revision(reader, identifier, *found),))

    yield with_reader(descriptor, work)


def _add_stamp(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*name*, *identifier*, *container*. Answers what goes before and after the Contents."""
    name, container = str(arguments["name"]), int(arguments["container"])

    def work(reader: PdfFileReader) -> Answer:
        made = stamp_revision(reader, name, bytes.fromhex(arguments["identifier"]), container)
        return Answer({}, (made.octets[: made.hole], made.octets[made.hole_end :]))

    yield with_reader(descriptor, work)


def _survey(descriptor: int, _arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """No arguments. Answers the signatures, then one comparison for each, which may take long."""
    surveyed = with_reader(descriptor, survey)
    yield surveyed.answer
    yield from comparisons(surveyed)


def _text(arguments: Mapping[str, Any]) -> SignatureText:
    return SignatureText(
        name=str(arguments["name"]),
        identifier=bytes.fromhex(arguments["identifier"]),
        moment=datetime.fromisoformat(arguments["moment"]),
        reason=arguments["reason"],
    )


def _stamp(arguments: Mapping[str, Any]) -> Stamp | None:
    wanted = arguments.get("appearance")
    return Stamp(VisibleSignature.from_fields(wanted), tuple(arguments["lines"])) if wanted is not None else None


hexadecimal.install()
xref_streams.install()
xref_tables.install()

OPERATIONS: Mapping[str, Operation] = {
    "inspect": _inspect,
    "revise": _revise,
    "survey": _survey,
    "add-evidence": _add_evidence,
    "add-stamp": _add_stamp,
}
"""For ``isolated``."""
