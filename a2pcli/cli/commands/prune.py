"""``a2pcli prune``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP
from a2pcli.cli.terminal.output import JSON_HELP


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("prune")(prune)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ledger: Annotated[str | None, typer.Option(help=LEDGER_HELP, metavar="PATH")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Let go of texts and people that are older than `retention:` in the settings allows.

    Of runs that ended: first the texts of messages, then the people; of plans that were never
    sent, everything. Totals stay, reports still work and say what is gone. Where a campaign's
    occurrence may be planned again, a key of each person stays, so that nobody gets it twice.

    Never touched: the suppression list, consents, the audit trail, runs that can still send,
    and files you exported. The ledger's file is written anew, so no old bytes are left in it.

    Example:  a2pcli prune --dry-run

              a2pcli prune --yes        (once a day, from cron)

    Exit status: 0 done or nothing to do, 3 old bytes may be left (it says why), 6 refused.
    """
    from a2pcli.cli.prune_work import prune_ledger

    prune_ledger(ledger, dry_run=dry_run, yes=yes, as_json=as_json)
