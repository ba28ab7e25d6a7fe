"""Plans as whoever owns the database sees them: chunks opened as a table, changed by SQL and packed again; and
ledgers as version 0.1.0 made them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from a2pcli.ledger.chunks import SCHEMA, Chunk, pack
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN

NAMES = tuple(SCHEMA)


@contextmanager
def opened_plans(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection with the temporary table ``messages``: every row of every chunk. What is changed in it is put back,
    with digests of the chunks that fit it: only the digest over all of them does not."""
    connection = sqlite3.connect(path)
    try:
        columns = ", ".join(f"{name} {_sql(name)}" for name in NAMES)
        connection.execute(f"CREATE TEMP TABLE messages (id INTEGER, run, occasion, {columns})")
        before = _rows(connection)
        places = ", ".join("?" * (3 + len(NAMES)))
        connection.executemany(f"INSERT INTO messages VALUES ({places})", before)
        connection.commit()
        yield connection
        after = connection.execute("SELECT * FROM messages ORDER BY run, id").fetchall()
        if after != before:
            _pack(connection, after)
        connection.execute("DROP TABLE temp.messages")
        connection.commit()
    finally:
        connection.close()


def _sql(name: str) -> str:
    return "INTEGER" if pa.types.is_integer(SCHEMA[name]) else "TEXT"


def _rows(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    query = (
        "SELECT run, occasion, p.number, first_row, rows, data FROM plan_chunks p JOIN runs r ON r.number = run"
        " ORDER BY run, p.number"
    )
    found = []
    for run, occasion, number, first, rows, data in connection.execute(query).fetchall():
        chunk = Chunk.read(number, first, rows, data)
        columns = [chunk.values(name) for name in NAMES]
        for place, row in enumerate(zip(*columns, strict=True)):
            found.append((run * ROWS_PER_RUN + first + place, run, occasion, *row))
    return found


def _pack(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute("DELETE FROM plan_chunks")
    for run in sorted({row[1] for row in rows}):
        mine = [row for row in rows if row[1] == run]
        columns = {}
        for name, values in zip(NAMES, list(zip(*mine, strict=True))[3:], strict=True):
            kind = SCHEMA[name]
            plain = kind.value_type if pa.types.is_dictionary(kind) else kind
            array = pa.array(values, plain)
            columns[name] = array.dictionary_encode() if pa.types.is_dictionary(kind) else array
        packed = pack(pa.table(columns), mine[0][0] % ROWS_PER_RUN)
        connection.execute(
            "INSERT INTO plan_chunks (run, number, first_row, rows, accepted, counts, digest, data)"
            " VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
            (run, packed.first_row, packed.rows, packed.accepted, packed.counts, packed.digest, packed.data),
        )


_OLD = (
    "id", "run", "occasion", "line", "cell", "address", "person", "country", "state", "reason", "detail", "body",
    "encoding", "units", "parts", "cost", "currency", "variant", "attempts", "due_at", "claimed_at", "settled_at",
    "gateway_id", "code", "clock", "sender", "rule", "consent_until", "consent",
)  # fmt: skip


def make_old(path: Path) -> None:
    """Turn a ledger into one of version 0.1.0, with all that is in it: plans and what happened in one table."""
    with Ledger.open(str(path)) as ledger:
        rows = [
            tuple(row[name] for name in _OLD)
            for run in reversed(ledger.runs.all())
            for some in ledger.messages.rows(run)
            for row in some
        ]
    connection = sqlite3.connect(path)
    with connection:
        claimed = "'submitting', 'accepted', 'rejected', 'unknown'"
        integers = {
            *("id", "run", "occasion", "line", "person", "units", "parts", "cost", "attempts", "due_at"),
            *("claimed_at", "settled_at", "clock", "consent_until"),
        }
        columns = ", ".join(f"{name} {'INTEGER' if name in integers else 'TEXT'}" for name in _OLD[1:])
        connection.execute(
            f"CREATE TABLE messages (id INTEGER PRIMARY KEY NOT NULL, {columns},"
            f" CONSTRAINT messages_claimed CHECK ((claimed_at IS NOT NULL) = (state IN ({claimed}))))"
        )
        connection.executemany(f"INSERT INTO messages VALUES ({', '.join('?' * len(_OLD))})", rows)
        connection.execute(
            "CREATE UNIQUE INDEX messages_once ON messages (occasion, person) WHERE claimed_at IS NOT NULL"
        )
        connection.execute("CREATE INDEX messages_waiting ON messages (run, due_at) WHERE due_at IS NOT NULL")
        later = (
            "attempts",
            "attempt_counts",
            "plan_chunks",
            "plan_ends",
            "receipts",
            "leases",
            "spending",
            "replies",
            "quota_usage",
            "reachability",
            "falling",
            "answers",
            "pulls",
            "conversations",
            "codes",
            "code_ranges",
            "verified",
            "survey_sessions",
            "survey_answers",
            "triggers",
            "bot_usage",
        )
        for table in later:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE runs DROP COLUMN survey")
        connection.execute("ALTER TABLE contacted DROP COLUMN counts")
        connection.execute("UPDATE runs SET summary = json_remove(summary, '$.digests.chunks')")
        connection.execute("UPDATE a2pcli_revision SET version_num = '0004'")
    connection.close()
