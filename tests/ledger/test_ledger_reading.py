"""Totals, rows, history."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledgerkit import ACCEPTED, NOW, REJECTED, UNKNOWN, Make, claim, number, settle

from a2pcli.ledger.records import ExcludedRows
from a2pcli.ledger.store import Ledger


def mixed(make: Make, ledger: Ledger) -> object:
    """A run with rows in many states: 8 to send, 3 excluded."""
    excluded = ExcludedRows(
        row=[9, 10, 11],
        line=[10, 11, 12],
        reason=["duplicate", "invalid-number", "invalid-number"],
        cell=[None, "O7911 123456", "12"],
        address=[number(1), None, None],
    )
    columns = {
        "country": ["GB", "GB", "GB", "FR", "FR", "FR", "GB", "GB"],
        "currency": ["GBP", "GBP", "GBP", "EUR", "EUR", None, "GBP", "GBP"],
        "cost": [40_000_000, 40_000_000, 80_000_000, 70_000_000, 70_000_000, None, 40_000_000, 40_000_000],
        "parts": [1, 1, 2, 1, 1, 1, 1, 1],
    }
    run = make.sending(8, excluded=excluded, columns=columns)
    ids = claim(ledger, run, 6)
    settle(ledger, run, ids[:3], ACCEPTED)
    settle(ledger, run, ids[3:4], REJECTED)
    settle(ledger, run, ids[4:6], UNKNOWN)
    return run


def test_totals_account_for_every_row(make: Make, ledger: Ledger) -> None:
    run = mixed(make, ledger)
    totals = ledger.runs.totals(run)  # type: ignore[arg-type]
    assert totals.rows == 11
    assert totals.by_state == {"accepted": 3, "planned": 2, "rejected": 1, "skipped": 3, "unknown": 2}
    assert totals.by_reason == {"duplicate": 1, "invalid-number": 2}
    assert totals.states["accepted"].parts == 4
    assert totals.states["accepted"].money("GBP") == Decimal("0.16")
    assert dict(totals.states["unknown"].cost) == {"EUR": 70_000_000}
    assert totals.states["unknown"].unpriced == 1
    assert totals.by_country == {
        "FR": {"rejected": 1, "unknown": 2},
        "GB": {"accepted": 3, "planned": 2},
    }
    assert totals.by_code["accepted"] == {"201": 3}
    assert totals.by_code["rejected"] == {"21211": 1}
    assert totals.count("accepted", "unknown") == 5


def test_totals_are_counted_again_after_every_change(make: Make, ledger: Ledger) -> None:
    """A count is kept with a run that rests; nothing that changes a row may leave an old one behind."""
    from a2pcli.messages import State

    def fresh() -> dict[str, int]:
        counted: dict[str, int] = {}
        for chunk in ledger.messages.rows(run):
            for row in chunk:
                counted[row["state"]] = counted.get(row["state"], 0) + 1
        return counted

    run = make.plan(12, expires_at=NOW)
    steps = [
        lambda: None,
        lambda: ledger.attempts.start(run, NOW),
        lambda: claim(ledger, run, 4),
        lambda: ledger.runs.set_state(run, "paused"),
        lambda: settle(ledger, run, [run.number * 2**32 + 1], ACCEPTED),
        lambda: ledger.attempts.release(run, [run.number * 2**32 + 2]),
        lambda: ledger.attempts.start(run, NOW),
        lambda: ledger.runs.set_state(run, "finished"),
        lambda: ledger.attempts.settle_unknown(run, [run.number * 2**32 + 3], State.PLANNED, "note"),
        lambda: ledger.attempts.settle_unknown(run, None, State.ACCEPTED, "note"),
        lambda: ledger.runs.refuse_country(run, "GB"),
        lambda: ledger.runs.expire(run, NOW),
        lambda: ledger.runs.cancel(run),
    ]
    for step in steps:
        step()
        for _ in range(2):
            assert dict(ledger.runs.totals(run).by_state) == fresh()


def test_rows_can_be_narrowed_by_state_and_come_in_chunks(make: Make, ledger: Ledger) -> None:
    run = mixed(make, ledger)
    chunks = list(ledger.messages.rows(run, states=["accepted", "unknown"], chunk=2))  # type: ignore[arg-type]
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [row["line"] for chunk in chunks for row in chunk] == [2, 3, 4, 6, 7]


def test_rows_of_one_run_are_never_rows_of_another(make: Make, ledger: Ledger) -> None:
    runs = [make.plan(3, occurrence=str(turn)) for turn in range(3)]
    for run in runs:
        assert [row["run"] for chunk in ledger.messages.rows(run) for row in chunk] == [run.number] * 3


@pytest.mark.parametrize("states", [None, ["planned"]])
def test_columns_are_the_rows_turned(make: Make, ledger: Ledger, states: list[str] | None) -> None:
    run = mixed(make, ledger)
    rows = [row for chunk in ledger.messages.rows(run, states=states) for row in chunk]  # type: ignore[arg-type]
    columns = list(ledger.messages.columns(run, states=states, chunk=4))  # type: ignore[arg-type]
    turned = [
        dict(zip(chunk, values, strict=True))
        for chunk in columns
        for values in zip(*chunk.values(), strict=True)
    ]
    assert turned == rows


def test_history_tells_what_one_person_got_over_all_runs(make: Make, ledger: Ledger) -> None:
    first = make.sending([1, 2])
    settle(ledger, first, claim(ledger, first), ACCEPTED)
    second = make.plan([2, 3], occurrence="2026-03")
    entries = ledger.messages.history(number(2))
    assert [(entry.run.id, entry.row["state"], len(entry.events)) for entry in entries] == [
        (first.id, "accepted", 1),
        (second.id, "planned", 0),
    ]
    assert [entry.run.id for entry in ledger.messages.history(number(2), run=second)] == [second.id]
    assert ledger.messages.history(number(99)) == []


def test_history_finds_a_row_without_an_address_by_its_cell(make: Make, ledger: Ledger) -> None:
    mixed(make, ledger)
    (entry,) = ledger.messages.history("+447911123456", cells=["O7911 123456"])
    assert (entry.row["reason"], entry.row["line"]) == ("invalid-number", 11)
