"""``a2pcli explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.terminal.output import JSON_HELP

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.phones import PhonePolicy
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger
    from a2pcli.reporting.explain import Explanation

MANY_ROWS = 10_000_000
"""More rows than this take some seconds to look through."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("explain")(explain)


def explain(
    number: Annotated[str, typer.Argument(help="A phone number, written in any way.", metavar="NUMBER")],
    run: Annotated[str | None, typer.Option(help="Only this run.", metavar="RUN")] = None,
    campaign: Annotated[
        Path | None,
        typer.Option(help="Also: what this campaign file would do for the number now.", metavar="FILE"),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Region of a number without +, e.g. GB; else the settings'.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Why someone got a message, did not, or will: every run that has the number, the opt-outs, and each rule that
    was considered, with what it looked at and who says so.

    Rows whose cell could not be read as a number are found too, by what was typed.

    Example:  a2pcli explain '07911 123456'
    """
    from a2pcli.cli.ledger_option import settings_from
    from a2pcli.cli.run_choice import existing_ledger
    from a2pcli.cli.terminal.output import print_json, show
    from a2pcli.contacts.phones import PhonePolicy
    from a2pcli.errors import UsageError

    start = campaign or Path.cwd()
    settings = settings_from(start)
    policy = PhonePolicy(
        region=region or settings.settings.region, allow_fictional=True, allow_fixed_line=True
    )
    with existing_ledger(ledger, start) as store:
        if store is None and run is not None:
            raise UsageError(f"there is no run '{run}': the ledger is empty")
        told = _from_ledger(store, number, policy, run, settings)
    would = None if campaign is None else _would(campaign, told.number, number, ledger)
    if as_json:
        from a2pcli.reporting.explain import explanation_document

        document = explanation_document(told)
        print_json(document if would is None else {**document, "now": would})
        return
    from a2pcli.cli.screens.explain import explanation_screen

    show(explanation_screen(told, would))


def _from_ledger(
    store: Ledger | None, number: str, policy: PhonePolicy, run: str | None, settings: LoadedSettings
) -> Explanation:
    from a2pcli.reporting.explain import explain as tell
    from a2pcli.reporting.explain import nothing_known
    from a2pcli.rules.law import law_of

    if store is None:
        return nothing_known(number, policy)
    chosen = None if run is None else store.run(run)
    _say_if_long(store, chosen)
    return tell(store, number, policy, run=chosen, law=law_of(settings))


def _say_if_long(store: Ledger, chosen: Run | None) -> None:
    """Rows are found by looking at all of them; a person who waits should know why."""
    from a2pcli.cli.terminal.output import say

    rows = sum(run.rows_read or 0 for run in ([chosen] if chosen else store.runs()))
    if rows > MANY_ROWS:
        say(f"looking through {rows:,} rows; --run looks through one run")


def _would(campaign: Path, number: str | None, asked: str, ledger: str | None) -> dict[str, Any]:
    """What planning the campaign now would do with the number: the same path as ``plan``, nothing stored."""
    from a2pcli.cli.campaigns import opened, prepared
    from a2pcli.planning.preview import by_number, preview
    from a2pcli.reporting.considered import considered
    from a2pcli.reporting.now import case_of
    from a2pcli.reporting.values import money
    from a2pcli.rules.law import law_of

    with opened(campaign, ledger) as work:
        ready = prepared(work)
        rows = [one.row for one in preview(ready, by_number(number, asked), work.workers)]
        law = law_of(work.settings)
        return {
            "campaign": ready.job.campaign,
            "contacts": ready.table.path,
            "rows": [
                {
                    "line": row["line"],
                    "sent": row["reason"] is None,
                    "reason": row["reason"],
                    "detail": row["detail"],
                    "body": row["body"],
                    "parts": row["parts"],
                    "cost": None if row["cost"] is None else money(row["cost"]),
                    "currency": row["currency"],
                    "rules": [one.document() for one in considered(work.ledger, law, case_of(ready, row))]
                    if row["number"]
                    else [],
                }
                for row in rows
            ],
        }
