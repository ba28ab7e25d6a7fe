"""The project that a command works on, with the person at this terminal as the one who is asked and told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.project import Project, nobody_agrees
from a2pcli.errors import LedgerError

if TYPE_CHECKING:
    from a2pcli.errors import Problem


def project_at(ledger: str | None, start: Path | None = None, *, ask: bool = True) -> Project:
    """The project here, or the one that ``start`` (a file or folder) is in. Without ``ask`` nobody is asked about a
    ledger that is gone: it is an error."""
    from a2pcli.cli.terminal.output import say
    from a2pcli.cli.terminal.quiet import quieten_loggers

    quieten_loggers()
    return Project(start or Path.cwd(), ledger, _agree if ask else nobody_agrees, say)


def _agree(problem: Problem, question: str) -> None:
    """Go on only where a person at a terminal says so."""
    from a2pcli.cli.terminal.asking import confirm
    from a2pcli.cli.terminal.problems import show_problems

    if not sys.stdin.isatty():
        raise LedgerError(problem)
    show_problems([problem])
    confirm(question, refused="nothing was done", without_terminal="", kept=problem.hint)
