"""``${NAME}``, ``${NAME:-default}`` and ``${keyring:SERVICE/NAME}`` in a gateway's settings, filled in when it is made.

Never earlier: a check, a plan or a log must not hold a secret. ``$${`` stands for a literal ``${``.
``.env`` beside the settings is where secrets are for cron, which starts programs without a login's variables.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from a2pcli.config.document import Document
from a2pcli.config.keyring_entries import keyring_entry
from a2pcli.errors import InvalidInput, Problem, Severity

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_KEYRING = re.compile(r"keyring:(?!-)(.*)", re.DOTALL)
_ENTRY = re.compile(r"keyring:([^\s/](?:[^\n\r]*[^\s/])?)/([^\s/](?:[^\n\r/]*[^\s/])?)")
"""Service and name; the service may have slashes of its own."""


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
    """A problem for each reference that is malformed, or names a variable or a keyring's entry that is not there."""
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
    """The variables that the data names, in order, and whether each is there (or has a default). A keyring's entry is
    named ``keyring:SERVICE/NAME``."""
    if isinstance(data, str):
        named = [found[1] for found in _REFERENCE.finditer(data) if found[1] is not None]
        there = {typed: _of_keyring(typed, environ) is not None for typed in named if _ENTRY.fullmatch(typed)}
        names = [(typed, _NAME.fullmatch(typed)) for typed in named]
        return {
            name[1] if name else typed: there[typed]
            if not name
            else bool(environ.get(name[1])) or name[2] is not None
            for typed, name in names
            if name or typed in there
        }
    parts = data if isinstance(data, list) else data.values() if isinstance(data, dict) else ()
    return {name: there for part in parts for name, there in variables(part, environ).items()}


def _fault(found: re.Match[str], environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    if found[1] is None:
        return None
    if _KEYRING.fullmatch(found[1]):
        return _keyring_fault(found[1], environ)
    name = _NAME.fullmatch(found[1])
    if name is None:
        return "'${...}' must hold the name of an environment variable", "like ${API_KEY}", "bad-reference"
    if environ.get(name[1]) or name[2] is not None:
        return None
    what = "empty" if name[1] in environ else "not set"  # a secret that was not found is often set to nothing
    hint = f"export {name[1]}=..., or write {name[1]}=... into .env beside the settings"
    return f"the environment variable {name[1]} is {what}", hint, "missing-variable"


def _keyring_fault(typed: str, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    entry = _ENTRY.fullmatch(typed)
    if entry is None or ":-" in entry[2]:
        what = "must hold a service and a name" if entry is None else "has no default"
        return f"'${{keyring:...}}' {what}", "like ${keyring:a2pcli/twilio-token}", "bad-reference"
    if typed in environ:
        return None
    found = keyring_entry(entry[1], entry[2])
    return None if found.value is not None else (found.message, found.hint, "missing-secret")


def _of_keyring(typed: str, environ: Mapping[str, str]) -> str | None:
    """The secret of ``keyring:SERVICE/NAME``; one that the caller gives under that name comes first."""
    entry = _ENTRY.fullmatch(typed)
    if entry is None:
        return None
    return environ[typed] if typed in environ else keyring_entry(entry[1], entry[2]).value


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found[1] is None:
        return "${"
    if _KEYRING.fullmatch(found[1]):
        return _of_keyring(found[1], environ) or ""
    name = _NAME.fullmatch(found[1])
    if name is None:
        return ""
    given = environ.get(name[1])
    return (name[2] or "") if not given and name[2] is not None else (given or "")


NOT_A_VARIABLE = (
    "must name an environment variable or an entry of the keyring",
    "like ${LEDGER_KEY}: do not put the key itself into a file that is shared",
)
"""What is wrong where a secret stands in the settings itself, and what to do."""


def names_variable(typed: str) -> bool:
    """Whether a value is one ``${NAME}`` or ``${keyring:SERVICE/NAME}`` and nothing else."""
    return re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*|keyring:[^{}]+/[^{}]+)\}", typed.strip()) is not None


NAME = ".env"
LARGEST = 1_000_000
"""Bytes of a file of variables at most."""


def environment_at(folder: Path) -> Mapping[str, str]:
    """The variables for settings in ``folder``: those of ``.env`` there, and over them the process's own.

    Raises ``InvalidInput`` for a ``.env`` that cannot be read, with every line that is not ``NAME=value``.
    """
    path = folder / NAME
    if not path.exists():
        return os.environ
    return {**_read(path), **os.environ}


def _read(path: Path) -> dict[str, str]:
    from io import StringIO

    from dotenv.parser import parse_stream

    found: dict[str, str] = {}
    problems = []
    for binding in parse_stream(StringIO(_text(path))):
        if binding.error or (binding.key is not None and binding.value is None):
            # The line is not shown: it may hold a secret.
            blank = len(binding.original.string) - len(binding.original.string.lstrip("\r\n"))
            line = binding.original.line + binding.original.string[:blank].count("\n")
            message = "this line is not NAME=value"
            hint = "write NAME=value; put values with spaces or # in single quotes"
            problems.append(Problem(message, str(path), line, 1, hint, code="bad-variable"))
        elif binding.key is not None:
            found[binding.key] = binding.value or ""
    if problems:
        raise InvalidInput(*problems)
    return found


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput(Problem("is not a file", str(path), code="unreadable"))
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        problem = Problem(f"cannot be read: {error.strerror}", str(path), code="unreadable")
        raise InvalidInput(problem) from error
    if len(data) > LARGEST:
        raise InvalidInput(Problem("is too large for a .env file", str(path), code="unreadable"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(Problem("is not UTF-8 text", str(path), line, code="unreadable")) from None


def warnings(folder: Path) -> Iterator[Problem]:
    """A warning where others on the machine can read the secrets, or git would commit them."""
    path = folder / NAME
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if os.name == "posix" and mode & 0o077:
        hint = f"chmod 600 {path}"
        message = "other users of this machine can read the secrets in it"
        yield Problem(message, str(path), hint=hint, severity=Severity.WARNING, code="env-readable")
    if _git_would_commit(path):
        message = "git does not ignore it: the secrets in it could be committed"
        hint = "add .env to .gitignore"
        yield Problem(message, str(path), hint=hint, severity=Severity.WARNING, code="env-not-ignored")


def _git_would_commit(path: Path) -> bool:
    """Whether the file lies in a git work tree that does not ignore it. False where git cannot be asked."""
    import subprocess

    folder = path.resolve().parent
    if not any((level / ".git").exists() for level in (folder, *folder.parents)):
        return False
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), "check-ignore", "--quiet", NAME],
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.returncode == 1
