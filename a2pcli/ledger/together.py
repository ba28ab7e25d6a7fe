"""Statements that travel to PostgreSQL together: one journey for all of them, instead of one each.

While a transaction of sending is under way the server mostly waits for the next statement, and each wait costs a
switch between two processes on a machine that is busy sending. SQLite has no journeys: there nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

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
