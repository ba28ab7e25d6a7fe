"""Where the lists of ``optout export`` and ``consent export`` go: a file, or standard output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from a2pcli.actions.tables import Target
from a2pcli.cli.terminal.output import print_json, say, stdout_rows
from a2pcli.errors import Problem, UsageError


def export_to(
    file: Path, export: Callable[[Target], int], *, noun: str, as_lines: bool, as_json: bool
) -> None:
    """Have ``export`` write to the file (``-`` is stdout) and say how many rows, called ``noun``, there are."""
    form = "jsonl" if as_lines else None
    if str(file) == "-":
        if as_json:
            hint = "name a file, or use --jsonl"
            raise UsageError(Problem("- and --json cannot both go to stdout", hint=hint))
        with stdout_rows() as stream:
            export(Target(file, stream, form))
        return
    count = export(Target(file, None, form))
    if as_json:
        print_json({"file": str(file), noun: count})
    else:
        say(f"{count:,} {noun} in {file}")
