"""Who holds a run: a row in the table ``senders``, asked in every transaction that sends or settles.

One process holds a run alone; or, on a server, several senders hold it together, each with its own chunks of the plan
(see ``leases``).

A lock of a server ends with the session that took it, and a lock of a file with the file: the process that held it
may live on, with messages in its hands. The row outlives both. It names the holder by a random token, and each
transaction of the holder begins with an update that finds the row only under that token, so that claiming and being
the holder are one commit. Another process takes the row over only when its holder

* has ended, which can be known for processes of this machine, or
* has not been heard of for ``LAPSES_AFTER`` seconds, by the clock of the server, and its session with the server has
  ended as well: each holder has an advisory lock there, which ends with its connection. A holder that could not reach
  the ledger for ``FRESH`` seconds hands nothing more to a gateway, and after ``DROPS_AFTER`` gives up what is with one.
  So time alone takes a run from nobody: a process that was stopped, or a machine that sleeps, keeps it.

``beat`` counts the holder's transactions. A ledger that has fewer of them than the holder knows was put back to an
earlier state: a backup, or a server that took over and had not received everything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Select,
    cast,
    delete,
    extract,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, Problem, SenderLost
from a2pcli.ledger.faults import shown
from a2pcli.ledger.processes import Process, myself, steady
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.statements import in_groups, later, together
from a2pcli.ledger.tables import senders

RENEWS_AFTER = 8.0
"""Seconds without a transaction after which a holder makes one to show that it is alive."""

FRESH = 20.0
"""Seconds since the start of the last transaction for which a holder may hand messages to a gateway."""

DROPS_AFTER = 55.0
"""Seconds after which it abandons what a gateway still has; the time in between is for answers to arrive."""

LAPSES_AFTER = 75.0
"""Seconds after which others may take over from a holder whose process they cannot check."""

_c = senders.c
_RENEW = (
    "UPDATE senders SET beat = beat + 1, seen_at = CAST(EXTRACT(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    " WHERE run = %s AND token = %s AND beat = ANY(%s::bigint[])"
)
_RENEW_SQLITE = (
    "UPDATE senders SET beat = beat + 1, seen_at = ? WHERE run = ? AND token = ? AND beat IN (?, ?)"
)
_SESSION = """EXISTS (
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 1 AND granted
    AND classid::bigint = senders.token >> 32 AND objid::bigint = senders.token & 4294967295
)"""
"""Condition: the session of a row's holder exists."""
_HAS_SESSION = "SELECT pg_try_advisory_lock(%s)"
_NOTICES_SOON = """SELECT set_config(name, value, false)
    FROM (VALUES ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '4'),
          ('tcp_user_timeout', '70000')) AS wanted(name, value)
    WHERE EXISTS (SELECT 1 FROM pg_settings WHERE pg_settings.name = wanted.name)"""
"""The server ends the session of an unreachable machine within about a minute instead of two hours."""
_TAKING = 0x61327004

_HELD: set[int] = set()
"""Tokens that this process holds."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a run, and how many seconds ago it was last active."""

    token: int
    process: Process
    silent: float
    beat: int = 0
    part: int = 0
    """0 for a holder that has the run alone; else its number among the senders of the run."""
    has_session: bool = False
    """Whether its connection to the server exists. Always False for a SQLite ledger."""

    @property
    def is_gone(self) -> bool:
        """Whether the run can be taken over."""
        if self.process == myself():
            return self.token not in _HELD
        if self.process.has_ended:
            return True
        # A clock that was set back must not hold a run forever.
        is_silent = not self.has_session and abs(self.silent) > LAPSES_AFTER
        return is_silent and not self.process.is_known_to_live

    @property
    def advice(self) -> str:
        """The hint to show: what the user should do."""
        nothing_twice = "nothing is sent twice in either case"
        if self.process.is_known_to_live or self.silent < 2 * RENEWS_AFTER:
            return f"wait until it ends, or stop it; {nothing_twice}"
        left = max(1, int(LAPSES_AFTER - abs(self.silent)))
        if self.has_session:
            return (
                f"it was last heard of {int(self.silent)} s ago, and is still connected to the database: end it,"
                f" or its session there; {nothing_twice}"
            )
        return (
            f"it was last active {int(self.silent)} s ago; if it has ended, the run can be sent in {left} s;"
            f" {nothing_twice}"
        )


class Hold:
    """The right to send, settle or release a run's messages, as long as ``check`` does not raise."""

    def __init__(self, run: Run, token: int, part: int = 0, before: tuple[Holder, ...] = ()) -> None:
        self.run = run
        self.token = token
        self.part = part
        self.before = before
        """Earlier holders that ended without releasing the run."""
        self.on_commit: Callable[[int], None] | None = None
        """Called with the beat of each committed transaction, on the thread that committed it."""
        self._beat = 0
        self._is_in_doubt = False
        self.was_committed = False
        """Whether the last failed transaction had been committed. The caller resets it after handling that."""
        self.is_leaving = False
        """Whether the holder asked for its row to be removed, which may have happened without confirmation."""
        self._begun = self.confirmed_at = steady()
        self._session: Connection | None = None

    @property
    def is_shared(self) -> bool:
        """Whether others may send the run as well, each with its own chunks of the plan."""
        return self.part > 0

    @property
    def beat(self) -> int:
        """Number of committed transactions of this holder, as far as it knows."""
        return self._beat

    @property
    def age(self) -> float:
        """Seconds since the last successful transaction began."""
        return steady() - self.confirmed_at

    @property
    def is_fresh(self) -> bool:
        """Whether messages may be handed to a gateway."""
        return steady() - self.confirmed_at < FRESH  # asked for every message

    def check(self, connection: Connection) -> None:
        """Confirm the hold, as the first statement of a transaction of the holder. No other process can take over
        until it ends.

        Raises ``SenderLost`` if another process took over, ``LedgerError`` if the ledger was set back to an earlier
        state.
        """
        self._begun = steady()
        self._keep_session(connection)
        allowed = (self._beat, self._beat + 1) if self._is_in_doubt else (self._beat,)
        if not self._renew(connection, allowed):
            self._say_why(connection)
        if self._is_in_doubt:
            found = connection.execute(select(_c.beat).where(self._row)).scalar_one() - 1
            self.was_committed = self.was_committed or found != self._beat
            self._beat, self._is_in_doubt = found, False

    @property
    def _row(self) -> ColumnElement[bool]:
        return (_c.run == self.run.number) & (_c.token == self.token)

    def _keep_session(self, connection: Connection) -> None:
        """Show other processes that this holder is connected, and make the server detect a dead machine soon."""
        if connection.dialect.name == "postgresql" and self._session is not connection:
            connection.exec_driver_sql(_HAS_SESSION, (self.token,))
            connection.exec_driver_sql(_NOTICES_SOON)
            self._session = connection

    def _renew(self, connection: Connection, allowed: tuple[int, ...]) -> bool:
        """Return whether this is still the run's holder; if so, it stays so until the transaction ends."""
        if connection.dialect.name == "postgresql":
            with together(connection):  # in one round trip with the preceding BEGIN
                told = later(connection, _RENEW, (self.run.number, self.token, list(allowed)))
            return told.rowcount == 1
        values = (now_ms(), self.run.number, self.token, allowed[0], allowed[-1])
        return in_groups(connection, None, _RENEW_SQLITE, [values]) == 1

    def confirm(self) -> None:
        """Record that the holder's transaction was committed."""
        self._beat += 1
        self.confirmed_at = self._begun
        if self.on_commit is not None:
            self.on_commit(self._beat)

    def doubt(self) -> None:
        """Record that the holder's transaction failed, possibly after the commit."""
        self._is_in_doubt = True

    def _say_why(self, connection: Connection) -> None:
        found = connection.execute(select(_c.token).where(self._row)).scalar()
        place = shown(connection.engine.url)
        if found is not None:
            problem = Problem(
                f"the ledger lost data that was written while run {self.run.id} was being sent:"
                " a backup was restored, or a standby server that had not received everything took over",
                path=place,
                hint="messages that were sent may be missing from it: compare it with the provider's log before"
                " you send again",
                code="ledger-set-back",
            )
            raise LedgerError(problem)
        raise SenderLost(
            Problem(
                f"another process took over run {self.run.id}: this process could not reach the ledger for too long",
                path=place,
                hint=f"the results that this process received are recorded; see: a2pcli report {self.run.id}",
                code="sender-lost",
            )
        )


def holders_of(connection: Connection, run: Run) -> list[Holder]:
    """Return the holders of the run, alive or not; empty if it was released."""
    rows = connection.execute(
        _holders(connection, _c.beat, _c.part).where(_c.run == run.number).order_by(_c.part)
    )
    return [_holder(row, row.beat, row.part) for row in rows]


def everybody(connection: Connection) -> list[tuple[int, Holder]]:
    """Return the numbers of all held runs with their holders. Works with ledgers of earlier versions too."""
    return [(row.run, _holder(row)) for row in connection.execute(_holders(connection))]


def _holders(connection: Connection, *more: Column[Any]) -> Select[Any]:
    age = (_moment(connection) - _c.seen_at).label("age")
    is_server = connection.dialect.name == "postgresql"
    has_session: ColumnElement[bool] = literal_column(_SESSION if is_server else "0").label("has_session")
    return select(_c.run, _c.token, _c.pid, _c.host, _c.process, age, has_session, *more)


def _holder(row: Any, beat: int = 0, part: int = 0) -> Holder:
    process = Process(row.pid, row.host, row.process)
    return Holder(row.token, process, row.age / 1000, beat, part, bool(row.has_session))


def one_by_one(connection: Connection, run: Run) -> None:
    """Let no other process take the run, or chunks of it, until the commit. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_TAKING, run.number)))


def take(
    connection: Connection, run: Run, *, shared: bool = False, before: tuple[Holder, ...] = ()
) -> Hold | Holder:
    """Take the run, or return the living holder that has it; ``shared`` joins others who share it.

    The caller commits a ``Hold``, together with what becomes of the claims of ``Hold.before``. It rolls back if it got
    a holder: others that have ended may have been removed by then, and their claims must not be lost. ``before`` are
    holders already removed in this transaction.
    """
    one_by_one(connection, run)
    removed, parts = [*before], [0]
    for holder in holders_of(connection, run):
        gone = evict(connection, run, holder)
        if gone is not None:
            removed.append(gone)
        elif not (shared and holder.part):
            return next((one for one in holders_of(connection, run) if one.token == holder.token), holder)
        else:
            parts.append(holder.part)
    token, me = secrets.randbits(62), myself()
    part = max(parts) + 1 if shared else 0
    values: dict[str, Any] = {
        "token": token,
        "pid": me.pid,
        "host": me.host,
        "process": me.proof,
        "beat": 0,
        "seen_at": _moment(connection),
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(senders).values(run=run.number, part=part, **values))
    except IntegrityError:  # another process was faster
        return take(connection, run, shared=shared, before=tuple(removed))
    return Hold(run, token, part, tuple(removed))


def evict(connection: Connection, run: Run, holder: Holder) -> Holder | None:
    """Take the run from a holder that ended without releasing it; return its last state, or None while it lives.

    The caller settles its claims in this transaction.
    """
    if not holder.is_gone:
        return None
    # Checked again under the row's lock, because the holder may have been active meanwhile.
    same = (_c.run == run.number) & (_c.token == holder.token)
    connection.execute(update(senders).where(same).values(beat=_c.beat))
    again = next((one for one in holders_of(connection, run) if one.token == holder.token), None)
    if again is None or not again.is_gone:
        return None
    connection.execute(delete(senders).where(same))
    return again


def keep(hold: Hold) -> None:
    """Register the hold in this process, after it was committed."""
    _HELD.add(hold.token)


def let_go(connection: Connection, hold: Hold) -> None:
    """Release the run. The caller commits."""
    connection.execute(delete(senders).where(_c.run == hold.run.number, _c.token == hold.token))


def forget(hold: Hold) -> None:
    """Stop using the hold in this process, whatever the ledger says."""
    _HELD.discard(hold.token)


def _moment(connection: Connection) -> Any:
    """Return the current time in UTC milliseconds, by the server's clock if there is a server, because all senders
    share it."""
    if connection.dialect.name == "sqlite":
        return literal(now_ms())
    return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
