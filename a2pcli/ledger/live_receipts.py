"""Receipts that arrive on the gateway's own connection while messages are sent.

Their ids may not be written as the answers had them: they are matched by all the ways in which an id can be written.
If an id matches two messages, its receipt stays in the inbox unmatched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.delivery import PART_OF
from a2pcli.ledger import deliveries
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.deliveries import Applied
from a2pcli.ledger.faults import retrying
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.receipt_ids import messages_with_ids
from a2pcli.ledger.receipt_rows import Match, OfAnswer, run_named_in
from a2pcli.ledger.receipts import LOOKED_UP, PIECE, connect
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.schema import unmatched as is_unmatched
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, receipts, runs
from a2pcli.ledger.told_optouts import TellsOptOut, no_opt_out
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.ledger.store import Ledger

_a, _r = attempts.c, receipts.c

_FEW = 500


Spellings: TypeAlias = Callable[[str], tuple[Sequence[str], Sequence[str]]]
"""Returns how an answer may have written a receipt's id, and what else the id could mean; see
``gateways.base.HearsBack``."""


def add_live(
    ledger: Ledger, found: Sequence[Receipt], gateway: str, source: str, tells: TellsOptOut = no_opt_out
) -> int:
    """Store receipts that arrive while messages are sent; return how many people opted out according to ``tells``.
    Receipts with our reference are matched; other ids are looked up at the end (``settle_live``)."""
    pieces = ledger.receipts.pieces(found, gateway, source, tells=tells, by_id=False)
    return sum(taken.opted_out for taken in pieces)


def settle_live(
    ledger: Ledger, run: Run, gateway: str, spellings: Spellings, tells: TellsOptOut = no_opt_out
) -> int:
    """At the end of a run, match the gateway's unmatched receipts and recount what they changed; return how many
    people opted out according to ``tells``."""
    done = match_spelt(ledger, gateway, spellings, tells)
    ledger.receipts.keep_totals(done.uncounted | _apply_again(ledger, run, now_ms()))
    return done.opted_out


def runs_of(found: Iterable[Receipt]) -> set[str]:
    """Return the ids of the runs that references in receipts name."""
    return {run for one in found if (run := run_named_in(one.reference)) is not None}


def known_runs(ledger: Ledger, ids: Collection[str]) -> list[Run]:
    """Return the runs with these ids that exist."""
    wanted, found = sorted(ids), list[Run]()
    with ledger.reading() as connection:
        for some in (wanted[start : start + _FEW] for start in range(0, len(wanted), _FEW)):
            rows = connection.execute(select(runs).where(runs.c.id.in_(some))).mappings()
            found += [run_from_row(row) for row in rows]
    return found


def apply_late(ledger: Ledger, some: Iterable[Run]) -> set[int]:
    """Apply receipts of these runs to messages whose answers were stored after them; return the runs to be
    recounted."""
    return set[int]().union(*(_apply_again(ledger, run, now_ms()) for run in some))


def has_unmatched(ledger: Ledger) -> bool:
    """Return whether there are receipts without a message."""
    with ledger.reading() as connection:
        query = select(_r.number).where(is_unmatched).limit(1)
        return connection.execute(query).first() is not None


class Spelt(NamedTuple):
    """How many receipts were matched, how many people opted out by them, and the runs to be recounted."""

    matched: int
    opted_out: int
    uncounted: frozenset[int]


def match_spelt(ledger: Ledger, gateway: str, spellings: Spellings, tells: TellsOptOut) -> Spelt:
    """Match the gateway's unmatched receipts by all spellings of their ids."""
    matched, opted_out, uncounted, after, now = 0, 0, set[int](), 0, now_ms()
    while True:
        with ledger.reading() as connection:
            query = select(_r.number, _r.gateway_id).where(
                is_unmatched, _r.gateway_id.is_not(None), _r.gateway == gateway, _r.number > after
            )
            rows = connection.execute(query.order_by(_r.number).limit(LOOKED_UP)).all()
            found = _found(connection, gateway, [(row.number, row.gateway_id) for row in rows], spellings)
        for start in range(0, len(found), PIECE):
            applied, out = _connect(ledger, found[start : start + PIECE], tells, now)
            uncounted |= applied.uncounted
            opted_out += out
        matched += len(found)
        if len(rows) < LOOKED_UP:
            return Spelt(matched, opted_out, frozenset(uncounted))
        after = rows[-1].number


def _apply_again(ledger: Ledger, run: Run, now: int) -> set[int]:
    """Apply receipts again to messages without an accepting answer, because a receipt may have been stored before
    the answer was; and to messages whose parts were all given the same id, which only the last answer shows. Return the
    runs to be recounted."""
    base = run.number * ROWS_PER_RUN
    unsettled = [str(State.UNKNOWN), str(State.PLANNED), str(State.REJECTED)]
    told = select(_r.number).where(_r.attempt == _a.id)
    query = (
        select(_a.id)
        .where(_a.id.between(base, base + ROWS_PER_RUN - 1))
        .where(_a.state.in_(unsettled) | told.where(_r.status == f"{PART_OF}1").exists())
        .where(told.exists())
    )
    with ledger.reading() as connection:
        ids = list(connection.execute(query).scalars())

    def work() -> Applied:
        with ledger.transaction(), ledger.writing() as connection:
            return deliveries.apply(connection, ids, now)

    return set(retrying(work).uncounted) if ids else set()


def _found(
    connection: Connection, gateway: str, rows: Sequence[tuple[int, str]], spellings: Spellings
) -> list[tuple[int, Match, str]]:
    """Return number, message, and the id as the answer had it, of receipts that match exactly one message."""
    readings = [(number, *spellings(id)) for number, id in rows]
    wanted = {one for _, sure, doubtful in readings for one in (*sure, *doubtful)}
    if not wanted:
        return []
    known: dict[str, set[Match]] = defaultdict(set)
    for id, those in messages_with_ids(connection, wanted).items():
        known[id] |= {attempt for attempt, through in those if through == gateway}
    for id, attempt in _of_parts(connection, gateway, wanted):
        known[id].add(attempt)
    found = []
    for number, sure, doubtful in readings:
        hits = [one for one in sure if known.get(one)]
        fitting = {attempt for one in (*hits, *doubtful) for attempt in known.get(one, ())}
        if hits and len(fitting) == 1:
            found.append((number, fitting.pop(), hits[0]))
    return found


def _of_parts(connection: Connection, gateway: str, wanted: Collection[str]) -> list[tuple[str, Match]]:
    """Return ids that receipts have tied to a message; ids of parts after the first are stored nowhere else."""
    query = select(_r.gateway_id, _r.attempt, _r.answer).where(
        or_(_r.attempt.is_not(None), _r.answer.is_not(None)),
        _r.gateway_id.is_not(None),
        _r.gateway == gateway,
    )
    return [
        (id, attempt if answer is None else OfAnswer(answer))
        for id, attempt, answer in read_rows(connection, query)
        if id in wanted
    ]


def _connect(
    ledger: Ledger, found: Sequence[tuple[int, Match, str]], tells: TellsOptOut, now: int
) -> tuple[Applied, int]:
    """Store the matches of these receipts, and suppress people who opted out by them; return how many."""
    values = [{"b_number": number, "b_id": id} for number, _, id in found]

    def work() -> tuple[Applied, int]:
        with ledger.transaction(), ledger.writing() as connection:
            change = update(receipts).where(_r.number == bindparam("b_number"))
            connection.execute(change.values(gateway_id=bindparam("b_id")), values)
            applied, out = connect(connection, [(number, at) for number, at, _ in found], tells, now)
            return applied, out.opted_out

    return retrying(work)
