"""What the blocks of channels share (``telegram:``, ``mms:``, …): which of their texts are templates, and what is
around them.

A field of type ``Template`` is a template over the contact's columns, however deep it stands; everything else is as the
file has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from a2pcli.dataclass import dataclass

Loc: TypeAlias = "tuple[str | int, ...]"


class TemplateOfBlock(str):
    """A text of a block that is a template."""

    __slots__ = ()


Template = Annotated[
    str,
    StringConstraints(min_length=1),
    BeforeValidator(lambda value: value.rstrip() if isinstance(value, str) else value),
    AfterValidator(TemplateOfBlock),
]
# The text of a message keeps its leading white space, so that a place in it is a place in the file.


class Block(BaseModel):
    """The block of a channel, or a part of one. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the text of a template goes: ``buttons.0.url``."""

    name: str


def name_of(loc: Loc) -> str:
    """The name of a template by its place in the block."""
    return ".".join(map(str, loc))


def templates_of(value: Any, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """Every template of a block, by its place in it."""
    if isinstance(value, TemplateOfBlock):
        yield loc, str(value)
    else:
        for key, inner in _items(value):
            yield from templates_of(inner, (*loc, key))


def shape_of(value: Any, loc: Loc = ()) -> Any:
    """The block as mappings, lists and texts, with a ``Slot`` for each template. Keys that are not set are left out."""
    if isinstance(value, TemplateOfBlock):
        return Slot(name_of(loc))
    if isinstance(value, (BaseModel, dict)):
        return {key: shape_of(inner, (*loc, key)) for key, inner in _items(value)}
    if isinstance(value, (list, tuple)):
        return [shape_of(inner, (*loc, key)) for key, inner in _items(value)]
    return value


def filled(shape: Any, texts: dict[str, str | None]) -> Any:
    """The shape with the rendered texts in it; None for one that came out empty."""
    if isinstance(shape, Slot):
        return texts[shape.name]
    if isinstance(shape, dict):
        return {key: filled(inner, texts) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [filled(inner, texts) for inner in shape]
    return shape


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        named = ((name, getattr(value, name)) for name in type(value).model_fields)
        yield from ((name, inner) for name, inner in named if inner is not None and inner != [])
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
