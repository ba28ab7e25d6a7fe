"""``a2pcli plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("plan")(plan)


def plan(
    campaign: options.Campaign,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write every row to this .csv, .jsonl or .parquet file.", metavar="FILE"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Plan the first N recipients only.", metavar="N")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(help="Budget, e.g. '50 GBP'. Default: limits.cost of the campaign.", metavar="MONEY"),
    ] = None,
    occurrence: options.Occurrence = None,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Show exactly who gets what and at what cost, and save it as a plan in the ledger.

    Nothing is sent. The plan has an id and a digest of its recipients and messages; `a2pcli send --plan ID` sends
    exactly that plan.

    Example:  a2pcli plan campaigns/spring_sale.yaml --out plan.csv

    Exit status: 0 planned, 3 a file is wrong, 6 over budget, a price missing for the budget, or too many recipients
    (the plan is kept, and cannot be sent).
    """
    show_plan(campaign, out, limit, max_cost, occurrence, ledger, as_json)


def show_plan(
    campaign: Path,
    out: Path | None,
    limit: int | None,
    max_cost: str | None,
    occurrence: str | None,
    ledger: str | None,
    as_json: bool,
) -> None:
    """What ``plan`` and ``send --dry-run`` do."""
    from a2pcli.actions import plans
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import RowCounter, print_json, show
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import Refused

    made = plans.plan(
        project_at(ledger, campaign),
        campaign,
        out=out,
        limit=limit,
        budget=max_cost,
        occurrence=occurrence,
        counting=lambda: RowCounter("planning"),
        warn=show_problems,
    )
    if made.unfinished is not None:
        _tell_of_unfinished(made.unfinished, made.left, made.run)
    from a2pcli.cli.screens.plan import plan_document, plan_screen  # last: the workers ought to start first

    if as_json:
        print_json(plan_document(made.run))
    else:
        show(plan_screen(made.run))
    if made.over_budget:
        raise Refused(f"the plan cannot be sent: {made.over_budget}")


def _tell_of_unfinished(run: Run, left: int, made: Run) -> None:
    """``send`` goes on with a run that is not finished, and not with the new plan."""
    from a2pcli.cli.terminal.output import say
    from a2pcli.reporting.values import send_command

    messages = "1 message is" if left == 1 else f"{left:,} messages are"
    say(f"note: run {run.id} is not finished, {messages} left; `a2pcli send` resumes it as it was planned")
    say(f"To cancel the rest of it:  a2pcli cancel {run.id}")
    say(f"To send this plan as well:  {send_command(made)}")
