"""``a2pcli plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP

if TYPE_CHECKING:
    from a2pcli.cli.campaigns import Opened
    from a2pcli.ledger.records import Run
    from a2pcli.planning.prepare import Prepared


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("plan")(plan)


def plan(
    campaign: Annotated[Path, typer.Argument(help="The campaign file.", metavar="CAMPAIGN", readable=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Also write every row to this .csv, .jsonl or .parquet file.", metavar="FILE"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Plan the first N recipients only.", metavar="N")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(help="Budget, e.g. '50 GBP'; else the campaign's limits.cost.", metavar="MONEY"),
    ] = None,
    occurrence: Annotated[
        str | None, typer.Option(help="Name this occurrence instead of the campaign's rule.", metavar="NAME")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """See exactly who gets what, and at what cost; freeze it in the ledger.

    Nothing is sent. The plan keeps an id and a digest over recipients and bodies;
    `a2pcli send --plan ID` sends exactly that.

    Example:  a2pcli plan campaigns/spring_sale.yaml --out plan.csv

    Exit status: 0 planned, 3 a file is wrong, 6 over budget (the plan is kept, and cannot be sent).
    """
    show_plan(campaign, out, limit, max_cost, occurrence, ledger, as_json)


def check_budget(max_cost: str | None) -> None:
    """A budget that cannot be read is said before anything is planned."""
    if max_cost is None:
        return  # and nothing is imported: the workers ought to start first
    from a2pcli.content.prices import parse_budget
    from a2pcli.errors import InvalidInput, UsageError

    try:
        parse_budget(max_cost)
    except InvalidInput as error:
        raise UsageError(*(f"--max-cost: {problem.message}" for problem in error.problems)) from error


def _tell_of_open_run(work: Opened, ready: Prepared, made: Run) -> None:
    """``send`` goes on with a run that is not finished, and not with the new plan."""
    run = work.ledger.open_run(ready.occasion)
    totals = None if run is None else work.ledger.totals(run)
    # What was on its way when a sender was killed is settled as unknown, and not sent again.
    left = totals.count("planned") or totals.count("submitting") if totals else 0
    if run is not None and left:
        from a2pcli.cli.terminal.output import say
        from a2pcli.reporting.commands import send_command

        messages = "1 message is" if left == 1 else f"{left:,} messages are"
        say(
            f"note: run {run.id} is not finished, {messages} left; `a2pcli send` goes on with it as it was planned"
        )
        say(f"To drop what is left of it:  a2pcli cancel {run.id}")
        say(f"To send this plan beside it:  {send_command(made)}")


def show_plan(
    campaign: Path,
    out: Path | None,
    limit: int | None,
    max_cost: str | None,
    occurrence: str | None,
    ledger: str | None,
    as_json: bool,
) -> None:
    """What ``plan`` and ``send --dry-run`` do: the same path as ``send``, up to the last step."""
    from a2pcli.cli.campaigns import opened, plan_with_progress, prepared
    from a2pcli.cli.terminal.output import print_json, show
    from a2pcli.errors import Refused

    check_budget(max_cost)
    with opened(campaign, ledger) as work:
        ready = prepared(work, limit=limit, occurrence=occurrence)
        made = plan_with_progress(work, ready, budget=max_cost, out=out)
        _tell_of_open_run(work, ready, made.run)
    from a2pcli.cli.screens.plan import plan_document, plan_screen  # last: the workers ought to start first

    if as_json:
        print_json(plan_document(made.run))
    else:
        show(plan_screen(made.run))
    if made.over_budget:
        raise Refused(f"over budget: {made.over_budget}")
