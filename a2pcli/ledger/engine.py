"""From a ledger's name to connections that keep their promises.

Durability on SQLite (https://sqlite.org/pragma.html#pragma_synchronous): the journal is a write-ahead log. With
``synchronous=FULL`` every commit waits until the log is on the disk, so it survives power loss; ``EXTRA``
is the same as ``FULL`` with a write-ahead log. Every connection is ``FULL`` except the one that takes the
chunks of a plan: that one is ``NORMAL``, and the ``FULL`` commit that ends the plan flushes the same log, the
chunks with it. No connection ever changes its setting, so none can be left with the wrong one. PostgreSQL has
the same two ways: ``synchronous_commit`` on, and off for the chunks.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import cipher
from a2pcli.ledger.faults import plainly

APPLICATION_ID = 0x61327063
"""Marks a SQLite file as a ledger of a2pcli ("a2pc"; https://sqlite.org/pragma.html#pragma_application_id)."""

WAL_PAGES = 4000
"""Pages of the write-ahead log before they are moved into the file; measured: 1000 makes a plan 1.25x slower."""

READ = {"a2p_read": True}
"""Execution options of a connection that only reads: on SQLite it does not wait for writers, nor they for it."""


def ledger_url(name: str) -> URL:
    """The URL that a path or a URL means. Raises ``LedgerError`` for what cannot be a ledger."""
    if "://" not in name:
        return _sqlite_url(Path(name))
    try:
        url = make_url(name)
    except ArgumentError as error:
        hint = "use a path such as .a2pcli/ledger.db, or postgresql://user@host/database"
        raise LedgerError(Problem("the ledger's URL cannot be read", hint=hint, code="ledger-url")) from error
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise LedgerError(
                Problem("a ledger must be a file: it has to outlive the process", code="ledger-url")
            )
        return _sqlite_url(Path(url.database))
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    hint = "a ledger is a SQLite file or a postgresql:// URL"
    raise LedgerError(Problem(f"unknown kind of ledger: {backend}", hint=hint, code="ledger-url"))


def _sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path.expanduser().absolute()))


def connect(
    url: URL, *, busy_seconds: float, chunks: bool = False, key: cipher.LedgerKey | None = None
) -> Engine:
    """An engine for the ledger; ``chunks`` for the one connection that takes the chunks of a plan."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, busy_seconds, chunks, key)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        hint = "install it with: pip install 'a2pcli[postgres]'"
        raise LedgerError(
            Problem("a PostgreSQL ledger needs the driver psycopg", hint=hint, code="ledger-no-driver")
        ) from error
    # Whatever the server's or the user's own settings say: an intent is on the disk before it is given out.
    options = (
        f"-c lock_timeout={int(busy_seconds * 1000)} -c synchronous_commit={'off' if chunks else 'on'}",
        *_as_tuple(url.query.get("options")),
    )
    return create_engine(
        url,
        connect_args={
            "connect_timeout": 10,
            "application_name": f"a2pcli {os.getpid()}@{socket.gethostname()}"[:63],
            "options": " ".join(options),
        },
    )


def _as_tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


def _sqlite_engine(url: URL, busy_seconds: float, chunks: bool, key: cipher.LedgerKey | None) -> Engine:
    engine = create_engine(
        url,
        module=None if key is None else cipher.driver(),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(driver: Any, _record: Any) -> None:
        if key is not None:
            cipher.unlock(driver, key, Path(url.database or ""))
        driver.isolation_level = None  # transactions begin where _begin says, not where the driver guesses
        _use_write_ahead_log(driver, busy_seconds)
        for pragma in (
            f"synchronous={'NORMAL' if chunks else 'FULL'}",
            # What is blanked or deleted is overwritten in its page: one-time codes, erased people.
            f"secure_delete={'OFF' if chunks else 'FAST'}",
            "fullfsync=ON",  # macOS: fsync alone leaves data in the drive's cache
            "checkpoint_fullfsync=ON",
            "foreign_keys=ON",
            f"wal_autocheckpoint={WAL_PAGES}",
            "cache_size=-16384",
            "temp_store=MEMORY",
        ):
            driver.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("a2p_read")
        # IMMEDIATE takes the write lock at once and waits for it: no deadlock half-way, no stale read.
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _use_write_ahead_log(driver: Any, seconds: float) -> None:
    """SQLite does not wait for others while it changes the kind of journal, so this does: they make the same file."""
    until = time.monotonic() + seconds
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except Exception as error:
            if not cipher.error_name(error).startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(0.01)


def create_file(url: URL, *, create: bool) -> bool:
    """Make sure the SQLite file exists, readable by its owner alone. True where it is new.

    The folder is flushed too: a file whose name is lost with the power is a lost ledger.
    """
    path = Path(url.database or "")
    if path.is_dir():
        raise LedgerError(
            Problem("the ledger is a folder, not a file", path=str(path), code="ledger-cannot-open")
        )
    if path.exists():
        return False
    if not create:
        hint = "the first `a2pcli plan` makes it; or check --ledger and the settings"
        raise LedgerError(
            Problem("there is no ledger here yet", path=str(path), hint=hint, code="ledger-missing")
        )
    with plainly(url):
        try:
            _make_folder(path.parent)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            _flush_folder(path.parent)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            hint = "make the folder writable, or name another ledger"
            problem = Problem(
                f"the ledger cannot be made: {reason}", path=str(path), hint=hint, code="ledger-read-only"
            )
            raise LedgerError(problem) from error
    return True


def _make_folder(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)
        _flush_folder(parent.parent)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot flush a folder and does not need it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
