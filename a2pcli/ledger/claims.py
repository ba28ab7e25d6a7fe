"""Claiming: intents before the call, in one durable transaction with the outcomes of the calls before.

A sender passes in the outcomes it has and gets its next batch; the one commit makes the outcomes and the new intents
durable together, so that a group of messages costs one flush of the disk.

Which messages are next: half of a claim are rows that waited and whose moment has come (a small index knows them),
half are untouched messages of the plan, in the file's order; where there are too few of one kind, more of the other.
So neither keeps the other from leaving: rows that the gateway would not take again and again must not stand in front
of a million that it would. Nothing is written for people outside their permitted hours: their messages stay as
planned. What was tried and goes back to ``planned`` gets a ``due_at``, so the index knows all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import (
    attempt_counts,
    caps,
    choosing,
    claims_by_gateway,
    clocks,
    counting,
    leases,
    paces,
    quotas,
    spending,
)
from a2pcli.ledger.alternatives import channels_by_name
from a2pcli.ledger.binding import Binding
from a2pcli.ledger.loaded_chunk import RowKind
from a2pcli.ledger.one_claim import Claim
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING, add_run_event, hold_back, lose, release, settle
from a2pcli.ledger.plan_cursor import PlanCursor
from a2pcli.ledger.plans import UNCOUNTED, changed, of_run
from a2pcli.ledger.records import Exchange, Rooms, Run, RunState, Settled
from a2pcli.ledger.statements import is_on, later, on_sqlite, together
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

_c = attempts.c

_STATE_SQLITE = "SELECT state, changes FROM runs WHERE number = ?"
_STATE = "SELECT state, changes FROM runs WHERE number = %s FOR SHARE"
"""Until the commit, no other process can cancel the run, erase one of its people or refuse a country."""


@dataclass(slots=True)
class SenderPosition:
    """A sender's position in a run: what is left of its plan, how many rows wait for another try, and their limits."""

    plan: PlanCursor
    waiting: int
    changes: int
    """The run's change counter when this was read; a different value means that what is left was changed."""
    binding: Binding
    odd: bool = False
    """Alternates with each claim: which kind of row gets the larger half of an odd number."""
    halving: bool = False
    """Whether another run took a person during a claim; from then on claims are made so that they can be halved."""

    lease: int | None = None
    """Token of this sender's chunk leases if it is one of several."""
    is_counted: bool = False
    """Whether a sender of the run has a budget, so all of them count the cost."""
    channels: frozenset[str] | None = None
    """The channels that messages are claimed for now, in a run with several gateways; None for all."""
    leases_from: float = 0.0
    """``steady`` time before which asking for another chunk is pointless."""

    @classmethod
    def at_first(
        cls, connection: Connection, run: Run, waiting: int, lease: int | None = None
    ) -> SenderPosition:
        """Return the position of a sender that has not claimed anything yet."""
        known = clocks.of_run(connection, run)
        by_clock = {number: one.caps for number, one in known.items() if one.caps}
        changes = connection.execute(select(runs.c.changes).where(runs.c.number == run.number)).scalar()
        attempt_counts.refuse_lost(connection, run)
        mine = None if lease is None else leases.of_sender(connection, run, lease)
        plan = PlanCursor(connection, run, mine)
        binding = Binding(known, caps.Caps(run, by_clock))
        is_counted = spending.is_on(connection, run)
        return cls(plan, waiting, int(changes or 0), binding, lease=lease, is_counted=is_counted)

    @property
    def left(self) -> int:
        """Number of messages that are still planned."""
        return self.waiting + self.plan.left.total()


def start(connection: Connection, run: Run, now: int, lease: int | None = None) -> tuple[int, SenderPosition]:
    """Make claims left by a crash ``unknown`` and set the run to ``sending``. Return how many were left, and the
    position.

    ``lease`` is the token of one of several senders; claims in chunks of the others stay as they are.
    """
    unclaimed_by_others = None if lease is None else leases.not_of_others(lease)
    found = select(_c.state, func.count()).where(of_run(run)).group_by(_c.state)
    counts = {str(state): int(count) for state, count in connection.execute(found)}
    lost = counts.get(str(State.SUBMITTING), 0)
    if lost and unclaimed_by_others is not None:
        mine = (
            select(func.count()).select_from(attempts).where(of_run(run), IS_SUBMITTING, unclaimed_by_others)
        )
        lost = int(connection.execute(mine).scalar_one())
    if lost:
        lose(connection, run, now, only=unclaimed_by_others)
    clocks.wake(connection, run, now, only=unclaimed_by_others)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number)
        .values(
            state=str(RunState.SENDING),
            state_reason=None,
            started_at=func.coalesce(runs.c.started_at, now),
            finished_at=None,
            **UNCOUNTED,
        )
    )
    add_run_event(connection, run, RunState.SENDING, None, now)
    return lost, SenderPosition.at_first(connection, run, counts.get(str(State.PLANNED), 0), lease)


def beginning(connection: Connection, run: Run, lease: int | None = None) -> SenderPosition:
    """Return the position of a sender that has not looked at anything yet."""
    waits = (_c.run == run.number) & _c.due_at.is_not(None)
    query = select(func.count()).select_from(attempts).where(waits, IS_PLANNED)
    return SenderPosition.at_first(connection, run, int(connection.execute(query).scalar_one()), lease)


def anew(connection: Connection, run: Run, before: SenderPosition) -> SenderPosition:
    """Return the position of a working sender after another process changed what is left."""
    found = beginning(connection, run, before.lease)
    return replace(found, odd=before.odd, halving=before.halving, leases_from=before.leases_from)


def unclaimed_by_others(
    connection: Connection, run: Run, known: Collection[int], lease: int | None = None
) -> list[int]:
    """Return claimed messages that their only sender does not know: the claim was committed but never reached it."""
    query = select(_c.id).where(of_run(run), IS_SUBMITTING)
    if lease is not None:
        query = query.where(leases.IS_MINE)
    found = connection.execute(query, {} if lease is None else {"lease": lease}).scalars()
    return [id for id in found if id not in known]


def exchange(
    connection: Connection,
    run: Run,
    progress: SenderPosition,
    settled: Sequence[Settled],
    want: int,
    now: int,
    shared: Sequence[paces.SharedPace] = (),
    budget: Mapping[str, int] | None = None,
    entry: quotas.Entry | None = None,
    chooser: choosing.Chooser | None = None,
    rooms: Rooms | None = None,
) -> tuple[Exchange, SenderPosition]:
    """Record outcomes, then claim what the ``shared`` paces and the quotas of ``entry`` allow.

    ``budget`` is what all senders of the run may spend together, if there are several. ``chooser`` gives each
    claimed message its gateway. ``rooms`` are the messages each gateway of several has room for; ``want`` is then
    their sum. The caller commits before anything is handed over.
    """
    if progress.binding.caps and want > 0:
        caps.lock(connection)
    not_paid = [one.message_id for one in settled if str(one.state) not in spending.SPENT]
    freed = spending.cost_of(connection, not_paid) if progress.is_counted else {}
    with together(connection):
        asked = later(connection, _STATE, (run.number,)) if is_on(connection) else None
        back = settle(connection, run, settled, now)
    row = asked.row if asked else next(iter(on_sqlite(connection, _STATE_SQLITE, (run.number,))), None)
    state, changes = row or (None, 0)
    progress = replace(progress, waiting=progress.waiting + back)
    if settled and state != RunState.SENDING:
        changed(connection, run)
        counting.keep(connection, run)
    if want <= 0 or state != RunState.SENDING:
        spending.take_off(connection, run, freed)
        return Exchange([], 0, progress.left, None), progress
    if changes != progress.changes:  # a person was erased, a country refused or an opt-out revoked
        progress = anew(connection, run, progress)
        progress.plan.begin()
    slots = paces.Slots(connection, shared, now) if shared else None
    if entry is not None and progress.left and (wait := entry.wait) is not None:
        spending.take_off(connection, run, freed)
        return Exchange([], 0, progress.left, None, pause=wait.seconds(now), quota=wait), progress
    wanted = want if slots is None else min(want, slots.room)
    most = want if entry is None else min(want, entry.room)
    wanted = min(wanted, most)
    by_channel = rooms is not None and chooser is None
    if slots is not None and not wanted and not by_channel:
        spending.take_off(connection, run, freed)
        return Exchange([], 0, progress.left, None, pause=slots.pause), progress
    claim = Claim(
        *(connection, run, now, progress.plan, progress.binding, wanted),
        halving=progress.halving,
        lease=progress.lease,
    )
    by_gateway = claims_by_gateway.fill(
        claim, rooms if by_channel else None, slots, odd=progress.odd, most=most, chosen=chooser is not None
    )
    not_now, over_all = choosing.fill(claim, chooser, *_rooms(run, rooms, slots, entry), odd=progress.odd)
    skipped = claim.skipped + claim.gate.expired
    waiting = progress.waiting - claim.of_waiting + claim.gone_on
    progress = replace(progress, waiting=waiting, odd=not progress.odd)
    spending.take_off(connection, run, freed)
    over = 0 if entry is None else _over_quota(connection, run, claim, entry)
    over += len(over_all)
    progress = replace(progress, waiting=progress.waiting + len(not_now) + over)
    if progress.is_counted and (short := _within(connection, run, claim, budget or {}, entry)):
        progress = replace(progress, waiting=progress.waiting + short.back)
        claimed = Exchange(claim.claimed, skipped, progress.left, None, pause=AGAIN, short_of=short.currency)
        return _paced(claimed, slots), progress
    if over:
        return _paced(Exchange(claim.claimed, skipped, progress.left, None, more=True), slots), progress
    if by_gateway is not None and by_gateway.is_partial:
        more = claim.gone_on > 0
        found = Exchange(claim.claimed, skipped, progress.left, None, more, by_gateway=by_gateway)
        return _paced(found, slots), progress
    if not_now and (claim.claimed or not claim.room):  # else it is told below when the first may go
        pause = 0.0 if claim.claimed else max(0.001, (min(not_now.values()) - now) / 1000)
        more = bool(claim.claimed)
        return _paced(
            Exchange(claim.claimed, skipped, progress.left, None, more, pause=pause), slots
        ), progress
    if claim.room and is_elsewhere(connection, run, progress, now):
        found = Exchange(claim.claimed, skipped, progress.left, None, pause=AGAIN, elsewhere=True)
        return _paced(found, slots), progress
    next_due = claim.next_due() if claim.room else None
    # Messages that go on in another form or by another channel wait, and may be claimed at once.
    more = (claim.room > 0 and claim.unseen) or claim.gone_on > 0
    pause = 0.0 if slots is None or claim.room or wanted == want else slots.pause
    is_cut = entry is not None and not claim.room and wanted < want and not pause
    more = more or (is_cut and progress.left > 0)
    found = Exchange(claim.claimed, skipped, progress.left, next_due, more, pause=pause)
    return _paced(found, slots), progress


AGAIN = 1.0
"""Seconds until a sender that waits for other senders of the run asks again."""


def _rooms(
    run: Run, rooms: Rooms | None, slots: paces.Slots | None, entry: quotas.Entry | None
) -> tuple[dict[str, int], Mapping[str, int]]:
    """What each gateway of a route may be given, by its own room, its account's pace and quotas; and when those have
    room again (UTC ms) whose quotas are used up."""
    found = dict(rooms.by_gateway) if rooms is not None else {}
    if not found:
        return found, {}
    channels = dict.fromkeys(found, frozenset[str]()) | channels_by_name(run)
    for name in found if slots is not None else ():
        assert slots is not None
        found[name] = min(found[name], slots.room_via(name, channels[name]))
    return found, {} if entry is None else entry.divide(found, channels)


def _paced(exchange: Exchange, slots: paces.Slots | None) -> Exchange:
    return exchange if slots is None else replace(exchange, waits=slots.reserve(exchange.claimed))


def _over_quota(connection: Connection, run: Run, claim: Claim, entry: quotas.Entry) -> int:
    """Give back what exceeds the quotas; return how many."""
    over = entry.claim(claim.claimed)
    if not over:
        return 0
    claim.claimed = [one for one in claim.claimed if one.message.id not in over]
    return hold_back(connection, run, over, Reason.QUOTA)


class _Short(NamedTuple):
    currency: str
    back: int


def _within(
    connection: Connection, run: Run, claim: Claim, budget: Mapping[str, int], entry: quotas.Entry | None
) -> _Short | None:
    """Count the cost of what was claimed, and give back what exceeds the budget."""
    back, currency = spending.claimed(connection, run, claim.claimed, budget)
    if currency is None:
        return None
    ids = {one.message.id for one in back}
    claim.claimed = [one for one in claim.claimed if one.message.id not in ids]
    release(connection, run, sorted(ids), counted=False)
    if entry is not None:
        entry.uncount(ids)
    return _Short(currency, len(back))


def is_elsewhere(connection: Connection, run: Run, progress: SenderPosition, now: int) -> bool:
    """Whether other senders have all that is left, so this one waits: for the end, or to take over the chunks of a
    killed one."""
    if progress.lease is None:
        return False
    # The plan is read first: what is claimed from it meanwhile shows in the attempts, which are read afterwards.
    in_plan = bool(progress.plan.not_mine(_goes(run, progress, now)))
    return in_plan or leases.others_are_busy(connection, run, progress.lease)


def _goes(run: Run, progress: SenderPosition, now: int) -> Callable[[RowKind], bool]:
    """Return a function that tells whether a clock is open now, for channels that are claimed."""
    gate, channels = clocks.Gate(run, progress.binding.clocks, now), progress.channels
    return lambda kind: gate(kind[0]) is None and (channels is None or (kind[1] or run.channel) in channels)


def more_chunks(
    connection: Connection, run: Run, progress: SenderPosition, lease: int, now: int
) -> Set[int] | None:
    """Lease the next chunk that no sender has and that has messages to send now.

    Returns the numbers of the sender's chunks, valid once committed; None if there are no more. Call it under
    ``holds.one_by_one``.
    """
    whose = leases.taken(connection, run)
    mine = {chunk for chunk, token in whose.items() if token == lease}
    free = [one for one in progress.plan.not_mine(_goes(run, progress, now)) if one.number not in whose]
    head = free[0] if free else None
    if head is None and (number := leases.free_and_due(connection, run, now)) is not None:
        head = progress.plan.head(number)
    if head is None:
        return None
    leases.take(connection, run, head, lease)
    return mine | {head.number}


def needs_chunk(run: Run, progress: SenderPosition, want: int, now: int) -> bool:
    """Whether a sender's chunks hold less than it wants to claim."""
    return progress.plan.open_left(_goes(run, progress, now)) < want
