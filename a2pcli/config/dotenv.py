"""``.env`` beside the settings: where secrets are for cron, which starts programs without a login's variables."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from a2pcli.errors import InvalidInput, Problem, Severity

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
