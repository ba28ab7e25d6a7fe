"""Settling what is unknown: by asking the gateways that can tell, or by the user's decision."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from a2pcli.dataclass import dataclass
from a2pcli.gateways.base import Gateway
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import RESUMABLE, Run, RunState, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.sending.stop import StopRequest

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 200

SETTLE_AFTER = 60.0
"""Seconds after the intent before "not found" is believed: a request may still be on its way."""

_SETTLED_AS = {
    Verdict.ACCEPTED: State.ACCEPTED,
    Verdict.REJECTED: State.REJECTED,
    Verdict.NOT_SENT: State.PLANNED,
}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of the unknown messages. The counts sum up to ``found``.

    ``not_sent`` messages are planned again, so the next ``send`` sends them. ``too_early`` messages are not known to
    the gateway but could still reach it: ask again in a minute.
    """

    found: int = 0
    accepted: int = 0
    rejected: int = 0
    not_sent: int = 0
    too_early: int = 0
    unknown: int = 0
    can_tell: bool = True
    """Whether any of the gateways can be asked."""


async def reconcile(
    ledger: Ledger,
    run: Run,
    gateways: Mapping[str, Gateway],
    *,
    stop: StopRequest | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _found: None,
    settle_after: float = SETTLE_AFTER,
    clock: Callable[[], int] = now_ms,
    record: Callable[[Reconciled], None] = lambda _settled: None,
) -> Reconciled:
    """Ask the gateways what became of each unknown message, and settle those they know.

    Each attempt is looked up at the gateway (by name in ``gateways``) it went through; if that is missing, it stays
    unknown. Nothing is sent. Holds the run's lock, so no sender runs meanwhile. Intents of a killed sender count as
    unknown from here on. ``on_progress`` gets the number asked about and the total. ``stop`` is checked between
    lookups.

    Raises ``RunBusy`` if the run is being sent, ``GatewayUnusable`` if a gateway cannot be opened.
    """
    with sender_lock(ledger, run):
        found = await asyncio.to_thread(_count_unknown, ledger, run, clock())
        by_gateway = await asyncio.to_thread(_unknown, ledger, run)
        counts = dict.fromkeys((State.ACCEPTED, State.REJECTED, State.PLANNED), 0)
        done = too_early = 0
        can_tell = not by_gateway
        for name, unknown in by_gateway.items():
            gateway = gateways.get(name)
            if gateway is None or not _tells(gateway):
                continue
            can_tell = True
            async with _opened(gateway):
                for asked in unknown:
                    if stop is not None and stop.draining:
                        break
                    told = await _lookup(gateway, list(asked))
                    by_state, early = _sort(asked, told, clock() - int(settle_after * 1000))
                    note = f"gateway {gateway.name} was asked"
                    settled = await asyncio.to_thread(_settle, ledger, run, by_state, note, clock(), record)
                    for state, count in settled.items():
                        counts[state] += count
                    too_early += early
                    done += len(asked)
                    on_progress(done, found)
        if can_tell:
            await asyncio.to_thread(_finish_if_done, ledger, run, clock())
    left = found - sum(counts.values()) - too_early
    return Reconciled(
        found,
        counts[State.ACCEPTED],
        counts[State.REJECTED],
        counts[State.PLANNED],
        too_early,
        left,
        can_tell,
    )


def _tells(gateway: Gateway) -> bool:
    """Whether the gateway can look up messages it was given in an earlier session."""
    return gateway.capabilities.durable_lookup or bool(gateway.capabilities.finds)


@asynccontextmanager
async def _opened(gateway: Gateway) -> AsyncIterator[None]:
    await gateway.open()
    try:
        yield
    finally:
        await gateway.close()


def _settle(
    ledger: Ledger,
    run: Run,
    by_state: Mapping[State, list[int]],
    note: str,
    now: int,
    record: Callable[[Reconciled], None],
) -> dict[State, int]:
    """Settle the messages and ``record`` the result in one transaction; return the count of each state."""
    with ledger.transaction():
        counts = {
            state: ledger.attempts.settle_unknown(run, ids, state, note, now)
            for state, ids in by_state.items()
        }
        if any(counts.values()):
            accepted, rejected = counts.get(State.ACCEPTED, 0), counts.get(State.REJECTED, 0)
            record(Reconciled(sum(counts.values()), accepted, rejected, counts.get(State.PLANNED, 0)))
    return counts


def settle_by_decision(
    ledger: Ledger,
    run: Run,
    *,
    sent: bool,
    by: str = "the user",
    only: Sequence[int] | None = None,
    now: int | None = None,
    record: Callable[[int], None] = lambda _count: None,
) -> int:
    """Settle unknown messages as the user decides: sent (accepted) or not sent (planned again); return how many.

    ``only`` limits it to these message ids. Each message records the decision and who made it (``by``). Raises
    ``RunBusy`` while the run is being sent.
    """
    moment = now_ms() if now is None else now
    with sender_lock(ledger, run):
        _count_unknown(ledger, run, moment)
        note = f"decided by {by}: " + ("sent" if sent else "not sent")
        with ledger.transaction():
            count = ledger.attempts.settle_unknown(
                run, only, State.ACCEPTED if sent else State.PLANNED, note, moment
            )
            _finish_if_done(ledger, run, moment)
            if count:
                record(count)
    return count


def _finish_if_done(ledger: Ledger, run: Run, now: int) -> None:
    """Finish a stopped run that has nothing left to send."""
    state = ledger.runs.get(run.id).state
    left = ledger.runs.totals(run).count(State.PLANNED, State.SUBMITTING)
    if state in RESUMABLE and not (left or ledger.attempts.falling(run)[0]):
        ledger.runs.set_state(run, RunState.FINISHED, None, now)


def settle_open_claims(
    ledger: Ledger, run: Run, record: Callable[[int], None] = lambda _never_left: None
) -> int:
    """Settle the claims of a killed sender: unknown, or planned again if they certainly were never submitted.

    Returns how many were never submitted; ``record`` gets that number in the same transaction, if there were claims.
    Raises ``RunBusy`` if the sender is alive.
    """
    before = ledger.runs.totals(run)
    if not before.count(State.SUBMITTING):
        return 0
    with sender_lock(ledger, run), ledger.transaction():
        _count_unknown(ledger, run, now_ms())
        never_left = ledger.runs.totals(run).count(State.PLANNED) - before.count(State.PLANNED)
        record(never_left)
    return never_left


def _count_unknown(ledger: Ledger, run: Run, now: int) -> int:
    """Count unknown messages, after settling what a killed sender left. The run's lock must be held."""
    if ledger.runs.totals(run).count(State.SUBMITTING) or ledger.runs.get(run.id).state == RunState.SENDING:
        ledger.attempts.start(run, now)
        ledger.runs.set_state(run, RunState.PAUSED, "the sending process was killed", now)
    return ledger.runs.totals(run).count(State.UNKNOWN)


def _unknown(ledger: Ledger, run: Run) -> dict[str, list[dict[str, tuple[int, int]]]]:
    """Return the unknown messages by the gateway they went through, in chunks for one lookup each.

    A chunk maps a reference to the message id and the time of its intent (UTC ms).
    """
    others = ledger.attempts.gateways_of_unknown(run)
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for rows in ledger.messages.rows(run, states=[State.UNKNOWN]):
        for row in rows:
            theirs = found.setdefault(others.get(row["id"], run.gateway), {})
            theirs[run.reference(row["id"] % ROWS_PER_RUN)] = (row["id"], row["claimed_at"] or 0)
    return {name: list(_chunks(theirs)) for name, theirs in found.items()}


def _chunks(asked: dict[str, tuple[int, int]]) -> Iterator[dict[str, tuple[int, int]]]:
    rest = iter(asked.items())
    while chunk := dict(islice(rest, ASKED_AT_ONCE)):
        yield chunk


async def _lookup(gateway: Gateway, references: list[str]) -> Mapping[str, Outcome]:
    try:
        return await gateway.lookup(references)
    except Exception as error:
        log.warning("gateway %s failed with %s when asked", gateway.name, type(error).__name__)
        return {}


def _sort(
    asked: Mapping[str, tuple[int, int]], told: Mapping[str, Outcome], old_enough: int
) -> tuple[dict[State, list[int]], int]:
    """Return message ids by their new state, and how many are not found but too recent to be sure."""
    by_state: dict[State, list[int]] = {}
    too_early = 0
    for reference, (id, intended_at) in asked.items():
        outcome = told.get(reference)
        state = _SETTLED_AS.get(outcome.verdict) if outcome is not None else None
        if state is State.PLANNED and intended_at > old_enough:
            too_early += 1
        elif state is not None:
            by_state.setdefault(state, []).append(id)
    return by_state, too_early
