"""``a2pcli survey``: check, start, list and results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2pcli.cli.options import Json, Ledger

Name = Annotated[str, typer.Argument(metavar="NAME", help="The survey: surveys/NAME.yaml.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(survey)
    commands.command("check")(check)
    commands.command("start")(start)
    commands.command("list")(list_surveys)
    commands.command("results")(results)
    app.add_typer(commands, name="survey")


def survey() -> None:
    """Ask people questions, one after the other, and see the answers.

    Surveys are files in surveys/, beside the settings. A campaign with `survey: NAME` asks many people; `a2pcli listen`
    takes their answers and asks the next question.

    Example:  a2pcli survey results visit
    """


def check(as_json: Json = False) -> None:
    """Find every problem in the surveys of this project. `a2pcli check` does it too.

    Example:  a2pcli survey check

    Exit status: 0 no problems, 3 problems.
    """
    from a2pcli.actions.surveys import load_surveys
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, printable, say

    found = load_surveys(project_at(None).settings())
    if as_json:
        print_json({"surveys": [{"name": name, "path": one.path} for name, one in found.items()]})
        return
    for one in found.values():
        many = len(one.survey.questions)
        print(printable(f"{one.path}: {many} question{'' if many == 1 else 's'}"))
    if not found:
        say("there are no surveys here: they are files in surveys/, beside the settings")


def start(
    name: Name,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The person to ask.")],
    gateway: Annotated[
        str | None, typer.Option(metavar="NAME", help="Gateway. Default: the survey's, or the settings'.")
    ] = None,
    sender: Annotated[
        str | None, typer.Option(metavar="SENDER", help="Sender. Default: the survey's, or the gateway's.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask a person who was asked this survey before.")
    ] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Ask one person the first question now, whatever the permitted hours are.

    People who have opted out are not asked, nor people who have another question from the same sender open.

    Example:  a2pcli survey start visit '+44 7911 123456'

    Exit status: 0 accepted, 4 not accepted or unknown, 6 refused.
    """
    from a2pcli.actions import surveys as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.surveys import started_document, started_line
    from a2pcli.cli.terminal.output import print_json, printable
    from a2pcli.errors import ExitStatus

    done = actions.start(project_at(ledger), name, address, gateway=gateway, sender=sender, again=again)
    if as_json:
        print_json(started_document(done))
    else:
        print(printable(started_line(done)))
    if done.answer is None or str(done.answer.state) != "accepted":
        raise typer.Exit(int(ExitStatus.FINISHED_WITH_FAILURES))


def list_surveys(ledger: Ledger = None, as_json: Json = False) -> None:
    """List the surveys, with how many people were asked, answered and finished.

    Example:  a2pcli survey list

    Exit status: 0, or 3 if a file is wrong: the others are listed.
    """
    from a2pcli.actions.survey_results import listed
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.surveys import line_document, listing
    from a2pcli.cli.terminal.output import print_json, say, show
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    found, problems = listed(project_at(ledger))
    if as_json:
        print_json({"surveys": [line_document(one) for one in found]})
    elif found:
        show(listing(found))
    else:
        say("there are no surveys here: they are files in surveys/, beside the settings")
    show_problems(problems)
    if problems:
        raise typer.Exit(int(ExitStatus.INVALID))


def results(
    name: Name,
    out: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write a row for each person to this file; `-` is stdout."
        ),
    ] = None,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Show phone numbers and addresses unmasked.")
    ] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show what people answered: distributions, means, and for scales from 0 to 10 the net promoter score.

    Example:  a2pcli survey results visit --csv visit.csv
    """
    from a2pcli.actions import survey_results as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.surveys import as_csv, result_document, result_lines
    from a2pcli.cli.terminal.output import print_json, printable, say

    found = actions.results(project_at(ledger), name, whole=addresses)
    if out is not None:
        text = as_csv(found)
        if str(out) == "-":
            print(text, end="")
            return
        _write(out, text)
    if as_json:
        print_json(result_document(found))
    elif out is not None:
        say(f"wrote {out}: {found.began:,} {'person' if found.began == 1 else 'people'}")
    else:
        for line in result_lines(found):
            print(printable(line))


def _write(out: Path, text: str) -> None:
    """Write a file that only its owner can read: it has what people said."""
    import os

    from a2pcli.errors import not_written

    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise not_written(error, str(out), "unwritable") from None
