"""``a2pcli prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.options import Json, Ledger, Yes

if TYPE_CHECKING:
    from a2pcli.actions.retention import Pruned, Step

_WORDS = {
    "texts": "texts of {} messages",
    "people": "personal data of {} rows",
    "plan": "{} rows of a plan that was never sent",
    "samples": "{} sample messages of a plan that was not sent",
}


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("prune")(prune)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    yes: Yes = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Delete data past its retention period, as set by `retention:` in the settings.

    For finished runs: first message texts, then people; for plans never sent: everything. Totals are kept, and
    reports still work and say what was deleted. Where a campaign's occurrence could be planned again, a key of each
    person is kept so that nobody gets it twice.

    Never deleted: the suppression list, consents, the audit trail, runs that can still send, and files you exported.
    The ledger file is rewritten so that no deleted data remains in it.

    Example:  a2pcli prune --dry-run

              a2pcli prune --yes        (once a day, from cron)

    Exit status: 0 done or nothing to do, 3 deleted data may remain on disk (it says why), 6 not confirmed.
    """
    from a2pcli.actions import retention
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say

    ask = (lambda due: None) if yes else _confirm
    done = retention.prune(project_at(ledger), dry_run=dry_run, confirm=ask)
    if done.pruned is None:
        say("no ledger yet: nothing to delete")
    if as_json:
        print_json(_document(done.pruned, dry_run))
    elif done.pruned is not None:
        _tell(done.pruned, "would go" if dry_run else "gone")
    if done.left_bytes is not None:
        raise done.left_bytes


def _confirm(due: Pruned) -> None:
    from a2pcli.cli.terminal.output import confirm

    _tell(due, "would go")
    confirm(
        "Delete this permanently?",
        refused="nothing was deleted",
        without_terminal="use --yes to skip confirmation, or --dry-run to only show what would be deleted",
    )


def _document(found: Pruned | None, dry_run: bool) -> dict[str, Any]:
    steps = () if found is None else found.steps
    return {
        "dry_run": dry_run,
        "runs": [
            {"run": step.run.id, "campaign": step.run.campaign, "what": step.what, "rows": step.rows}
            for step in steps
        ],
        "contacted": 0 if found is None else found.contacted,
        "receipts": 0 if found is None else found.receipts,
        "replies": 0 if found is None else found.replies,
        "answers": 0 if found is None else found.answers,
        "codes": 0 if found is None else found.codes,
        "answer_texts": 0 if found is None else found.answer_texts,
        "conversations": 0 if found is None else found.conversations,
        "survey_sessions": 0 if found is None else found.survey_sessions,
        "survey_answers": 0 if found is None else found.survey_answers,
        "triggers": 0 if found is None else found.triggers,
        "reachability": 0 if found is None else found.reachability,
        "busy": [] if found is None else list(found.busy),
    }


_KINDS = {
    "contacted": "entries about who was messaged when",
    "replies": "replies",
    "answers": "messages outside of campaigns",
    "codes": "one-time passwords",
    "answer_texts": "texts of messages outside of campaigns",
    "conversations": "closed conversations of the inbox",
    "survey_sessions": "people who were asked in surveys",
    "survey_answers": "answers to surveys",
    "triggers": "events that were reported",
    "receipts": "delivery receipts without a known message",
    "reachability": "answers about whom a channel reaches",
}


def _tell(found: Pruned, verb: str) -> None:
    from a2pcli.cli.terminal.output import printable, say

    if found.nothing:
        say("nothing is past its retention period")
    for step in found.steps:
        print(printable(f"{step.run.id}  {step.run.campaign}: {_what(step)} {verb}"))
    for name, words in _KINDS.items():
        if many := getattr(found, name):
            print(f"{many:,} {words}: {verb}")
    for run in found.busy:
        say(f"run {run} is being sent: skipped")


def _what(step: Step) -> str:
    return _WORDS[step.what].format(f"{step.rows:,}")
