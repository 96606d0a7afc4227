"""``gateway settings``: every setting with its default and meaning, as docs/configuration.md has it."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.settings import PREFIX, Settings

_HEAD = f"""# Configuration

One file, `gateway.toml`, read once at start; `./gw check --config gateway.toml` prints what was understood and tries
everything behind it. Every setting may come from the environment instead, as `{PREFIX}SECTION__NAME`, which wins.
Paths are relative to the file's folder. Secrets have a file of their own (`…_file`) or come from the environment; in
the file itself they are refused. Unknown settings are refused by name. Sizes are in bytes; names that end in `_s` are
seconds.

This page is printed by `./gw settings`, and a test keeps the two alike.
"""


def settings() -> int:
    """Print every setting with its default and what it means (Markdown)."""
    print(reference(), end="")  # noqa: T201 - Markdown, untouched by any terminal width
    return 0


def reference() -> str:
    """The text of docs/configuration.md."""
    parts = [_HEAD, _section("(top level)", Settings.__doc__ or "", _plain(Settings))]
    for name, field in Settings.model_fields.items():
        model = _model_of(field)
        if model is not None:
            parts.append(_section(f"[{name}]", model.__doc__ or "", model.model_fields))
    return "\n".join(parts)


def _plain(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {name: field for name, field in model.model_fields.items() if _model_of(field) is None}


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _section(title: str, about: str, fields: dict[str, FieldInfo]) -> str:
    rows = [f"## {title}", "", " ".join(about.split()), "", "| setting | default | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in fields.items()]
    return "\n".join([*rows, ""])


def _default(field: FieldInfo) -> str:
    if SecretStr in get_args(field.annotation):
        return "environment only"
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"`{k}` = `{v}`" for k, v in value.items())
    return f"`{getattr(value, 'value', value)}`"
