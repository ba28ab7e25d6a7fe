"""The messages of a ledger: a run's rows, what one person got, and who has a message already."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger import plan_people, plan_rows, plan_store
from a2pcli.ledger.attempt_ids import all_attempts, attempt_number, message_of
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.plan_people import Searched
from a2pcli.ledger.plan_rows import PlanRows, as_rows, row_mapping
from a2pcli.ledger.plans import of_run, run_from_row
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.tables import attempts, events, is_claimed, is_followed, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from a2pcli.ledger import caps
else:
    (caps,) = lazily("a2pcli.ledger", "caps")

_c = attempts.c


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a message; events are only ever added."""

    at: int
    kind: str
    code: str | None
    detail: str | None
    gateway_id: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A message of one address in one run, with its events, oldest first. ``row`` has the columns of the messages
    table. ``earlier`` are the rows of earlier attempts that another one followed."""

    run: Run
    row: Mapping[str, Any]
    events: tuple[Event, ...]
    earlier: tuple[Mapping[str, Any], ...] = ()


class Messages(SubStore):
    """The messages of an open ledger, over all runs. Waiting messages are described as of ``now`` (UTC
    milliseconds)."""

    def columns(
        self,
        run: Run,
        *,
        states: Sequence[str] | None = None,
        reasons: Sequence[str] | None = None,
        chunk: int = 20_000,
        now: int | None = None,
    ) -> Iterator[plan_rows.Columns]:
        """Yield the run's rows in file order, piece by piece, as parallel columns (``plan_rows.NAMES``).

        ``states`` and ``reasons`` filter them. Each piece is a short read of its own, so a long report blocks nothing.
        """
        wanted = plan_rows.Wanted(states, reasons)
        moment = now_ms() if now is None else now
        with self._ledger.reading() as connection:
            reader = PlanRows(connection, run, moment)
        for head in reader.heads:
            with self._ledger.reading() as connection:
                found = reader.columns(connection, head, wanted)
            yield from plan_rows.pieces(found, chunk)
        after: int | None = None
        while not reader.heads:
            with self._ledger.reading() as connection:
                found = plan_rows.of_attempts(connection, run, after, chunk, wanted)
            ids = found["id"]
            if ids:
                yield found
                after = ids[-1]
            if len(ids) < chunk:
                return

    def rows(
        self,
        run: Run,
        *,
        states: Sequence[str] | None = None,
        chunk: int = 10_000,
        now: int | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the run's rows in file order, piece by piece, each row a mapping; see ``columns``."""
        for columns in self.columns(run, states=states, chunk=chunk, now=now):
            yield list(as_rows(columns))

    def history(
        self, address: str, *, run: Run | None = None, cells: Sequence[str] = (), now: int | None = None
    ) -> list[HistoryEntry]:
        """Return what one address got, over all runs or in ``run``, oldest first, with events.

        ``cells`` finds rows without an address; see ``plan_people.Searched``.
        """
        whom, moment = Searched(address, tuple(cells)), now_ms() if now is None else now
        with self._ledger.reading() as connection:
            rows = of_person(connection, whom, run, moment, by_filter=True)
            found = sorted(rows, key=lambda row: message_of(row["id"]))
            return [_entry(connection, row) for row in found]

    def contacts_of(self, address: str, since: int, before: int) -> list[caps.Contact]:
        """Return what an address got, or may have got, after ``since`` and before ``before`` (UTC ms), oldest first."""
        with self._ledger.reading() as connection:
            found = caps.contacts_of(connection, [address], since).get(address, [])
        return [one for one in found if one.at < before]

    def reached(self, occasion: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the sorted ``person`` keys of all who got, or may have got, a message of this occurrence in any
        run."""
        import numpy as np

        of_occasion = and_(_c.occasion == occasion, _c.person.is_not(None))
        query = select(_c.person).where(of_occasion, is_claimed(_c)).order_by(_c.person)
        # Their next attempt may not be claimed yet.
        followed = select(_c.person).where(of_occasion, is_followed(_c))
        with self._ledger.reading() as connection:
            found = np.fromiter(chain.from_iterable(read_rows(connection, query)), np.int64)
            more = connection.execute(followed).scalars().all()
        return np.union1d(found, np.array(more, np.int64)) if more else found

    def had_enough(
        self, cap: caps.Cap, *, campaign: str, programme: str, subject: str, now: int
    ) -> tuple[list[str], list[int]]:
        """Return the addresses that reached a cap, and when each may get the next message (UTC milliseconds)."""
        with self._ledger.reading() as connection:
            found = list(
                caps.enough(connection, cap, campaign=campaign, programme=programme, subject=subject, now=now)
            )
        return [address for address, _ in found], [free for _, free in found]

    def recipients(self, names: Sequence[str]) -> pa.StringArray:
        """Return addresses that got, or may have got, a message of these runs (ids) or campaigns (names), for
        ``exclude.runs``.

        Raises ``InvalidInput`` for a name that is neither.
        """
        import pyarrow as pa

        with self._ledger.reading() as connection:
            arrays = [
                pa.array(chain.from_iterable(read_rows(connection, _reached_by(run))), pa.string())
                for name in names
                for run in _runs_named(connection, name)
            ]
        return pa.concat_arrays(arrays).unique() if arrays else pa.array([], pa.string())

    def already_sent(self, run: Run) -> list[tuple[str, str, int]]:
        """Return, for rows excluded as already sent: run id, state of the messages there, and how many; newest run
        first. Several rows of one person share one message."""
        query = (
            select(_c.person, runs.c.number, runs.c.id, _c.state)
            .join_from(attempts, runs, runs.c.number == _c.run)
            .where(_c.occasion == run.occasion, is_claimed(_c))
        )
        counts: Counter[tuple[int, str, str]] = Counter()
        with self._ledger.reading() as connection:
            people = _left_out_as_sent(connection, run)
            for person, number, id, state in read_rows(connection, query) if people else ():
                if person in people:
                    counts[-number, id, state] += 1
        return [(id, state, many) for (_, id, state), many in sorted(counts.items())]


def _entry(connection: Connection, row: Mapping[str, Any]) -> HistoryEntry:
    ids = all_attempts([row["id"]], attempt_number(row["id"]))
    earlier = select(attempts).where(_c.id.in_(ids[:-1])).order_by(_c.id)
    return HistoryEntry(
        _run_numbered(connection, row["run"]),
        row,
        events_where(connection, events.c.message.in_(ids)),
        tuple(map(dict, connection.execute(earlier).mappings())) if len(ids) > 1 else (),
    )


def _left_out_as_sent(connection: Connection, run: Run) -> set[int]:
    """Return the people excluded, by the plan or at the claim, because they had the message."""
    reason = str(Reason.ALREADY_SENT)
    query = select(_c.person).where(of_run(run), _c.reason == reason, _c.person.is_not(None))
    people = set(connection.execute(query).scalars())
    for head in plan_store.heads(connection, run):
        if any(group.reason == reason for group in head.groups):
            chunk = plan_store.load(connection, run, head, ("person", "reason"))
            rows = zip(chunk.values("person"), chunk.values("reason"), strict=True)
            people.update(person for person, why in rows if why == reason and person is not None)
    return people


def _runs_named(connection: Connection, name: str) -> list[Run]:
    """Return the run with this id, or the runs of the campaign. Raises ``InvalidInput`` if there is none, or if
    retention removed the recipients of one."""
    chosen = select(runs).where(or_(runs.c.id == name, runs.c.campaign == name))
    found = [run_from_row(row) for row in connection.execute(chosen).mappings()]
    if not found:
        known = connection.execute(select(runs.c.campaign).distinct()).scalars().all()
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else None
        raise InvalidInput(
            Problem(f"no run or campaign '{name}' in the ledger", hint=hint, code="unknown-run")
        )
    for run in found:
        _still_known(run)
    return found


def _reached_by(run: Run) -> Any:
    # Includes rejected attempts that were followed: the person may have the message by another address.
    may_have = or_(_c.state != str(State.REJECTED), is_followed(_c))
    return select(_c.address).where(of_run(run), _c.claimed_at.is_not(None), may_have)


def _still_known(run: Run) -> None:
    """Raise ``InvalidInput`` if retention removed the run's recipients, because they would get the next message too."""
    pruned = run.summary.get("pruned", {})
    if "people" in pruned:
        problem = Problem(
            f"it is no longer known who got run {run.id} of {run.campaign}: `a2pcli prune` deleted the data on"
            f" {pruned['people']}",
            hint="remove it from exclude.runs, or list newer runs by their ids",
            code="run-pruned",
        )
        raise InvalidInput(problem)


def of_person(
    connection: Connection, whom: Searched, run: Run | None, now: int, *, by_filter: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield every row of a person, over all runs or in ``run``, with the columns of ``plan_rows.NAMES``.

    For ``by_filter`` see ``plan_people.in_chunks``.
    """
    readers: dict[int, PlanRows] = {}
    for one, head, places in plan_people.in_chunks(connection, whom, run, by_filter=by_filter):
        if one.number not in readers:
            readers[one.number] = PlanRows(connection, one, now, heads=[head])
        yield from as_rows(readers[one.number].at(connection, head, places))
    for within in plan_people.without_chunks(connection, run):
        query = select(attempts).where(within, plan_people.condition(whom)).order_by(_c.id)
        for row in connection.execute(query).mappings().all():
            yield row_mapping(dict(row))


def _run_numbered(connection: Connection, number: int) -> Run:
    return run_from_row(connection.execute(select(runs).where(runs.c.number == number)).mappings().one())


def events_where(connection: Connection, chosen: Any) -> tuple[Event, ...]:
    """Return the events that match the condition, oldest first."""
    e = events.c
    query = select(e.at, e.kind, e.code, e.detail, e.gateway_id).where(chosen).order_by(e.number)
    return tuple(Event(*row) for row in connection.execute(query))
