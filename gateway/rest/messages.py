"""What callers send, as models that check it and describe it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from gateway.domain.messages import Language
from gateway.domain.verification import FileFormat

DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512")
"""Digest algorithms that a caller may name, by hashlib's names; what a policy makes of them is another question."""

FILES = 100
CONTENTS = 100
ID_LENGTH = 200
NAME_LENGTH = 1000
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]")


def _decoded(text: object) -> bytes:
    """Octets of strict base64 (RFC 4648 § 4): a decoder that skips what it does not know would change what was sent."""
    if not isinstance(text, str):
        raise ValueError("is not a text in base64")  # noqa: TRY004 - pydantic makes a message of this one alone
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None


Octets = Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ContentMessage(_Strict):
    """Signed data outside the signature file: its bytes, or its digest."""

    name: Name | None = Field(default=None, description="As references of the signature name it.")
    data: Octets | None = Field(default=None, description="The bytes.")
    digest_algorithm: str | None = Field(default=None, description="One of: " + ", ".join(DIGESTS) + ".")
    digest: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{2,256}$", description="In hexadecimal.")

    @field_validator("digest_algorithm")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        """SHA-256, SHA256 and sha256 are the same to people."""
        if value is None:
            return None
        name = _NOT_IN_NAMES.sub("", value.lower().replace("sha3-", "sha3_"))
        if name not in DIGESTS:
            raise ValueError("is not one of " + ", ".join(DIGESTS))
        return name

    @field_validator("digest")
    @classmethod
    def _whole(cls, value: str | None) -> str | None:
        if value is not None and len(value) % 2:
            raise ValueError("has half an octet too many")
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> ContentMessage:
        if (self.data is None) == (self.digest is None):
            raise ValueError("needs either data or digest")
        if (self.digest is None) != (self.digest_algorithm is None):
            raise ValueError("digest and digest_algorithm belong together")
        return self


class FileMessage(_Strict):
    """One signature file."""

    id: Annotated[str, Field(max_length=ID_LENGTH)] | None = Field(default=None, description="Given back as it came.")
    format: FileFormat | None = Field(default=None, description="Found out where absent.")
    signature: Octets = Field(min_length=1, description="The XAdES document, PDF or ASiC container.")
    contents: tuple[ContentMessage, ...] = Field(default=(), max_length=CONTENTS)
    as_stated: bool = Field(
        default=False,
        description="Take digests that references state for granted where their data is outside and was not given.",
    )


class VerificationMessage(_Strict):
    """Signature files to be verified together."""

    language: Language = Field(default=Language.RO, description="Of the texts in the answers.")
    policy: Literal["msign-compat", "etsi"] | None = Field(default=None, description="The installation's where absent.")
    files: tuple[FileMessage, ...] = Field(min_length=1, max_length=FILES)
