"""
The signed data that lies outside the file: found by name among what the caller gave, hashed once (decision 28).

Nothing else is ever opened, whatever a reference says.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Sequence
from typing import BinaryIO
from urllib.parse import unquote

from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature

_PIECE = 1024 * 1024
_MOST_HASHED = 2 * 1024 * 1024 * 1024
_LARGEST_READ = 32 * 1024 * 1024
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)


class Outside:
    """
    Contents given by a caller, or the members of a container.

    Each is hashed once for each algorithm, in pieces, whoever asks how often.
    """

    def __init__(
        self,
        contents: Sequence[DetachedContent],
        *,
        only_by_name: bool = False,
        nameless: DetachedContent | None = None,
    ) -> None:
        """
        Nothing is opened yet.

        Args:
            contents: each with a name of its own, or one without.
            only_by_name: a content is never taken for another name's, as in containers.
            nameless: which of them the only reference means that has no URI.

        """
        self._contents = tuple(contents)
        self._only_by_name = only_by_name
        self._nameless = nameless
        self._digests: dict[tuple[int, str], bytes] = {}
        self._budget = _MOST_HASHED

    def find(self, uri: str | None, *, alone: bool) -> DetachedContent | None:
        """
        The content that a reference with *uri* names; *alone*: it is the only one to anything outside.

        By name, as written or without percent-encoding. What has no name, and the bytes of a single content, are what
        the only reference must mean; a digest given under another name is of something else.
        """
        named = [content for content in self._contents if content.name]
        for name in spellings(uri) if named else ():
            for content in named:
                if content.name == name:
                    return content
        if alone and uri is None and self._nameless is not None:
            return self._nameless
        if self._only_by_name or not alone or len(self._contents) != 1:
            return None
        (content,) = self._contents
        other = bool(content.name) and uri not in (None, "")
        return None if other and content.open is None else content

    def digest(self, content: DetachedContent, algorithm: str) -> bytes | None:
        """
        The digest of *content* by a hashlib name; None where only another one is known.

        Raises:
            UnreadableSignature: More would have to be hashed than is.

        """
        if content.open is None:
            return content.digest if _hashlib_name(content.digest_algorithm or "") == algorithm else None
        key = next(n for n, one in enumerate(self._contents) if one is content), algorithm
        if key not in self._digests:
            with content.open() as stream:
                self._digests[key] = self._hashed(stream, algorithm)
        return self._digests[key]

    def _hashed(self, stream: BinaryIO, algorithm: str) -> bytes:
        hasher = hashlib.new(algorithm)
        while piece := stream.read(_PIECE):
            self._budget -= len(piece)
            if self._budget < 0:
                raise UnreadableSignature("more data than is hashed for one signature file")
            hasher.update(piece)
        return hasher.digest()

    def octets(self, content: DetachedContent) -> bytes | None:
        """The bytes of *content*; None where there is only a digest, or too many."""
        if content.open is None:
            return None
        with content.open() as stream:
            if stream.seek(0, os.SEEK_END) > _LARGEST_READ:
                return None
            stream.seek(0)
            return stream.read(_LARGEST_READ)


def _hashlib_name(given: str) -> str:
    """As hashlib spells it what others write SHA-256 or SHA3-256."""
    name = given.strip().lower().replace("-", "_")
    return name if name.startswith("sha3_") else name.replace("_", "")


def spellings(uri: str | None) -> list[str]:
    """
    The names that *uri* may mean: as it is, decoded, without a leading "./" or "/".

    A plus sign is itself: form encoding is no part of RFC 3986, but some wrote blanks so, which comes last.
    """
    if not uri:
        return []
    plain = [uri, unquote(uri)]
    if not _SCHEME.match(uri):
        plain += [posixpath.normpath(name).lstrip("/") for name in plain if not name.startswith("..")]
    plain.append(unquote(uri.replace("+", " ")))
    return list(dict.fromkeys(plain))
