"""People's data in a ledger: what it holds about one of them, taking them out of it, retention, and the bytes
of what was removed."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection, Engine

from a2pcli.errors import LedgerUnavailable, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger.cipher import is_of_sqlcipher
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.faults import shown, translates_errors
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.tables import metadata

if TYPE_CHECKING:
    from a2pcli.config.retention import Retention
    from a2pcli.ledger import erased, erasure, person_export, retention
else:
    erased, erasure, person_export, retention = lazily(
        "a2pcli.ledger", "erased", "erasure", "person_export", "retention"
    )

LOOK_AGAIN = 0.5
"""Seconds between two checks whether a message has been answered."""


class People(SubStore):
    """Data protection functions of an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    @translates_errors
    def erased(self) -> erased.Erased:
        """Return all erased people, for a plan to exclude; nothing is hashed if there are none."""
        with self._ledger.reading() as connection:
            return erased.everybody(connection)

    @translates_errors
    def link_secret(self, *, create: bool = False) -> bytes | None:
        """Return the secret of the unsubscribe links, derived from the erasure key; None if there is none. With
        ``create``, a SQLite ledger gets one."""
        key = erased.find_key(self._ledger.url, create=create)
        return None if key is None else hmac.digest(key.secret, b"a2pcli: links to unsubscribe", "sha256")

    @translates_errors
    def export(self, person: erasure.Person) -> dict[str, Any]:
        """Return everything the ledger stores about a person, by table; see ``person_export``."""
        with self._ledger.reading() as connection:
            return person_export.export(connection, person, now_ms())

    @translates_errors
    def erase(
        self, person: erasure.Person, now: int | None = None, *, patience: float = 0.0
    ) -> erasure.Erasure:
        """Remove a person from every table; only a keyed hash stays, on the suppression list.

        From the start, no sender claims their messages. Waits up to ``patience`` seconds for a message in the hands of
        a living sender; ``in_flight`` is the number of rows that still name the person afterwards. Raises ``RunBusy``
        while a plan is being made. The file itself must then be rewritten: ``rewrite_file``.
        """
        moment = now_ms() if now is None else now
        if person.is_name:
            with self._ledger.writing() as connection:
                overwrite(connection)
                return erasure.erase_sender(connection, person, moment)
        with self._ledger.writing() as connection:
            erasure.suppress(connection, person, moment)
        done = self._erase(person, moment)
        until = time.monotonic() + patience
        while done.in_flight and time.monotonic() < until:
            time.sleep(LOOK_AGAIN)
            done = done.then(self._erase(person, moment))
        return done

    def _erase(self, person: erasure.Person, moment: int) -> erasure.Erasure:
        with erasure.hold_back(self._ledger, person) as held, self._ledger.writing() as connection:
            for hold in held.holds:
                hold.check(connection)
            overwrite(connection)
            return erasure.erase(connection, person, moment, held.live)

    @translates_errors
    def prune(self, rules: Retention, *, dry_run: bool = False, now: int | None = None) -> retention.Pruned:
        """Delete data past its retention period; with ``dry_run``, only report it. The file must then be rewritten."""
        moment = now_ms() if now is None else now
        if dry_run:
            with self._ledger.reading() as connection:
                return retention.due(connection, rules, moment)
        done = retention.prune(self._ledger, rules, moment)
        self._ledger.note_entry()
        return done


def overwrite(connection: Connection) -> None:
    """On SQLite, overwrite what this connection deletes or changes from now on."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def rewrite_file(engine: Engine) -> None:
    """Rewrite a SQLite ledger, so that no byte of removed data remains in the file or its log.

    PostgreSQL frees the space of removed rows for reuse. Raises ``LedgerUnavailable`` if other programs keep old pages
    open.
    """
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    try:
        if engine.dialect.name != "sqlite":
            driver.rollback()
            driver.autocommit = True
            driver.execute(f"VACUUM {', '.join(metadata.tables)}")
            return
        if not is_of_sqlcipher(
            driver
        ):  # SQLCipher's temporary files are not encrypted, so its data stays in memory
            driver.execute("PRAGMA temp_store=FILE").fetchall()
        _empty_log(driver, engine)
        driver.execute("VACUUM")
        _empty_log(driver, engine)
    finally:
        raw.invalidate()  # discards its settings too
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
