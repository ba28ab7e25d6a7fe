"""Settling what is unknown; and the test message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from sendkit import (
    ACCEPTED,
    START_MS,
    UNKNOWN,
    ScriptedGateway,
    number_of,
    plan_run,
    rejected,
    send,
    send_in_no_time,
    states,
)

from a2pcli.errors import GatewayUnusable, RunBusy
from a2pcli.gateways.base import Gateway
from a2pcli.ledger.fallbacks import Next
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.sending.options import Ended
from a2pcli.sending.reconcile import Reconciled, reconcile, settle_by_decision
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.testing import send_test

NOT_THERE = Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="not-found")


class Asked(ScriptedGateway):
    """Knows what became of some references."""

    def __init__(self, told: Mapping[str, Outcome], *, durable_lookup: bool = True) -> None:
        super().__init__(durable_lookup=durable_lookup)
        self.told = told
        self.asked: list[str] = []

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        self.asked += references
        return {reference: self.told[reference] for reference in references if reference in self.told}


def run_with_unknown(ledger: Ledger, count: int, unknown: int) -> Run:
    """A finished run whose first ``unknown`` rows are unknown."""
    run = plan_run(ledger, count)
    lost = {number_of(row) for row in range(1, unknown + 1)}
    send_in_no_time(ledger, run, ScriptedGateway(lambda m, _n: UNKNOWN if m.to in lost else ACCEPTED))
    assert states(ledger, run) == {"accepted": count - unknown, "unknown": unknown}
    return ledger.runs.get(run.id)


def ask(
    ledger: Ledger, run: Run, gateway: object, *, minutes_later: float = 10, **more: object
) -> Reconciled:
    clock = lambda: START_MS + int(minutes_later * 60_000)  # noqa: E731
    return asyncio.run(reconcile(ledger, run, {run.gateway: gateway}, clock=clock, **more))  # type: ignore[arg-type, dict-item]


def test_the_gateway_settles_what_it_can_tell_and_the_rest_stays_unknown(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 20, 5)
    told = {
        run.reference(1): ACCEPTED,
        run.reference(2): NOT_THERE,
        run.reference(3): rejected(Cause.PERMANENT),
        run.reference(4): UNKNOWN,
    }
    gateway = Asked(told)
    found = ask(ledger, run, gateway)
    assert found == Reconciled(found=5, accepted=1, rejected=1, not_sent=1, unknown=2)
    assert states(ledger, run) == {"accepted": 16, "rejected": 1, "planned": 1, "unknown": 2}
    assert sorted(gateway.asked) == [run.reference(row) for row in range(1, 6)]
    assert gateway.closed == 1


def test_what_was_settled_as_not_sent_goes_with_the_next_send_and_only_that(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 10, 3)
    ask(ledger, run, Asked({run.reference(2): NOT_THERE}))
    again = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), again)
    assert again.numbers == [number_of(2)]
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 8, "unknown": 2}


def test_a_message_that_may_still_be_on_its_way_is_not_taken_for_not_sent(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 4, 2)
    gateway = Asked({run.reference(1): NOT_THERE, run.reference(2): ACCEPTED})
    assert ask(ledger, run, gateway, minutes_later=0.5) == Reconciled(found=2, accepted=1, too_early=1)
    assert ask(ledger, run, gateway, minutes_later=2) == Reconciled(found=1, not_sent=1)


def test_a_gateway_that_cannot_tell_is_not_asked(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 4, 2)
    gateway = Asked({run.reference(1): ACCEPTED}, durable_lookup=False)
    found = ask(ledger, run, gateway)
    assert (found.can_tell, found.unknown, gateway.asked) == (False, 2, [])


def test_a_gateway_that_finds_some_is_asked_and_the_rest_stays_unknown(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 4, 2)
    gateway = Asked({run.reference(1): ACCEPTED}, durable_lookup=False)
    gateway.capabilities = replace(gateway.capabilities, finds=True)
    done = ask(ledger, run, gateway)
    assert (done.accepted, done.not_sent, done.unknown, done.can_tell) == (1, 0, 1, True)
    assert states(ledger, run) == {"accepted": 3, "unknown": 1}


def test_a_look_up_that_fails_settles_nothing(ledger: Ledger) -> None:
    class Failing(Asked):
        async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
            raise OSError("no")

    run = run_with_unknown(ledger, 4, 2)
    assert ask(ledger, run, Failing({})) == Reconciled(found=2, unknown=2)


def test_many_unknown_messages_are_asked_about_in_chunks_with_progress(ledger: Ledger) -> None:
    """A thousand, from intents that a killed sender left: they need no sender to become unknown first."""
    run = plan_run(ledger, 1000)
    ledger.attempts.start(run, START_MS)
    ledger.attempts.exchange(run, [], 1000, START_MS)
    steps: list[tuple[int, int]] = []
    gateway = Asked({run.reference(row): ACCEPTED if row % 2 else NOT_THERE for row in range(1, 1001)})
    found = ask(ledger, run, gateway, on_progress=lambda done, of: steps.append((done, of)))
    assert found == Reconciled(found=1000, accepted=500, not_sent=500)
    assert steps == [(200, 1000), (400, 1000), (600, 1000), (800, 1000), (1000, 1000)]
    assert ledger.runs.get(run.id).state == RunState.PAUSED


def test_it_stops_between_two_questions(ledger: Ledger) -> None:
    run = plan_run(ledger, 1000)
    ledger.attempts.start(run, START_MS)
    ledger.attempts.exchange(run, [], 1000, START_MS)
    stop = StopRequest()
    gateway = Asked({})
    found = ask(ledger, run, gateway, stop=stop, on_progress=lambda _done, _of: stop.drain())
    assert len(gateway.asked) == 200
    assert found.unknown == 1000


@pytest.mark.parametrize(("sent", "state"), [(True, "accepted"), (False, "planned")])
def test_the_users_decision_settles_all_and_is_recorded_with_each(
    ledger: Ledger, sent: bool, state: str
) -> None:
    run = run_with_unknown(ledger, 6, 2)
    assert settle_by_decision(ledger, run, sent=sent) == 2
    found = states(ledger, run)
    assert "unknown" not in found
    assert found.get(state) == (6 if sent else 2)
    (entry,) = ledger.messages.history(number_of(1), run=run)
    assert "decided by the user" in (entry.events[-1].detail or "")
    assert ledger.runs.get(run.id).state == (RunState.FINISHED if sent else RunState.PAUSED)


def test_neither_asks_nor_decides_while_a_sender_is_at_work(ledger: Ledger) -> None:
    run = run_with_unknown(ledger, 4, 2)
    with sender_lock(ledger, run):
        with pytest.raises(RunBusy):
            ask(ledger, run, Asked({}))
        with pytest.raises(RunBusy):
            settle_by_decision(ledger, run, sent=True)


def test_two_senders_of_one_run_exclude_each_other(ledger: Ledger) -> None:
    run = plan_run(ledger, 4)
    with sender_lock(ledger, run), pytest.raises(RunBusy):
        send(ledger, run, ScriptedGateway())
    assert states(ledger, run) == {"planned": 4}


# -- the test message -------------------------------------------------------------------------------

MINE = Message(id=0, reference="", to="+447700900123", body="Hello", sender="ACME")


def test_a_test_message_goes_out_under_a_reference_of_its_own_and_is_counted_nowhere(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 3), ScriptedGateway()
    outcome = asyncio.run(send_test(ledger, run, gateway, MINE))  # type: ignore[arg-type]
    assert outcome.verdict is Verdict.ACCEPTED
    assert (gateway.got[0].to, gateway.got[0].body) == (MINE.to, "Hello")
    assert gateway.got[0].reference.startswith("test-")
    assert states(ledger, run) == {"planned": 3}
    (event,) = [one for one in ledger.runs.events(run) if one.kind == "test"]
    assert MINE.to not in (event.detail or "")
    assert gateway.closed == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [(ValueError("+447700900123"), "ValueError"), (None, "no-answer"), ("no outcome", "bad-answer")],
)
def test_a_test_message_without_a_clear_answer_is_unknown(ledger: Ledger, answer: object, code: str) -> None:
    gateway = ScriptedGateway(lambda _m, _n: answer)  # type: ignore[arg-type,return-value]
    outcome = asyncio.run(send_test(ledger, None, gateway, MINE, deadline=0.1))  # type: ignore[arg-type]
    assert (outcome.verdict, outcome.code) == (Verdict.UNKNOWN, code)
    assert gateway.closed == 1


def test_a_gateway_that_cannot_be_opened_gets_no_test_message(ledger: Ledger) -> None:
    class Shut(ScriptedGateway):
        async def open(self) -> None:
            raise GatewayUnusable("no")

    with pytest.raises(GatewayUnusable):
        asyncio.run(send_test(ledger, None, Shut(), MINE))  # type: ignore[arg-type]


def test_each_attempt_is_asked_of_the_gateway_that_it_went_through(ledger: Ledger) -> None:
    """The second attempt of the first message went by another gateway when the sender was killed."""
    run = plan_run(ledger, 3)
    lost = number_of(2)
    answers = lambda m, _n: UNKNOWN if m.to == lost else rejected(Cause.PERMANENT)  # noqa: E731
    send_in_no_time(ledger, run, ScriptedGateway(answers))
    way = Next("email", "mailer", "anna@example.com", "Hello")
    made = ledger.attempts.next(run, run.number * ROWS_PER_RUN + 1, way, START_MS)
    assert made is not None
    ledger.attempts.start(run, START_MS)
    assert [one.message.id for one in ledger.attempts.exchange(run, [], 9, START_MS).claimed] == [made.id]
    ledger.attempts.start(run, START_MS)
    first, second = Asked({}), Asked({made.reference: ACCEPTED})
    gateways: dict[str, Gateway] = {run.gateway: first, "mailer": second}
    done = asyncio.run(reconcile(ledger, run, gateways, clock=lambda: START_MS + 600_000))
    assert (first.asked, second.asked) == ([run.reference(2)], [made.reference])
    assert (done.found, done.accepted, done.unknown) == (2, 1, 1)
    assert states(ledger, run) == {"accepted": 1, "unknown": 1, "rejected": 1}
