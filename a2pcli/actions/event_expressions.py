"""Expressions of ``events.yaml`` over what was reported: JMESPath, or Jinja where the text has ``{{`` or ``{%``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.errors import InvalidInput, Problem, UsageError

LONGEST = 10_000
"""Characters of a value."""

Json = Mapping[str, Any]


class Expression:
    """One expression. ``value`` returns what it is for an event; raises ``ValueError`` (a sentence) if it fails."""

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` (a sentence) for a text that is none."""
        self._text = text
        self._template: Any = None
        self._path: Any = None
        if "{{" in text or "{%" in text:
            self._template = _template(text)
        else:
            self._path = _path(text)

    def __str__(self) -> str:
        return self._text

    def value(self, data: Json) -> Any:
        """Return what the expression is for this event; "" for what it does not have."""
        try:
            if self._template is not None:
                return self._template.render(dict(data)).strip()
            found = self._path.search(data)
        except Exception as error:
            name = type(error).__name__
            why = "a value is missing" if name == "UndefinedError" else f"a value does not fit ({name})"
            raise ValueError(f"`{self._text}` cannot be computed: {why}") from None
        return "" if found is None else found

    def text(self, data: Json) -> str:
        """Return the value as a cell of a table would have it; NUL becomes U+FFFD."""
        found = _cell(self.value(data))
        if found is None:
            raise ValueError(f"`{self._text}` is an object, and a column needs a text")
        found = found.replace("\0", "\ufffd")  # no database stores NUL
        if len(found) > LONGEST:
            raise ValueError(f"`{self._text}` has more than {LONGEST:,} characters")
        return found

    def holds(self, data: Json) -> bool:
        """Return whether it is anything but empty or false."""
        found = self.value(data)
        return bool(found) and str(found).strip().lower() not in ("false", "none", "0")


def _cell(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    if isinstance(value, list):
        items = [_cell(one) for one in value]
        return None if None in items else ", ".join(filter(None, items))
    return None


def _path(text: str) -> Any:
    jmespath = needed("jmespath")
    try:
        return jmespath.compile(text)
    except Exception as error:
        position = getattr(error, "lex_position", None)
        where = "" if position is None else f" at character {position + 1}"
        raise ValueError(f"not a JMESPath expression{where}") from None


def _template(text: str) -> Any:
    from jinja2 import ChainableUndefined, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class OfKeys(ImmutableSandboxedEnvironment):
        """An environment in which ``order.items`` is the key of an object, never a method."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, dict):
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
            return super().getattr(obj, attribute)

    try:
        return OfKeys(undefined=ChainableUndefined, finalize=_shown).from_string(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"not a Jinja text: {error.message}") from None


def _shown(value: Any) -> Any:
    """What stands in the text for a value: nothing for null, ``true`` for true, as in a column."""
    found = _cell(value) if isinstance(value, (str, bool, int, float, list, type(None))) else None
    return value if found is None else found


def needed(module: str, extra: str = "events") -> Any:
    """Return an optional module. Raises ``UsageError`` with what to install."""
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError:
        hint = f"pip install 'a2pcli[{extra}]'"
        raise UsageError(
            Problem(f"events need the package {module}", hint=hint, code="missing-package")
        ) from None


def refused(message: str, hint: str | None = None, code: str = "event") -> InvalidInput:
    """Return the error of an event that is not taken."""
    return InvalidInput(Problem(message, hint=hint, code=code))
