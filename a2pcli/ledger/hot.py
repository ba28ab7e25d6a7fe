"""The statements of the sending path that run once a message: compiled once, then handed to the driver.

SQLAlchemy's own executemany looks at every value of every row again; for a message's outcome and its event that
costs 6 µs on top of the database's 6 µs (measured), for nothing: the values are plain integers and strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.expression import Executable


@cache
def _sql(statement: Executable, dialect: Dialect) -> str:
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    given = {name for name, bind in compiled.binds.items() if not bind.required}
    if given:
        raise ValueError(f"write constants into the statement with literal_column: {sorted(given)}")
    return str(compiled)


def execute_many(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run ``statement`` for every row; each row names all its parameters. Gives the rows changed."""
    if not rows:
        return 0
    return connection.exec_driver_sql(_sql(statement, connection.dialect), list(rows)).rowcount
