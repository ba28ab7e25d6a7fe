"""``a2pcli check``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.checks import Checked
    from a2pcli.errors import Problem


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("check")(check)


def check(
    campaigns: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Campaign files or folders. Default: ./campaigns, or this folder.",
            metavar="CAMPAIGN",
            readable=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Ignore warnings with this code (--json shows codes).", metavar="CODE"),
    ] = None,
    online: Annotated[
        bool,
        typer.Option(
            "--online", help="Also ask for the pictures and files that the first contacts would get."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Find every problem in campaigns, settings, templates and contacts before planning; also in surveys, events.yaml
    and replies.yaml.

    Errors would stop a plan. Warnings are about money or trust: a character that doubles the number of parts, missing
    opt-out instructions, a column that is often empty. Works offline, except with --online; nothing is stored or
    sent.

    Example:  a2pcli check campaigns/spring_sale.yaml --strict

    Exit status: 0 no errors (there may be warnings), 3 errors, or warnings with --strict.
    """
    from a2pcli.actions.checks import check_files, find_campaigns, is_survey
    from a2pcli.actions.project_files import is_project_file
    from a2pcli.cli.terminal.output import print_json, printable, say
    from a2pcli.cli.terminal.problems import show_problems, show_waivers
    from a2pcli.errors import ExitStatus, Severity, in_file_order
    from a2pcli.reporting.values import reading_line

    checked = check_files(find_campaigns(campaigns or []), ignore or [], online=online)
    problems = in_file_order(dict.fromkeys(problem for one in checked for problem in one.problems))
    if as_json:
        print_json(_document(checked, problems))
    else:
        show_problems(problems)
        for one in checked:
            show_waivers(one.waivers, str(one.path))
            if one.read_as:
                print(f"{one.path}: columns: {printable(reading_line(one.read_as))}")
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = sum(problem.severity is Severity.WARNING for problem in problems)
    surveys = sum(is_survey(one.path) for one in checked)
    others = [one.path.name for one in checked if is_project_file(one.path)]
    kinds = ((len(checked) - surveys - len(others), "campaign"), (surveys, "survey"))
    *before, last = [*(_count(many, noun) for many, noun in kinds if many), *dict.fromkeys(others)]
    looked_at = f"{', '.join(before)} and {last}" if before else last
    say(f"{looked_at} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors or (strict and warnings):
        raise typer.Exit(int(ExitStatus.INVALID))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _document(checked: Iterable[Checked], problems: Iterable[Problem]) -> dict[str, Any]:
    from a2pcli.errors import Severity

    return {
        "problems": [
            {
                "path": problem.path,
                "line": problem.line,
                "column": problem.column,
                "severity": str(problem.severity),
                "code": problem.code,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in problems
        ],
        "campaigns": [
            {
                "path": str(one.path),
                "name": one.name,
                "errors": sum(problem.severity is Severity.ERROR for problem in one.problems),
                "warnings": sum(problem.severity is Severity.WARNING for problem in one.problems),
                "waivers": list(one.waivers),
                "read_as": dict(one.read_as),
            }
            for one in checked
        ],
    }
