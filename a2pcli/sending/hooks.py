"""Hooks: commands and URLs from the settings that are called when a ``send`` ends. They get counts, never people."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from a2pcli.errors import Problem, Severity

TIMEOUT = 15.0
"""Seconds a hook may take; a slower one is killed, and the others still run."""


def run_hooks(
    hooks: Sequence[str], event: Mapping[str, Any], folder: Path, environ: Mapping[str, str]
) -> list[Problem]:
    """Run each hook with the event; gives a warning for each that did not work. Never raises.

    A URL gets the event as a JSON POST. A command is started without a shell in ``folder``, with the event as
    JSON on its standard input and its main values in ``A2PCLI_*`` variables.
    """
    return [problem for hook in hooks for problem in _run(hook, event, folder, environ)]


def _run(hook: str, event: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    document = json.dumps(event, default=str)
    try:
        why = _post(hook, document) if is_url(hook) else _start(hook, document, event, folder, environ)
    except Exception as error:  # a hook is the user's code: no failure in it may change how a send ended
        why = _why(error, is_url=is_url(hook))
    if why:
        # A URL and a command's arguments may hold secrets, so neither is shown.
        name = "URL" if is_url(hook) else f"command {(hook.split() or [hook])[0]}"
        message = f"the hook for {event.get('outcome')} failed ({name}): {why}"
        yield Problem(message, hint="see hooks: in the settings", severity=Severity.WARNING, code="hook")


def is_url(hook: str) -> bool:
    """Return whether a hook is a URL rather than a command."""
    return bool(re.match(r"https?://", hook.strip(), re.IGNORECASE))


def _post(url: str, document: str) -> str | None:
    import httpx

    headers = {"Content-Type": "application/json"}
    answer = httpx.post(url.strip(), content=document, headers=headers, timeout=TIMEOUT)
    return None if answer.is_success else f"it answered {answer.status_code}"


def _start(
    command: str, document: str, event: Mapping[str, Any], folder: Path, environ: Mapping[str, str]
) -> str | None:
    values = {
        f"A2PCLI_{key.upper()}": str(event[key])
        for key in ("outcome", "run", "campaign", "status")
        if key in event
    }
    done = subprocess.run(
        shlex.split(command),
        input=document.encode(),
        cwd=folder,
        env={**os.environ, **environ, **values},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT,
        check=False,
    )
    return None if done.returncode == 0 else f"it ended with status {done.returncode}"


def _why(error: Exception, *, is_url: bool) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {TIMEOUT:.0f} seconds"
    if isinstance(error, FileNotFoundError):
        return "no such program"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ValueError) and not is_url:  # ``shlex``
        return "a quote in it is not closed"
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):
        return "no connection"
    if "Timeout" in type(error).__name__:
        return f"no answer within {TIMEOUT:.0f} seconds"
    return type(error).__name__  # the message of an HTTP client may quote the URL
