"""Locks: a run has one sender, is changed only while it is not being sent, and has one planner.

A sender of a SQLite ledger has a lock of the operating system, which ends with its process however that ends. In
every ledger it has a row in ``senders`` as well, which its transactions ask for (see ``holds``). On a server several
may send one run together, each its own chunks of the plan (see ``leases``). A planner has a lock of the operating
system, or of the server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from a2pcli.errors import LedgerError, LedgerUnavailable, Problem, RunBusy
from a2pcli.ledger import holds, in_flight, plan_store
from a2pcli.ledger.database import READ
from a2pcli.ledger.faults import is_passing, plainly, retrying
from a2pcli.ledger.holds import Hold, Holder
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import Run, now_ms

if TYPE_CHECKING:
    from filelock import BaseFileLock

_SENDER = 0x61327002
_PLANNER = 0x61327003

PATIENCE = 3.0
"""Seconds a sender waits for a command that has its run alone, for example to settle claims or set a time zone."""

MOST_NAMED = 3


class HasEngine(Protocol):
    """The part of a ledger that a lock needs."""

    holds: dict[int, Hold]
    """Holds of this ledger by run number, checked before anything is written to these runs."""

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        ...

    @property
    def url(self) -> URL:
        """The ledger's SQLAlchemy URL."""
        ...


@contextmanager
def sender_lock(ledger: HasEngine, run: Run, *, shared: bool = False) -> Iterator[Hold]:
    """Hold the right to send ``run``, or to settle its messages. Raises ``RunBusy`` at once, naming the holder.

    ``shared``: send it beside other senders, if the ledger is on a server and the run's plan is in chunks. Waits up to
    ``PATIENCE`` seconds for a command that has the run alone, because those are short.
    """
    lock = RunLock(ledger.engine, run.number, run.id, kind=_SENDER) if _has_files(ledger) else None
    if lock is not None and not lock.take():
        raise RunBusy(_busy(run, next(iter(_living(ledger, run)), None)))
    try:
        hold = _take_patiently(ledger, run) if shared and lock is None else _take(ledger, run)
        ledger.holds[run.number] = hold
        try:
            yield hold
        finally:
            del ledger.holds[run.number]
            _let_go(ledger, hold)
    finally:
        if lock is not None:
            lock.drop()


def live_sender(ledger: HasEngine, run: Run) -> str | None:
    """Return who is sending the run now: ``process 4711 on host``, or several; None if nobody is, as far as known.

    For display only; ``sender_lock`` is authoritative.
    """
    return named(_living(ledger, run)) or None


def may_be_joined(ledger: HasEngine, run: Run) -> str | None:
    """Return who sends the run, if another sender may join; None if nobody sends it, or nobody may join."""
    living = [] if _has_files(ledger) else _living(ledger, run)
    return named(living) if living and all(one.part for one in living) else None


def named(living: Sequence[Holder]) -> str:
    """Return the holders' names as part of a sentence; empty for none."""
    names = [str(one.process) for one in living]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def refuse_if_held(connection: Connection, run: Run) -> None:
    """Raise ``RunBusy`` if a living process holds the run, before changing it without a hold."""
    for holder in holds.holders_of(connection, run):
        if not holder.is_gone:
            raise RunBusy(_busy(run, holder))


def _has_files(ledger: HasEngine) -> bool:
    return ledger.engine.dialect.name == "sqlite"


def _living(ledger: HasEngine, run: Run) -> list[Holder]:
    with (
        plainly(ledger.url),
        ledger.engine.connect().execution_options(**READ) as connection,
        connection.begin(),
    ):
        return [one for one in holds.holders_of(connection, run) if not one.is_gone]


def _busy(run: Run, holder: Holder | None) -> Problem:
    who = f" ({holder.process})" if holder else ""
    hint = holder.advice if holder else "wait until it ends, or stop it; nothing is sent twice in either case"
    return Problem(f"another process is sending run {run.id}{who}", hint=hint, code="run-busy")


def _take_patiently(ledger: HasEngine, run: Run) -> Hold:
    until = steady() + PATIENCE
    while True:
        try:
            return _take(ledger, run, shared=True)
        except RunBusy:
            if steady() > until:
                raise
            time.sleep(PATIENCE / 20)


def _take(ledger: HasEngine, run: Run, *, shared: bool = False) -> Hold:
    def work() -> Hold:
        with ledger.engine.begin() as connection:
            if not _has_files(ledger) and not _nobody_of_old(connection, run):
                raise RunBusy(_busy(run, None))
            found = holds.take(connection, run, shared=shared and plan_store.exist(connection, run))
            if isinstance(found, Holder):  # rolls back, so that claims of removed holders stay theirs
                raise RunBusy(_busy(run, found))
            for gone in found.before:
                lose_claims(ledger.url, connection, run, gone)
            free_chunks_of_nobody(connection, run)
            return found

    with plainly(ledger.url):
        found = retrying(work)
        holds.keep(found)
        for gone in found.before:
            in_flight.discard(ledger.url, run, gone.token)
        return found


def lose_claims(url: URL, connection: Connection, run: Run, gone: Holder) -> None:
    """Settle the claims of an ended sender: unknown, except those that certainly were never submitted. Frees its
    chunks."""
    from a2pcli.ledger import counting, leases
    from a2pcli.ledger.outcomes import lose

    left = in_flight.left_by(url, run, gone)
    lose(connection, run, now_ms(), left, only=leases.claimed_by(gone))
    leases.give_up(connection, run, gone.token)
    counting.keep(connection, run)


def free_chunks_of_nobody(connection: Connection, run: Run) -> None:
    """Free chunks whose sender is no longer in the ledger; its open claims become unknown. Earlier versions could leave
    such chunks behind, and no sender would get them."""
    from a2pcli.ledger import counting, leases
    from a2pcli.ledger.outcomes import lose

    for token in leases.without_sender(connection, run):
        lose(connection, run, now_ms(), only=leases.claimed_with(token))
        leases.give_up(connection, run, token)
        counting.keep(connection, run)


def _nobody_of_old(connection: Connection, run: Run) -> bool:
    """Whether no sender of version 0.1, which knows only this lock, is active."""
    return bool(
        connection.execute(select(func.pg_try_advisory_xact_lock_shared(_SENDER, run.number))).scalar()
    )


def _let_go(ledger: HasEngine, hold: Hold) -> None:
    # Forgotten first, so that a row that cannot be deleted now is not used any more.
    holds.forget(hold)
    with suppress(LedgerError):
        with plainly(ledger.url), ledger.engine.begin() as connection:
            leave(connection, hold)
        in_flight.discard(ledger.url, hold.run, hold.token)


def leave(connection: Connection, hold: Hold) -> None:
    """Release the run, or the chunks of one of its senders, which has no claims left. Safe to call twice."""
    if hold.is_shared:
        from a2pcli.ledger import leases

        leases.give_up(connection, hold.run, hold.token)
    holds.let_go(connection, hold)


def planner_lock(engine: Engine, number: int, id: str) -> RunLock:
    """Return the lock held while a plan is made: taking it proves that the planner is dead."""
    return RunLock(engine, number, id, kind=_PLANNER)


class RunLock:
    """A lock on one run: a file in a folder beside a SQLite ledger, or a PostgreSQL advisory lock."""

    def __init__(self, engine: Engine, number: int, id: str, *, kind: int) -> None:
        self._engine = engine
        self._key = (kind, number)
        self._held: Connection | BaseFileLock | None = None
        self._file = Path()
        if engine.dialect.name == "sqlite":
            word = "send" if kind == _SENDER else "plan"
            self._file = Path(f"{engine.url.database}-locks") / f"{id}.{word}"

    def take(self) -> bool:
        """Try once to take the lock, without waiting; return whether it was taken."""
        if self._engine.dialect.name == "sqlite":
            return self._take_file()
        return self._take_advisory()

    def drop(self) -> None:
        """Release the lock; safe to call twice."""
        held, self._held = self._held, None
        if isinstance(held, Connection):
            with plainly(self._engine.url):
                with suppress(SQLAlchemyError):  # a lost connection has lost its lock
                    # Released explicitly, because the server notices the end of a session only a moment later.
                    held.execute(select(func.pg_advisory_unlock(*self._key)))
                held.invalidate()
                held.close()
        elif held is not None:
            if self._key[0] == _PLANNER:
                # Nobody waits for a planner's lock, and each plan has its own file, so they would accumulate. A
                # sender's file stays: deleting a file that others may have open would let two of them in.
                with suppress(OSError):
                    self._file.unlink(missing_ok=True)
            held.release()

    def _take_file(self) -> bool:
        from filelock import FileLock, Timeout

        try:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            # No fallback: a lock that is only a file stays behind when its process is killed, or can be stolen.
            lock = FileLock(self._file, timeout=0, mode=0o600, thread_local=False, fallback_to_soft=False)
            lock.acquire()
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            passes = isinstance(error, OSError) and is_passing(error)
            problem = Problem(
                f"cannot lock the run: {getattr(error, 'strerror', None) or 'no file locks here'}",
                path=str(self._file),
                hint="free some space, then run the same command again"
                if passes
                else "make the ledger's folder writable; it must be on a local disk",
                code="ledger-lock",
            )
            raise (LedgerUnavailable if passes else LedgerError)(problem) from error
        self._held = lock
        return True

    def _take_advisory(self) -> bool:
        with plainly(self._engine.url):
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if connection.execute(select(func.pg_try_advisory_lock(*self._key))).scalar():
                self._held = connection
                return True
            connection.close()
            return False
