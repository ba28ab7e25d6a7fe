"""The statements of the sending path: compiled once, and sent to PostgreSQL together, in one journey.

While a transaction of sending is under way the server mostly waits for the next statement, and each wait costs a
switch between two processes on a machine that is busy sending. SQLite has no journeys: there nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.expression import Executable
from sqlalchemy.sql.visitors import replacement_traverse

_KEY = "a2pcli-pipeline"


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """What ``later`` is given in this block travels at its end; statements run in the order they were given."""
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
    """Whether statements of this connection travel together just now."""
    return _KEY in connection.info


class Later:
    """What a statement that travels with others brings back; to be read when they have arrived."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """Number of changed rows."""
        return int(self._cursor.rowcount)

    @property
    def row(self) -> Any:
        """The first row; None where there is none."""
        return self._cursor.fetchone()


def later(connection: Connection, sql: str, values: Sequence[Any]) -> Later:
    """Give a statement, with ``%s`` for its values, to those that travel together."""
    driver: Any = connection.connection.driver_connection
    return Later(driver.execute(sql, values))


def arrived(connection: Connection) -> None:
    """Let what was given so far travel now, for its result to be read."""
    connection.info[_KEY].sync()


_TYPES = {
    **dict.fromkeys(("b_id", "b_message", "b_now", "b_at", "b_due_at", "b_run", "b_uncounted"), "bigint"),
    **dict.fromkeys(("b_until",), "bigint"),
}
"""Of the values that are no text."""


class PreparedStatement:
    """A statement that is run for many rows, each a tuple of values in the order of ``names``.

    Values must be plain: a string of an enum costs the driver 1 µs to recognise. A row is changed once at most: no
    two of the tuples are about the same one.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]], *, counted: bool = True) -> int:
        """Run it; gives the rows changed. Not ``counted``, it may travel with others, see ``together``."""
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
        return connection.exec_driver_sql(sql, list(rows)).rowcount

    def _of_rows(self, connection: Connection) -> str:
        dialect = type(connection.dialect)(paramstyle="qmark")  # type: ignore[call-arg]
        assert isinstance(dialect, DefaultDialect)
        compiled: Any = self._statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if tuple(compiled.positiontup) != self._names:
            raise ValueError(f"the values must come in this order: {', '.join(compiled.positiontup)}")
        self._sql[connection.dialect.name] = str(compiled)
        return self._sql[connection.dialect.name]

    def _of_columns(self, connection: Connection) -> str:
        """The statement over a table ``v`` of all values."""

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
