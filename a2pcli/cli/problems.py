"""Problems on stderr, one a line, unwrapped and without markup, so that editors and grep can read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from a2pcli.cli.output import say
from a2pcli.errors import A2PError, Problem, in_file_order


def show_problems(problems: Iterable[Problem]) -> None:
    """Print every problem to stderr, in file order."""
    for problem in in_file_order(problems):
        say(str(problem))


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
