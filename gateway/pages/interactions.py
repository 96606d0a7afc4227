"""An instrument's questions as a form; instruments themselves never write HTML."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.instruments.api import Ask, Field
from gateway.pages.forms import RESERVED
from gateway.pages.texts import Speaker


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to correct: *target* is the id of the input it is about, None where it is about none."""

    target: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Input:
    """One field; what was typed before is never put back."""

    name: str
    label: str
    hint: str
    secret: bool
    numeric: bool
    autocomplete: str
    error: str | None

    @property
    def id(self) -> str:
        """The id in the page."""
        return f"field-{self.name}"


@dataclass(frozen=True, slots=True)
class Questions:
    """The fields of an ``Ask`` in order, and what was wrong with the last answers."""

    inputs: tuple[Input, ...]
    problems: tuple[Problem, ...]


def questions_of(ask: Ask, say: Speaker, blank: frozenset[str] = frozenset()) -> Questions:
    """
    The form for *ask*. *blank* names fields that were left empty when the page itself found something missing.

    Raises ``KeyError`` for a field or problem without a text, ``ValueError`` for a field whose name the page needs.
    """
    problem = _problem_text(ask, say)
    inputs = []
    for field in ask.fields:
        if field.name in RESERVED:
            raise ValueError(f"a field cannot be called {field.name!r}")
        error = problem if field.name == ask.problem_field else None
        if error is None and field.name in blank:
            error = say.text("answer-missing")
        inputs.append(_input(field, say, error))
    problems = [Problem(shown.id, shown.error) for shown in inputs if shown.error is not None]
    if problem is not None and all(shown.text != problem for shown in problems):
        problems.insert(0, Problem(None, problem))
    return Questions(tuple(inputs), tuple(problems))


def _problem_text(ask: Ask, say: Speaker) -> str | None:
    if ask.problem is None:
        return None
    text = say.text(ask.problem)
    if ask.attempts_left is not None:
        text = f"{text} {say.plural('attempts-left', ask.attempts_left)}"
    return text


def _input(field: Field, say: Speaker, error: str | None) -> Input:
    return Input(
        name=field.name,
        label=say.text(f"field.{field.name}"),
        hint=say.text(f"hint.{field.name}"),
        secret=field.secret,
        numeric=field.numeric,
        autocomplete=field.autocomplete,
        error=error,
    )
