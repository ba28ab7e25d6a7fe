"""What ``a2pcli prune`` does, and how reports say what it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.ledger_option import settings_from
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, printable, say
from a2pcli.errors import LedgerError

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.retention import Pruned, Step
    from a2pcli.ledger.store import Ledger

_WORDS = {
    "texts": "texts of {} messages",
    "people": "the people of {} rows",
    "plan": "{} rows of a plan that was never sent",
    "samples": "{} sample messages of a plan that was not sent",
}


def prune_ledger(ledger: str | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show, ask, prune."""
    rules = settings_from(Path.cwd()).settings.retention
    problem: LedgerError | None = None
    with existing_ledger(ledger) as store:
        if store is None:
            say("no ledger yet: nothing to prune")
            if as_json:
                print_json({"dry_run": dry_run, "runs": [], "contacted": 0, "busy": []})
            return
        found = store.prune(rules, dry_run=True)
        if not dry_run and not found.nothing:
            if not yes:
                _tell(found, "would go")
                confirm(
                    "Remove this for good?",
                    refused="nothing was pruned",
                    without_terminal="--yes prunes without asking; --dry-run only says what would go",
                )
            found = store.prune(rules)
            _note(store, found)
            problem = _rewritten(store)
    if as_json:
        print_json(_document(found, dry_run))
    else:
        _tell(found, "would go" if dry_run else "gone")
    if problem is not None:
        raise problem


def _rewritten(store: Ledger) -> LedgerError | None:
    """Why old bytes may be left in the file; told at the end, since what was to go is gone either way."""
    try:
        store.rewrite()
    except LedgerError as error:
        return error
    return None


def _note(store: Ledger, done: Pruned) -> None:
    counts: dict[str, int] = {}
    for step in done.steps:
        counts[step.what] = counts.get(step.what, 0) + step.rows
    detail = {"runs": [f"{step.run.id} {step.what}" for step in done.steps][:100], **counts}
    store.record("prune", None, {**detail, "contacted": done.contacted})


def _document(found: Pruned, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "runs": [
            {"run": step.run.id, "campaign": step.run.campaign, "what": step.what, "rows": step.rows}
            for step in found.steps
        ],
        "contacted": found.contacted,
        "busy": list(found.busy),
    }


def _tell(found: Pruned, verb: str) -> None:
    if found.nothing:
        say("nothing is old enough to be pruned")
    for step in found.steps:
        print(printable(f"{step.run.id}  {step.run.campaign}: {_what(step)} {verb}"))
    if found.contacted:
        print(f"{found.contacted:,} entries that counted for frequency caps: {verb}")
    for run in found.busy:
        say(f"run {run} is being sent: left alone")


def _what(step: Step) -> str:
    return _WORDS[step.what].format(f"{step.rows:,}")


def say_what_was_pruned(run: Run) -> None:
    """Said with every report of a run whose rows are not whole any more."""
    pruned = run.summary.get("pruned")
    if not pruned:
        return
    if "people" in pruned:
        say(
            f"run {run.id}: people and texts were removed by retention on {pruned['people']}; the totals are of before"
        )
    else:
        say(f"run {run.id}: texts were removed by retention on {pruned['texts']}")
