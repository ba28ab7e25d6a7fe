"""The settings that every gateway block shares, and the problems of a wrong block.

Values arrive as text (the YAML is read untyped) with ``${NAME}`` already filled in, so no message made here
repeats a value: it could be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from a2pcli.config.quotas import parse_quotas
from a2pcli.config.values import parse_rate
from a2pcli.errors import InvalidInput, Problem, how_to_install
from a2pcli.gateway_types import OLD_CA

_HOST = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%a-z]*\]?"
)
"""A name as DNS has it, an IPv4 or an IPv6 address."""


def _rate(text: str) -> str:
    parse_rate(text)
    return text


def _quota(typed: Any) -> Any:
    parse_quotas(typed)
    return [typed] if isinstance(typed, str) else typed


class GatewayBlock(BaseModel):
    """The keys of every gateway; a gateway's own model adds to them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: str = Field("", description="Gateway type; optional if the block is named after a type")
    rate: Annotated[str, AfterValidator(_rate)] | None = Field(
        None, description="Rate limit, e.g. `20/s`, `600/min` or `20 parts/s`"
    )
    quota: Annotated[list[str], BeforeValidator(_quota)] | None = Field(
        None,
        description="Quota of the account, e.g. `10,000/day`, `1000/min` or `10,000/day in Europe/London`, or a list",
    )
    concurrency: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Requests at the same time. Default: depends on the type",
    )
    timeout: float = Field(30.0, gt=0, le=100, description="Seconds to wait for an answer")
    sender: str | None = Field(None, description="Sender, if the campaign names none")
    folder: Path = Field(
        default_factory=Path,
        description="Set by a2pcli: the settings file's folder",
        exclude=True,
        repr=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_new_name(cls, typed: Any) -> Any:
        """``ca`` was called ``ca_file`` in blocks of type smpp."""
        if not isinstance(typed, dict) or OLD_CA not in typed or "ca" not in cls.model_fields:
            return typed
        if "ca" in typed:
            raise ValueError(f"ca and {OLD_CA} are the same", "keep ca")
        return {"ca" if key == OLD_CA else key: value for key, value in typed.items()}


Block = TypeVar("Block", bound=GatewayBlock)


def read_block(model: type[Block], name: str, settings: Mapping[str, Any]) -> Block:
    """Return the block as its model.

    Raises ``InvalidInput`` with a problem for each invalid key; its message starts with the key's path,
    ``gateways.<name>.<key>: …``, by which the command line finds the line in the file.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise InvalidInput(*(_problem(model, name, one) for one in error.errors())) from None


def block_problem(name: str, key: str, message: str, *, hint: str | None = None) -> Problem:
    """Return a problem with one key of a gateway's block, in the same form as ``read_block``."""
    place = f"gateways.{name}.{key}" if key else f"gateways.{name}"
    return Problem(f"{place}: {message}", hint=hint, code="gateway-settings")


def checked_host(text: str) -> str:
    """The name or address of a host, without scheme, port and path. Raises ``ValueError`` for anything else."""
    if not _HOST.fullmatch(text):
        raise ValueError(
            "must be the name of a host, without scheme, port and path", "like relay.example.com"
        )
    return text


def missing_extra(name: str, extra: str) -> Problem:
    """The problem of a gateway whose libraries are not installed here; they are those of an extra of a2pcli."""
    hint = how_to_install(extra)
    return replace(
        block_problem(name, "", f"the extra '{extra}' is not installed here", hint=hint), code="missing-extra"
    )


def _problem(model: type[GatewayBlock], name: str, error: Any) -> Problem:
    location = [str(part) for part in error["loc"]]
    kind = error["type"]
    hint = None
    if kind == "extra_forbidden":
        message = "unknown key"
        known = known_keys(model, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        if near:
            hint = f"did you mean {near[0]!r}?"
        elif known:
            hint = "keys: " + ", ".join(sorted(known))
    elif kind == "missing":
        message = "required, but missing"
    elif kind == "value_error":
        wrong = error["ctx"]["error"]
        message = str(wrong.args[0]) if wrong.args else "cannot be used"
        hint = str(wrong.args[1]) if len(wrong.args) > 1 and wrong.args[1] else None
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        message = "must hold 'key: value' lines"
        keys = known_keys(model, location)
        hint = "keys: " + ", ".join(sorted(keys)) if keys else None
    else:
        message = str(error["msg"])
        message = message[0].lower() + message[1:]
    return block_problem(name, ".".join(location), message, hint=hint)


def known_keys(model: type[BaseModel], location: list[str]) -> list[str]:
    """Return the keys that the model accepts at a nested location; empty if there is no model."""
    current: type[BaseModel] | None = model
    for part in location:
        field = _keys(current).get(part) if current else None
        current = _model_inside(field.annotation) if field else current if part.isdigit() else None
    return [key for key in _keys(current) if key != "folder"] if current else []


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the model's fields by their key in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_inside(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_inside(argument)
        if found:
            return found
    return None
