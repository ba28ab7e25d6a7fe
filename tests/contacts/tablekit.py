"""Contact files made in code, and what is read from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.errors import InvalidInput, Problem

ONE = "phone,name\n07911123456,Ann\n"
"""The smallest file."""


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    line: int
    reason: str | None
    detail: str | None
    cells: tuple[str, ...]


def written(folder: Path, content: str | bytes, name: str = "people.csv") -> str:
    """A file with the content, by its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def rows_of(table: Table, columns: list[str] | None = None, size: int = 50_000) -> list[Row]:
    """All rows of a table; checks the promised shape of every chunk on the way."""
    wanted = [name for name in table.columns if columns is None or name in columns]
    rows: list[Row] = []
    for frame in table.chunks(columns, size):
        assert frame.names == ["@line", "@reason", "@detail", *wanted]
        assert 0 < len(frame) <= size
        assert [frame[name].type for name in frame] == [pa.int64()] + [pa.string()] * (len(frame.names) - 1)
        assert not any(frame[name].null_count for name in wanted)
        taken = [frame[name].to_pylist() for name in frame]
        rows += [
            Row(line, reason, detail, tuple(cells))
            for line, reason, detail, *cells in zip(*taken, strict=True)
        ]
    return rows


def read(folder: Path, content: str | bytes, name: str = "people.csv", **options: object) -> list[Row]:
    """All rows of a file with the content."""
    return rows_of(open_table(written(folder, content, name), options=ReadOptions(**options)))


def cells(
    folder: Path, content: str | bytes, name: str = "people.csv", **options: object
) -> list[tuple[str, ...]]:
    """The cells of all rows, none of which may be bad."""
    rows = read(folder, content, name, **options)
    assert [row.reason for row in rows] == [None] * len(rows)
    return [row.cells for row in rows]


def refused(folder: Path, content: str | bytes, name: str = "people.csv", **options: object) -> Problem:
    """The one problem of a file that cannot be used."""
    with pytest.raises(InvalidInput) as caught:
        read(folder, content, name, **options)
    (problem,) = caught.value.problems
    return problem
