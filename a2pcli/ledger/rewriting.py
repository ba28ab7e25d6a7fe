"""What was removed is gone from a ledger's files too, byte by byte."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection, Engine

from a2pcli.errors import LedgerUnavailable, Problem
from a2pcli.ledger.cipher import is_of_sqlcipher
from a2pcli.ledger.faults import shown
from a2pcli.ledger.tables import metadata


def overwrite(connection: Connection) -> None:
    """On SQLite, what this connection deletes or changes from now on is overwritten, not only let go."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def rewrite_file(engine: Engine) -> None:
    """Write a SQLite ledger anew, so that no byte of what was removed is left in it, nor in its log.

    PostgreSQL frees the space of removed rows for use again. Raises ``LedgerUnavailable`` where other programs keep
    the old pages open.
    """
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    try:
        if engine.dialect.name != "sqlite":
            driver.rollback()
            driver.autocommit = True
            driver.execute(f"VACUUM {', '.join(metadata.tables)}")
            return
        if not is_of_sqlcipher(driver):  # SQLCipher's temporary files would be plain: those stay in memory
            driver.execute("PRAGMA temp_store=FILE").fetchall()
        _empty_log(driver, engine)
        driver.execute("VACUUM")
        _empty_log(driver, engine)
    finally:
        raw.invalidate()  # with it go its settings
        raw.close()


def _empty_log(driver: Any, engine: Engine) -> None:
    (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        problem = Problem(
            "the data is deleted, but another program has the ledger open, so old pages may still contain it",
            path=shown(engine.url),
            hint="close the other programs, then run the same command again",
            code="ledger-locked",
        )
        raise LedgerUnavailable(problem)
