"""Problems on stderr, one a line, unwrapped and without markup, so that editors and grep can read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from a2pcli.cli import log_style
from a2pcli.cli.log_style import LogStyle
from a2pcli.cli.output import printable, say
from a2pcli.errors import A2PError, Problem, Severity, in_file_order


def show_problems(problems: Iterable[Problem]) -> None:
    """Print every problem to stderr, in file order; with ``--quiet`` no warnings but those of hooks."""
    for problem in in_file_order(problems):
        if log_style.style() is LogStyle.EVENTS:
            log_style.emit("problem", **problem_document(problem))
        else:
            say(str(problem), always=problem.severity is Severity.ERROR or problem.code == "hook")


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem as JSON-ready data."""
    return {
        "severity": str(problem.severity),
        "code": problem.code,
        "message": printable(problem.message),
        "hint": None if problem.hint is None else printable(problem.hint),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
    }


def waiver_line(waiver: Mapping[str, Any]) -> str:
    """``shortener: our own domain (1 finding)``."""
    count = len(waiver["findings"])
    found = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
    return f"{waiver['rule']}: {waiver['reason']} ({found})"


def show_waivers(waivers: Iterable[Mapping[str, Any]], path: str) -> None:
    """Print to stderr which rules a campaign waives, and why: nobody should have to look for it."""
    for waiver in waivers:
        say(f"{path}: waived {waiver_line(waiver)}")


def show_error(error: A2PError) -> int:
    """Print the error's problems and give the exit status to leave with."""
    show_problems(error.problems)
    return int(error.exit_status)
