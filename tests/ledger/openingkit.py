"""What the tests of opening a ledger share."""

from __future__ import annotations

import pytest

from a2pcli.errors import ExitStatus, LedgerError
from a2pcli.ledger.database import connect, ledger_url
from a2pcli.ledger.store import Ledger


def refused(url: str, status: ExitStatus = ExitStatus.INVALID, **options: object) -> LedgerError:
    """The error that opening this ledger ends in."""
    with pytest.raises(LedgerError) as caught:
        Ledger.open(url, **options).close()  # type: ignore[arg-type]
    assert caught.value.exit_status == status
    return caught.value


def only(error: LedgerError) -> str:
    """The code of the one problem of an error."""
    assert len(error.problems) == 1
    return error.problems[0].code


def schema(url: str) -> list[tuple[object, ...]]:
    """Everything the database says about its schema."""
    engine = connect(ledger_url(url), busy_seconds=5)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            found = connection.exec_driver_sql(query).all()
            rows = [(*row[:3], " ".join((row[3] or "").split())) for row in found]
        else:
            columns = (
                "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text,"
                " column_default::text FROM information_schema.columns WHERE table_schema = current_schema()"
            )
            indexes = (
                "SELECT tablename::text, indexname::text, replace(indexdef, current_schema() || '.', '')"
                " FROM pg_indexes WHERE schemaname = current_schema()"
            )
            checks = (
                "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
            )
            rows = [tuple(row) for q in (columns, indexes, checks) for row in connection.exec_driver_sql(q)]
    engine.dispose()
    return sorted(rows, key=str)
