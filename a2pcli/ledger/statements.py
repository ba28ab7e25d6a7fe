"""The statements of the sending path: compiled once, and sent to PostgreSQL together, in one journey.

While a transaction of sending is under way the server mostly waits for the next statement, and each wait costs a
switch between two processes on a machine that is busy sending. SQLite has no journeys. There each statement costs a
switch between two threads: the driver gives the interpreter's lock away, the event loop takes it, and the ledger waits.
So on either a statement is about many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.expression import Executable
from sqlalchemy.sql.visitors import replacement_traverse

_KEY = "a2pcli-pipeline"

SIZES = (64, 16, 4, 1)
"""Rows in one statement on SQLite; few sizes, so that the driver keeps all statements compiled."""

_HAS_UPDATE_FROM = sqlite3.sqlite_version_info >= (3, 33)


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Send the statements given to ``later`` in this block together, in their order."""
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    import psycopg

    try:
        with driver.pipeline() as pipeline:
            connection.info[_KEY] = pipeline
            try:
                yield
            finally:
                del connection.info[_KEY]
    except psycopg.Error as error:
        lost = bool(driver.closed or driver.broken)
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "", (), error, psycopg.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from error


def is_on(connection: Connection) -> bool:
    """Whether statements of this connection are being collected."""
    return _KEY in connection.info


class Later:
    """The result of a statement sent with others; read it once they have been sent."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """Number of changed rows."""
        return int(self._cursor.rowcount)

    @property
    def row(self) -> Any:
        """The first row, or None."""
        return self._cursor.fetchone()


def later(connection: Connection, sql: str, values: Sequence[Any]) -> Later:
    """Add a statement, with ``%s`` for its values, to those sent together."""
    driver: Any = connection.connection.driver_connection
    return Later(driver.execute(sql, values))


def arrived(connection: Connection) -> None:
    """Send the statements collected so far, so that their results can be read."""
    connection.info[_KEY].sync()


_GROUPS = "groups"
"""Key under which a ``PreparedStatement`` keeps its statement for many rows on SQLite."""

_TYPES = {
    **dict.fromkeys(("b_id", "b_message", "b_now", "b_at", "b_due_at", "b_run", "b_uncounted"), "bigint"),
    **dict.fromkeys(("b_until", "b_cost"), "bigint"),
    "b_parts": "smallint",
    "b_counts": "integer",
}
"""PostgreSQL types of the values that are not text."""


ROWS = "{rows}"
"""Placeholder for the values of many rows in a statement for ``in_groups``."""


def in_groups(connection: Connection, many: str | None, one: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run a statement for these rows on SQLite in as few calls as possible; return the number of changed rows.

    ``one`` is for a single row, ``many`` has ``ROWS`` in place of its values; without it, rows are run one by one.
    """
    # Without SQLAlchemy, which takes as long for a statement as SQLite.
    driver: Any = connection.connection.driver_connection
    if many is None:
        return int(driver.executemany(one, rows).rowcount)
    columns, at, done = len(rows[0]), 0, 0
    for size in SIZES:
        end = len(rows) - (len(rows) - at) % size
        if end == at:
            continue
        sql = one if size == 1 else _of_many(many, columns, size)
        groups = [tuple(chain.from_iterable(rows[start : start + size])) for start in range(at, end, size)]
        done += driver.executemany(sql, groups).rowcount
        at = end
    return done


@lru_cache(maxsize=64)  # a run has its number in some of them
def _of_many(many: str, columns: int, size: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return many.replace(ROWS, ", ".join([row] * size))


def on_sqlite(connection: Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement with ``?`` for its values on SQLite and return its rows, without SQLAlchemy."""
    driver: Any = connection.connection.driver_connection
    found: list[tuple[Any, ...]] = driver.execute(sql, values).fetchall()
    return found


class PreparedQuery:
    """A query of the sending path. Its values are plain, and its columns are read by position."""

    def __init__(self, query: Executable) -> None:
        self._query = query
        self._on_sqlite: tuple[str, tuple[str, ...], dict[str, Any]] | None = None

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> Sequence[Any]:
        """Return its rows for these parameters, which may be more than it has."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._query, parameters).all()
        if self._on_sqlite is None:
            compiled: Any = self._query.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
            self._on_sqlite = (
                str(compiled),
                tuple(compiled.positiontup),
                compiled.construct_params(parameters),
            )
        sql, names, own = self._on_sqlite
        values = {**own, **parameters}
        return on_sqlite(connection, sql, [values[name] for name in names])


class PreparedStatement:
    """A statement run for many rows, each a tuple of values in the order of ``names``.

    Values must be plain: the driver takes 1 µs to recognise an enum's string. No two tuples may be about the same row.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]], *, counted: bool = True) -> int:
        """Run it and return the number of changed rows. Without ``counted``, it may be sent with others, see
        ``together``."""
        if not rows:
            return 0
        name = connection.dialect.name
        if name == "postgresql":
            sql = self._sql.get(name) or self._of_columns(connection)
            columns = tuple(map(list, zip(*rows, strict=True)))
            if is_on(connection):
                found = later(connection, sql, columns)
                if not counted:
                    return -1
                arrived(connection)
                return found.rowcount
            return connection.exec_driver_sql(sql, columns).rowcount
        sql = self._sql.get(name) or self._of_rows(connection)
        return in_groups(connection, self._sql.get(_GROUPS), sql, rows)

    def _of_rows(self, connection: Connection) -> str:
        """Return the statement for one row, with ``?`` for its values; also keeps the statement for many rows."""
        dialect = type(connection.dialect)(paramstyle="qmark")  # type: ignore[call-arg]
        assert isinstance(dialect, DefaultDialect)
        compiled: Any = self._statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if tuple(compiled.positiontup) != self._names:
            raise ValueError(f"the values must come in this order: {', '.join(compiled.positiontup)}")
        sql = str(compiled)
        verb, _, _ = sql.partition(" ")
        head, _, values = sql.partition(" VALUES ")
        if verb == "INSERT" and values == f"({', '.join('?' * len(self._names))})":
            self._sql[_GROUPS] = f"{head} VALUES {ROWS}"
        elif verb == "UPDATE" and _HAS_UPDATE_FROM:
            self._sql[_GROUPS] = self._update_from(dialect)
        self._sql[connection.dialect.name] = sql
        return sql

    def _update_from(self, dialect: DefaultDialect) -> str:
        places = {name: f"v.column{place}" for place, name in enumerate(self._names, 1)}

        def column(element: Any, **_: Any) -> Any:
            return literal_column(places[element.key]) if isinstance(element, BindParameter) else None

        original: Any = self._statement
        statement: Any = replacement_traverse(original, {}, column)
        head, _, condition = str(statement.compile(dialect=dialect)).partition(" WHERE ")
        return f"{head} FROM (VALUES {ROWS}) AS v WHERE {condition}"

    def _of_columns(self, connection: Connection) -> str:
        """Return the statement over a table ``v`` of all values."""

        def column(element: Any, **_: Any) -> Any:
            return literal_column(f"v.{element.key}") if isinstance(element, BindParameter) else None

        original: Any = self._statement
        statement: Any = replacement_traverse(original, {}, column)
        dialect: Any = type(connection.dialect)
        sql = str(statement.compile(dialect=dialect(paramstyle="format")))
        arrays = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in self._names)
        source = f"unnest({arrays}) AS v({', '.join(self._names)})"
        verb, _, _ = sql.partition(" ")
        if verb == "INSERT":
            head, _, values = sql.partition(" VALUES ")
            sql = f"{head} SELECT {values.strip()[1:-1]} FROM {source}"
        else:
            word = "FROM" if verb == "UPDATE" else "USING"
            head, _, condition = sql.partition(" WHERE ")
            sql = f"{head} {word} {source} WHERE {condition}"
        self._sql[connection.dialect.name] = sql
        return sql
