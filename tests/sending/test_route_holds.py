"""Messages that are held because the gateways of a route are busy go as soon as one has room, whoever held them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from routekit import ILL, WELL, Provider, Way, judged, routed_run, send_through
from sendkit import START_MS
from sqlalchemy import update

from a2pcli.ledger.choosing import Choice
from a2pcli.ledger.records import Claimed, Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts
from a2pcli.messages import Cause, Outcome, State, Verdict
from a2pcli.sending import route_holds
from a2pcli.sending.options import Ended

REFUSED = Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="503")


def hold_all(ledger: Ledger, run: Run, count: int) -> None:
    """What a sender leaves that was killed: messages that a gateway refused, and that are held for another for 30 s."""
    again_in: list[float | None] = [None]

    def choose(claimed: Sequence[Claimed], _rooms: dict[str, int]) -> list[Choice]:
        (seconds,) = again_in
        return [Choice("a") if seconds is None else Choice(None, again_in=seconds) for _ in claimed]

    ledger.attempts.choose_by(run, choose)
    ledger.attempts.start(run, START_MS)
    claimed = ledger.attempts.exchange(run, [], count, START_MS).claimed
    assert len(claimed) == count
    refused = [Settled(one.message.id, REFUSED, State.PLANNED, START_MS, attempts=1) for one in claimed]
    again_in[0] = 30.0
    ledger.attempts.exchange(run, refused, count, START_MS)
    assert ledger.attempts.exchange(run, [], count, START_MS + 100).claimed == []
    ledger.attempts.choose_by(run, None)


def test_what_a_killed_sender_held_goes_at_once(ledger: Ledger) -> None:
    run, providers = routed_run(ledger, 40), [Provider("a"), Provider("b")]
    hold_all(ledger, run, 40)
    result, seconds = send_through(ledger, run, providers, 20)
    assert result.ended is Ended.FINISHED
    assert judged(ledger, run, providers, 40) == {"accepted": 40}
    assert seconds < 20


def test_what_another_sender_held_is_asked_for_before_the_run_ends(ledger: Ledger) -> None:
    run = routed_run(ledger, 40)
    hold_all(ledger, run, 40)
    taken_over = []

    def way(now: float) -> Way:
        if now > 1 and not taken_over:  # a chunk of a killed sender comes with what it held
            rest = (attempts.c.state == "planned") & attempts.c.due_at.is_not(None)
            with ledger.engine.begin() as connection:
                held = update(attempts).where(rest).values(due_at=START_MS + 600_000, settled_at=None)
                taken_over.append(connection.execute(held).rowcount)
        return WELL

    providers = [Provider("a", way), Provider("b")]
    result, seconds = send_through(ledger, run, providers, 10)
    assert taken_over[0] > 10
    assert result.ended is Ended.FINISHED
    assert judged(ledger, run, providers, 40) == {"accepted": 40}
    assert seconds < 60


@pytest.mark.parametrize("how", ["401", "503", "no connection"])
def test_how_fast_a_gateway_is_taken_to_be_at_first_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    took = []
    for speed in (200.0, 0.5):
        monkeypatch.setattr(route_holds, "LEAST_SPEED", speed)
        a, b = Provider("a", lambda _now: ILL[how]), Provider("b")
        with Ledger.open(str(tmp_path / f"{speed}.db")) as ledger:
            run = routed_run(ledger, 150)
            result, seconds = send_through(ledger, run, [a, b], 1000, concurrency=2)
            assert set(judged(ledger, run, [a, b], 150)) <= {"accepted", "unknown"}
        assert result.ended is Ended.FINISHED
        took.append(seconds)
    assert took[1] < 2 * took[0] + 5


def test_messages_that_no_gateway_takes_are_asked_for_once_more_and_the_run_ends(ledger: Ledger) -> None:
    a, b = (Provider(name, lambda now: WELL if now < 3 else ILL["401"]) for name in "ab")
    run = routed_run(ledger, 60)
    hold_all(ledger, run, 60)
    result, seconds = send_through(ledger, run, [a, b], 4)
    assert result.ended is Ended.PAUSED
    assert judged(ledger, run, [a, b], 60)["planned"] > 40
    assert seconds < 200
