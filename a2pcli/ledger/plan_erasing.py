"""Taking a person, or texts, out of a plan's chunks: each that must is written anew, with its new digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from a2pcli.ledger import attempt_counts, plan_store
from a2pcli.ledger.plan_store import ChunkHead, End, end_of
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from a2pcli.ledger.chunks import Chunk

_a = attempts.c

OF_PERSON = ("address", "person", "body", "content", "cell", "detail", "consent", "consent_until", "clock", "spelling",
             "others", "alternatives")  # fmt: skip
"""Columns of a chunk's row that are blanked with its person."""

TEXTS = ("body", "content", "alternatives")
"""Columns that retention blanks with a text."""

_KEEP_TEXTS = (str(State.PLANNED), str(State.SUBMITTING), str(State.UNKNOWN))
"""States in which the text may still be needed: ``reconcile`` may find that it was never sent."""


def blank_people(
    connection: Connection, run: Run, head: ChunkHead, places: Sequence[int], reason: str, rule: str
) -> int:
    """Remove the person from these rows of a chunk. Messages without attempts are excluded, with this reason and
    rule; return how many."""
    import numpy as np
    import pyarrow as pa

    chunk = plan_store.load(connection, run, head)
    ids = [head.first_id + place for place in places]
    touched = set(connection.execute(select(_a.id).where(_a.id.in_(ids))).scalars())
    ends = plan_store.ends_of(connection, run)
    accepted = chunk.is_accepted()
    keys = zip(*(chunk.values(name, pa.array(places)) for name in ("country", "clock")), strict=True)
    dropped = []
    for place, key in zip(places, keys, strict=True):
        if not accepted[place] or head.first_id + place in touched:
            continue
        end = end_of(ends, *key)
        if end is None:
            dropped.append(place)
        else:  # its end is found by its clock, which is blanked too
            _keep_end(connection, run, head, chunk, place, end)
    table = chunk.table
    gone = np.zeros(chunk.rows, dtype=np.bool_)
    gone[list(places)] = True
    for name in OF_PERSON:
        if name in table.column_names:
            table = _set(table, name, gone, None)
    if dropped:
        left_out = np.zeros(chunk.rows, dtype=np.bool_)
        left_out[dropped] = True
        table = _set(_set(table, "reason", left_out, reason), "rule", left_out, rule)
    _store(connection, run, chunk, table)
    return len(dropped)


def _keep_end(connection: Connection, run: Run, head: ChunkHead, chunk: Chunk, place: int, end: End) -> None:
    """Give a message that was ended with many others its own row, without its person."""
    import pyarrow as pa

    names = ("country", "variant", "parts", "cost", "currency", "sender", "channel")
    planned = {name: chunk.values(name, pa.array([place]))[0] for name in names}
    values = {
        "state": str(end.state),
        "reason": str(end.reason),
        "rule": end.rule,
        "detail": end.detail,
        "settled_at": end.at,
    }
    ids = {"id": head.first_id + place, "run": run.number, "occasion": run.occasion}
    connection.execute(insert(attempts).values(**ids, **planned, **values))
    attempt_counts.add(connection, run.number, [head.first_id + place])


def _store(connection: Connection, run: Run, chunk: Chunk, table: pa.Table) -> None:
    from a2pcli.ledger.chunks import pack

    plan_store.replace(connection, run, chunk.number, pack(table, chunk.first_row))


def _set(table: pa.Table, name: str, where: npt.NDArray[np.bool_], value: str | None) -> pa.Table:
    """Return the table with one value in these rows of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from a2pcli.ledger.chunks import SCHEMA

    kind = SCHEMA[name]
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    there = name in table.column_names
    column = table[name].combine_chunks().cast(plain) if there else pa.nulls(len(table), plain)
    column = pc.if_else(pa.array(where), pa.scalar(value, plain), column)
    if pa.types.is_dictionary(kind):
        column = column.dictionary_encode()
    if there:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def texts_to_go(connection: Connection, run: Run, head: ChunkHead) -> list[int]:
    """Return the positions in a chunk whose text is no longer needed for sending."""
    chunk = plan_store.load(connection, run, head, ("body", "country", "clock", "reason"))
    body = chunk.column("body")
    if body is None:
        return []
    there = body.is_valid().to_pylist()
    within = (_a.id >= head.first_id, _a.id < head.end_id)
    states: Mapping[int, str] = {
        id - head.first_id: state for id, state in connection.execute(select(_a.id, _a.state).where(*within))
    }
    ends = plan_store.ends_of(connection, run)
    rows = zip(chunk.values("country"), chunk.values("clock"), chunk.values("reason"), strict=True)
    found = []
    for place, (country, clock, reason) in enumerate(rows):
        if not there[place]:
            continue
        waits = reason is None and end_of(ends, country, clock) is None
        if place in states:
            waits = states[place] in _KEEP_TEXTS
        if not waits:
            found.append(place)
    return found


def remove_texts(connection: Connection, run: Run) -> int:
    """Delete texts that are no longer needed from the run's chunks; return how many."""
    import numpy as np

    count = 0
    for head in plan_store.heads(connection, run):
        places = texts_to_go(connection, run, head)
        if places:
            chunk = plan_store.load(connection, run, head)
            gone = np.zeros(chunk.rows, dtype=np.bool_)
            gone[places] = True
            table = chunk.table
            for name in TEXTS:
                if name in table.column_names:
                    table = _set(table, name, gone, None)
            _store(connection, run, chunk, table)
            count += len(places)
    return count


def remove_sentences(connection: Connection, run: Run, pattern: str) -> int:
    """Delete sentences matching a regular expression (RE2) from the run's chunks, in rows about other people; return
    how many."""
    import pyarrow.compute as pc

    count = 0
    for head in plan_store.heads(connection, run):
        chunk = plan_store.load(connection, run, head, ("detail", "consent"))
        found: dict[str, Any] = {}
        for name in ("detail", "consent"):
            column = chunk.column(name)
            if column is None:
                continue
            match = pc.match_substring_regex(column, pattern)
            holds = pc.fill_null(match, False).to_numpy(zero_copy_only=False)
            if holds.any():
                found[name] = holds
        if found:
            whole = plan_store.load(connection, run, head)
            table = whole.table
            for name, holds in found.items():
                table = _set(table, name, holds, None)
                count += int(holds.sum())
            _store(connection, run, whole, table)
    return count
