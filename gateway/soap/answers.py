"""
An answer sent as fragments of XML with the base64 of its binary members between them, produced while it is sent.

While the message is written, each binary member is a place marked with a random token of this one answer: a text that a
caller sent long ago can look like any fixed mark, and would then be replaced by another member's bytes.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import closing

from gateway.domain.contents import StoredContent
from gateway.errors import StoredContentMissing
from gateway.soap.binary import encoded, encoded_length
from gateway.storage.api import ContentStore


class BinaryPlaces:
    """The binary members of one answer while it is written."""

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents
        self._token = f"@{secrets.token_hex(16)}@"
        self._members: list[bytes | StoredContent] = []

    def place(self, member: bytes | StoredContent) -> str:
        """The text that stands for *member*."""
        self._members.append(member)
        return self._token

    def answer(self, xml: bytes) -> bytes | StreamedAnswer:
        """
        The message *xml* with its members in their places, which come in the order in which they were given.

        Raises:
            StoredContentMissing: the content store does not hold a member as it was; better now than in the middle.

        """
        fragments = xml.split(self._token.encode())
        assert len(fragments) == len(self._members) + 1
        if not self._members:
            return xml
        for member in self._members:
            if isinstance(member, StoredContent):
                self._check(member)
        return StreamedAnswer(fragments, self._members, self._contents)

    def _check(self, member: StoredContent) -> None:
        with closing(self._contents.open(member.content_id)) as stream:
            if stream.seek(0, io.SEEK_END) != member.length:
                raise StoredContentMissing


class StreamedAnswer:
    """A body whose length is known and whose bytes are not there yet; opens one content at a time."""

    def __init__(self, fragments: list[bytes], members: list[bytes | StoredContent], contents: ContentStore) -> None:
        """*fragments*: the text before, between and after *members*: one more than these."""
        self._fragments = fragments
        self._members = members
        self._contents = contents
        sizes = (member.length if isinstance(member, StoredContent) else len(member) for member in members)
        self.length = sum(map(len, fragments)) + sum(map(encoded_length, sizes))

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces. Raises ``EOFError`` or ``StoredContentMissing``, which must break the connection."""
        for fragment, member in zip(self._fragments, self._members, strict=False):
            yield fragment
            if isinstance(member, StoredContent):
                with closing(self._contents.open(member.content_id)) as stream:
                    yield from encoded(stream, member.length)
            else:
                yield from encoded(io.BytesIO(member), len(member))
        yield self._fragments[-1]
