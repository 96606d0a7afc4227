"""The contents of one message on their way into the content store, until an operation takes them over."""

from __future__ import annotations

from contextlib import suppress
from typing import Self

from gateway.domain.contents import ContentId, StoredContent
from gateway.storage.api import ContentStore, ContentWriter


class Deposits:
    """
    Knows what one message has written, so that a message refused at any point leaves nothing behind.

    Used as a context manager around the whole call: what was not kept by its end is deleted. What even that misses
    (the process ends in between) no row claims, and maintenance purges it.
    """

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents
        self._open: ContentWriter | None = None
        self._written: list[ContentId] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self._abandon()
        for content_id in self._written:
            with suppress(Exception):
                self._contents.delete(content_id)

    def begin(self) -> ContentWriter:
        """Start a content; one at a time, for elements come one after the other."""
        assert self._open is None
        self._open = self._contents.create().__enter__()
        return self._open

    def commit(self) -> StoredContent:
        """The content that was begun is complete."""
        assert self._open is not None
        stored = self._open.commit()
        self._written.append(stored.content_id)
        self._abandon()
        return stored

    def keep(self) -> None:
        """An operation has claimed what was written."""
        self._written.clear()

    def _abandon(self) -> None:
        """Leave a writing; what is not committed goes."""
        writer, self._open = self._open, None
        if writer is not None:
            writer.__exit__(None, None, None)
