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
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from a2pcli.errors import LedgerError, LedgerUnavailable, Problem, how_to_install
from a2pcli.ledger import cipher
from a2pcli.ledger.faults import is_passing, plainly, shown
from a2pcli.ledger.files import flush_file, flush_folder
from a2pcli.ledger.watch import FileWatch

APPLICATION_ID = 0x61327063
"""Marks a SQLite file as a ledger of a2pcli ("a2pc"; https://sqlite.org/pragma.html#pragma_application_id)."""

WAL_PAGES = 4000
"""Pages of the write-ahead log before they are moved into the file; measured: 1000 makes a plan 1.25x slower."""

READ = {"a2p_read": True}
"""Execution options of a read-only connection: on SQLite it neither waits for writers nor blocks them."""


def ledger_url(name: str) -> URL:
    """Return the URL for a path or a URL. Raises ``LedgerError`` if it cannot be a ledger."""
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
            raise LedgerError(Problem("a ledger must be a file, not in memory", code="ledger-url"))
        return _sqlite_url(Path(url.database))
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    hint = "a ledger is a SQLite file or a postgresql:// URL"
    raise LedgerError(Problem(f"unknown kind of ledger: {backend}", hint=hint, code="ledger-url"))


def _sqlite_url(path: Path) -> URL:
    # Links are resolved, so that all processes using the same file use the same log and locks.
    return URL.create("sqlite", database=str(path.expanduser().resolve()))


def connect(
    url: URL,
    *,
    busy_seconds: float,
    chunks: bool = False,
    reads: bool = False,
    key: cipher.LedgerKey | None = None,
    watch: FileWatch | None = None,
) -> Engine:
    """Return an engine for the ledger.

    ``chunks`` is for the one connection that writes the chunks of a plan, ``reads`` for read-only connections to a
    server. With ``watch``, no write transaction begins on a SQLite file that is no longer the ledger's.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, busy_seconds, chunks, key, watch)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        hint = how_to_install("postgres")
        raise LedgerError(
            Problem("a PostgreSQL ledger needs the driver psycopg", hint=hint, code="ledger-no-driver")
        ) from error
    from a2pcli.ledger.tables import for_server

    for_server()
    # Overrides server and user settings: a claim must be on disk before it is handed out.
    options = (
        f"-c lock_timeout={int(busy_seconds * 1000)} -c synchronous_commit={'off' if chunks else 'on'}",
        *(["-c default_transaction_read_only=on"] if reads else []),
        *_as_tuple(url.query.get("options")),
    )
    return create_engine(
        url,
        # Replaces sessions that the server or a proxy closed while idle.
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            # Detects a dead server within half a minute, long before TCP gives up.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
            "application_name": f"a2pcli {os.getpid()}@{socket.gethostname()}"[:63],
            "options": " ".join(options),
        },
    )


def _as_tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


def _sqlite_engine(
    url: URL, busy_seconds: float, chunks: bool, key: cipher.LedgerKey | None, watch: FileWatch | None
) -> Engine:
    engine = create_engine(
        url,
        module=None if key is None else cipher.driver(),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(driver: Any, _record: Any) -> None:
        if key is not None:
            cipher.unlock(driver, key, watch.salt if watch else cipher.salt_of(Path(url.database or "")))
        driver.isolation_level = None  # transactions begin in _begin, not where the driver guesses
        _use_write_ahead_log(driver, busy_seconds)
        for pragma in (
            f"synchronous={'NORMAL' if chunks else 'FULL'}",
            # Blanked or deleted data is overwritten in its page: one-time codes, erased people.
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
        if watch is not None and not reads:
            watch.check()
        # IMMEDIATE takes the write lock at once and waits for it: no deadlock later, no stale read.
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _use_write_ahead_log(driver: Any, seconds: float) -> None:
    """Switch to the write-ahead log, retrying while others use the file, because SQLite does not wait here."""
    until = time.monotonic() + seconds
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except Exception as error:
            if not cipher.error_name(error).startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(0.01)


def is_there(url: URL) -> bool:
    """Return whether the SQLite file exists. Raises ``LedgerError`` if what is there cannot be a ledger."""
    path = Path(url.database or "")
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # opening it will report the cause
    if stat.S_ISDIR(info.st_mode):
        raise LedgerError(
            Problem("the ledger is a folder, not a file", path=str(path), code="ledger-cannot-open")
        )
    if stat.S_ISREG(info.st_mode) and info.st_size == 0:
        raise LedgerError(
            Problem(
                "this file is empty: if it was a ledger, all of its data is lost",
                path=str(path),
                hint="restore it from a backup; to start over with a new ledger: a2pcli ledger create",
                code="ledger-empty",
            )
        )
    if info.st_nlink > 1 and os.name == "posix":
        raise LedgerError(
            Problem(
                "the ledger's file has a second name (a hard link): two processes could send the same run without"
                " noticing each other",
                path=str(path),
                hint=f"find the other with `find . -inum {info.st_ino}`, and remove it or replace it with a copy",
                code="ledger-linked",
            )
        )
    return True


def missing(url: URL) -> LedgerError:
    """Return the error for a ledger that must exist and does not."""
    hint = "`a2pcli plan` or `a2pcli ledger create` creates it; if there should be one, check --ledger and the settings"
    return LedgerError(Problem("no ledger here yet", path=shown(url), hint=hint, code="ledger-missing"))


@contextmanager
def new_file(url: URL) -> Iterator[URL]:
    """Yield the URL of a draft file for a new SQLite ledger; it gets its final name once complete.

    So a file of that name is always a complete ledger, even if its creator is killed. If another process created it
    meanwhile, that one is kept. The folder is flushed too, because a file whose name is lost in a power failure is
    lost. Raises ``LedgerError`` if the file cannot be created.
    """
    from filelock import FileLock

    path = Path(url.database or "")
    draft = path.with_name(f"{path.name}.{os.getpid()}.making")
    locks = Path(f"{path}-locks")
    with plainly(url):
        try:
            _make_folder(locks)
            with FileLock(locks / "create", timeout=60, mode=0o600):
                if path.exists() and path.stat().st_size:
                    yield url
                    return
                _forget_drafts(path)
                os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                try:
                    yield url.set(database=str(draft))
                    flush_file(draft)
                    draft.replace(path)
                    flush_folder(path.parent)
                finally:
                    draft.unlink(missing_ok=True)
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            if is_passing(error):
                hint = "free some space, then run the same command again"
                problem = Problem(
                    f"cannot create the ledger: {reason}", path=str(path), hint=hint, code="ledger-disk-full"
                )
                raise LedgerUnavailable(problem) from error
            hint = "make the folder writable, or choose another ledger"
            problem = Problem(
                f"cannot create the ledger: {reason}", path=str(path), hint=hint, code="ledger-read-only"
            )
            raise LedgerError(problem) from error


def _forget_drafts(path: Path) -> None:
    """Remove drafts of killed processes, which contain no data. The lock ensures that none is being written."""
    for entry in path.parent.iterdir():
        if entry.name.startswith(f"{path.name}.") and ".making" in entry.name:
            entry.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(mode=0o700, exist_ok=True)
        flush_folder(parent.parent)
