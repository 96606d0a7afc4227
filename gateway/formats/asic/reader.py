"""Containers read: ASiC-E, ASiC-S, BDOC and signed ODF, with XAdES, CAdES, time-stamps or evidence records in them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from gateway.domain.verdicts import IntegrityVerdict, SignatureKind
from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature
from gateway.formats.asic.cms import Digester, judge_signatures, judge_token
from gateway.formats.asic.evidence import read_evidence
from gateway.formats.asic.manifests import Manifest, read_manifest
from gateway.formats.asic.zips import BROKEN, Container
from gateway.formats.xades.budget import Budget
from gateway.formats.xades.outside import Outside, spellings
from gateway.formats.xades.reader import XadesReader

_LARGEST_SIGNATURE = 32 * 1024 * 1024
_MOST_IN_SIGNATURES = 64 * 1024 * 1024
_MOST_SIGNATURE_FILES = 256
_XADES = re.compile(r"META-INF/[^/]*signatures?[^/]*\.xml", re.IGNORECASE)
_CADES = re.compile(r"META-INF/[^/]*signature[^/]*\.p7s", re.IGNORECASE)
_TOKEN = re.compile(r"META-INF/[^/]*timestamp[^/]*\.tst", re.IGNORECASE)
_EVIDENCE = re.compile(r"META-INF/[^/]*evidencerecord[^/]*\.(?:xml|ers)", re.IGNORECASE)
_MANIFEST = re.compile(r"META-INF/[^/]*ASiC[^/]*Manifest[^/]*\.xml", re.IGNORECASE)
_IN_SIGNATURES = re.compile(r"META-INF/.*\.(?:xml|p7s|tst|ers)", re.IGNORECASE | re.DOTALL)
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"
_NO_DATA = re.compile(r"mimetype|META-INF/.*|__MACOSX/.*", re.IGNORECASE | re.DOTALL)


class AsicReader:
    """
    Implements ``formats.api.SignatureReader`` for zip containers.

    Every signature file in META-INF is read with the other members as the data outside, by name alone. A container
    around one time-stamped container is looked into as well. One reader serves all threads of a worker.
    """

    def __init__(self, xades: XadesReader | None = None) -> None:
        """*xades* reads the XML; a reader of its own without it."""
        self._xades = xades or XadesReader()

    def read_file(
        self,
        signature: BinaryIO,
        contents: Sequence[DetachedContent],
        *,
        as_stated: bool = False,
        certificates: Sequence[bytes] = (),
    ) -> Sequence[IntegrityVerdict]:
        """
        A verdict on each signature, and on the time-stamps over data that hold; empty where there are none.

        What a container signs is in it: neither *contents* nor *as_stated* are asked. A file that is XML after all,
        as DIGIDOC-XML is, is read as such.

        Raises:
            UnreadableSignature: Not a zip, ambiguous, encrypted, or beyond the bounds.
            ServiceBusy: Too many documents need XPath.

        """
        signature.seek(0)
        if signature.read(64).lstrip(_BEFORE_XML).startswith(b"<"):
            signature.seek(0)
            return self._xades.read_file(signature, contents, as_stated=as_stated, certificates=certificates)
        return self._read(signature, Budget(), inside=False)

    def _read(self, stream: BinaryIO, budget: Budget, *, inside: bool) -> list[IntegrityVerdict]:
        opened = _Opened(Container(stream))
        verdicts = []
        for name in opened.signatures:
            verdicts += self._signature_file(opened, name, budget)
        stamps = opened.stamps() or ([] if verdicts else opened.evidence())
        if stamps and not verdicts and not inside and len(opened.data) == 1:
            verdicts += self._nested(opened.container, opened.data[0], budget)
        return verdicts + stamps

    def _signature_file(self, opened: _Opened, name: str, budget: Budget) -> list[IntegrityVerdict]:
        try:
            data = opened.container.read(name, _LARGEST_SIGNATURE)
            if _CADES.fullmatch(name):
                digest, covers = opened.signed_by(name)
                found = judge_signatures(data, digest, covers)
            else:
                found = self._xades.read_xml(data, opened.outside, budget, as_stated=False)
        except (UnreadableSignature, *BROKEN):
            return [IntegrityVerdict.unreadable(SignatureKind.SIGNATURE)]
        return [replace(one, covers_whole_document=opened.is_whole(one.covers)) for one in found]

    def _nested(self, container: Container, name: str, budget: Budget) -> list[IntegrityVerdict]:
        """The signatures of the container or DIGIDOC-XML that is the data of a time-stamped one."""
        try:
            data = container.read(name, _LARGEST_SIGNATURE)
            if data.startswith(b"PK\x03\x04"):
                return self._read(io.BytesIO(data), budget, inside=True)
            if b"SignedDoc" in data[:2048]:
                return self._xades.read_xml(data, Outside(()), budget, as_stated=False)
        except UnreadableSignature:
            return []
        return []


class _Opened:
    """A container with its members sorted by what they are."""

    def __init__(self, container: Container) -> None:
        self.container = container
        names = container.names
        members = [DetachedContent(name=name, open=partial(container.open, name)) for name in names]
        self.signatures = [n for n in names if (_XADES.fullmatch(n) or _CADES.fullmatch(n)) and not _MANIFEST.match(n)]
        size = sum(container.size(name) for name in names if _IN_SIGNATURES.fullmatch(name))
        if len(self.signatures) > _MOST_SIGNATURE_FILES or size > _MOST_IN_SIGNATURES:
            raise UnreadableSignature("too many signature files")
        self.data = [name for name in names if not _NO_DATA.fullmatch(name)]
        alone = next((m for m in members if [m.name] == self.data), None)
        self.outside = Outside(members, only_by_name=True, nameless=alone)
        self._tokens = [name for name in names if _TOKEN.fullmatch(name)]
        self._evidence = [n for n in names if _EVIDENCE.fullmatch(n) and not _MANIFEST.fullmatch(n)]
        self._manifests = list(self._read_manifests(names))

    def _read_manifests(self, names: list[str]) -> list[Manifest]:
        found: list[Manifest] = []
        for name in names:
            if _MANIFEST.fullmatch(name) and len(found) < _MOST_SIGNATURE_FILES:
                try:
                    found.append(read_manifest(name, self.container.read(name, _LARGEST_SIGNATURE)))
                except UnreadableSignature:
                    continue
        return found

    def signed_by(self, name: str) -> tuple[Digester, list[str]]:
        """
        What the CMS file *name* is over: a manifest that names it and holds, else the only datum.

        Raises:
            UnreadableSignature: More would have to be hashed than is.

        """
        naming = [manifest for manifest in self._manifests if name in manifest.signature]
        if not naming and len(self.data) == 1:
            return self._digester(self.data[0]), self.data
        if len(naming) != 1 or not naming[0].holds(self.outside):
            return _unknown, []
        return self._digester(naming[0].name), [entry.uri for entry in naming[0].entries]

    def stamps(self) -> list[IntegrityVerdict]:
        """
        The time-stamps over data that hold, or all where none does.

        One that does not hold, beside one that does, takes nothing away from that.
        """
        found: list[IntegrityVerdict] = []
        for name in self._tokens[:_MOST_SIGNATURE_FILES]:
            try:
                digest, covers = self.signed_by(name)
                found.append(judge_token(self.container.read(name, _LARGEST_SIGNATURE), digest, covers))
            except (UnreadableSignature, *BROKEN):
                found.append(IntegrityVerdict.unreadable(SignatureKind.DOCUMENT_TIME_STAMP))
        return [one for one in found if one.crypto_valid] or found

    def evidence(self) -> list[IntegrityVerdict]:
        """The evidence records, each as the time-stamp that it begins with."""
        found: list[IntegrityVerdict] = []
        for name in self._evidence[:_MOST_SIGNATURE_FILES]:
            try:
                found.append(self._record(name))
            except (UnreadableSignature, *BROKEN):
                found.append(IntegrityVerdict.unreadable(SignatureKind.DOCUMENT_TIME_STAMP))
        return found

    def _record(self, name: str) -> IntegrityVerdict:
        stamp = read_evidence(self.container.read(name, _LARGEST_SIGNATURE))
        naming = [manifest for manifest in self._manifests if name in manifest.signature]
        covers = self.data if len(self.data) == 1 else []
        if naming:
            holds = len(naming) == 1 and naming[0].holds(self.outside)
            covers = [entry.uri for entry in naming[0].entries] if holds else []
        root = stamp.root([self._digester(uri) for uri in covers])
        return judge_token(stamp.token, lambda algorithm: root if algorithm == stamp.algorithm else None, covers)

    def is_whole(self, covers: Sequence[str]) -> bool | None:
        """Whether every datum is covered; None where more is covered than is told."""
        named = {spelling for uri in covers for spelling in spellings(uri)}
        return True if named.issuperset(self.data) else None if len(covers) >= 32 else False

    def _digester(self, name: str) -> Digester:
        def digest(algorithm: str) -> bytes | None:
            content = self.outside.find(name, alone=False)
            try:
                return None if content is None else self.outside.digest(content, algorithm)
            except BROKEN:
                return None

        return digest


def _unknown(_algorithm: str) -> bytes | None:
    return None
