"""The reference of the files a user writes, made from their models: what the README shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from a2pcli.config.campaign import Campaign
from a2pcli.config.settings import Settings
from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path (``limits.cost``), default (None: it must be given; empty: none) and meaning."""

    path: str
    default: str | None
    choices: tuple[str, ...]
    meaning: str


def keys(kind: Literal["campaign", "settings"]) -> tuple[Key, ...]:
    """Every key of a campaign or settings file, in the order of the model."""
    return tuple(_keys(Campaign if kind == "campaign" else Settings, ""))


def markdown(kind: Literal["campaign", "settings"]) -> str:
    """The keys as a Markdown table."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key in keys(kind):
        default = "**required**" if key.default is None else f"`{key.default}`" if key.default else ""
        choices = f" ({', '.join(f'`{choice}`' for choice in key.choices)})" if key.choices else ""
        meaning = f"{key.meaning}{choices}".replace("|", "\\|")
        lines.append(f"| `{key.path}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _keys(model: type[BaseModel], above: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = f"{above}{name}"
        yield Key(path, _default(field), _choices(field.annotation), field.description or "")
        for inner, named in _models(field.annotation):
            yield from _keys(inner, f"{path}.NAME." if named else f"{path}.")


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    value: Any = field.get_default()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else ""


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _models(annotation: Any, named: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """Models inside an annotation; ``named`` where they stand under names of the user's choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, named
        return
    for part in get_args(annotation):
        yield from _models(part, named or get_origin(annotation) is dict)
