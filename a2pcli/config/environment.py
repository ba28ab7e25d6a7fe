"""``${NAME}`` and ``${NAME:-default}`` in a gateway's settings, filled in when the gateway is made.

Never earlier: a check, a plan or a log must not hold a secret. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from a2pcli.config.document import Document
from a2pcli.errors import Problem

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def filled(data: Any, environ: Mapping[str, str]) -> Any:
    """The data with every reference replaced. Call ``reference_problems`` first."""
    if isinstance(data, str):
        return _REFERENCE.sub(lambda found: _value(found, environ), data)
    if isinstance(data, list):
        return [filled(item, environ) for item in data]
    if isinstance(data, dict):
        return {key: filled(value, environ) for key, value in data.items()}
    return data


def reference_problems(
    data: Any, loc: tuple[str | int, ...], document: Document, environ: Mapping[str, str]
) -> Iterator[Problem]:
    """A problem for each reference that is malformed or names a variable that is not set, or empty."""
    if isinstance(data, str):
        for found in _REFERENCE.finditer(data):
            problem = _fault(found, environ)
            if problem:
                line, column = document.spot(loc, found.start())
                message, hint, code = problem
                yield Problem(message, document.path, line, column, hint, code=code)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from reference_problems(item, (*loc, index), document, environ)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from reference_problems(value, (*loc, key), document, environ)


def variables(data: Any, environ: Mapping[str, str]) -> dict[str, bool]:
    """The variables that the data names, in order, and whether each is there (or has a default)."""
    if isinstance(data, str):
        names = [_NAME.fullmatch(found[1]) for found in _REFERENCE.finditer(data) if found[1] is not None]
        return {name[1]: bool(environ.get(name[1])) or name[2] is not None for name in names if name}
    parts = data if isinstance(data, list) else data.values() if isinstance(data, dict) else ()
    return {name: there for part in parts for name, there in variables(part, environ).items()}


def _fault(found: re.Match[str], environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    if found[1] is None:
        return None
    name = _NAME.fullmatch(found[1])
    if name is None:
        return "'${...}' must hold the name of an environment variable", "like ${API_KEY}", "bad-reference"
    if environ.get(name[1]) or name[2] is not None:
        return None
    what = "empty" if name[1] in environ else "not set"  # a secret that was not found is often set to nothing
    hint = f"export {name[1]}=..., or write {name[1]}=... into .env beside the settings"
    return f"the environment variable {name[1]} is {what}", hint, "missing-variable"


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found[1] is None:
        return "${"
    name = _NAME.fullmatch(found[1])
    if name is None:
        return ""
    given = environ.get(name[1])
    return (name[2] or "") if not given and name[2] is not None else (given or "")


NOT_A_VARIABLE = (
    "must name an environment variable",
    "like ${LEDGER_KEY}: do not put the key itself into a file that is shared",
)
"""What is wrong where a secret stands in the settings itself, and what to do."""


def names_variable(typed: str) -> bool:
    """Whether a value is one ``${NAME}`` and nothing else."""
    return re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", typed.strip()) is not None
