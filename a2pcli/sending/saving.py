"""What a sender still records when it cannot go on: the ledger fails, another process has the run, a defect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from a2pcli.errors import LedgerError, SenderLost
from a2pcli.ledger.records import Exchange, RunState, Settled
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.sending import why
from a2pcli.sending.books import Books, Round
from a2pcli.sending.desk import RunDesk
from a2pcli.sending.flow import LET_GO, Flow


def in_hand(flow: Flow, *rounds: Round) -> frozenset[int]:
    """All messages that were claimed and are not yet recorded as settled or given back."""
    ids = flow.ids
    for round in rounds:
        ids.update(round.release, (one.message_id for one in round.settled))
    return frozenset(ids)


async def save_what_can_be_saved(
    error: BaseException,
    books: Books,
    flow: Flow,
    desk: RunDesk,
    *,
    writing: asyncio.Future[Exchange] | None,
    patience: float,
    clock: Callable[[], int],
) -> None:
    """Record what is known, if it can be. ``writing`` is a transaction that may still be under way.

    After a failure of the ledger, answers that are on their way are waited for, ``patience`` seconds at most. Then
    raises that failure again, with whether all is recorded, or how many messages are left uncertain.
    """
    flow.closed = True
    if isinstance(error, LedgerError | SenderLost):
        await flow.come_home(patience)
    flow.drop()
    await flow.come_home(2 * LET_GO)
    if isinstance(error, SenderLost):
        await _save_late(books, flow, desk, clock)
        return
    desk.round.release += flow.take_back()
    if writing is not None and not isinstance(error, LedgerError):
        with suppress(Exception):  # it may be the very error that we are here for
            claimed = (await writing).claimed
            desk.round.release += [one.message.id for one in claimed]
    if isinstance(error, LedgerError):
        books.last_words()
    try:
        await books.write(desk.round, 0, in_hand(flow, desk.round))
        await books.set_state(RunState.PAUSED, "sending ended by an error")
        saved = await books.rescue() if isinstance(error, LedgerError) else None
    except Exception as again:
        if isinstance(error, LedgerError):
            at_stake = flow.flying + len(desk.round.settled) + len(desk.round.release)
            raise type(error)(*error.problems, why.ledger_failed(desk.run, at_stake)) from again
    else:
        if isinstance(error, LedgerError):
            told = saved or why.ledger_failed_for_a_while(desk.run)
            raise type(error)(*error.problems, told) from error


async def _save_late(books: Books, flow: Flow, desk: RunDesk, clock: Callable[[], int]) -> None:
    """Another process has the run: record what is known, without touching what that one does."""
    never_left = Outcome(Verdict.NOT_SENT, detail="it never left")
    back = [
        Settled(one.message.id, never_left, State.PLANNED, clock(), counted=False, attempts=one.attempts)
        for one in flow.take_back_claims()
    ]
    with suppress(LedgerError):  # the other process has them as unknown
        await books.write_late([*desk.round.settled, *back])
