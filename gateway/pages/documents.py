"""A document to be read before it is signed: streamed as a download that can do nothing in our origin."""

from __future__ import annotations

import re

import flask

from gateway.domain.contents import StoredContent
from gateway.domain.requests import SignContent
from gateway.pages.security import DOCUMENT_POLICY
from gateway.pages.texts import visible
from gateway.storage.api import ContentStore

_NOT_IN_FILE_NAMES = re.compile(r'[/\\:*?"<>|]+')
_STEM_LENGTH = 120


def file_name(content: SignContent) -> str:
    """A harmless name for the signer's disk: no folders, nothing invisible, and always ``.pdf``."""
    stem = _NOT_IN_FILE_NAMES.sub("_", visible(content.name or ""))
    if stem.lower().endswith(".pdf"):
        stem = stem[:-4]
    stem = stem[:_STEM_LENGTH].strip(" ._")
    return f"{stem or f'document-{content.index + 1}'}.pdf"


def download(contents: ContentStore, content: SignContent, stored: StoredContent) -> flask.Response:
    """
    The document's bytes as an attachment (RFC 6266), never held in memory whole; the server closes the stream.

    Raises ``StoredContentMissing``.
    """
    response = flask.send_file(
        contents.open(stored.content_id),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=file_name(content),
        conditional=False,
        etag=False,
    )
    response.content_length = stored.length
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = DOCUMENT_POLICY
    return response
