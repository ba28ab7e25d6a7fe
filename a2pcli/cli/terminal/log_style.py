"""How a command speaks: to a person, into a log with times, only of problems, or as one JSON event a line."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from a2pcli.actions.hooks import EVENT_VERSION


class LogStyle(StrEnum):
    """How notes and progress are printed."""

    PLAIN = "plain"
    TIMED = "timed"  # each line begins with the time, for a log file
    QUIET = "quiet"  # problems only
    EVENTS = "events"  # one JSON object a line on stdout, nothing else there


_chosen = LogStyle.PLAIN


def use(style: LogStyle) -> None:
    """Choose the style until the command ends."""
    global _chosen
    _chosen = style


def style() -> LogStyle:
    """The log style in use: text, JSON or quiet."""
    return _chosen


def timestamp() -> str:
    """Now, in UTC with milliseconds: ``2026-11-27T18:12:07.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def emit(event: str, **fields: Any) -> None:
    """Write an event, if events are what is asked for. That nobody reads them must not stop what is under way."""
    if _chosen is not LogStyle.EVENTS:
        return
    line = json.dumps({"v": EVENT_VERSION, "at": timestamp(), "event": event, **fields}, default=str)
    with suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def timed(text: str) -> str:
    """The text, each line of it with the time in front where a log is written."""
    if _chosen not in (LogStyle.TIMED, LogStyle.QUIET) or sys.stderr.isatty():
        return text
    now = timestamp()
    return "".join(f"{now} {line}" if line.strip() else line for line in text.splitlines(keepends=True))
