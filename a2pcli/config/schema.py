"""The campaign's and the settings' models as JSON Schema, for editors, and as the tables of docs/reference.md.

Editors read YAML typed, the loader reads it as text. So wherever the loader takes a text, the schema takes what
YAML makes of it without quotes: ``sender: 60155`` is a number to the editor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from a2pcli.channels import NAMES
from a2pcli.config.campaign import Campaign
from a2pcli.config.settings import Settings
from a2pcli.dataclass import dataclass

_DIALECT = "http://json-schema.org/draft-07/schema#"
"""What the common editors' YAML support reads in full."""

_TRUTH = ["true", "false", "yes", "no", "on", "off"]
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"


Kind = Literal["campaign", "settings"]


def json_schema(kind: Kind) -> dict[str, Any]:
    """The schema of a campaign or settings file."""
    model = Campaign if kind == "campaign" else Settings
    schema: dict[str, Any] = _for_editors(model.model_json_schema(by_alias=True))
    definitions = schema.pop("$defs", {})
    title = "a2pcli campaign" if kind == "campaign" else "a2pcli settings"
    schema = {"$schema": _DIALECT, "title": title, **schema}
    if kind == "campaign":
        either = [{"required": ["message"]}, {"required": ["variants"]}, {"required": ["survey"]}]
        of_html = {"required": ["email"], "properties": {"email": {"required": ["html"]}}}
        of_text = [{"required": [one], "properties": {one: {"required": ["text"]}}} for one in NAMES]
        made = [
            {"required": [one], "properties": {one: {"required": [key]}}}
            for one, key in (("whatsapp", "template"), ("rcs", "card"), ("rcs", "carousel"))
        ]
        schema["anyOf"] = [*either, of_html, *of_text, *made]
        schema["not"] = {
            "anyOf": [{"required": list(two)} for two in combinations(("message", "variants", "survey"), 2)]
        }
        schema["properties"]["variants"] |= {"minProperties": 2, "propertyNames": {"pattern": _NAME}}
    else:
        for named in ("gateways", "routes"):
            schema["properties"][named]["propertyNames"] = {"pattern": _NAME}
        schema["properties"]["senders"]["additionalProperties"] = False
    if definitions:
        schema["definitions"] = definitions
    return schema


def replies_schema() -> dict[str, Any]:
    """The schema of ``replies.yaml``."""
    from a2pcli.config.reply_rules import ReplyFile

    return _schema_of(ReplyFile, "a2pcli replies")


def events_schema() -> dict[str, Any]:
    """The schema of ``events.yaml``."""
    from a2pcli.config.events import EventFile

    return _schema_of(EventFile, "a2pcli events")


def survey_schema() -> dict[str, Any]:
    """The schema of a survey."""
    from a2pcli.config.surveys import Survey

    return _schema_of(Survey, "a2pcli survey")


def _schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema: dict[str, Any] = _for_editors(model.model_json_schema(by_alias=True))
    definitions = schema.pop("$defs", {})
    return {"$schema": _DIALECT, "title": title, **schema, "definitions": definitions}


def schema_text(kind: Kind) -> str:
    """The schema as the text of a file."""
    return json.dumps(json_schema(kind), ensure_ascii=False, indent=2) + "\n"


def _for_editors(node: Any) -> Any:
    """The schema pydantic makes, with texts widened, null removed and references in draft-07's place."""
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:
        node = {**node, "properties": {key: _property(value) for key, value in node["properties"].items()}}
        node.pop("title", None)
    if "$ref" in node:
        return {**node, "$ref": node["$ref"].replace("#/$defs/", "#/definitions/")}
    if node.get("type") == "string" and "enum" not in node and "const" not in node:
        return {**node, "type": ["string", "number", "boolean"]}
    if node.get("type") == "boolean":
        return {**_without(node, "type"), "enum": [True, False, *_TRUTH]}
    if node.get("type") == "integer":
        return {**node, "type": ["integer", "string"], "pattern": "^[0-9]+$"}
    return {key: value if key in ("default", "enum") else _for_editors(value) for key, value in node.items()}


def _property(node: dict[str, Any]) -> dict[str, Any]:
    """One key: no generated title, no null (a key without a value is an error), its description for hovering."""
    node = _without(node, "title")
    if node.get("default", 0) is None:
        node = _without(node, "default")
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        node = {**_without(node, "anyOf"), **choices[0]}
    if "$ref" in node:
        # Beside "$ref" draft-07 reads nothing else.
        node = {**_without(node, "$ref"), "allOf": [{"$ref": node["$ref"]}]}
    if "description" in node:
        node["markdownDescription"] = node["description"]
    return node


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


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
