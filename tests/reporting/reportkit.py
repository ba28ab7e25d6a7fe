"""Real ledgers with small runs in every state, for the tests of reports."""

from __future__ import annotations

from pathlib import Path

from a2pcli.ledger.records import AcceptedRows, ExcludedRows, NewRun, PlannedRows, Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Outcome, State, Verdict

PRICE = 40_000_000
"""0.04 in 1e-9 currency units."""


def number(row: int) -> str:
    """A fictional British mobile number."""
    return f"+447700900{row:03d}"


def new_ledger(folder: Path) -> Ledger:
    return Ledger.open(str(folder / "ledger.db"))


def plan(
    ledger: Ledger,
    campaign: str = "spring-sale",
    *,
    recipients: int = 10,
    excluded: dict[int, tuple[str, str | None, str | None]] | None = None,
    now: int = 1_000_000,
    **settings: object,
) -> Run:
    """A planned run: rows 1.. are recipients; ``excluded`` is row -> (reason, number or None, cell or None)."""
    occasion = ledger.plans.occasion(campaign, "once")
    given = {"gateway": "outbox", "sender": "ACME", "purpose": "marketing", **settings}
    run = ledger.plans.begin(NewRun(campaign=campaign, occasion=occasion, created_at=now, **given))  # type: ignore[arg-type]
    rows = list(range(1, recipients + 1))
    accepted = AcceptedRows(
        row=rows,
        line=[row + 1 for row in rows],
        address=[number(row) for row in rows],
        person=[int(number(row)[1:]) for row in rows],
        body=[f"Hi {row}, 20% off" for row in rows],
        country=["GB" if row % 3 else "IE" for row in rows],
        encoding="GSM-7",
        units=90,
        parts=1,
        cost=[None if row % 5 == 0 else PRICE for row in rows],
        currency=[None if row % 5 == 0 else "GBP" for row in rows],
    )
    out = excluded or {}
    left_out = ExcludedRows(
        row=list(out),
        line=[row + 1 for row in out],
        reason=[reason for reason, _, _ in out.values()],
        address=[address for _, address, _ in out.values()],
        person=[int(address[1:]) if address else None for _, address, _ in out.values()],
        cell=[cell for _, _, cell in out.values()],
    )
    ledger.plans.add_rows(run, PlannedRows(accepted if rows else None, left_out if out else None))
    summary = {"recipients": recipients, "cost": {"GBP": PRICE}, "unpriced": recipients // 5}
    return ledger.plans.finish(run, digest="d" * 64, rows_read=recipients + len(out), summary=summary)


OUTCOMES = {
    "accepted": (Outcome(Verdict.ACCEPTED, gateway_id="SM1"), State.ACCEPTED),
    "rejected": (
        Outcome(Verdict.REJECTED, cause=Cause.PERMANENT, code="21211", detail="the number is not valid"),
        State.REJECTED,
    ),
    "unknown": (
        Outcome(
            Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code="timeout", detail="no answer within the timeout"
        ),
        State.UNKNOWN,
    ),
    "retry": (
        Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="429", detail="too many requests"),
        State.PLANNED,
    ),
}


def send(
    ledger: Ledger, run: Run, outcomes: list[str], *, now: int = 2_000_000, end: str | None = "finished"
) -> Run:
    """Send the next messages with these outcomes (``lost`` leaves the intent behind), then end the run."""
    ledger.attempts.start(run, now)
    claimed = ledger.attempts.exchange(run, [], len(outcomes), now).claimed
    settled = [
        Settled(one.message.id, *OUTCOMES[outcome], due_at=now + 1000 if outcome == "retry" else None)
        for one, outcome in zip(claimed, outcomes, strict=False)
        if outcome != "lost"
    ]
    ledger.attempts.exchange(run, settled, 0, now + 10)
    if end is not None:
        ledger.runs.set_state(run, end, None, now + 60_000)
    return ledger.runs.get(run.id)
