"""The description of a gateway type: its keys, an example block, its limits, its documentation.

Keys come from the block's model, examples and limits from ``examples.yaml`` beside this file. The documentation,
``a2pcli gateways show`` and ``a2pcli gateways add`` are made of the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError
from a2pcli.gateways.base import Capabilities
from a2pcli.gateways.registry import BUILT_IN, available, create, third_party_class
from a2pcli.gateways.settings import GatewayBlock

DOCS = "docs/gateways.md"
_VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}")
_MODELS = {
    "outbox": "a2pcli.gateways.outbox:OutboxBlock",
    "console": "a2pcli.gateways.console:ConsoleBlock",
    "simulator": "a2pcli.gateways.simulator:SimulatorBlock",
    "http": "a2pcli.gateways.http.declared:DeclaredBlock",
    "smpp": "a2pcli.gateways.smpp.settings:SmppBlock",
}
"""Models of the types whose class has no attribute ``block_model``."""

_TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "file",
    SecretStr: "secret",
}


@dataclass(frozen=True, slots=True)
class BlockKey:
    """A key of a gateway's block. ``default`` is None if the key is required, and empty if there is none."""

    path: str
    type: str
    default: str | None
    meaning: str
    shared: bool
    """Whether every gateway has it."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What is known about a type without its settings."""

    type: str
    summary: str
    name: str
    """The name of the block in the example."""
    example: str
    """The lines below the block's name, not indented."""
    limits: tuple[str, ...]
    docs: str
    keys: tuple[BlockKey, ...]

    @property
    def variables(self) -> list[str]:
        """The environment variables that the example reads, in order."""
        return list(dict.fromkeys(_VARIABLE.findall(self.example)))

    def block(self, indent: str = "  ") -> str:
        """Return the example as part of a settings file, below ``gateways:``."""
        lines = "".join(f"{indent}{indent}{line}\n" for line in self.example.splitlines())
        return f"{indent}{self.name}:\n{lines}"


def guide_to(kind: str) -> Guide | None:
    """Return the guide to a type; None if it does not exist, or another package's cannot be loaded.

    Another package's gateway class may have ``block_model`` (a subclass of ``GatewayBlock``) and ``block_example``.
    """
    if kind in BUILT_IN:
        entry = _examples()[kind]
        docs = f"{DOCS}#{'http-any-provider-in-yaml' if kind == 'http' else kind}"
        model = _model_of(_loaded(_MODELS.get(kind) or BUILT_IN[kind][0]))
        name, example, limits = entry.get("name", kind), entry["example"], tuple(entry["limits"])
        return Guide(kind, BUILT_IN[kind][1], name, example, limits, docs, tuple(block_keys(model)))
    one = next((one for one in available() if one.type == kind), None)
    made = third_party_class(kind)
    if one is None or made is None:
        return None
    example = getattr(made, "block_example", "")
    example = example if isinstance(example, str) else ""
    return Guide(kind, one.summary, kind, example, (), "", tuple(block_keys(_model_of(made))))


def _loaded(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _model_of(made: Any) -> type[BaseModel]:
    """Return the model itself, or the one that a gateway class names; else the keys of every gateway."""
    model: Any = made if _is_model(made) else getattr(made, "block_model", None)
    return model if _is_model(model) else GatewayBlock


def _is_model(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, BaseModel)


def usual_capabilities(guide: Guide) -> Capabilities | None:
    """Return the capabilities of a gateway made from the example; None if it cannot be made, for example without its
    extra."""
    import yaml

    text = _VARIABLE.sub(lambda found: "AC" + "0" * 32 if "ACCOUNT" in found[1] else "sample", guide.block())
    try:
        return create(guide.name, yaml.load(text, yaml.BaseLoader)[guide.name]).capabilities
    except A2PError:
        return None


def block_keys(model: type[BaseModel], above: str = "") -> Iterator[BlockKey]:
    """Yield every key of the model, nested ones by path: the type's own first, then those of every gateway."""
    own = [
        (name, field)
        for name, field in model.model_fields.items()
        if above or name not in GatewayBlock.model_fields
    ]
    shared = (
        [] if above else [one for one in model.model_fields.items() if one not in own and one[0] != "folder"]
    )
    for fields in (own, shared):
        for name, field in fields:
            path = f"{above}{field.alias or name}"
            inner = _model_in(field.annotation)
            if inner is None or get_origin(field.annotation) is dict:
                yield BlockKey(
                    path,
                    _type(field.annotation),
                    _default(field, above),
                    field.description or "",
                    fields is shared,
                )
            else:
                step = "[]." if _is_list(field.annotation) else "."
                yield from block_keys(inner, path + step)


def _default(field: FieldInfo, above: str) -> str | None:
    if field.is_required():
        return "" if above else None  # required only if the key above it is given
    given = field.get_default(call_default_factory=True)
    if given in (None, "", {}, []) or isinstance(given, (SecretStr, BaseModel)):
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, tuple):  # ranges of HTTP statuses
        return ", ".join(f"{low}-{high}" for low, high in given)
    return ", ".join(map(str, given)) if isinstance(given, list) else str(given)


def _type(annotation: Any) -> str:
    """Return a type in words: ``text``, ``whole number``, ``udh | sar | payload``, ``list of text``."""
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _type(annotation.__origin__)
    origin, inside = get_origin(annotation), [one for one in get_args(annotation) if one is not NoneType]
    if origin is Literal:
        return " | ".join(map(str, inside))
    if origin is list:
        return f"list of {_type(inside[0])}"
    if origin is dict:
        return "mapping"
    if inside:
        return " or ".join(dict.fromkeys(_type(one) for one in inside))
    return _TYPES.get(annotation, "any" if annotation is Any else "text")


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(one) for one in get_args(annotation))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)


@cache
def _examples() -> dict[str, Any]:
    import yaml

    text = (Path(__file__).parent / "examples.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.BaseLoader)
    return found
