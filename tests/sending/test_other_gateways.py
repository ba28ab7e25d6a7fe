"""A message's next attempt goes by the gateway it names, and never by the run's own."""

from __future__ import annotations

from typing import Any

import pytest
from sendkit import START_MS, ScriptedGateway, number_of, plan_run, rejected, send_in_no_time, states
from sqlalchemy.engine import Connection

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.ledger import fallbacks, sharing
from a2pcli.ledger.arrivals import Arrivals
from a2pcli.ledger.fallbacks import Followed, Next
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import Cause
from a2pcli.sending.options import Ended


def test_a_next_attempt_by_another_gateway_is_given_back_and_the_run_pauses(ledger: Ledger) -> None:
    """A text for an email gateway must not leave as an SMS."""
    run = plan_run(ledger, 2)
    send_in_no_time(ledger, run, ScriptedGateway(lambda _m, _n: rejected(Cause.PERMANENT)))
    way = Next("email", "mail", "ann@example.org", "Hello by email")
    assert ledger.attempts.next(run, run.number * ROWS_PER_RUN + 1, way, START_MS)
    gateway = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), gateway)
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert "via the gateway mail, not test" in result.reason.message
    assert gateway.numbers == []
    assert states(ledger, run) == {"planned": 1, "rejected": 1}


def test_a_next_attempt_by_the_same_gateway_is_sent(ledger: Ledger) -> None:
    """To another number of the person."""
    run = plan_run(ledger, 2)
    send_in_no_time(ledger, run, ScriptedGateway(lambda _m, _n: rejected(Cause.PERMANENT)))
    way = Next("sms", "test", number_of(9), "Hello again", sender="ACME")
    assert ledger.attempts.next(run, run.number * ROWS_PER_RUN + 1, way, START_MS)
    gateway = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), gateway)
    assert result.ended is Ended.FINISHED
    assert gateway.numbers == [number_of(9)]
    assert states(ledger, run) == {"accepted": 1, "rejected": 1}


def test_a_next_attempt_that_is_made_as_the_run_finishes_is_not_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt asks for it between the sender's last look and the end of the run."""
    run = plan_run(ledger, 2)
    leave = sharing.leave

    def made_meanwhile(connection: Connection, *more: Any) -> Any:
        if not made:
            way = Next("sms", "test", number_of(9), "Hello again", sender="ACME")
            made.append(fallbacks.follow(connection, run, run.number * ROWS_PER_RUN + 1, way, START_MS))
        return leave(connection, *more)

    made: list[object] = []
    monkeypatch.setattr(sharing, "leave", made_meanwhile)
    result, _ = send_in_no_time(ledger, run, ScriptedGateway(lambda _m, _n: rejected(Cause.PERMANENT)))
    assert made != [None]
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert "planned again just as it finished" in result.reason.message
    assert ledger.runs.get(run.id).state == "paused"
    gateway = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), gateway)
    assert result.ended is Ended.FINISHED
    assert gateway.numbers == [number_of(9)]


@pytest.mark.parametrize("third_was_sent", [False, True])
def test_a_late_receipt_of_the_first_of_three_attempts_is_told(ledger: Ledger, third_was_sent: bool) -> None:
    """A third attempt that waits is taken back; one that was sent stays, and the report names what arrived."""
    run = plan_run(ledger, 3)
    send_in_no_time(ledger, run, ScriptedGateway())
    told(ledger, run.reference(1), Delivery.UNDELIVERED)
    second = again(ledger, run)
    send_in_no_time(ledger, ledger.runs.get(run.id), ScriptedGateway())
    told(ledger, second.reference, Delivery.UNDELIVERED)
    third = again(ledger, run)
    if third_was_sent:
        send_in_no_time(ledger, ledger.runs.get(run.id), ScriptedGateway())
    assert ledger.attempts.arrivals(run) == Arrivals()
    told(ledger, run.reference(1), Delivery.DELIVERED)
    assert ledger.attempts.arrivals(run) == (Arrivals(perhaps=1) if third_was_sent else Arrivals(earlier=1))
    assert not ledger.check().findings
    late = ScriptedGateway()
    send_in_no_time(ledger, ledger.runs.get(run.id), late)
    assert late.got == []
    assert states(ledger, run) == {"accepted": 3}
    [entry] = ledger.messages.history(number_of(1))
    notes = [one.detail for one in entry.events if one.detail and "taken back" in one.detail]
    back = "attempt 3 was taken back: a receipt shows that attempt 1 may have arrived"
    assert notes == ([] if third_was_sent else [back])
    told(ledger, (third if third_was_sent else second).reference, Delivery.DELIVERED)
    assert ledger.attempts.arrivals(run) == Arrivals(both=1)


def again(ledger: Ledger, run: Run) -> Followed:
    way = Next("sms", "test", number_of(9), "Hello again", sender="ACME")
    made = ledger.attempts.next(run, run.number * ROWS_PER_RUN + 1, way, START_MS)
    assert made is not None
    return made


def told(ledger: Ledger, reference: str, what: Delivery) -> None:
    ledger.receipts.add([Receipt(1, None, reference, str(what), what, None, None)], "test", "receipts.csv")
    ledger.receipts.keep_totals()
