"""A ledger that fails while a run is sent, for a moment or for good."""

from __future__ import annotations

import pytest
from sendkit import (
    ScriptedGateway,
    plan_run,
    send_in_no_time,
    states,
)

from a2pcli.errors import LedgerError
from a2pcli.ledger.attempts import Attempts
from a2pcli.ledger.records import Settled
from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import Ended


class Failing:
    """Makes ``Attempts.exchange`` fail for a while, before or after its transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, last: int) -> None:
        self.calls, real = 0, Attempts.exchange

        def exchange(
            attempts: Attempts, run: object, settled: list[Settled], want: int, now: int, *more: object
        ) -> object:
            self.calls += 1
            if first <= self.calls <= last:
                raise LedgerError("the disk is full")
            return real(attempts, run, settled, want, now, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(Attempts, "exchange", exchange)


def test_a_ledger_that_fails_for_a_moment_costs_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, 4, 6)
    run, gateway = plan_run(ledger, 300), ScriptedGateway(seconds=0.05)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 300}
    assert len(gateway.got) == 300


def test_a_ledger_that_stays_broken_stops_the_sending_with_its_error(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.05)
    with monkeypatch.context() as patch:
        Failing(patch, 8, 10**9)
        with pytest.raises(LedgerError) as caught:
            send_in_no_time(ledger, run, gateway)
    assert "the disk is full" in str(caught.value)
    assert "unknown" in str(caught.value)
    lost = states(ledger, run)["submitting"]
    assert len(gateway.got) <= states(ledger, run).get("accepted", 0) + lost
    assert gateway.closed == 1

    again = ScriptedGateway()
    send_in_no_time(ledger, run, again)
    found = states(ledger, run)
    assert found == {"accepted": 1000 - lost, "unknown": lost}
    assert not set(again.numbers) & set(gateway.numbers)


def test_a_failure_of_the_last_commit_before_the_end_is_recovered_by_the_final_try(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five failures in a row end the sending; the last try, after what was in flight came home, records it."""
    Failing(monkeypatch, 8, 12)
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.05)
    with pytest.raises(LedgerError):
        send_in_no_time(ledger, run, gateway)
    found = states(ledger, run)
    assert found == {"accepted": len(gateway.got), "planned": 1000 - len(gateway.got)}
