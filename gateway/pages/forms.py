"""What a page may send us: bounded, and nothing but what it should hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from werkzeug.exceptions import RequestEntityTooLarge

MAX_FORM_BYTES = 64 * 1024
"""Of a whole form; a RelayState of 8 KiB is the largest thing expected, three times as long when percent-encoded."""

RESERVED = frozenset({"csrf_token", "instrument", "consent", "agree"})
"""Names that the pages use themselves; no instrument's field may be called so."""

_ANSWERS = 16
_ANSWER_LENGTH = 256
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_NAME_LENGTH = 64


def read_answers(form: Iterable[tuple[str, str]]) -> dict[str, str]:
    """
    The answers to an instrument's questions: every field that is not the page's own, the first value of each.

    They may hold a PIN; the caller passes them on and forgets them. Raises ``RequestEntityTooLarge`` where there are
    more, or longer ones, than any instrument asks for.
    """
    answers: dict[str, str] = {}
    for name, value in form:
        if name in RESERVED or not _FIELD_NAME.fullmatch(name):
            continue
        if len(value) > _ANSWER_LENGTH or len(answers) >= _ANSWERS:
            raise RequestEntityTooLarge
        answers.setdefault(name, value)
    return answers


def read_name(text: str | None) -> str:
    """An instrument's name as sent, cut to what a name can be; the empty text where there is none."""
    return (text or "")[:_NAME_LENGTH]
