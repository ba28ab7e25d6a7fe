"""What the ledger's tables are collected in, and indexes over some of the rows on SQLite and PostgreSQL alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, MetaData
from sqlalchemy.sql.expression import ColumnElement

metadata = MetaData()

_PARTIAL: list[tuple[Index, ColumnElement[bool]]] = []


def partial_index(name: str, *columns: Any, where: ColumnElement[bool], unique: bool = False) -> None:
    """An index over some of the rows. The condition is told to SQLite only: naming PostgreSQL imports its drivers,
    which costs every small command; see ``for_server``."""
    _PARTIAL.append((Index(name, *columns, unique=unique, sqlite_where=where), where))


def for_server() -> None:
    """Tell PostgreSQL the conditions of the indexes, before its tables are made or compared."""
    while _PARTIAL:
        index, where = _PARTIAL.pop()
        index.dialect_options["postgresql"]["where"] = where
