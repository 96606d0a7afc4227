"""A call's body into what is to be verified: small batches as JSON, large files as parts that are never held whole."""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass
from typing import BinaryIO, TypeVar, cast

import flask
from pydantic import ValidationError
from werkzeug.datastructures import FileStorage

from gateway.domain.contents import ContentDigest
from gateway.domain.lending import lend
from gateway.domain.messages import Language
from gateway.domain.verification import DetachedContent, FileFormat
from gateway.rest.messages import CONTENTS, ID_LENGTH, NAME_LENGTH, ContentMessage, FileMessage, VerificationMessage
from gateway.rest.problems import Problem, from_validation

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
E = TypeVar("E", bound=enum.Enum)
_FIELDS = frozenset({"language", "policy", "format", "hash", "id", "as_stated"})


@dataclass(frozen=True, slots=True)
class Supplied:
    """Data outside a signature file: a seekable stream of it, or its digest."""

    name: str | None
    stream: BinaryIO | None = None
    digest_algorithm: str | None = None
    digest: bytes | None = None

    def detached(self) -> DetachedContent:
        """As the domain has it. What the reader closes is not our stream, so that it can be read again."""
        stream = self.stream
        opened = None if stream is None else lambda: lend(stream)
        return DetachedContent(self.name, opened, self.digest_algorithm, self.digest)


@dataclass(frozen=True, slots=True)
class AskedFile:
    """One signature file with all that came with it."""

    id: str | None
    format: FileFormat | None
    signature: BinaryIO
    contents: tuple[Supplied, ...]
    as_stated: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole call; *policy* None: the installation's."""

    language: Language
    policy: str | None
    files: tuple[AskedFile, ...]


def read_call(request: flask.Request) -> Asked:
    """
    What *request* asks.

    Raises:
        Problem: Names the member or part that cannot be accepted.

    """
    if request.mimetype == "application/json":
        return _from_json(request.get_data(cache=False))
    if request.mimetype == "multipart/form-data":
        return _from_parts(request)
    raise Problem(415, "Send application/json, or multipart/form-data with a part named signature.")


def _from_json(body: bytes) -> Asked:
    try:
        message = VerificationMessage.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error) from None
    return Asked(message.language, message.policy, tuple(_file(file) for file in message.files))


def _file(file: FileMessage) -> AskedFile:
    contents = tuple(_content(content) for content in file.contents)
    return AskedFile(file.id, file.format, io.BytesIO(file.signature), contents, file.as_stated)


def _content(content: ContentMessage) -> Supplied:
    if content.data is not None:
        return Supplied(content.name, io.BytesIO(content.data))
    return Supplied(content.name, None, content.digest_algorithm, bytes.fromhex(content.digest or ""))


def _from_parts(request: flask.Request) -> Asked:
    form, files = request.form, request.files
    unknown = sorted({*form, *files} - _FIELDS - {"signature", "content"})
    if unknown:
        raise Problem(400, "There is a part of a name that is not known; known are signature, content, "
                           + ", ".join(sorted(_FIELDS)) + ".")  # fmt: skip
    signatures = files.getlist("signature")
    if len(signatures) != 1:
        raise Problem(400, "signature: exactly one file is required", field="signature")
    contents = [_part(part) for part in files.getlist("content")]
    hash_ = form.get("hash", "").strip()
    if hash_:
        contents.append(_hash(hash_))
    if len(contents) > CONTENTS:
        raise Problem(400, f"content: at most {CONTENTS} are accepted", field="content")
    file = AskedFile(
        id=_short("id", form.get("id"), ID_LENGTH),
        format=_member("format", form.get("format"), FileFormat),
        signature=cast("BinaryIO", signatures[0].stream),
        contents=tuple(contents),
        as_stated=_flag("as_stated", form.get("as_stated", "")),
    )
    language = _member("language", form.get("language"), Language) or Language.RO
    return Asked(language, _policy(form.get("policy")), (file,))


def _part(part: FileStorage) -> Supplied:
    return Supplied(_short("content", part.filename or None, NAME_LENGTH), cast("BinaryIO", part.stream))


def _hash(text: str) -> Supplied:
    try:
        digest = ContentDigest.of(bytes.fromhex(text))
    except ValueError:
        raise Problem(
            400, "hash: must be hexadecimal, of 20, 32, 48 or 64 bytes (SHA-1, SHA-256, SHA-384, SHA-512)", field="hash"
        ) from None
    return Supplied(None, None, digest.algorithm.value, digest.value)


def _member(name: str, text: str | None, members: type[E]) -> E | None:
    if not text:
        return None
    try:
        return members(text.strip().lower())
    except ValueError:
        known = ", ".join(str(member.value) for member in members)
        raise Problem(400, f"{name}: is not one of {known}", field=name) from None


def _policy(text: str | None) -> str | None:
    if not text:
        return None
    if text not in ("msign-compat", "etsi"):
        raise Problem(400, "policy: is not one of msign-compat, etsi", field="policy")
    return text


def _flag(name: str, text: str) -> bool:
    value = text.strip().lower()
    if value not in _TRUE | _FALSE:
        raise Problem(400, f"{name}: is neither true nor false", field=name)
    return value in _TRUE


def _short(name: str, text: str | None, most: int) -> str | None:
    if text is not None and len(text) > most:
        raise Problem(400, f"{name}: has more than {most} characters", field=name)
    return text
