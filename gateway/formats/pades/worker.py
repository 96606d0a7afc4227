"""The operations of ``engine`` that run isolated. Imported there alone: it makes pyHanko quicker for the process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.formats.isolated import Answer, Operation, Refused
from gateway.formats.pades.documents import SignatureField, is_encrypted, with_reader
from gateway.formats.pades.hexadecimal import install
from gateway.formats.pades.inspecting import check
from gateway.formats.pades.surveying import comparisons, survey
from gateway.formats.pades.writing import SignatureText, revision


def _inspect(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*multiple_signatures*, and a revision's arguments. Answers nothing, or refuses."""
    text, container = _text(arguments), int(arguments["container"])
    multiple = bool(arguments["multiple_signatures"])
    with_reader(descriptor, lambda reader: check(reader, text, container, multiple_signatures=multiple))
    yield Answer({})


def _revise(descriptor: int, arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """*name*, *identifier*, *moment*, *reason*, *container*. Answers what goes before and after the Contents."""
    text, container = _text(arguments), int(arguments["container"])

    def work(reader: PdfFileReader) -> Answer:
        if is_encrypted(reader):
            raise Refused("is encrypted")
        made = revision(reader, text, container)
        return Answer({}, (made.octets[: made.hole], made.octets[made.hole_end :]))

    yield with_reader(descriptor, work)


def _survey(descriptor: int, _arguments: Mapping[str, Any]) -> Iterator[Answer]:
    """No arguments. Answers the signatures, then one comparison for each, which may take long."""

    def work(reader: PdfFileReader) -> tuple[PdfFileReader, Answer, list[SignatureField]]:
        return reader, *survey(reader)

    reader, answer, found = with_reader(descriptor, work)
    yield answer
    yield from comparisons(reader, found, list(answer.blobs[: len(found)]))


def _text(arguments: Mapping[str, Any]) -> SignatureText:
    return SignatureText(
        name=str(arguments["name"]),
        identifier=bytes.fromhex(arguments["identifier"]),
        moment=datetime.fromisoformat(arguments["moment"]),
        reason=arguments["reason"],
    )


install()

OPERATIONS: Mapping[str, Operation] = {"inspect": _inspect, "revise": _revise, "survey": _survey}
"""For ``isolated``."""
