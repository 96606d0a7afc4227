"""
Manifests: lists of signature files in CSV with the data that lies outside them.

Columns ``id``, ``file``, ``format`` and ``detached``; others are not looked at. Files are named relative to the list.
``format`` is pades, xades or asic; empty or anything else has the file looked at. ``detached`` is empty or a JSON list
of objects: ``name`` and ``file``; or ``name``, ``digest_algorithm`` and ``digest_hex``; or ``digest`` alone, the words
"as stated by the signature", which takes the signature's own word for it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gateway.domain.messages import MessageKey
from gateway.domain.verification import DetachedContent, FileFormat, VerificationResult, format_of
from gateway.errors import ConfigurationError
from gateway.operations.verify_signatures import VerifySignatures

_FIELD_LIMIT = 16 * 1024 * 1024
_DETACHED_LIMIT = 1000
_FORMATS = {
    "pades": FileFormat.PADES,
    "pdf": FileFormat.PADES,
    "xades": FileFormat.XADES,
    "xml": FileFormat.XADES,
    "asic": FileFormat.ASIC,
    "asice": FileFormat.ASIC,
    "asics": FileFormat.ASIC,
}


class RowUnusable(Exception):
    """A row cannot be answered by looking at its file: *key* says why."""

    def __init__(self, key: MessageKey) -> None:
        """*key*: what is said of the row."""
        super().__init__(key.value)
        self.key = key


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row as written; *folder* is the manifest's. *whole* keeps every column, for comparisons."""

    identifier: str
    folder: str
    whole: Mapping[str, str]

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"id": self.identifier, "folder": self.folder, "whole": dict(self.whole)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ManifestRow:
        """What ``to_plain`` gave."""
        return cls(plain["id"], plain["folder"], plain["whole"])


def read_manifest(file: Path) -> list[ManifestRow]:
    """
    Every row of *file*, in order.

    Raises:
        ConfigurationError: It cannot be read, is no CSV, or has no columns ``id`` and ``file``.

    """
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        # What is no UTF-8 is carried through, for identifiers are given back as they were written.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            missing = [name for name in ("id", "file") if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{file}: has no column {missing[0]}")
            folder = str(file.absolute().parent)
            return [ManifestRow(row["id"], folder, {k: v for k, v in row.items() if k is not None}) for row in reader]
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
    except csv.Error as error:
        raise ConfigurationError(f"{file}: is not CSV ({error})") from None


def answer_row(operation: VerifySignatures, row: ManifestRow) -> VerificationResult:
    """Validate what *row* names; a row that cannot be used has a result that says so."""
    try:
        contents, as_stated = detached_contents(row)
        with _opened(_file(row.folder, row.whole["file"])) as signature:
            named = _FORMATS.get(row.whole.get("format", "").strip().lower())
            file_format = named or format_of(signature)
            if file_format is not None:
                return operation.verify_file(file_format, signature, contents, as_stated=as_stated)
    except RowUnusable as problem:
        return VerificationResult(None, (), problem.key)
    return VerificationResult(None, (), MessageKey.UNKNOWN_FORMAT)


def detached_contents(row: ManifestRow) -> tuple[list[DetachedContent], bool]:
    """
    The row's detached contents, and whether the signature's own word is taken for those that are not given.

    Raises ``RowUnusable``.
    """
    text = row.whole.get("detached", "").strip()
    if not text:
        return [], False
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise RowUnusable(MessageKey.ROW_NOT_USABLE) from None
    if not isinstance(given, list) or len(given) > _DETACHED_LIMIT or not all(isinstance(one, dict) for one in given):
        raise RowUnusable(MessageKey.ROW_NOT_USABLE)
    stated = [one for one in given if set(one) == {"digest"}]
    contents = [_detached(row.folder, one) for one in given if one not in stated]
    return contents, bool(stated)


def _detached(folder: str, given: Mapping[str, Any]) -> DetachedContent:
    name, file = given.get("name"), given.get("file")
    if not isinstance(name, str | None):
        raise RowUnusable(MessageKey.ROW_NOT_USABLE)
    if isinstance(file, str):
        place = _file(folder, file)
        _opened(place).close()
        return detached_file(name or None, place)
    algorithm, digest = given.get("digest_algorithm"), given.get("digest_hex")
    if not isinstance(algorithm, str) or not isinstance(digest, str):
        raise RowUnusable(MessageKey.ROW_NOT_USABLE)
    try:
        octets = bytes.fromhex(digest)
    except ValueError:
        raise RowUnusable(MessageKey.ROW_NOT_USABLE) from None
    return DetachedContent(name=name or None, digest_algorithm=hashlib_name(algorithm), digest=octets)


def detached_file(name: str | None, place: Path) -> DetachedContent:
    """The file at *place*, opened when it is wanted."""

    def opened() -> BinaryIO:
        return place.open("rb")

    return DetachedContent(name=name, open=opened)


def hashlib_name(algorithm: str) -> str:
    """SHA256, SHA-256 and SHA3-256 as hashlib calls them."""
    plain = algorithm.strip().lower().replace("-", "_")
    return plain if plain.startswith("sha3_") else plain.replace("_", "")


def _file(folder: str, name: str) -> Path:
    if not name or "\0" in name:
        raise RowUnusable(MessageKey.ROW_NOT_USABLE)
    return Path(folder, name)


def _opened(file: Path) -> BinaryIO:
    """A plain file, open; nothing that would make its reader wait."""
    try:
        if not file.is_file():
            raise RowUnusable(MessageKey.FILE_MISSING)
        return file.open("rb")
    except OSError:
        raise RowUnusable(MessageKey.FILE_MISSING) from None
