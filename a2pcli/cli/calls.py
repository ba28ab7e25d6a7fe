"""What commands share when they call an action: the project, numbers that are odd, where a list goes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.project import Project, nobody_agrees
from a2pcli.errors import LedgerError, Problem, UsageError

if TYPE_CHECKING:
    from a2pcli.actions.addresses import ReadAddresses
    from a2pcli.actions.tables import Target


def project_at(ledger: str | None, start: Path | None = None, *, ask: bool = True) -> Project:
    """The project here, or the one that ``start`` (a file or folder) is in, with the person at this terminal as the
    one who is told and asked. Without ``ask`` nobody is asked about a ledger that is gone: it is an error."""
    from a2pcli.cli.terminal.output import say
    from a2pcli.cli.terminal.quiet import quieten_loggers

    quieten_loggers()
    return Project(start or Path.cwd(), ledger, _agree if ask else nobody_agrees, say)


def _agree(problem: Problem, question: str) -> None:
    """Go on only where a person at a terminal says so."""
    from a2pcli.cli.terminal.output import confirm
    from a2pcli.cli.terminal.problems import show_problems

    if not sys.stdin.isatty():
        raise LedgerError(problem)
    show_problems([problem])
    confirm(question, refused="nothing was done", without_terminal="", kept=problem.hint)


def tell_doubtful(read: ReadAddresses) -> None:
    """Numbers that are in no numbering plan are used, and named."""
    if read.doubtful:
        from a2pcli.cli.terminal.output import say

        for warning in read.warnings():
            say(warning)


def refuse_unread(read: ReadAddresses) -> None:
    """What cannot be read is said at the end: the others are done all the same. Raises ``UsageError``."""
    if read.problems:
        raise UsageError(*read.problems)


def export_to(
    file: Path, export: Callable[[Target], int], *, noun: str, as_lines: bool, as_json: bool
) -> None:
    """Have ``export`` write to the file (``-`` is stdout) and say how many rows, called ``noun``, there are."""
    from a2pcli.actions.tables import Target
    from a2pcli.cli.terminal.output import print_json, say, stdout_rows

    form = "jsonl" if as_lines else None
    if str(file) == "-":
        if as_json:
            hint = "specify a file, or use --jsonl"
            raise UsageError(Problem("- and --json cannot both go to stdout", hint=hint))
        with stdout_rows() as stream:
            export(Target(file, stream, form))
        return
    count = export(Target(file, None, form))
    if as_json:
        print_json({"file": str(file), noun: count})
    else:
        say(f"{count:,} {noun} in {file}")
