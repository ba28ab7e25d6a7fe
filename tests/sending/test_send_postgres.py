"""The same promises over a real PostgreSQL; the ledger's own tests run on both, these show the whole way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from postgreskit import running_postgres
from sendkit import (
    ACCEPTED,
    START_MS,
    ScriptedGateway,
    not_sent,
    number_of,
    plan_run,
    rejected,
    send,
    send_in_no_time,
    states,
)

from a2pcli.errors import RunBusy
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.options import Ended, SendOptions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_postgres() as server:
        yield server.get_uri()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as opened:
        yield opened


def test_everybody_once_with_all_that_can_happen(ledger: Ledger) -> None:
    def answer(message: Message, _n: int) -> Outcome:
        row = int(message.to[-4:])
        if row % 10 == 3:
            return rejected(Cause.OPTED_OUT)
        if row % 10 == 5 and gateway.numbers.count(message.to) == 1:
            return not_sent(Cause.TEMPORARY)
        return rejected(Cause.COUNTRY) if message.country == "FR" else ACCEPTED

    run = plan_run(ledger, 1000, campaign="a", countries=("GB", "GB", "GB", "GB", "FR"))
    gateway = ScriptedGateway(answer, seconds=0.005)
    result = send(ledger, run, gateway, SendOptions(backoff_base=0.05))
    found = states(ledger, run)
    assert result.ended is Ended.FINISHED
    assert found["accepted"] == 700
    assert found["rejected"] + found["skipped"] == 300
    assert ledger.optouts.of(number_of(13))


def test_a_gateway_down_then_up_and_intents_left_by_a_crash(ledger: Ledger) -> None:
    run = plan_run(ledger, 300, campaign="b", sender="Others")
    ledger.attempts.start(run, START_MS)
    ledger.attempts.exchange(run, [], 20, START_MS)
    result, _ = send_in_no_time(ledger, run, ScriptedGateway(lambda _m, _n: not_sent(Cause.UNREACHABLE)))
    assert result.ended is Ended.PAUSED
    assert states(ledger, run) == {"planned": 280, "unknown": 20}
    later = ScriptedGateway()
    result, _ = send_in_no_time(ledger, run, later)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 280, "unknown": 20}
    assert len(later.got) == 280


def test_one_sender_a_run(ledger: Ledger, url: str) -> None:
    run = plan_run(ledger, 3, campaign="c")
    with Ledger.open(url) as other, sender_lock(other, run), pytest.raises(RunBusy):
        send(ledger, run, ScriptedGateway())
