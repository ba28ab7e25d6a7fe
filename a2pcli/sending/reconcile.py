"""Settling what is unknown: by asking the gateways that can tell, or by the user's decision."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import field
from itertools import islice
from typing import NamedTuple

from a2pcli.dataclass import dataclass
from a2pcli.gateways.base import FindsById, Gateway, Submitted
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.receipts import Taken
from a2pcli.ledger.records import RESUMABLE, Run, RunState, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.sending.asking import NO_ID, ask, submitted, without_end
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
    why: Mapping[str, int] = field(default_factory=dict)
    """Why messages are still unknown, where a gateway was asked by its own ids: how many for each reason."""
    receipts: int = 0
    """New receipts of what gateways said when they were asked by id."""
    deliveries: Deliveries | None = None
    """What gateways said of accepted messages, if they were asked about these."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What gateways said of accepted messages, or parts, that no receipt says have ended. The counts sum up to
    ``asked``."""

    asked: int = 0
    arrived: int = 0
    failed: int = 0
    pending: int = 0
    why: Mapping[str, int] = field(default_factory=dict)
    """Why nothing is known of the others: how many for each reason."""


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
    deliveries: bool = False,
) -> Reconciled:
    """Ask the gateways what became of each unknown message, and settle those they know.

    Each attempt is looked up at the gateway (by name in ``gateways``) it went through; if that is missing, it stays
    unknown. Nothing is sent. Holds the run's lock, so no sender runs meanwhile. Intents of a killed sender count as
    unknown from here on. ``on_progress`` gets the number asked about and the total. ``stop`` is checked between
    lookups. With ``deliveries``, gateways are also asked about accepted messages without a final receipt.

    Raises ``RunBusy`` if the run is being sent, ``GatewayUnusable`` if a gateway cannot be opened.
    """
    with sender_lock(ledger, run):
        found = await asyncio.to_thread(_count_unknown, ledger, run, clock())
        by_gateway = await asyncio.to_thread(_unknown, ledger, run)
        asking = _Asking(ledger, run, record, clock, settle_after)
        try:
            can_tell = await asking.about_unknown(by_gateway, gateways, stop, lambda n: on_progress(n, found))
            about = await asking.about_deliveries(gateways, stop) if deliveries else None
        finally:
            await asyncio.to_thread(ledger.receipts.keep_totals)
        if can_tell:
            await asyncio.to_thread(_finish_if_done, ledger, run, clock())
    counts = asking.counts
    return Reconciled(
        found,
        counts[State.ACCEPTED],
        counts[State.REJECTED],
        counts[State.PLANNED],
        asking.too_early,
        found - counts.total() - asking.too_early,
        can_tell,
        dict(asking.why),
        asking.receipts,
        about,
    )


class _Asking:
    """What gateways said so far."""

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        record: Callable[[Reconciled], None],
        clock: Callable[[], int],
        settle_after: float,
    ) -> None:
        self._ledger, self._run, self._record = ledger, run, record
        self._clock, self._settle_after = clock, settle_after
        self.counts: Counter[State] = Counter()
        self.why: Counter[str] = Counter()
        self.done = self.too_early = self.receipts = 0

    async def about_unknown(
        self,
        by_gateway: Mapping[str, Sequence[Mapping[str, Unknown]]],
        gateways: Mapping[str, Gateway],
        stop: StopRequest | None,
        on_progress: Callable[[int], None],
    ) -> bool:
        """Ask about unknown messages, each at its gateway; return whether any gateway can tell, or none has to."""
        can_tell = not by_gateway
        for name, unknown in by_gateway.items():
            gateway = gateways.get(name)
            if gateway is None or not _tells(gateway):
                continue
            can_tell = True
            async with _opened(gateway):
                shared = await asyncio.to_thread(_shared, self._ledger, gateway, unknown)
                for asked in unknown:
                    if stop is not None and stop.draining:
                        break
                    await self._about(gateway, asked, shared)
                    on_progress(self.done)
        return can_tell

    async def _about(self, gateway: Gateway, asked: Mapping[str, Unknown], shared: Collection[str]) -> None:
        """Ask about unknown messages: by the gateway's ids, if it can be asked by these, else by our references.
        ``shared`` are ids that several messages have."""
        self.done += len(asked)
        if isinstance(gateway, FindsById):
            with_id = [one.submitted for one in asked.values() if one.submitted is not None]
            told = await ask(self._ledger, gateway, with_id, shared, self._note)
            self.counts[State.ACCEPTED] += told.accepted
            self.receipts += told.receipts
            self.why.update(told.why)
            if len(with_id) < len(asked):
                self.why[NO_ID] += len(asked) - len(with_id)
            return
        found = await _lookup(gateway, list(asked))
        by_state, early = _sort(asked, found, self._clock() - int(self._settle_after * 1000))
        note = f"gateway {gateway.name} was asked"
        settled = await asyncio.to_thread(
            _settle, self._ledger, self._run, by_state, note, self._clock(), self._record
        )
        self.counts.update(settled)
        self.too_early += early

    async def about_deliveries(self, gateways: Mapping[str, Gateway], stop: StopRequest | None) -> Deliveries:
        """Ask about accepted messages without a final receipt. Gateways that cannot be asked by id are told of."""
        asked, told, why = 0, Counter[str](), Counter[str]()
        for name, gateway in gateways.items():
            pieces = without_end(self._ledger, self._run)
            if not isinstance(gateway, FindsById):
                many = await asyncio.to_thread(_count_of, name, pieces)
                asked += many
                why.update({f"gateway {name} cannot be asked; import its receipts": many} if many else {})
                continue
            async with _opened(gateway):
                shared = await asyncio.to_thread(self._ledger.receipts.shared_ids, name)
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    if stop is not None and stop.draining:
                        break
                    theirs = piece.get(name, [])
                    found = await ask(self._ledger, gateway, theirs, shared, self._note)
                    asked += len(theirs)
                    told.update(found.delivery)
                    why.update(found.why)
                    self.receipts += found.receipts
        return Deliveries(asked, told["arrived"], told["failed"], told["pending"], dict(why))

    def _note(self, taken: Taken) -> None:
        self._record(Reconciled(taken.accepted, taken.accepted, receipts=taken.new))


def _shared(ledger: Ledger, gateway: Gateway, unknown: Sequence[Mapping[str, Unknown]]) -> set[str]:
    """Return the gateway's ids of these messages that other messages have as well, if it is asked by id."""
    if not isinstance(gateway, FindsById):
        return set()
    known = [one.submitted for asked in unknown for one in asked.values()]
    return ledger.receipts.shared_ids(gateway.name, {one.gateway_id for one in known if one is not None})


def _count_of(name: str, pieces: Iterator[Mapping[str, Sequence[Submitted]]]) -> int:
    return sum(len(piece.get(name, ())) for piece in pieces)


def _tells(gateway: Gateway) -> bool:
    """Whether the gateway can look up messages it was given in an earlier session."""
    can = gateway.capabilities
    return can.durable_lookup or bool(can.finds) or isinstance(gateway, FindsById)


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


class Unknown(NamedTuple):
    """An unknown message: its id, the time of its intent (UTC ms), and how its gateway knows it, if it has an id of the
    gateway's."""

    id: int
    intended_at: int
    submitted: Submitted | None


def _unknown(ledger: Ledger, run: Run) -> dict[str, list[dict[str, Unknown]]]:
    """Return the unknown messages by the gateway they went through, in chunks for one lookup each, by reference."""
    others = ledger.attempts.gateways_of_unknown(run)
    found: dict[str, dict[str, Unknown]] = {}
    for rows in ledger.messages.rows(run, states=[State.UNKNOWN]):
        for row in rows:
            theirs = found.setdefault(others.get(row["id"], run.gateway), {})
            known = submitted(run, row, row["gateway_id"]) if row["gateway_id"] else None
            reference = run.reference(row["id"] % ROWS_PER_RUN)
            theirs[reference] = Unknown(row["id"], row["claimed_at"] or 0, known)
    return {name: list(_chunks(theirs)) for name, theirs in found.items()}


def _chunks(asked: dict[str, Unknown]) -> Iterator[dict[str, Unknown]]:
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
    asked: Mapping[str, Unknown], told: Mapping[str, Outcome], old_enough: int
) -> tuple[dict[State, list[int]], int]:
    """Return message ids by their new state, and how many are not found but too recent to be sure."""
    by_state: dict[State, list[int]] = {}
    too_early = 0
    for reference, (id, intended_at, _) in asked.items():
        outcome = told.get(reference)
        state = _SETTLED_AS.get(outcome.verdict) if outcome is not None else None
        if state is State.PLANNED and intended_at > old_enough:
            too_early += 1
        elif state is not None:
            by_state.setdefault(state, []).append(id)
    return by_state, too_early
