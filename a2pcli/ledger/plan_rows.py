"""A run's rows as one list: what the plan says of each, and over it what happened since.

Three things make a row: its place in a chunk, its attempt if it has one, and else what became of all the untouched
(``plan_ends``) or the clock that holds it. A run without chunks has all of it in ``attempts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import plan_store
from a2pcli.ledger.alternatives import by_channel
from a2pcli.ledger.attempt_ids import all_attempts, is_later, message_of
from a2pcli.ledger.counting import most_attempts, standing
from a2pcli.ledger.plan_store import ChunkHead, end_of, first_id
from a2pcli.ledger.planned_costs import as_it_stands
from a2pcli.ledger.plans import end_id
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts
from a2pcli.messages import CLAIMED_STATES, State

if TYPE_CHECKING:
    import pyarrow as pa

    from a2pcli.ledger.clocks import Held

Columns = dict[str, Sequence[Any]]

_a = attempts.c

_OF_CHUNKS = ("spelling", "others", "content", "alternatives", "route")
"""Columns that only chunks have."""

_OF_THE_PLAN = ("line", "cell", "body", "encoding", "units", "consent", *_OF_CHUNKS)
"""Columns that a row always takes from its chunk."""

_OF_BOTH = (
    "address", "person", "country", "variant", "parts", "cost", "currency", "sender", "clock", "consent_until",
    "reason", "detail", "rule", "channel",
)  # fmt: skip
"""Columns that a row takes from its chunk until it has an attempt."""

_OF_THE_ATTEMPT = (
    "state", "tries", "due_at", "claimed_at", "settled_at", "gateway_id", "code",
    "delivery", "delivered_at", "delivery_code", "gateway",
)  # fmt: skip

NAMES = (
    "id", "run", "occasion", "line", "cell", "address", "person", "country", "state", "reason", "detail", "body",
    "encoding", "units", "parts", "cost", "currency", "variant", "attempts", "due_at", "claimed_at", "settled_at",
    "gateway_id", "code", "clock", "sender", "rule", "consent_until", "consent",
    "delivery", "delivered_at", "delivery_code", "channel", "gateway", *_OF_CHUNKS,
)  # fmt: skip
"""The columns of a row. ``attempts`` counts submissions to the gateway; ``due_at`` is None if due at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter for rows of a run by state and reason; None for all."""

    states: Sequence[str] | None = None
    reasons: Sequence[str] | None = None

    def of(self, query: Select[Any]) -> Select[Any]:
        """Return the query of attempts, limited to these rows."""
        for column, values in ((_a.state, self.states), (_a.reason, self.reasons)):
            if values is not None:
                query = query.where(column.in_([str(value) for value in values]))
        return query

    @property
    def only_claimed(self) -> bool:
        """Whether all of these rows have an attempt."""
        return self.states is not None and set(self.states) <= {str(state) for state in CLAIMED_STATES}

    def places(self, columns: Columns) -> list[int] | None:
        """Return the positions of the wanted rows in these columns; None if all are wanted."""
        if self.states is None and self.reasons is None:
            return None
        states = None if self.states is None else {str(one) for one in self.states}
        reasons = None if self.reasons is None else {str(one) for one in self.reasons}
        return [
            place
            for place, (state, reason) in enumerate(zip(columns["state"], columns["reason"], strict=True))
            if (states is None or state in states) and (reasons is None or reason in reasons)
        ]


_ALWAYS = frozenset(("state", "reason", "country", "clock"))
"""Columns that determine a row's state."""


class PlanRows:
    """The rows of one run as of ``now`` (UTC milliseconds).

    With ``only`` (from ``NAMES``), other columns are not read and are None. ``heads`` are the run's chunks if known,
    or those that will be requested.
    """

    def __init__(
        self,
        connection: Connection,
        run: Run,
        now: int,
        only: frozenset[str] | None = None,
        heads: list[ChunkHead] | None = None,
    ) -> None:
        self.run = run
        self._only = None if only is None else only | _ALWAYS | ({"tries"} if "attempts" in only else set())
        self.heads = plan_store.heads(connection, run) if heads is None else heads
        self._ends = plan_store.ends_of(connection, run)
        self._holds = self._holding(connection, now) if self.heads else None

    def _holding(self, connection: Connection, now: int) -> Callable[[int | None], Held | None] | None:
        from a2pcli.ledger.waits import holding

        return holding(connection, self.run, now)

    def columns(self, connection: Connection, head: ChunkHead, wanted: Wanted | None = None) -> Columns:
        """Return the ``wanted`` rows of a chunk as parallel columns, in file order."""
        chosen = wanted or Wanted()
        most = most_attempts(connection, self.run)
        within = standing(head.first_id, head.end_id, most)
        happened = _attempts(connection, chosen if chosen.only_claimed else Wanted(), within, only=self._only)
        if chosen.only_claimed:
            if not happened["id"]:
                return {name: [] for name in NAMES}
            return self._made(connection, head, _places(head, happened["id"]), happened)
        found = self._made(connection, head, None, happened)
        places = chosen.places(found)
        return found if places is None else _taken(found, places)

    def everything(self, connection: Connection, size: int) -> Iterator[Columns]:
        """Yield all rows in file order, at most ``size`` at once, in the caller's transaction."""
        for head in self.heads:
            yield from pieces(self.columns(connection, head), size)
        after: int | None = None
        while not self.heads:
            found = of_attempts(connection, self.run, after, size, Wanted())
            if found["id"]:
                yield found
                after = found["id"][-1]
            if len(found["id"]) < size:
                return

    def at(self, connection: Connection, head: ChunkHead, places: Sequence[int]) -> Columns:
        """Return the rows at these positions of a chunk, which must be ascending."""
        import pyarrow as pa

        most = most_attempts(connection, self.run)
        ids = all_attempts((head.first_id + place for place in places), most)
        happened = _attempts(connection, Wanted(), _a.id.in_(ids), _a.followed_at.is_(None))
        return self._made(connection, head, pa.array(places, pa.int64()), happened)

    def _made(
        self, connection: Connection, head: ChunkHead, places: pa.Array | None, happened: Columns
    ) -> Columns:
        names: tuple[str, ...] = (*_OF_THE_PLAN, *_OF_BOTH)
        if self._only is not None:
            names = tuple(name for name in names if name in self._only)
        chunk = plan_store.load(connection, self.run, head, None if self._only is None else names)
        found: Columns = {name: chunk.values(name, places) for name in names}
        ids = (
            range(head.first_id, head.end_id)
            if places is None
            else [head.first_id + place for place in places.to_pylist()]
        )
        many = len(ids)
        found |= {name: [None] * many for name in (*_OF_THE_PLAN, *_OF_BOTH) if name not in found}
        found |= {"id": list(ids), "run": [self.run.number] * many, "occasion": [self.run.occasion] * many}
        found["state"] = [
            str(State.PLANNED) if reason is None else str(State.SKIPPED) for reason in found["reason"]
        ]
        found["tries"] = [0] * many
        for name in _OF_THE_ATTEMPT[2:]:
            found[name] = [None] * many
        touched = {message_of(id) for id in happened["id"]}
        if len(touched) < many and (self._ends or self._holds):
            self._tell_untouched(found, touched)
        found = _overlaid(found, happened)
        later = {id: place for place, id in enumerate(found["id"]) if is_later(id)}
        if later:
            _tell_own_texts(connection, found, later)
        return _renamed(found)

    def _tell_untouched(self, found: Columns, touched: set[int]) -> None:
        """Set the end, or the hold, of messages without attempts."""
        said: dict[tuple[str | None, int | None], tuple[tuple[str, Any], ...]] = {}
        columns: dict[str, Any] = found
        keys = zip(found["id"], found["state"], found["country"], found["clock"], strict=True)
        for place, (id, state, country, clock) in enumerate(keys):
            if state != State.PLANNED or id in touched:
                continue
            if (country, clock) not in said:
                said[country, clock] = self._what_of(country, clock)
            for name, value in said[country, clock]:
                columns[name][place] = value

    def _what_of(self, country: str | None, clock: int | None) -> tuple[tuple[str, Any], ...]:
        end = end_of(self._ends, country, clock)
        if end is not None:
            values: dict[str, Any] = {"state": str(end.state), "reason": str(end.reason), "rule": end.rule}
            return tuple((values | {"detail": end.detail, "settled_at": end.at}).items())
        why = None if self._holds is None else self._holds(clock)
        if why is None or why.until is None:
            return ()
        return (("reason", str(why.reason)), ("rule", why.rule), ("due_at", why.until))


def _places(head: ChunkHead, ids: Sequence[int]) -> pa.Array:
    import pyarrow as pa

    return pa.array([message_of(id) - head.first_id for id in ids], pa.int64())


def _attempts(
    connection: Connection, wanted: Wanted, *chosen: Any, only: frozenset[str] | None = None
) -> Columns:
    """Return attempts as parallel columns, in the order of their messages; all columns, or ``only`` these."""
    names = ["id", *(name for name in (*_OF_BOTH, *_OF_THE_ATTEMPT) if only is None or name in only)]
    query = wanted.of(select(*map(as_it_stands, names)).where(*chosen)).order_by(_a.id)
    rows = list(connection.execute(query).all())
    if rows and is_later(rows[-1][0]):
        rows.sort(key=lambda row: message_of(row[0]))
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return dict(zip(names, columns, strict=True))


def _overlaid(found: Columns, happened: Columns) -> Columns:
    """Overlay the planned values with those of attempts. The id becomes that of the attempt that counts."""
    if len(happened["id"]) == len(found["id"]):
        return found | happened
    if not happened["id"]:
        return found
    places = {id: place for place, id in enumerate(found["id"])}
    messages = [message_of(id) for id in happened["id"]]
    at = [places[id] for id in messages if id in places]
    known = [id in places for id in messages]
    columns: dict[str, Any] = found
    for name in happened:
        into = columns[name]
        values = (value for value, there in zip(happened[name], known, strict=True) if there)
        for place, value in zip(at, values, strict=True):
            into[place] = value
    return found


def _tell_own_texts(connection: Connection, found: Columns, later: Mapping[int, int]) -> None:
    """Set the texts of later attempts (given with their positions), which no chunk contains."""
    names = ("body", "encoding", "units")
    columns: dict[str, Any] = {name: list(found[name]) for name in names}
    query = select(_a.id, *(_a[name] for name in names))
    ids = list(later)
    for start in range(0, len(ids), _FEW):
        for id, *values in connection.execute(query.where(_a.id.in_(ids[start : start + _FEW]))):
            for name, value in zip(names, values, strict=True):
                columns[name][later[id]] = value
    if "content" in found and any(found.get("alternatives") or ()):
        # A chunk's content belongs to the first attempt; a later one's is stored with its channel.
        contents = list(found["content"])
        for place in later.values():
            one = by_channel(found["alternatives"][place], found["channel"][place], columns["body"][place])
            contents[place] = None if one is None else one.content
        columns["content"] = contents
    found |= columns


_FEW = 500


def _renamed(found: Columns) -> Columns:
    """Return the columns of ``NAMES``; ``due_at`` is None for rows due at once."""
    found["attempts"] = found["tries"]
    found["due_at"] = [due or None for due in found["due_at"]]
    return {name: found[name] for name in NAMES}


def _taken(columns: Columns, places: Sequence[int]) -> Columns:
    return {name: [values[place] for place in places] for name, values in columns.items()}


def of_attempts(connection: Connection, run: Run, after: int | None, chunk: int, wanted: Wanted) -> Columns:
    """Return the next rows of a run without chunks; ``after`` is the last id seen."""
    begin = first_id(run) - 1 if after is None else after
    names = [name for name in NAMES if name not in ("attempts", *_OF_CHUNKS)]
    query = wanted.of(select(*map(as_it_stands, names), _a.tries)).where(_a.id > begin, _a.id < end_id(run))
    rows = connection.execute(query.order_by(_a.id).limit(chunk)).all()
    columns = zip(*rows, strict=True) if rows else [()] * (len(names) + 1)
    found: Columns = dict(zip([*names, "tries"], columns, strict=True))
    return _renamed(found | {name: [None] * len(rows) for name in _OF_CHUNKS})


def as_rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the columns as rows (dicts)."""
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def pieces(columns: Columns, size: int) -> Iterator[Columns]:
    """Yield the columns in pieces of ``size`` rows."""
    many = len(columns["id"])
    if 0 < many <= size:
        yield columns
        return
    for start in range(0, many, size):
        yield {name: values[start : start + size] for name, values in columns.items()}


def row_mapping(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of ``attempts`` of a run without chunks, with the names of ``NAMES``."""
    found = {name: row[name] for name in NAMES if name not in ("attempts", *_OF_CHUNKS)}
    nothing = dict.fromkeys(_OF_CHUNKS)
    return found | nothing | {"attempts": row["tries"], "due_at": row["due_at"] or None}
