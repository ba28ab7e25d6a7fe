"""Several senders of one run on PostgreSQL: messages that wait for a later try, and whose they are."""

from __future__ import annotations

from ledgerkit import NOT_SENT, NOW
from test_leases import CHUNK, Start, chunked
from test_leases import ledger as ledger
from test_leases import start as start

from a2pcli.ledger.records import Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State


def test_what_waits_for_a_later_try_of_a_killed_sender_is_woken_by_another(
    ledger: Ledger, start: Start
) -> None:
    """Its backoff goes on: the others know when it ends, and send those messages then."""
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    waiting = first.claim(4)
    later = NOW + 60_000
    settled = [Settled(id, NOT_SENT, State.PLANNED, later) for id in waiting]
    first.ledger.attempts.exchange(run, settled, 0, NOW)
    first.open.clear()
    first.die()
    got: list[int] = []
    while ids := second.claim(now=NOW + 1_000):
        got += ids
        second.settle(ids)
    assert len(got) == 2 * CHUNK - len(waiting)
    assert not set(got) & set(waiting)
    found = second.ledger.attempts.exchange(run, [], 5, NOW + 1_000)
    assert (found.claimed, found.left) == ([], len(waiting))
    assert not found.elsewhere, "nobody else has them"
    assert found.next_due == later
    assert sorted(second.claim(want=10, now=later)) == sorted(waiting)


def test_what_waits_for_a_later_try_stays_with_its_sender_while_that_is_alive(
    ledger: Ledger, start: Start
) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    waiting = first.claim(4)
    later = NOW + 60_000
    settled = [Settled(id, NOT_SENT, State.PLANNED, later) for id in waiting]
    first.ledger.attempts.exchange(run, settled, 0, NOW)
    first.open.clear()
    while ids := second.claim(now=NOW + 1_000):
        second.settle(ids)
    found = second.ledger.attempts.exchange(run, [], 5, later)
    assert found.claimed == []
    assert found.elsewhere or found.next_due, "the other sender is waited for"
    assert set(waiting) <= set(first.claim(want=10, now=later))
