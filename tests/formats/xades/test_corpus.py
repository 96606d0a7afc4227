"""Signatures that others made, with the outcome that their makers state; skipped where the corpus is not at hand."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import urllib.parse
import zipfile
from base64 import b64decode
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from asn1crypto import cms, tsp
from lxml import etree

from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "corpus"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
C14N = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": {"exclusive": False},
    "http://www.w3.org/2001/10/xml-exc-c14n#": {"exclusive": True},
}


def rows(kind: str) -> list[dict[str, str]]:
    manifest = CORPUS / "manifest.csv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["format"] == kind]


def detached_rows() -> list[dict[str, str]]:
    """Those of one detached content, whose question can be put with a hash alone."""
    return [row for row in rows("xades") if row["kind"] == "detached" and not _misnamed(row)]


def _misnamed(row: dict[str, str]) -> bool:
    """A hash said to be of an algorithm that has another length: the contract knows algorithms by length."""
    return any(
        "digest_hex" in given and len(given["digest_hex"]) != 2 * hashlib.new(given["digest_algorithm"]).digest_size
        for given in json.loads(row["detached"] or "[]")
    )


def container_rows() -> list[dict[str, str]]:
    """Those that open, in which every signature is over exactly one member."""
    return [row for row in rows("asic") if _is_of_single_members(CORPUS / row["file"])]


def _is_of_single_members(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as container:
            found = signatures_in(container)
    except zipfile.BadZipFile:
        return False
    return bool(found) and all(len(external(signature)) == 1 for signature in found)


def signatures_in(container: zipfile.ZipFile) -> list[bytes]:
    names = [n for n in container.namelist() if n.startswith("META-INF/") and "signature" in n and n.endswith(".xml")]
    return [container.read(name) for name in names]


def external(signature: bytes):
    """The references to contents outside."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    found = etree.fromstring(signature, parser).iter(f"{DS}Reference")
    return [r for r in found if not (r.get("URI") or "content").startswith("#")]


def digest_of(data: bytes, reference) -> bytes:
    """The hash that a caller would have of *data*, canonicalised where the reference says so."""
    for transform in reference.iter(f"{DS}Transform"):
        with suppress(
            etree.XMLSyntaxError
        ):  # another file was handed over, which is no XML: its bytes are all there is
            data = etree.tostring(etree.fromstring(data), method="c14n", **C14N[transform.get("Algorithm")])
    name = reference.find(f"{DS}DigestMethod").get("Algorithm").rpartition("#")[2]
    return hashlib.new(name, data).digest()


def content_of(row: dict[str, str], signature: bytes) -> bytes | None:
    given = json.loads(row["detached"] or "[]")
    if not given:
        return None
    if "digest_hex" in given[0]:
        return bytes.fromhex(given[0]["digest_hex"])
    (reference,) = external(signature)
    if "file" in given[0]:
        return digest_of((CORPUS / given[0]["file"]).read_bytes(), reference)
    return b64decode(reference.findtext(f"{DS}DigestValue"))


def holds(engine, signature: bytes, content: bytes | None) -> bool:
    """As the corpus counts: cryptography holds and structure is not ambiguous, for every signature."""
    try:
        verdicts = engine.read(io.BytesIO(signature), content)
    except UnreadableSignature:
        return False
    return all(v.crypto_valid and v.structure_valid is not False for v in verdicts)


def identity(row: dict[str, str]) -> str:
    return f"{row['id']}-{row['expected']}"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
@pytest.mark.parametrize("row", detached_rows(), ids=identity)
def test_detached_signatures_are_judged_as_their_makers_say(engine, row):
    signature = (CORPUS / row["file"]).read_bytes()
    assert holds(engine, signature, content_of(row, signature)) is (row["expected"] == "yes")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
@pytest.mark.parametrize("row", container_rows(), ids=identity)
def test_signatures_in_containers_are_judged_as_their_makers_say(engine, row):
    """Where every signature in the container is over one member: read as what it is, a signature over its hash."""
    found = []
    with zipfile.ZipFile(CORPUS / row["file"]) as container:
        for signature in signatures_in(container):
            (reference,) = external(signature)
            member = urllib.parse.unquote(reference.get("URI"))
            content = digest_of(container.read(member), reference) if member in container.namelist() else None
            found.append(holds(engine, signature, content))
    said = "mixed" if len(set(found)) > 1 else "yes" if found[0] else "no"
    assert said == row["expected"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
@pytest.mark.parametrize("row", [r for r in rows("xades") if r["kind"] != "detached"], ids=identity)
def test_signatures_over_something_else_never_hold_over_a_hash(engine, row):
    """Enveloped, enveloping, hostile: whatever is in them, they are not over the hash of the caller."""
    signature = (CORPUS / row["file"]).read_bytes()
    for content in (None, bytes(32)):
        assert not holds(engine, signature, content)


# ---------------------------------------------------------------- as files


def given_with(row: dict[str, str]) -> tuple[list[DetachedContent], bool]:
    """What the caller supplies, and whether digests are as the signature states them."""
    contents, as_stated = [], False
    for given in json.loads(row["detached"] or "[]"):
        if "file" in given:
            contents.append(
                DetachedContent(name=given["name"] or None, open=partial((CORPUS / given["file"]).open, "rb"))
            )
        elif "digest_hex" in given:
            digest = bytes.fromhex(given["digest_hex"])
            algorithm = given["digest_algorithm"].lower()
            contents.append(DetachedContent(name=given["name"] or None, digest_algorithm=algorithm, digest=digest))
        else:
            as_stated = True
    return contents, as_stated


def said_by(reader, row: dict[str, str]) -> str:
    """yes, mixed, no or reject, as the corpus counts."""
    contents, as_stated = given_with(row)
    with (CORPUS / row["file"]).open("rb") as stream:
        try:
            verdicts = reader.read_file(stream, contents, as_stated=as_stated)
        except UnreadableSignature:
            return "reject"
    found = [v.crypto_valid and v.structure_valid is not False for v in verdicts]
    return "yes" if found and all(found) else "mixed" if any(found) else "no"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
@pytest.mark.parametrize("row", rows("xades"), ids=identity)
def test_files_are_judged_as_their_makers_say(reader, row):
    """Good ones are accepted; of bad ones no signature needs to hold, but never do all."""
    said = said_by(reader, row)
    if row["expected"] in ("yes", "mixed"):
        assert said == row["expected"]
    else:
        assert said != "yes"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside this checkout")
def test_time_stamps_cover_the_octets_that_were_stamped(reader):
    """
    The imprint of nearly every token in the good files is of what we say that it covers.

    Left out are those with stamps that their makers spoiled on purpose or built wrong.
    """
    matched = total = 0
    for row in rows("xades"):
        if row["expected"] != "yes" or row["what"]:
            continue
        contents, as_stated = given_with(row)
        with (CORPUS / row["file"]).open("rb") as stream:
            verdicts = reader.read_file(stream, contents, as_stated=as_stated)
        for stamp in (stamp for verdict in verdicts for stamp in verdict.time_stamps if stamp.covered is not None):
            total += 1
            imprint = tsp.TSTInfo.load(
                cms.ContentInfo.load(stamp.token)["content"]["encap_content_info"]["content"].parsed.dump()
            )["message_imprint"]
            made = hashlib.new(imprint["hash_algorithm"]["algorithm"].native, stamp.covered).digest()
            matched += made == imprint["hashed_message"].native
    assert total >= 25
    assert matched == total
