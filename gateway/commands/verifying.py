"""``gateway verify``: validate signature files, on the command line as VerifySignatures does for consumers."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from gateway.app import House
from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit, console, errors, settings_of
from gateway.domain.contents import ContentType, DigestAlgorithm
from gateway.domain.messages import Language
from gateway.domain.verdicts import SignatureKind
from gateway.domain.verification import SignatureConclusion, VerificationResult
from gateway.errors import ConfigurationError, UnreadableSignature
from gateway.messages.api import Catalog
from gateway.messages.catalog import load_catalog

_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Answer:
    file: Path
    result: VerificationResult
    text: str


def verify(
    *files: Annotated[Path, Parameter(help="XAdES signatures over a hash (.xml), or signed PDFs.")],
    content: Annotated[Path | None, Parameter(help="The file whose hash was signed; for XAdES.")] = None,
    hash_: Annotated[str | None, Parameter(name="--hash", help="That hash itself, in hexadecimal.")] = None,
    json_: Annotated[bool, Parameter(name="--json", help="One JSON object per line.")] = False,
    lang: Annotated[Language, Parameter(help="Language of the answers.")] = Language.EN,
    fail_invalid: Annotated[bool, Parameter(help="Exit 1 when a signature is not valid.")] = False,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Validate signature files; exit 0 when every file was answered, valid or not."""
    if not files:
        raise ConfigurationError("FILE: at least one is required")
    if content is not None and hash_ is not None:
        raise ConfigurationError("--content, --hash: give one of them")
    house, catalog = House(settings_of(config)), load_catalog()
    unanswered, invalid = 0, 0
    for file in files:
        try:
            answer = _verify(house, catalog, file, content, hash_, lang)
        except OSError as error:
            errors.print(f"{file}: cannot be read ({error.strerror})", markup=False)
            unanswered += 1
            continue
        invalid += not answer.result.valid
        _print_json(answer, catalog, lang) if json_ else _print(answer, catalog, lang)
    if unanswered:
        return Exit.USAGE
    return Exit.NO if fail_invalid and invalid else Exit.DONE


def _verify(
    house: House, catalog: Catalog, file: Path, content: Path | None, hash_: str | None, language: Language
) -> _Answer:
    with closing(file.open("rb")) as signature:
        pdf = b"%PDF-" in signature.read(1024)
        signature.seek(0)
        if pdf:
            result = house.verify_signatures.verify_one(ContentType.PDF, signature, None)
        else:
            result = _verify_hash(house, signature.read(), content, hash_)
    return _Answer(file, result, catalog.text(result.message.value, language))


def _verify_hash(house: House, signature: bytes, content: Path | None, hash_: str | None) -> VerificationResult:
    if hash_ is not None:
        try:
            digest = bytes.fromhex(hash_)
        except ValueError:
            raise ConfigurationError("--hash: is not hexadecimal") from None
    elif content is not None:
        digest = _digest_of(content, _content_algorithm(house, signature))
    else:
        raise ConfigurationError("--content, --hash: one of them is needed for a signature over a hash")
    return house.verify_signatures.verify_one(ContentType.HASH, io.BytesIO(signature), digest)


def _content_algorithm(house: House, signature: bytes) -> DigestAlgorithm:
    """The algorithm that the signature names for its content; SHA-256 where it cannot be told."""
    try:
        found = house.engines[ContentType.HASH].read(io.BytesIO(signature), bytes(DigestAlgorithm.SHA256.length))
    except UnreadableSignature:
        return DigestAlgorithm.SHA256
    return next((entry.content_digest for entry in found if entry.content_digest), DigestAlgorithm.SHA256)


def _digest_of(file: Path, algorithm: DigestAlgorithm) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm.value).digest()


def _print(answer: _Answer, catalog: Catalog, language: Language) -> None:
    style = "green" if answer.result.valid else "bold red"
    console.print(Text.assemble(str(answer.file), ": ", (answer.text, style)), soft_wrap=True)
    for one in answer.result.conclusions:
        facts = _facts(one, catalog, language)
        sub = f" / {facts['sub_indication']}" if facts["sub_indication"] else ""
        proved = f", proved at {facts['signed_at']}" if facts["signed_at"] else ""
        line = f"  {facts['kind']}: {facts['indication']}{sub}: {facts['subject'] or 'unknown signer'}{proved}"
        console.print(line, markup=False, soft_wrap=True)


def _print_json(answer: _Answer, catalog: Catalog, language: Language) -> None:
    whole = {
        "file": str(answer.file),
        "valid": answer.result.valid,
        "message": answer.text,
        "signatures": [_facts(one, catalog, language) for one in answer.result.conclusions],
    }
    print(json.dumps(whole, ensure_ascii=False))  # noqa: T201 - one object per line, untouched by any terminal width


def _facts(one: SignatureConclusion, catalog: Catalog, language: Language) -> dict[str, Any]:
    integrity, trust, policy = one.integrity, one.trust, one.policy
    return {
        "kind": "signature" if integrity.kind is SignatureKind.SIGNATURE else "document time-stamp",
        "indication": one.indication.value,
        "sub_indication": one.sub_indication.value if one.sub_indication else None,
        "message": catalog.text(one.message.value, language),
        "reason": one.message.value,
        "subject": one.subject,
        "signed_at": one.signed_at.isoformat() if one.signed_at else None,
        "claimed_signing_time": integrity.claimed_signing_time.isoformat() if integrity.claimed_signing_time else None,
        "crypto_valid": integrity.crypto_valid,
        "structure_valid": integrity.structure_valid,
        "covers_whole_document": integrity.covers_whole_document,
        "modified_after_signing": integrity.modified_after_signing,
        "trust": trust.trust.value if trust else None,
        "policy_missed": [key.value for key in policy.missed] if policy else None,
        "policy_warnings": [key.value for key in policy.warnings] if policy else None,
        "time_stamps": [
            {"valid": stamp.valid, "time": stamp.gen_time.isoformat() if stamp.gen_time else None}
            for stamp in one.time_stamps
        ],
    }
