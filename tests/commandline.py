"""One command line for all commands of a test process.

A process that a user starts builds it for one command. Tests give thousands of commands in one process, and Typer would
look at the signature of every function again for each of them: an eighth of the work. Parsing, and everything after
it, is done anew each time.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer.main
from typer import Typer

from a2pcli.cli import app


class CommandLines:
    """Apps by the commands that they were asked for, and what Typer made of each."""

    def __init__(self) -> None:
        self._build, self._finish = app.build_app, typer.main.get_command
        self._built: dict[tuple[str, ...] | None, Typer] = {}
        self._finished: dict[int, object] = {}

    def build_app(self, asked: Sequence[str] | None = None) -> Typer:
        wanted = None if asked is None else tuple(asked)
        if wanted not in self._built:
            made = self._built[wanted] = self._build(asked)
            self._finished[id(made)] = self._finish(made)
        return self._built[wanted]

    def get_command(self, given: Typer) -> object:
        return self._finished.get(id(given)) or self._finish(given)


def share() -> None:
    """From here on all commands of this process use one command line for each first word."""
    lines = CommandLines()
    app.build_app = lines.build_app
    typer.main.get_command = lines.get_command
