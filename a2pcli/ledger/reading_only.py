"""Reading a ledger without writing to it: every connection refuses what would write.

Whoever closes a SQLite database last moves its write-ahead log into it. So one whose log lies there is opened
``mode=ro``, which cannot; a killed sender's log stays as it is. One without a log is opened as usual, and leaves none.

A SQLite ledger may be one that cannot be written: on a read-only disk, or of another user. A reader of a database
with a write-ahead log makes files beside it, unless it is told that nobody writes to it
meanwhile (``immutable``, https://sqlite.org/wal.html#readonly). So which way is right depends on what lies there:

* no log: the file is read as it is;
* a log, and its index: another process has the ledger open, and is read along with;
* a log without an index that could be used: the ledger and its log are copied to a private folder, and read there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import cipher
from a2pcli.ledger.faults import shown

_TRIES = 5


def must_be(url: URL) -> bool:
    """Whether the ledger's file or folder is not writable."""
    if url.get_backend_name() != "sqlite":
        return False
    path = Path(url.database or "")
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


@contextmanager
def opened(url: URL, key: cipher.LedgerKey | None, busy_seconds: float) -> Iterator[Engine]:
    """An engine that reads the SQLite ledger and never writes. A temporary copy, if needed, is removed afterwards."""
    path = Path(url.database or "")
    with _readable(path, key) if must_be(url) else _beside_others(path, key) as uri:
        engine = _engine(url, uri, key, busy_seconds)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def _beside_others(path: Path, key: cipher.LedgerKey | None) -> Iterator[str]:
    """Yield the URI of a writable ledger. A writer active meanwhile could not move its log into the file, because
    this had it open, so it is done here."""
    log = Path(f"{path}-wal")
    if not log.exists():
        yield _uri(path, "mode=rw")
        return
    before = _stamp(log)
    yield _uri(path, "mode=ro")
    if _stamp(log) != before:
        _answers(path, _uri(path, "mode=rw"), key)


def _stamp(log: Path) -> tuple[int, int, int] | None:
    try:
        (found,) = _state(log)
    except OSError:
        return None
    return found


@contextmanager
def _readable(path: Path, key: cipher.LedgerKey | None) -> Iterator[str]:
    """Yield the URI by which the ledger can be read."""
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    if _size(log) == 0 and not index.exists():
        yield _uri(path, "immutable=1")
        return
    along = _uri(path, "mode=ro")
    if index.exists() and _answers(path, along, key):
        yield along
        return
    if _size(log) == 0:
        yield _uri(path, "immutable=1")
        return
    with tempfile.TemporaryDirectory(prefix="a2pcli-") as folder:
        yield _uri(_copied(path, log, Path(folder)), "mode=rw")


def _uri(path: Path, how: str) -> str:
    return f"file:{quote(str(path))}?{how}"


def _answers(path: Path, uri: str, key: cipher.LedgerKey | None) -> bool:
    driver = _driver(key)
    try:
        connection = driver.connect(uri, uri=True, timeout=1.0)
    except driver.Error:
        return False
    try:
        if key is not None:
            cipher.unlock(connection, key, cipher.salt_of(path))
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except driver.Error:
        return False
    finally:
        connection.close()
    return True


def _copied(path: Path, log: Path, folder: Path) -> Path:
    """Copy the ledger and its log, both as of one moment. Raises ``LedgerError`` if they keep changing."""
    copy = folder / path.name
    for _ in range(_TRIES):
        before = _state(path, log)
        shutil.copyfile(path, copy)
        shutil.copyfile(log, f"{copy}-wal")
        if _state(path, log) == before:
            return copy
        time.sleep(0.2)
    problem = Problem(
        "the ledger cannot be read now: another process is writing to it, and you lack the permission to read"
        " at the same time",
        path=str(path),
        hint="run it as the user who owns the ledger",
        code="ledger-cannot-open",
    )
    raise LedgerError(problem)


def _state(*paths: Path) -> list[tuple[int, int, int]]:
    infos = [path.stat() for path in paths]
    return [(info.st_ino, info.st_size, info.st_mtime_ns) for info in infos]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _driver(key: cipher.LedgerKey | None) -> Any:
    import sqlite3

    return sqlite3 if key is None else cipher.driver()


def _engine(url: URL, uri: str, key: cipher.LedgerKey | None, busy_seconds: float) -> Engine:
    driver = _driver(key)

    def connect() -> Any:
        connection = driver.connect(uri, uri=True, timeout=busy_seconds, check_same_thread=False)
        if key is not None:
            cipher.unlock(connection, key, cipher.salt_of(Path(url.database or "")))
        connection.isolation_level = None
        for pragma in ("query_only=ON", "temp_store=MEMORY", "cache_size=-16384"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    engine = create_engine(url, module=None if key is None else driver, creator=connect)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("a2p_read")
        # The database itself refuses write transactions at once.
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def cannot_write(url: URL) -> LedgerError:
    """Return the error for a ledger that must be written but is read-only."""
    path = Path(url.database or "")
    what = "its folder" if os.access(path, os.W_OK) else "the file"
    if not os.access(path, os.R_OK):
        problem = Problem(
            "cannot open the ledger: no permission to read it",
            path=str(path),
            hint="run it as the user who owns the ledger",
            code="ledger-cannot-open",
        )
        return LedgerError(problem)
    problem = Problem(
        f"the ledger cannot be written: {what} is read-only for you",
        path=str(path),
        hint="make the file and its folder writable, or choose another ledger; reports work without it",
        code="ledger-read-only",
    )
    return LedgerError(problem)


def too_old(url: URL) -> LedgerError:
    """Return the error for a ledger that would have to be migrated before reading."""
    problem = Problem(
        "the ledger was written by an older version of a2pcli, and cannot be upgraded because it is read-only",
        path=shown(url),
        hint="copy it to a writable folder, and use the copy with --ledger",
        code="ledger-read-only",
    )
    return LedgerError(problem)
