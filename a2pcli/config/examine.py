"""Validates a document against its model: every problem at once, and what is usable nevertheless."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml import ScalarNode

from a2pcli.config.document import Document
from a2pcli.config.explain import explain, without_tags
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, in_file_order

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Examined(Generic[Model]):
    """``usable`` is the model where nothing is wrong; else what remains without the wrong keys, if that makes
    a model. Only ``check`` looks at remains; everything else takes ``sound``."""

    usable: Model | None
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> Model:
        """The model. Raises ``InvalidInput`` with every problem."""
        if self.problems or self.usable is None:
            raise InvalidInput(*self.problems)
        return self.usable


def examine(
    document: Document,
    model: type[Model],
    cross_problems: Callable[[Document], Iterator[Problem]],
    stand_ins: dict[str, str] | None = None,
) -> Examined[Model]:
    """Validate a document; problems come in file order.

    ``stand_ins`` are used for required keys that are missing or wrong, so that the rest can be looked at.
    """
    empty = dict(_without_value(document))
    problems = [*document.repeated_keys(), *empty.values()]
    usable, errors = _validate(document.data, model)
    for details in errors:
        if without_tags(details["loc"]) not in empty:
            problems.append(explain(details, document, model))
    problems += cross_problems(document)
    if usable is None:
        usable = _validate({**(stand_ins or {}), **_remains(document.data, errors)}, model)[0]
    return Examined(usable, in_file_order(_without_echoes(problems)))


def _validate(data: Any, model: type[Model]) -> tuple[Model | None, list[ErrorDetails]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _remains(data: dict[str, Any], errors: list[ErrorDetails]) -> dict[str, Any]:
    """The data without what is wrong."""
    remains = copy.deepcopy(data)
    for details in errors:
        loc = without_tags(details["loc"])
        # A mapping that lacks a key is of no use as a whole.
        doomed = loc[:-1] if details["type"] == "missing" and len(loc) > 1 else loc
        _remove(remains, doomed)
    return remains


def _remove(data: Any, loc: tuple[str | int, ...]) -> None:
    """Remove the value at ``loc``; a list with a wrong item goes as a whole."""
    if not loc:
        return
    for place, step in enumerate(loc[:-1]):
        if isinstance(loc[place + 1], int):
            break
        if not isinstance(data, dict) or step not in data:
            return  # gone already
        data = data[step]
    else:
        step = loc[-1]
    if isinstance(data, dict):
        data.pop(step, None)


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """Without "'message' is missing" where an unknown key beside says "did you mean 'message'?"."""
    meant = {problem.hint for problem in problems if problem.code == "unknown-key"}
    return [
        problem
        for problem in dict.fromkeys(problems)
        if problem.code != "missing-key" or f"did you mean {problem.message.split(' ')[0]}?" not in meant
    ]


def _without_value(document: Document) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """A problem for each key with nothing, ``~`` or ``null`` after it.

    A gateway's own block is free in what it holds: there only nothing at all is a problem.
    """
    for loc, (key, node) in document.nodes.items():
        names = tuple(step for step in loc if isinstance(step, str))
        if key is None or names != loc or not isinstance(node, ScalarNode) or node.style is not None:
            continue
        if node.value == "":
            message = f"'{key.value}' has no value"
        elif node.value in ("~", "null", "Null", "NULL") and names[0] != "gateways":
            message = f"'{key.value}' has no value: '{node.value}' means none in YAML"
        else:
            continue
        line, column = document.place(loc)
        hint = "set a value, or remove the line"
        yield names, Problem(message, document.path, line, column, hint, code="no-value")
