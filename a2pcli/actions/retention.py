"""Deletes data past its retention period, and words the sentence about it in reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.retention import Pruned as Pruned
    from a2pcli.ledger.retention import Step as Step


@dataclass(frozen=True, slots=True)
class PrunedLedger:
    """What was removed, or would be; None where there is no ledger yet. ``left_bytes`` says why bytes of it may be left
    in the ledger's file."""

    pruned: Pruned | None
    left_bytes: LedgerError | None = None


def prune(
    project: Project, *, dry_run: bool = False, confirm: Callable[[Pruned], None] = lambda due: None
) -> PrunedLedger:
    """Remove what ``retention:`` of the settings says is old enough, and write the ledger's file anew.

    ``confirm`` gets what is due before anything is removed; with ``dry_run`` nothing is. Audit: ``prune``, one for
    each run of which something went.
    """
    rules = project.settings().settings.retention
    with project.existing_ledger(to_write=not dry_run) as ledger:
        if ledger is None:
            return PrunedLedger(None)
        due = ledger.people.prune(rules, dry_run=True)
        if dry_run or due.nothing:
            return PrunedLedger(due)
        confirm(due)
        done = ledger.people.prune(rules)
        try:
            ledger.rewrite()
        except LedgerError as error:  # told at the end: what was to go is gone either way
            return PrunedLedger(done, error)
    return PrunedLedger(done)


def what_was_pruned(run: Run) -> str | None:
    """To be said with every report of a run whose rows are not whole any more; None where they are."""
    pruned = run.summary.get("pruned")
    if not pruned:
        return None
    if "people" in pruned:
        on = pruned["people"]
        return f"run {run.id}: people and texts were deleted by retention on {on}; the totals are from before"
    return f"run {run.id}: texts were deleted by retention on {pruned['texts']}"
