"""The statements of the sending path that run once a message: compiled once, then handed to the driver.

SQLAlchemy's own executemany looks at every value of every row again; for a message's outcome and its event that
costs as much again as the database itself (measured), for nothing: the values are plain integers and strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.expression import Executable

_STYLE = {"sqlite": "qmark", "postgresql": "format"}


class Hot:
    """A statement that is run for many rows, each a tuple of values in the order of ``names``.

    Values must be plain: a string of an enum costs the driver 1 µs to recognise.
    """

    def __init__(self, statement: Executable, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._sql: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run it; gives the rows changed."""
        if not rows:
            return 0
        name = connection.dialect.name
        sql = self._sql.get(name) or self._compile(name, connection)
        return connection.exec_driver_sql(sql, list(rows)).rowcount

    def _compile(self, name: str, connection: Connection) -> str:
        dialect = type(connection.dialect)(paramstyle=_STYLE[name])  # type: ignore[call-arg]
        assert isinstance(dialect, DefaultDialect)
        compiled: Any = self._statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if tuple(compiled.positiontup) != self._names:
            raise ValueError(f"the values must come in this order: {', '.join(compiled.positiontup)}")
        self._sql[name] = str(compiled)
        return self._sql[name]
