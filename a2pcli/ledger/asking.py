"""One question in SQL to the ledger, that can change nothing: ``a2pcli ledger query``.

SQLite: the file is opened read-only, and an authorizer refuses at once whatever is no query. PostgreSQL: the
transaction is read-only before the question comes, which a cursor takes: so it is one statement, and a query.

The plans are compressed chunks, in which SQL cannot see. Where a query reads ``messages``, the rows of the runs that
are asked for go into a temporary table first; SQLite tells which columns the query reads, and only those are unpacked.
All of it is one transaction, so the views fit each other.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from sqlalchemy import select
from sqlalchemy.engine import URL, Connection, Engine

from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.ledger import cipher, plan_rows, reading_only
from a2pcli.ledger.database import READ
from a2pcli.ledger.faults import in_plain_words
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import MONEY_UNITS, Run, now_ms
from a2pcli.ledger.tables import MOST_ROWS, runs
from a2pcli.ledger.views import MESSAGES, MOMENT, MONEY, NUMBER, ViewColumn, messages, views

BATCH = 5_000
"""Rows returned at a time."""

_EXPLAIN = re.compile(r"\A(\s|--[^\n]*\n|/\*.*?\*/)*explain\b", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns of a query's result, and its rows in batches."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]


class _Clock:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._end

    def left(self) -> float:
        return max(self._end - time.monotonic(), 0.001)

    def check(self) -> None:
        if self.is_over:
            raise self.error()

    def error(self) -> UsageError:
        text = f"the query took longer than {self.seconds:g} s"
        hint = "ask for less (--run reads the messages of one run), or allow more: --timeout SECONDS"
        return UsageError(Problem(text, hint=hint, code="query-timeout"))


@contextmanager
def ask(
    engine: Engine, key: cipher.LedgerKey | None, sql: str, some: Sequence[Run] | None, seconds: float
) -> Iterator[Answer]:
    """Run one query and return its result. ``some`` are the runs whose rows ``messages`` contains; None for all.

    Raises ``UsageError`` if it is not a query, is refused or takes longer than ``seconds``.
    """
    clock = _Clock(seconds)
    if engine.dialect.name == "sqlite":
        with (
            reading_only.opened(engine.url, key, busy_seconds=30.0) as own,
            own.connect() as connection,
            _plainly(engine.url, clock),
        ):
            driver: Any = connection.execution_options(**READ).connection.driver_connection
            try:
                yield _ask_sqlite(connection, driver, sql, some, clock, in_memory=key is not None)
            finally:  # ending the transaction would be refused as well
                driver.set_authorizer(None)
                driver.set_progress_handler(None, 0)
        return
    how = {**READ, "isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**how) as connection, connection.begin() as transaction:
        try:
            with _plainly(engine.url, clock):
                yield _ask_postgres(connection, sql, some, clock)
        finally:
            transaction.rollback()


@contextmanager
def _plainly(url: URL, clock: _Clock) -> Iterator[None]:
    """Raise database errors about the query as ``UsageError`` in the database's own words, because they refer to
    what was typed."""
    try:
        yield
    except A2PError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        if type(cause).__module__.partition(".")[0] not in ("sqlite3", "sqlcipher3", "psycopg"):
            raise
        _tell(cause, url, clock)


def _tell(cause: BaseException, url: URL, clock: _Clock) -> NoReturn:
    words = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    state, name = getattr(cause, "sqlstate", None) or "", cipher.error_name(cause)
    if "interrupted" in words or state == "57014":
        if clock.is_over:
            raise clock.error() from cause
        raise KeyboardInterrupt from cause
    if "one statement" in words or "multiple commands" in words:
        text, hint = "more than one statement", "give one query; for several, run the command several times"
        raise UsageError(Problem(text, hint=hint, code="query")) from cause
    refused = name.startswith("SQLITE_AUTH") or any(
        one in words for one in ("not authorized", "prohibited", "cannot modify", "VACUUM")
    )
    if refused or state[:2] in ("25", "0A"):
        text = "only queries are allowed: this command cannot change the ledger"
        raise UsageError(
            Problem(text, hint=f"use a SELECT statement; the database said: {words}", code="query")
        ) from cause
    if state[:2] in ("21", "22", "38", "3F", "42", "54", "P0") or (
        not state and (name in ("", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "SQLITE_RANGE"))
    ):
        hint = "`a2pcli ledger query` without a query lists the views and their columns"
        raise UsageError(Problem(f"invalid query: {words}", hint=hint, code="query")) from cause
    raise in_plain_words(cause, url) from cause


def _ask_sqlite(
    connection: Connection,
    driver: Any,
    sql: str,
    some: Sequence[Run] | None,
    clock: _Clock,
    *,
    in_memory: bool,
) -> Answer:
    driver.set_progress_handler(lambda: clock.is_over, 100_000)
    driver.execute("PRAGMA query_only=OFF")
    # Data of an encrypted ledger stays in memory; that of a plain one may go to a plain temporary file.
    driver.execute(f"PRAGMA temp_store={'MEMORY' if in_memory else 'FILE'}")
    connection.begin()
    driver.execute(_table("sqlite"))
    _make_views(driver, "sqlite", "main")
    read = _columns_read(driver, sql)
    for view in views():
        if view.name != MESSAGES:  # the ledger's own queries must find its tables
            driver.execute(f"DROP VIEW temp.{view.name}")
    if read and not _EXPLAIN.match(sql):
        names = [one.name for one in messages().columns if one.name in read] or ["run"]
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO temp.{MESSAGES} ({', '.join(names)}) VALUES ({marks})"
        for rows in _rows(connection, some, names, clock):
            driver.executemany(insert, rows)
    _make_views(driver, "sqlite", "main")
    driver.execute("PRAGMA query_only=ON")
    driver.set_authorizer(_authorizer(set()))
    cursor = driver.execute(sql)
    return Answer(_names(cursor), _batches(cursor, clock))


def _authorizer(read: set[str]) -> Any:
    """Return an authorizer that allows queries and records in ``read`` which columns of ``messages`` they use. The
    action codes are SQLite's (https://sqlite.org/c3ref/c_alter_table.html)."""
    select_, read_, function, recursive = 21, 20, 31, 33

    def judge(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action == read_ and first == MESSAGES:
            read.add(second or "")
        if action == function and (second or "").lower() in (
            "load_extension",
            "fts3_tokenizer",
            "sqlcipher_export",
        ):
            return 1
        return 0 if action in (select_, read_, function, recursive) else 1

    return judge


def _columns_read(driver: Any, sql: str) -> set[str]:
    """Return the columns of ``messages`` that a query uses; includes "" if it only counts rows.

    Raises the driver's error if it is not a query.
    """
    read: set[str] = set()
    driver.set_authorizer(_authorizer(read))
    try:
        driver.execute(sql if _EXPLAIN.match(sql) else f"EXPLAIN {sql}").fetchall()
    finally:
        driver.set_authorizer(None)
    return read


def _ask_postgres(connection: Connection, sql: str, some: Sequence[Run] | None, clock: _Clock) -> Answer:
    driver: Any = connection.connection.driver_connection
    # Connections that only read begin their transactions read-only, in which not even temporary tables can be made.
    connection.exec_driver_sql("SET TRANSACTION READ WRITE")
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    connection.exec_driver_sql(_table("postgresql"))
    if re.search(rf"\b{MESSAGES}\b", sql, re.I):
        names = [one.name for one in messages().columns]
        into = f"COPY pg_temp.{MESSAGES} ({', '.join(names)}) FROM STDIN"
        for rows in _rows(connection, some, names, clock):  # reads on the same connection, between copies
            with driver.cursor() as writer, writer.copy(into) as copy:
                for row in rows:
                    copy.write_row(
                        [one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row]
                    )
        connection.exec_driver_sql(f"ANALYZE pg_temp.{MESSAGES}")
    with driver.cursor() as writer:
        _make_views(writer, "postgresql", schema)
        writer.execute("SET TRANSACTION READ ONLY")
        writer.execute(f"SET LOCAL statement_timeout = {max(int(clock.left() * 1000), 1)}")
    cursor = driver.cursor(name="a2p_query")
    cursor.execute(sql)
    return Answer(_names(cursor), _batches(cursor, clock))


def _table(dialect: str) -> str:
    """Return the statement that creates the temporary table ``messages``."""
    whole = "INTEGER" if dialect == "sqlite" else "BIGINT"
    columns = ", ".join(f"{one.name} {whole if one.kind == NUMBER else 'TEXT'}" for one in messages().columns)
    return f"CREATE TEMPORARY TABLE {MESSAGES} ({columns})"


def _make_views(driver: Any, dialect: str, schema: str) -> None:
    for view in views():
        if view.name != MESSAGES:
            driver.execute(f"CREATE TEMPORARY VIEW {view.name} AS {view.sql(dialect, schema)}")


def _names(cursor: Any) -> tuple[str, ...]:
    return tuple(column[0] for column in cursor.description or ())


def _batches(cursor: Any, clock: _Clock) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(BATCH):
        yield [tuple(row) for row in rows]
        clock.check()


def _rows(
    connection: Connection, some: Sequence[Run] | None, names: Sequence[str], clock: _Clock
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of the runs in the form of ``messages``, chunk by chunk."""
    if some is None:
        query = select(runs).order_by(runs.c.number)
        some = [run_from_row(row) for row in connection.execute(query).mappings().all()]
    chosen = [one for one in messages().columns if one.name in names]
    sources = frozenset(one.source for one in chosen if one.source)
    moment = now_ms()
    for run in some:
        reader = plan_rows.PlanRows(connection, run, moment, only=sources)
        for found in reader.everything(connection, BATCH * 4):
            clock.check()
            yield list(zip(*(_values(run, one, found) for one in chosen), strict=True))


def _values(run: Run, column: ViewColumn, found: plan_rows.Columns) -> Sequence[Any]:
    if column.name == "run":
        return [run.id] * len(found["id"])
    if column.name == "row":
        return [id & MOST_ROWS for id in found["id"]]
    if column.name == "reference":
        return [run.reference(id & MOST_ROWS) for id in found["id"]]
    values = found[column.source]
    if column.kind in (MOMENT, MONEY):
        text = _moment if column.kind == MOMENT else _money
        shown = {value: None if value is None else text(value) for value in set(values)}
        return [shown[value] for value in values]
    return values


def _moment(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(nano: int) -> str:
    from decimal import Decimal

    from a2pcli.ledger.records import money_text

    return money_text(Decimal(nano) / MONEY_UNITS)
