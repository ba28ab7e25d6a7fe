"""What commands write into the audit trail, one call each: what was done, to what, with which counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.audit import record_export
from a2pcli.errors import A2PError

if TYPE_CHECKING:
    from a2pcli.cli.scopes import Scope
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger


def planned(ledger: Ledger, run: Run, waived: Mapping[Any, str], out: Path | None) -> None:
    """A plan was made: the rules its campaign waives, with its reasons, and the file it was written to."""
    if ledger.known is not None:
        ledger.known.note(ledger, run.campaign)
    if waived:
        ledger.record("plan.waive", run.id, {"campaign": run.campaign, "rules": dict(waived)})
    if out is not None:
        record_export(ledger, "plan", out, run.rows_read or 0, run)


@contextmanager
def sending(ledger: Ledger, run: Run) -> Iterator[None]:
    """Around sending: its approval and start with the plan's digest, its end with the run's counts."""
    detail = {"campaign": run.campaign, "gateway": run.gateway, "purpose": run.purpose}
    if run.started_at is None:
        ledger.record("plan.approve", run.id, {**detail, "digest": run.digest})
    ledger.record("send.start", run.id, detail)
    try:
        yield
    except BaseException as error:
        with suppress(A2PError):  # what went wrong is what counts
            ledger.record("send.end", run.id, {"ended": type(error).__name__})
        raise
    now = ledger.run(run.id)
    ledger.record("send.end", run.id, {"ended": now.state, "states": dict(ledger.totals(now).by_state)})


def opted_out(ledger: Ledger, action: str, people: Sequence[str], scope: Scope) -> None:
    """Numbers were put on the suppression list (``optout.add``) or taken off (``optout.remove``)."""
    if people:
        ledger.record(action, None, {"scope": scope.words}, people=people)


def reconciled(ledger: Ledger, run: Run, how: str, **counts: int) -> None:
    """Messages whose outcome was unknown got one: by the gateway's word or by a person's."""
    ledger.record("reconcile", run.id, {"how": how, **counts})


def retried(ledger: Ledger, run: Run, codes: Mapping[str, int], messages: int) -> None:
    """Messages that the gateway rejected were planned again: the codes that were chosen, how many messages."""
    ledger.record("retry", run.id, {"codes": dict(codes), "messages": messages})
