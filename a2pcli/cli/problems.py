"""Problems on stderr, one a line, unwrapped and without markup, so that editors and grep can read them."""

from __future__ import annotations

from collections.abc import Iterable

from a2pcli.cli.output import say
from a2pcli.errors import A2PError, Problem, in_file_order


def show_problems(problems: Iterable[Problem]) -> None:
    """Print every problem to stderr, in file order."""
    for problem in in_file_order(problems):
        say(str(problem))


def show_error(error: A2PError) -> int:
    """Print the error's problems and give the exit status to leave with."""
    show_problems(error.problems)
    return int(error.exit_status)
