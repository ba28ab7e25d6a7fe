"""One sender a run, and one planner a plan: a lock of the operating system or of the server.

Such a lock ends with the process that holds it, however it ends; it is never taken away by a timeout.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import func, select, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from a2pcli.errors import LedgerError, Problem, RunBusy
from a2pcli.ledger.faults import plainly
from a2pcli.ledger.records import Run

if TYPE_CHECKING:
    from filelock import BaseFileLock

_SENDER = 0x61327002
_PLANNER = 0x61327003


class HasEngine(Protocol):
    """What a lock needs of a ledger."""

    @property
    def engine(self) -> Engine:
        """Where connections come from."""
        ...

    @property
    def url(self) -> URL:
        """The ledger's URL."""
        ...


@contextmanager
def sender_lock(ledger: HasEngine, run: Run) -> Iterator[None]:
    """Hold the right to send ``run``. Raises ``RunBusy``, with who holds it where known, at once."""
    lock = RunLock(ledger.engine, run.number, run.id, kind=_SENDER)
    if not lock.take():
        who = lock.holder()
        problem = Problem(
            f"another process is sending run {run.id}{f' ({who})' if who else ''}",
            hint="wait until it has ended, or end it; nothing is sent twice either way",
            code="run-busy",
        )
        raise RunBusy(problem)
    try:
        yield
    finally:
        lock.drop()


def live_sender(ledger: HasEngine, run: Run) -> str | None:
    """Who is sending the run just now, as far as can be told without touching the lock; else None.

    For people to read, not to decide by: only ``sender_lock`` knows for sure.
    """
    lock = RunLock(ledger.engine, run.number, run.id, kind=_SENDER)
    who = lock.holder()
    if who is None or ledger.engine.dialect.name != "sqlite":
        return who
    pid, _, host = who.removeprefix("process ").partition(" on ")
    if host == socket.gethostname()[:64] and os.name == "posix":
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return None  # it was killed, and left its note behind
        except OSError:
            return who
    return who


def planner_lock(engine: Engine, number: int, id: str) -> RunLock:
    """The lock that a plan in the making holds: who can take it knows that its planner is dead."""
    return RunLock(engine, number, id, kind=_PLANNER)


class RunLock:
    """A lock on one run. Files lie in a folder beside the SQLite file; PostgreSQL has advisory locks."""

    def __init__(self, engine: Engine, number: int, id: str, *, kind: int) -> None:
        self._engine = engine
        self._key = (kind, number)
        self._held: Connection | BaseFileLock | None = None
        self._file = Path()
        if engine.dialect.name == "sqlite":
            word = "send" if kind == _SENDER else "plan"
            self._file = Path(f"{engine.url.database}-locks") / f"{id}.{word}"

    def take(self) -> bool:
        """Try once, without waiting."""
        if self._engine.dialect.name == "sqlite":
            return self._take_file()
        return self._take_advisory()

    def drop(self) -> None:
        """Let go; safe to call twice."""
        held, self._held = self._held, None
        if isinstance(held, Connection):
            with plainly(self._engine.url):
                with suppress(SQLAlchemyError):  # a lost connection has lost its lock
                    # Asked for, not left to the end of the session: the server sees that a moment later.
                    held.execute(select(func.pg_advisory_unlock(*self._key)))
                held.invalidate()
                held.close()
        elif held is not None:
            self._note.unlink(missing_ok=True)
            if self._key[0] == _PLANNER:
                # Nobody waits for it, and every plan has its own: they would pile up. A sender's file stays: who
                # takes a file away that others may have open lets two of them in.
                with suppress(OSError):
                    self._file.unlink(missing_ok=True)
            held.release()

    def holder(self) -> str | None:
        """Who holds it, as far as can be known: ``process 4711 on host``."""
        if self._engine.dialect.name == "sqlite":
            try:
                note: dict[str, Any] = json.loads(self._note.read_text())
                return f"process {int(note['pid'])} on {str(note['host'])[:64]}"
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return self._advisory_holder()

    @property
    def _note(self) -> Path:
        return self._file.with_name(self._file.name + ".who")

    def _take_file(self) -> bool:
        from filelock import FileLock, Timeout

        try:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            # No fallback: a lock that is only a file stays behind when its process is killed, or gets stolen.
            lock = FileLock(self._file, timeout=0, mode=0o600, thread_local=False, fallback_to_soft=False)
            lock.acquire()
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            problem = Problem(
                f"the run cannot be locked: {getattr(error, 'strerror', None) or 'no file locks here'}",
                path=str(self._file),
                hint="make the ledger's folder writable, on a disk of this machine",
                code="ledger-lock",
            )
            raise LedgerError(problem) from error
        self._held = lock
        with open(self._note, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as note:
            note.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        return True

    def _take_advisory(self) -> bool:
        with plainly(self._engine.url):
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.execute(select(func.pg_try_advisory_lock(*self._key))).scalar():
                self._held = connection
                return True
            connection.close()
            return False

    def _advisory_holder(self) -> str | None:
        query = text(
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :kind AND l.objid = :number"
        )
        with plainly(self._engine.url), self._engine.connect() as connection:
            kind, number = self._key
            name = connection.execute(query, {"kind": kind, "number": number}).scalar()
        if not name or not name.startswith("a2pcli "):
            return None
        pid, _, host = name.removeprefix("a2pcli ").partition("@")
        return f"process {pid} on {host}"
