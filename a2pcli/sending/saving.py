"""Records what is known when a sender must stop: the ledger failed, another process took the run over, or a bug."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from a2pcli.errors import LedgerError, SenderLost
from a2pcli.ledger.records import Exchange, RunState, Settled
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.sending import endings
from a2pcli.sending.dispatcher import LET_GO
from a2pcli.sending.lanes import AnyDispatcher
from a2pcli.sending.ledger_writer import LedgerWriter, WriteBatch
from a2pcli.sending.run_policy import RunPolicy


def in_hand(dispatcher: AnyDispatcher, *rounds: WriteBatch) -> frozenset[int]:
    """Return the ids of all messages that are claimed and not yet recorded as settled or given back."""
    ids = dispatcher.ids
    for writes in rounds:
        ids.update(writes.release, (one.message_id for one in writes.settled))
    return frozenset(ids)


async def save_what_can_be_saved(
    error: BaseException,
    writer: LedgerWriter,
    dispatcher: AnyDispatcher,
    policy: RunPolicy,
    *,
    writing: asyncio.Future[Exchange] | None,
    patience: float,
    clock: Callable[[], int],
) -> None:
    """Record as much as possible. ``writing`` is a transaction that may still be under way.

    After a ledger failure, waits up to ``patience`` seconds for answers on their way. Then raises that failure again,
    adding whether everything is recorded or how many messages stay uncertain.
    """
    dispatcher.closed = True
    if isinstance(error, LedgerError | SenderLost):
        await dispatcher.wait_until_idle(patience)
    dispatcher.drop()
    await dispatcher.wait_until_idle(2 * LET_GO)
    if isinstance(error, SenderLost):
        await _save_late(writer, dispatcher, policy, clock)
        return
    policy.writes.release += dispatcher.take_back()
    if writing is not None and not isinstance(error, LedgerError):
        with suppress(Exception):  # this may be the very error being handled
            claimed = (await writing).claimed
            policy.writes.release += [one.message.id for one in claimed]
    if isinstance(error, LedgerError):
        writer.last_words()
    try:
        await writer.write(policy.writes, 0, in_hand(dispatcher, policy.writes))
        await writer.end(RunState.PAUSED, "sending stopped with an error")
        saved = await writer.rescue() if isinstance(error, LedgerError) else None
    except Exception as again:
        if isinstance(error, LedgerError):
            at_stake = dispatcher.flying + len(policy.writes.settled) + len(policy.writes.release)
            raise type(error)(*error.problems, endings.ledger_failed(policy.run, at_stake)) from again
    else:
        if isinstance(error, LedgerError):
            told = saved or endings.ledger_failed_for_a_while(policy.run)
            raise type(error)(*error.problems, told) from error


async def _save_late(
    writer: LedgerWriter, dispatcher: AnyDispatcher, policy: RunPolicy, clock: Callable[[], int]
) -> None:
    """Record what is known after another process took the run over, without touching that process's work."""
    never_left = Outcome(Verdict.NOT_SENT, detail="it was never sent")
    back = [
        Settled(one.message.id, never_left, State.PLANNED, clock(), counted=False, attempts=one.attempts)
        for one in dispatcher.take_back_claims()
    ]
    with suppress(LedgerError):  # the other process has them as unknown
        await writer.write_late([*policy.writes.settled, *back], policy.writes.suppress)
