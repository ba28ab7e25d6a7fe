"""``a2pcli send``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.campaign_test import CampaignTest


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("send")(send)


def send(
    campaign: Annotated[
        Path | None, typer.Argument(help="The campaign file.", metavar="CAMPAIGN", readable=False)
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Send exactly this approved plan.", metavar="ID")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip confirmation (for cron).")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; send nothing.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send to the first N recipients only.", metavar="N")
    ] = None,
    test_to: Annotated[
        str | None,
        typer.Option(
            help="Send one recipient's message to your own number, marked as a test.", metavar="NUMBER"
        ),
    ] = None,
    max_cost: Annotated[
        str | None, typer.Option(help="Budget, e.g. '50 GBP'. Default: limits.cost.", metavar="MONEY")
    ] = None,
    occurrence: options.Occurrence = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Maximum requests in flight.", metavar="N")
    ] = None,
    ledger: options.Ledger = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Keep running until held messages can be sent.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only errors and why the exit status is not 0.")
    ] = False,
    log_format: Annotated[
        options.LogFormat | None,
        typer.Option(help="Log format: one JSON event per line on stdout.", metavar="json"),
    ] = None,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right", help="Confirm that this clock is right although the ledger has later entries."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Plan, show the plan, ask for confirmation, and send. Run it again to resume; nobody gets a message twice.

    Without a terminal, --yes or --plan ID is required. Ctrl-C waits for messages in flight and stops; a second Ctrl-C
    stops immediately. The same command resumes the run with the plan as it was made; `a2pcli cancel RUN` cancels what
    is left. If the campaign was edited since, --yes refuses to resume: use --plan RUN to send the planned text, or
    `cancel` to plan again.

    Messages outside a person's permitted hours are held: the next call sends them (for example every 15 minutes from
    cron), or --wait keeps running until then. A daily campaign starts a new run each day; --plan RUN sends what an
    earlier run still holds.

    Without a terminal, each line starts with a timestamp, and numbers and texts are not printed. --log-format json
    prints events instead; --quiet prints errors only. The `hooks:` in the settings run when a run is paused or
    finished, or when send fails.

    Example:  a2pcli send campaigns/spring_sale.yaml --max-cost '50 GBP'

    Cron:     a2pcli send campaigns/spring_sale.yaml --yes

    Exit status: 0 finished, or messages are held, 3 a file is invalid, 4 some messages were rejected or are unknown,
    5 the gateway is unavailable (run paused), 6 over budget or not confirmed, 7 another process is sending this run,
    130 interrupted.
    """
    from a2pcli.errors import UsageError

    if as_json and (quiet or log_format):
        raise UsageError("--json prints one document; it cannot be combined with --quiet or --log-format")
    if campaign is None and plan is None:
        raise UsageError("name a CAMPAIGN, or --plan ID")
    if plan is not None and (limit or occurrence or test_to or dry_run):
        raise UsageError(
            "--plan ID sends a plan as it was approved; it cannot be combined with other selections"
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
    from a2pcli.actions.campaign_test import send_test
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.bubble import Bubble, facts_of, lines_below
    from a2pcli.cli.terminal.output import print_json, result_of_what_is_done, say, show
    from a2pcli.errors import GatewayUnusable
    from a2pcli.message_content import head_lines
    from a2pcli.messages import Verdict

    def confirm(test: CampaignTest) -> None:
        title = f"test to {test.message.to}: the message for line {test.row['line']:,}"
        show(
            Bubble(test.message.body, title, facts_of(test.row), head=head_lines(test.message.content)),
            stderr=as_json,
        )
        for line in lines_below(test.message.content):
            show(line, stderr=as_json)
        if not yes:
            _ask_test(test)

    done = send_test(project_at(ledger, campaign), campaign, number, confirm=confirm)
    outcome, can = done.outcome, done.can
    assert outcome is not None
    if as_json:
        document = {
            "test": True,
            "to": done.message.to,
            "verdict": outcome.verdict,
            "code": outcome.code,
            "detail": outcome.detail,
            "gateway_id": outcome.gateway_id,
            "delivers": can.delivers,
            "instead": can.instead or None,
        }
        with result_of_what_is_done():
            print_json(document)
    elif not can.delivers and outcome.verdict is Verdict.ACCEPTED:
        say(f"test {can.instead}; nothing was sent")
    else:
        say(f"test {outcome.verdict}" + (f": {outcome.detail}" if outcome.detail else ""))
    if outcome.verdict is not Verdict.ACCEPTED:
        raise GatewayUnusable(f"the test message was not accepted ({outcome.code or outcome.cause})")


def _ask_test(test: CampaignTest) -> None:
    from a2pcli.cli.terminal.output import confirm

    question = f"Send this one test message via {test.gateway}?"
    if not test.can.delivers:
        question = f"Pass this test message to {test.gateway} ({test.can.instead}, not sent)?"
    confirm(question, refused="nothing was sent", without_terminal="use --yes to skip confirmation")
