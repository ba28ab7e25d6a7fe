"""``a2pcli send``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.plans import CampaignTest


class LogFormat(StrEnum):
    """Formats of ``--log-format``."""

    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("send")(send)


def send(
    campaign: Annotated[
        Path | None, typer.Argument(help="The campaign file.", metavar="CAMPAIGN", readable=False)
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Send exactly this approved plan.", metavar="ID")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for cron.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop before the last step, like `plan`.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send to the first N recipients only.", metavar="N")
    ] = None,
    test_to: Annotated[
        str | None,
        typer.Option(help="Send one real row to your own number, marked as a test.", metavar="NUMBER"),
    ] = None,
    max_cost: Annotated[
        str | None, typer.Option(help="Budget, e.g. '50 GBP'; else limits.cost.", metavar="MONEY")
    ] = None,
    occurrence: options.Occurrence = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Most requests in flight.", metavar="N")
    ] = None,
    ledger: options.Ledger = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay while messages wait for people's hours, and send them then.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors only, and why the exit status is not 0.")
    ] = False,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="Print one JSON event a line on stdout, for a log.", metavar="json"),
    ] = None,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right", help="Send though the ledger has later entries: they are what is wrong."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Plan, show the plan, ask, send. Run again, it resumes; nobody gets it twice.

    Without a terminal it wants --yes or --plan ID. Ctrl-C finishes what is in flight and
    stops; a second Ctrl-C stops at once. The same command goes on where it stopped, with the
    plan as it was made; `a2pcli cancel RUN` drops what is left of it. After an edit of the
    campaign, --yes refuses to go on: --plan RUN or `cancel` says which text is meant.

    Messages to people whose hours have not come are held: the next call sends them (every
    quarter of an hour from cron, say), or --wait stays until then. On another day the command
    of a daily campaign starts that day's run; --plan RUN sends what the earlier one holds.

    Without a terminal each line begins with the time, and no number or text is printed.
    --log-format json prints events instead, --quiet nothing but errors. hooks: in the settings
    are told when a run is paused or finished, or when send fails.

    Example:  a2pcli send campaigns/spring_sale.yaml --max-cost '50 GBP'

    Cron:     a2pcli send campaigns/spring_sale.yaml --yes

    Exit status: 0 done or waiting for its hour, 3 a file is wrong, 4 some rejected or unknown,
    5 the gateway cannot be used (run paused), 6 over budget or refused, 7 another sender holds
    the run, 130 interrupted.
    """
    from a2pcli.errors import UsageError

    if as_json and (quiet or log_format):
        raise UsageError("--json prints one document; it cannot be combined with --quiet or --log-format")
    if campaign is None and plan is None:
        raise UsageError("name a CAMPAIGN, or --plan ID")
    if plan is not None and (limit or occurrence or test_to or dry_run):
        raise UsageError(
            "--plan ID sends a plan as it was approved; it takes no other choice of what is sent"
        )
    if campaign is not None and test_to is not None:
        _send_test(campaign, test_to, ledger, yes=yes, as_json=as_json)
        return
    if campaign is not None and dry_run:
        from a2pcli.cli.commands.plan import show_plan

        show_plan(campaign, None, limit, max_cost, occurrence, ledger, as_json)
        return
    from a2pcli.actions.send import send as action
    from a2pcli.actions.send_watcher import NothingToSend, SendRequest
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal import sending

    if not as_json:
        sending.begin(quiet=quiet, log_format=log_format)
    request = SendRequest(campaign, plan, yes, limit, max_cost, occurrence, concurrency, wait)
    project = project_at(ledger, campaign, ask=not yes)
    watcher = sending.TerminalWatcher(as_json=as_json, clock_is_right=clock_is_right)
    with sending.errors_logged():
        done = action(project, request, watcher)
    if isinstance(done, NothingToSend):
        sending.tell_nothing_left(done, as_json=as_json)
    raise typer.Exit(done.status)


def _send_test(campaign: Path, number: str, ledger: str | None, *, yes: bool, as_json: bool) -> None:
    from a2pcli.actions.plans import send_test
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.plan import Bubble, facts_of
    from a2pcli.cli.terminal.output import print_json, say, show
    from a2pcli.errors import GatewayUnusable
    from a2pcli.messages import Verdict

    def confirm(test: CampaignTest) -> None:
        title = f"test to {test.message.to}, as line {test.row['line']:,} would get it"
        show(Bubble(test.message.body, title, facts_of(test.row)), stderr=as_json)
        if not yes:
            _ask_test(test)

    done = send_test(project_at(ledger, campaign), campaign, number, confirm=confirm)
    outcome, can = done.outcome, done.can
    assert outcome is not None
    if as_json:
        print_json(
            {
                "test": True,
                "to": done.message.to,
                "verdict": outcome.verdict,
                "code": outcome.code,
                "detail": outcome.detail,
                "gateway_id": outcome.gateway_id,
                "delivers": can.delivers,
                "instead": can.instead or None,
            }
        )
    elif not can.delivers and outcome.verdict is Verdict.ACCEPTED:
        say(f"test {can.instead}; nothing was sent")
    else:
        say(f"test {outcome.verdict}" + (f": {outcome.detail}" if outcome.detail else ""))
    if outcome.verdict is not Verdict.ACCEPTED:
        raise GatewayUnusable(f"the test message was not accepted ({outcome.code or outcome.cause})")


def _ask_test(test: CampaignTest) -> None:
    from a2pcli.cli.terminal.asking import confirm

    question = f"Send this one test message through {test.gateway}?"
    if not test.can.delivers:
        question = f"Hand this test message to {test.gateway} ({test.can.instead}, not sent)?"
    confirm(question, refused="nothing was sent", without_terminal="--yes sends the test")
