"""Messages with a sender of their own: it goes to the gateway, opt-outs bind it, and it keeps its own pace."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sendkit import ACCEPTED, ScriptedGateway, number_of, plan_run, rejected, send_in_no_time, states

from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Outcome, Verdict
from a2pcli.sending.options import Rate, SendOptions
from a2pcli.sending.pace import CLAIMED_AHEAD

FAST, SLOW = "+14155550100", "+14155550101"


def paced(**rates: float) -> dict[str, object]:
    """What a run keeps of its senders' paces."""
    named = {"fast": FAST, "slow": SLOW}
    return {
        "sender_rates": {
            named[name]: {"per_second": rate, "unit": "messages"} for name, rate in rates.items()
        }
    }


def test_a_message_leaves_from_its_own_sender_else_from_the_runs(ledger: Ledger) -> None:
    gateway = ScriptedGateway()
    run = plan_run(ledger, 4, sender="ACME", senders=(None, FAST))
    send_in_no_time(ledger, run, gateway)
    assert [message.sender for message in gateway.got] == [FAST, "ACME", FAST, "ACME"]


def test_an_opt_out_from_a_sender_binds_the_messages_that_it_sends(ledger: Ledger) -> None:
    """At the claim: row 1 and 3 are from FAST, 2 and 4 from the run's own."""
    run = plan_run(ledger, 4, sender="ACME", senders=(None, FAST))
    for row in (1, 2):
        ledger.optouts.add(number_of(row), scope="sender", scope_value=FAST, source="test", now=1)
    for row in (3, 4):
        ledger.optouts.add(number_of(row), scope="sender", scope_value="ACME", source="test", now=1)
    gateway = ScriptedGateway()
    send_in_no_time(ledger, run, gateway)
    assert gateway.numbers == [number_of(2), number_of(3)]
    assert states(ledger, run) == {"accepted": 2, "skipped": 2}


def test_an_opt_out_told_by_the_gateway_is_from_the_messages_own_sender(ledger: Ledger) -> None:
    gateway = ScriptedGateway(lambda m, _n: rejected(Cause.OPTED_OUT) if m.to == number_of(1) else ACCEPTED)
    send_in_no_time(ledger, plan_run(ledger, 2, sender="ACME", senders=(None, FAST)), gateway)
    (entry,) = ledger.optouts.of(number_of(1))
    assert (entry.scope, entry.scope_value) == ("sender", FAST)


@pytest.mark.parametrize("batch", [1, 10])
def test_each_sender_keeps_its_own_pace(ledger: Ledger, batch: int) -> None:
    gateway = ScriptedGateway(batch=batch)
    run = plan_run(ledger, 60, sender=None, senders=(FAST, SLOW), sending=paced(fast=10, slow=5))
    result, seconds = send_in_no_time(ledger, run, gateway)
    assert states(ledger, run) == {"accepted": 60}
    for sender, rate in ((FAST, 10), (SLOW, 5)):
        times = [
            time for message, time in zip(gateway.got, gateway.times, strict=True) if message.sender == sender
        ]
        assert len(times) == 30
        assert all(later - earlier > 0.9 / rate for earlier, later in pairwise(times))
    assert seconds < 29 / 5 + 1, result


def test_who_waits_for_a_sender_keeps_no_other_waiting(ledger: Ledger) -> None:
    """A third of the people wait a second each for their number; the others are done long before."""
    gateway = ScriptedGateway()
    run = plan_run(ledger, 30, sender="ACME", senders=(SLOW, None, None), sending=paced(slow=1))
    send_in_no_time(ledger, run, gateway)
    others = [
        time for message, time in zip(gateway.got, gateway.times, strict=True) if message.sender == "ACME"
    ]
    assert len(others) == 20
    assert max(others) < 4


def test_the_runs_own_pace_holds_for_all_senders_together(ledger: Ledger) -> None:
    gateway = ScriptedGateway()
    run = plan_run(ledger, 20, sender=None, senders=(FAST, SLOW), sending=paced(fast=100, slow=100))
    _, seconds = send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(4, "messages")))
    assert seconds > 4.5


def test_little_is_claimed_ahead_of_a_slow_sender(ledger: Ledger) -> None:
    """What is claimed and has not left would be unknown after a crash."""
    run = plan_run(ledger, 200, sender=None, senders=(SLOW,), sending=paced(slow=10))
    most = 0

    def answer(_message: object, _n: int) -> Outcome:
        nonlocal most
        most = max(most, states(ledger, run).get("submitting", 0))
        return Outcome(Verdict.ACCEPTED)

    send_in_no_time(ledger, run, ScriptedGateway(answer))
    assert 0 < most <= CLAIMED_AHEAD + 1
