"""What pydantic found, in plain words and at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from a2pcli.config import frequency, several, suggest
from a2pcli.config.document import Document
from a2pcli.config.senders import TAGS
from a2pcli.config.values import message_and_hint
from a2pcli.errors import Problem

Place = tuple[str | int, ...]


def explain(details: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    """Turn one of pydantic's errors into a ``Problem`` with a hint."""
    loc = without_tags(details["loc"])
    kind = details["type"]
    if kind == "missing":
        return _missing(loc, document, model)
    if kind == "extra_forbidden":
        message, hint = f"unknown key '{loc[-1]}'", suggest.meant_key(model, loc[:-1], str(loc[-1]))
        return document.problem(message, loc, of="key", hint=hint, code="unknown-key")
    if details["loc"][-1] == "[key]":
        return _wrong_name(kind, details, loc, document)
    message, hint = _value_problem(kind, details, _label(loc))
    of_key = kind in ("list_type", "dict_type", "model_type", "model_attributes_type")
    return document.problem(message, loc, of="key" if of_key else "value", hint=hint, code="bad-value")


def _missing(loc: Place, document: Document, model: type[BaseModel]) -> Problem:
    owner = suggest.model_at(model, loc[:-1])
    about = owner.model_fields[str(loc[-1])].description if owner else None
    hint = about[0].lower() + about[1:] if about and about[1].islower() else about
    where = f" under {_owner(loc[:-1])}" if len(loc) > 1 else ""
    return document.problem(
        f"'{loc[-1]}' is missing{where}", loc[:-1], of="key", hint=hint, code="missing-key"
    )


def _wrong_name(kind: str, details: ErrorDetails, loc: Place, document: Document) -> Problem:
    """A key of the user's choice that is none: a rule that does not exist, a sender that cannot be."""
    message, hint = _value_problem(kind, details, _label(loc))
    if kind == "literal_error":
        message = f"unknown rule '{_short(loc[-1])}'"
    return document.problem(message, loc, of="key", hint=hint, code="unknown-key")


def _value_problem(kind: str, details: ErrorDetails, name: str) -> tuple[str, str | None]:
    context: Mapping[str, Any] = details.get("ctx") or {}
    typed = details["input"]
    if kind == "value_error":
        return message_and_hint(context["error"])
    if kind == "literal_error":
        return _literal(name, typed, str(context["expected"]))
    if kind == "string_pattern_mismatch":
        return _pattern(name, str(typed), str(context.get("pattern", "")))
    rule = _KINDS.get(kind)
    if rule is None:
        return f"{name}: {details['msg'][0].lower()}{details['msg'][1:]}", None
    return rule(name, typed, context)


def _literal(name: str, typed: Any, expected: str) -> tuple[str, str | None]:
    choices = [choice.strip(" '") for choice in expected.replace(" or ", ",").split(",") if choice.strip()]
    if not isinstance(typed, str):
        return f"{name} cannot be {_kind_of(typed)}", "one of " + ", ".join(choices)
    near = get_close_matches(typed.lower(), choices, 1, 0.6)
    hint = f"did you mean '{near[0]}'?" if near else "one of " + ", ".join(choices)
    return f"{name} cannot be '{_short(typed)}'", hint


_SHAPES = (
    ("min(utes?)", "a number of minutes, hours or days, such as '30 min', '2 h' or '1 day'"),
    ("[A-Za-z]{2,3}", "a language, such as 'en'"),
    ("[a-z]{2,3}(_", "a language, such as 'en' or 'pt_BR'"),
    ("[a-z]+/", "a media type, such as 'image/png'"),
    ("[a-zA-Z0-9_]{1,", "letters from a to z, digits and '_'"),
)
"""What a text must be, by a part of its pattern; the other patterns are of names."""
_NAME = re.compile(r"\[([^]]+)\]\{[01],(\d+)\}\$$")


def _pattern(name: str, typed: str, pattern: str) -> tuple[str, str | None]:
    message = f"{name} cannot be '{_short(typed)}'"
    shape = next((hint for part, hint in _SHAPES if part in pattern), None)
    found = _NAME.search(pattern)
    if shape is not None or found is None:
        return message, shape
    signs = [sign for sign in "._-" if sign in found[1].replace("a-z", "").replace("0-9", "")]
    longest = int(found[2]) + 1
    fitting = "".join(char if char.isascii() and char.isalnum() else "-" for char in typed.strip().lower())
    fitting = "-".join(part for part in fitting.split("-") if part)[:longest]
    example = f", like '{fitting}'" if re.search(pattern, fitting) else ""
    listed = ", ".join(["a-z", "0-9", *(f"'{sign}'" for sign in signs[:-1])])
    return message, f"at most {longest} of {listed} and '{signs[-1]}'{example}"


_KINDS: dict[str, Callable[[str, Any, Mapping[str, Any]], tuple[str, str | None]]] = {
    "string_type": lambda name, typed, _: (f"{name} must be a text, not {_kind_of(typed)}", None),
    "string_too_short": lambda name, typed, _: (f"{name} is empty", None),
    "int_parsing": lambda name, typed, _: (f"{name} must be a whole number, not '{_short(typed)}'", None),
    "int_parsing_size": lambda name, typed, _: (f"{name} is too large a number", None),
    "int_type": lambda name, typed, _: (f"{name} must be a whole number, not {_kind_of(typed)}", None),
    "bool_parsing": lambda name, typed, _: (f"{name} must be true or false, not '{_short(typed)}'", None),
    "bool_type": lambda name, typed, _: (f"{name} must be true or false, not {_kind_of(typed)}", None),
    "datetime_type": lambda name, typed, _: (
        f"{name} must be a date with a time, not {_kind_of(typed)}",
        None,
    ),
    "list_type": lambda name, typed, _: (
        f"{name} must be a list",
        "write [one, two], or a '- ' line for each",
    ),
    "dict_type": lambda name, typed, _: (f"{name} must hold 'key: value' lines", None),
    "model_type": lambda name, typed, _: (f"{name} must hold 'key: value' lines", None),
    "model_attributes_type": lambda name, typed, _: (f"{name} must hold 'key: value' lines", None),
    "too_short": lambda name, typed, _: (f"{name} is empty", None),
    "greater_than_equal": lambda name, typed, context: (f"{name} must be at least {context['ge']}", None),
    "less_than_equal": lambda name, typed, context: (f"{name} must be at most {context['le']}", None),
}
_KINDS["datetime_from_date_parsing"] = _KINDS["datetime_parsing"] = _KINDS["datetime_type"]


def _owner(loc: Place) -> str:
    """What a key stands in: ``'schedule'``, or ``item 2 of 'buttons'`` however deep the list is."""
    named = max((place for place, step in enumerate(loc) if isinstance(step, str)), default=0)
    inside = loc[named + 1 : named + 2]
    return f"item {int(inside[0]) + 1} of '{loc[named]}'" if inside else f"'{loc[named]}'"


def _label(loc: Place) -> str:
    if loc and isinstance(loc[-1], int):
        return f"item {loc[-1] + 1} of '{loc[-2]}'"
    return f"'{loc[-1]}'" if loc else "the file"


def without_tags(loc: Place) -> Place:
    """Pydantic names the chosen arm of a union in the path; the file does not."""
    if len(loc) > 1 and loc[0] == "contacts" and loc[1] in ("file", "mapping"):
        return (loc[0], *loc[2:])
    if len(loc) > 1 and loc[0] == "law" and loc[1] in ("@file", "@rules"):
        return tuple(step for place, step in enumerate(loc) if place != 1 and step != "[key]")
    if len(loc) > 1 and loc[0] == "sender":
        loc = tuple(step for place, step in enumerate(loc) if place not in (1, 3) or step not in TAGS)
    if len(loc) > 1 and loc[0] == "channels":
        loc = tuple(step for step in loc if step not in several.TAGS)
        loc = tuple(step for place, step in enumerate(loc) if place not in (3, 5) or step not in TAGS)
    return tuple(step for step in loc if step != "[key]" and step not in frequency.TAGS)


def _kind_of(typed: Any) -> str:
    if isinstance(typed, list):
        return "a list"
    return "'key: value' lines" if isinstance(typed, dict) else f"'{_short(typed)}'"


def _short(typed: Any) -> str:
    text = str(typed)
    return text if len(text) <= 40 else text[:37] + "..."
