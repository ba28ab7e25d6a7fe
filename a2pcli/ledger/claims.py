"""Claiming: intents before the call, in one durable transaction with the outcomes of the calls before.

A sender hands in what it learnt and gets its next batch; the one commit makes the outcomes and the new intents
durable together, so that a group of messages costs one flush of the disk.

Which rows are next: half of a claim are rows that waited and whose moment has come (a small index knows them),
half are rows that never waited, in the file's order, from where the last claim stopped; where there are too few
of one kind, more of the other. So neither keeps the other from leaving: rows that the gateway would not take
again and again must not stand in front of a million that it would. Whatever goes back to ``planned`` gets a
``due_at``, so nothing is ever left behind that mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import has_other_forms
from a2pcli.ledger import caps, clocks, erased, other_forms, paces, refusals
from a2pcli.ledger.candidates import (
    ADDRESS,
    CLOCK,
    FRESH,
    FRESH_CLOCKS,
    ID,
    NEXT_DUE,
    SENDER,
    THESE,
    WAITED,
    WAITED_CLOCKS,
    WHY_NOT,
)
from a2pcli.ledger.hot import Hot
from a2pcli.ledger.intents import mark_postgres, mark_sqlite
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING, add_run_event, lose, note_each, settle
from a2pcli.ledger.plans import UNCOUNTED, changed, end_id, first_id, of_run
from a2pcli.ledger.records import Claimed, Exchange, Run, RunState, Settled
from a2pcli.ledger.tables import ROWS_PER_RUN, messages, runs
from a2pcli.ledger.together import is_on, later, together
from a2pcli.messages import Message, State
from a2pcli.reasons import Reason

_c = messages.c

_OPEN = (None, refusals.ASKS_SENDER)

_state = select(runs.c.state).where(runs.c.number == bindparam("run"))
_STATE = "SELECT state FROM runs WHERE number = %s"
_skip = Hot(
    update(messages)
    .where(_c.id == bindparam("b_id"), IS_PLANNED)
    .values(
        state=literal_column(f"'{State.SKIPPED}'"),
        reason=bindparam("b_reason"),
        detail=bindparam("b_detail"),
        due_at=literal_column("NULL"),
        settled_at=bindparam("b_now"),
        rule=bindparam("b_rule"),
    ),
    *("b_reason", "b_detail", "b_now", "b_rule", "b_id"),
)


@dataclass(slots=True)
class Progress:
    """Where one sender is in a run: the last id it looked at, how many rows are still planned, and what binds them."""

    after: int
    left: int
    clocks: Mapping[int, clocks.RunClock]
    caps: caps.Caps
    odd: bool = False
    """Changes with each claim: of an odd number of rows, which kind gets the larger half."""
    halving: bool = False
    """Whether a person was taken by another run in the middle of a claim; from then on claims are made to be halved."""

    @classmethod
    def at_first(cls, connection: Connection, run: Run, left: int) -> Progress:
        """Of a sender that has looked at nothing yet."""
        known = clocks.of_run(connection, run)
        by_clock = {number: one.caps for number, one in known.items() if one.caps}
        return cls(first_id(run) - 1, left, known, caps.Caps(run, by_clock))


def start(connection: Connection, run: Run, now: int) -> tuple[int, Progress]:
    """``submitting`` left by a crash becomes ``unknown``; the run is ``sending``. Gives how many, and where we are."""
    found = select(_c.state, func.count()).where(of_run(run)).group_by(_c.state)
    counts = {str(state): int(count) for state, count in connection.execute(found)}
    lost = counts.get(str(State.SUBMITTING), 0)
    if lost:
        lose(connection, run, now)
    clocks.wake(connection, run, now)
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
    return lost, Progress.at_first(connection, run, counts.get(str(State.PLANNED), 0))


def beginning(connection: Connection, run: Run) -> Progress:
    """The progress of a sender that has looked at nothing yet: one pass over the run's rows."""
    query = select(func.count()).select_from(messages).where(of_run(run), IS_PLANNED)
    return Progress.at_first(connection, run, int(connection.execute(query).scalar_one()))


def nobodys(connection: Connection, run: Run, known: Collection[int]) -> list[int]:
    """Claimed messages of the run that its only sender does not know: their claim was committed, and never heard of."""
    found = connection.execute(select(_c.id).where(of_run(run), IS_SUBMITTING)).scalars()
    return [id for id in found if id not in known]


def exchange(
    connection: Connection,
    run: Run,
    progress: Progress,
    settled: Sequence[Settled],
    want: int,
    now: int,
    shared: Sequence[paces.SharedPace] = (),
) -> tuple[Exchange, Progress]:
    """Record outcomes, then claim, no more than the ``shared`` paces have slots for.

    To be committed by the caller before anything is handed over.
    """
    if progress.caps and want > 0:
        caps.lock(connection)
    with together(connection):
        left = progress.left + settle(connection, run, settled, now)
        asked = later(connection, _STATE, (run.number,)) if is_on(connection) else None
    state = asked.first if asked else connection.execute(_state, {"run": run.number}).scalar()
    if settled and state != RunState.SENDING:
        changed(connection, run)
    if want <= 0 or state != RunState.SENDING:
        return Exchange([], 0, left, None), replace(progress, left=left)
    slots = paces.Slots(connection, shared, now) if shared else None
    wanted = want if slots is None else min(want, slots.room)
    if slots is not None and not wanted:
        return Exchange([], 0, left, None, pause=slots.pause), replace(progress, left=left)
    claim = _Claim(connection, run, now, progress, wanted)
    waited = claim.waited((wanted + progress.odd) // 2)
    claim.fresh()
    if waited:
        claim.waited(claim.room)
    next_due = connection.execute(NEXT_DUE, {"run": run.number}).scalar() if claim.room else None
    skipped = claim.skipped + claim.gate.expired
    left -= len(claim.claimed) + skipped
    more = claim.room > 0 and claim.unseen
    waits = [] if slots is None else slots.reserve(claim.claimed)
    pause = 0.0 if slots is None or claim.room or wanted == want else slots.pause
    return Exchange(claim.claimed, skipped, left, next_due, more, waits, pause), replace(
        progress, after=claim.after, left=left, odd=not progress.odd
    )


class _Claim:
    """One claim in the making: what was found so far, and where the search stands."""

    def __init__(self, connection: Connection, run: Run, now: int, progress: Progress, want: int) -> None:
        self.connection = connection
        self.run = run
        self.now = now
        self.after = progress.after
        self.want = want
        self.halving = progress.halving
        self.caps = progress.caps
        self.gate = clocks.Gate(run, progress.clocks, now)
        self.is_gated = bool(progress.clocks)
        self.refusals = refusals.parameters(run)
        self.erasures = binds(run.purpose) and erased.exist(connection)
        self.claimed: list[Claimed] = []
        self.skipped = 0
        self.unseen = False
        """Whether rows were left that nobody looked at: the piece of one transaction was used up."""

    @property
    def room(self) -> int:
        """How many more may be claimed."""
        return self.want - len(self.claimed)

    @property
    def spent(self) -> bool:
        """Whether so many rows were held that the others must wait for another transaction."""
        return self.gate.held + self.gate.expired >= clocks.PIECE

    def _find(self, query: Any, **chosen: Any) -> Sequence[Any]:
        run = self.run
        parameters: dict[str, Any] = {
            "run": run.number,
            "now": self.now,
            "after": self.after,
            "end": end_id(run),
            "want": self.room,
            **chosen,
            **self.refusals,
            "binds": binds(run.purpose),
        }
        return self.connection.execute(query, parameters).all()

    def waited(self, most: int) -> bool:
        """Rows whose moment has come, longest due first, so many at most; gives whether there may be more."""
        end = len(self.claimed) + most
        while (room := end - len(self.claimed)) > 0:
            if self.is_gated:
                ids = self._open_due(room)
                rows = self._find(THESE, ids=ids) if ids else ()
            else:
                rows = self._find(WAITED, want=room)
            self._take(rows, together=False)
            if len(rows) < room:
                return False
        return True

    def _open_due(self, room: int) -> list[int]:
        """The first rows whose moment has come and whose clock is open; those in front of them wait on."""
        page = room
        while True:
            rows = self._find(WAITED_CLOCKS, want=page)
            going = self.gate.keep_back(self.connection, rows)
            if len(going) >= room or len(rows) < page:
                return going[:room]
            if self.spent:
                self.unseen = True
                return going
            page = min(4 * page, clocks.PIECE)

    def fresh(self) -> None:
        """Rows that never waited, from the mark on."""
        while room := self.room:
            end = self._clear_ahead() if self.is_gated else end_id(self.run)
            rows = self._find(FRESH, end=end)
            self._take(rows, together=True)
            if len(rows) == room:
                self.after = rows[-1][ID]
                continue
            self.after = end - 1
            if end < end_id(self.run):
                self.unseen = True
            return

    def _clear_ahead(self) -> int:
        """Hold the closed rows in front, so that enough open ones can be claimed together; gives where that ends."""
        at, page, going = self.after, self.room, 0
        while going < self.room:
            if self.spent:
                return at + 1
            rows = self._find(FRESH_CLOCKS, after=at, want=page)
            going += len(self.gate.keep_back(self.connection, rows))
            if len(rows) < page:
                return end_id(self.run)
            at = rows[-1][ID]
            page = min(4 * page, clocks.PIECE)
        return at + 1

    def _take(self, rows: Sequence[Any], *, together: bool) -> None:
        """Claim those of the candidates that may go; skip the others with their reason."""
        good: Sequence[Any] = [row for row in rows if row[WHY_NOT] in _OPEN]
        if len(good) < len(rows):
            self._refuse({row[ID]: row[WHY_NOT] for row in rows if row[WHY_NOT] not in _OPEN})
        good = self._without_refused(good)
        if self.erasures and good:
            good = self._without_erased(good)
        if self.caps and good:
            good = self._under_caps(good)
        if not good:
            return
        if self.connection.dialect.name == "sqlite":
            taken = mark_sqlite(self.connection, good, self.now, together=together)
        else:
            taken = mark_postgres(self.connection, good, self.now, halving=self.halving)
        if len(taken) < len(good):
            ids = {row[ID] for row in taken}
            self._skip(
                [(row[ID], str(Reason.ALREADY_SENT), None, None) for row in good if row[ID] not in ids]
            )
        if caps.counted(self.run.purpose):
            caps.note(self.connection, self.run, [(row[ID], row[ADDRESS]) for row in taken], self.now)
        self.claimed.extend(_claimed(self.run, taken, self.gate))

    def _without_refused(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Skip who said no under another number of the same phone, or to the sender in another spelling."""
        candidates = (
            other_forms.Candidate(row[ID], row[ADDRESS], row[SENDER], row[WHY_NOT] == refusals.ASKS_SENDER)
            for row in rows
            if row[WHY_NOT] == refusals.ASKS_SENDER or has_other_forms(row[ADDRESS])
        )
        asked = {**self.refusals, "binds": binds(self.run.purpose)}
        gone = other_forms.refused(self.connection, self.run, candidates, asked, self.now)
        if not gone:
            return rows
        self._refuse(gone)
        return [row for row in rows if row[ID] not in gone]

    def _refuse(self, reasons: Mapping[int, str]) -> None:
        """Skip these rows, each for its reason."""
        details, rules = refusals.DETAILS, refusals.RULES
        self._skip(
            [(id, str(reason), details.get(reason), rules.get(reason)) for id, reason in reasons.items()]
        )

    def _without_erased(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Skip who was erased since the plan: on the list, only a hash tells them."""
        gone = erased.erased_of(self.connection, [row[ADDRESS] for row in rows])
        if gone:
            reason = str(Reason.ERASED)
            self._skip([(row[ID], reason, None, erased.RULE) for row in rows if row[ADDRESS] in gone])
        return [row for row in rows if row[ADDRESS] not in gone]

    def _under_caps(self, rows: Sequence[Any]) -> Sequence[Any]:
        over = self.caps.over(
            self.connection, [(row[ID], row[ADDRESS], row[CLOCK]) for row in rows], self.now
        )
        if not over:
            return rows
        self._skip([(id, str(Reason.CAPPED), detail, rule) for id, (rule, detail) in over.items()])
        return [row for row in rows if row[ID] not in over]

    def _skip(self, rows: Sequence[tuple[int, str, str | None, str | None]]) -> None:
        """Leave out these rows: id, reason, detail, rule."""
        _skip.run(
            self.connection, [(reason, detail, self.now, rule, id) for id, reason, detail, rule in rows]
        )
        for reason in {reason for _, reason, _, _ in rows}:
            ids = [id for id, other, _, _ in rows if other == reason]
            note_each(self.connection, self.run, ids, self.now, kind=str(State.SKIPPED), code=reason)
        self.skipped += len(rows)


def _claimed(run: Run, rows: Sequence[Any], gate: clocks.Gate) -> Iterator[Claimed]:
    # Unpacked at once and passed by position: by name it costs 3x as much, at every message.
    channel, sender, media, reference = run.channel, run.sender, run.media, run.reference
    for id, address, body, country, parts, attempts, cost, currency, clock, own, _ in rows:
        row = id % ROWS_PER_RUN
        message = Message(id, reference(row), address, body, channel, own or sender, country, parts, media)
        until = None if clock is None else gate.open_until(clock)
        yield Claimed(message, attempts + 1, cost, currency, until)
