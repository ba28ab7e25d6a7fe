"""Who holds a run: one row a run in the table ``senders``, asked in every transaction that sends or settles.

A lock of a server ends with the session that took it, and a lock of a file with the file: the process that held it
may live on, with messages in its hands. The row outlives both. It names the holder by a random token, and each
transaction of the holder begins with an update that finds the row only under that token, so that claiming and being
the holder are one commit. Another process takes the row over only when its holder

* has ended, which can be known for processes of this machine, or
* has not been heard of for ``LAPSES_AFTER`` seconds, by the clock of the server. A holder that could not reach the
  ledger for ``FRESH`` seconds hands nothing more to a gateway, and after ``DROPS_AFTER`` gives up what is with one.

``beat`` counts the holder's transactions. A ledger that has fewer of them than the holder knows was put back to an
earlier state: a backup, or a server that took over and had not received everything.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, cast, delete, extract, func, insert, literal, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, Problem, SenderLost
from a2pcli.ledger.faults import shown
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.tables import senders
from a2pcli.ledger.together import later, together

RENEWS_AFTER = 8.0
"""Seconds without a transaction after which a holder makes one, to be heard of."""

FRESH = 20.0
"""Seconds since the last transaction began for which a holder may hand messages to a gateway."""

DROPS_AFTER = 55.0
"""Seconds after which it gives up what a gateway still has; the time between is for answers to come."""

LAPSES_AFTER = 75.0
"""Seconds after which others may take over a holder of whom they cannot tell whether it lives."""

_c = senders.c
_RENEW = (
    "UPDATE senders SET beat = beat + 1, seen_at = CAST(EXTRACT(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    " WHERE run = %s AND token = %s AND beat = ANY(%s::bigint[])"
)
_RENEW_SQLITE = (
    "UPDATE senders SET beat = beat + 1, seen_at = ? WHERE run = ? AND token = ? AND beat IN (?, ?)"
)
_HELD: set[int] = set()
"""Tokens that this process holds."""


_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def steady() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps where the system has one."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as the ledger remembers it. ``proof`` tells it from a later one with the same number."""

    pid: int
    host: str
    proof: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def has_ended(self) -> bool:
        """Whether the holder has certainly ended."""
        here = myself()
        if self.proof:
            if _machine_of(self.proof) != _machine_of(here.proof):
                return False
        elif self.host != here.host or os.name != "posix":
            return False
        return not _lives(self.pid) or (bool(self.proof) and _proof(self.pid) not in ("", self.proof))

    @property
    def is_known_to_live(self) -> bool:
        """Whether it is certain that it has not ended, however long it has been silent."""
        return bool(self.proof) and _proof(self.pid) == self.proof


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a run, and how long ago it was last heard of, in seconds."""

    token: int
    process: Process
    silent: float
    beat: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether the run can be taken over."""
        if self.process == myself():
            return self.token not in _HELD
        if self.process.has_ended:
            return True
        # A clock that was set back may not hold a run for ever.
        return not self.process.is_known_to_live and abs(self.silent) > LAPSES_AFTER

    @property
    def advice(self) -> str:
        """The hint to show: what the user should do."""
        nothing_twice = "nothing is sent twice in either case"
        if self.process.is_known_to_live or self.silent < 2 * RENEWS_AFTER:
            return f"wait until it ends, or stop it; {nothing_twice}"
        left = max(1, int(LAPSES_AFTER - abs(self.silent)))
        return (
            f"it was last active {int(self.silent)} s ago; if it has ended, the run can be sent in {left} s;"
            f" {nothing_twice}"
        )


@cache
def _machine() -> str:
    """This boot of this machine, and the numbering of processes that holds here; empty where it cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def _machine_of(proof: str) -> str:
    return proof.rpartition("/")[0]


def _proof(pid: int) -> str:
    """The machine and the moment at which the process began; empty where that cannot be read, or it has ended."""
    if not _machine():
        return ""
    try:
        # After the name, which may hold anything, in brackets: state, then 18 numbers, then the start.
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    if state in "ZXx":
        return f"{_machine()}/ended"
    return f"{_machine()}/{rest[18]}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def myself() -> Process:
    """This process as a ``Holder``: host, boot, pid."""
    pid = os.getpid()
    return Process(pid, socket.gethostname()[:64], _proof(pid))


class Hold:
    """The right to send, settle or let go of a run's messages, as long as ``check`` does not say otherwise."""

    def __init__(self, run: Run, token: int, before: Holder | None = None) -> None:
        self.run = run
        self.token = token
        self.before = before
        """Who had the run and ended without letting it go; None where nobody did."""
        self.on_commit: Callable[[int], None] | None = None
        """Called with the beat of each transaction that was committed, on the thread that did it."""
        self._beat = 0
        self._is_in_doubt = False
        self.was_committed = False
        """Whether the last transaction that failed, failed after it was committed. Whoever heeds it, unsets it."""
        self._begun = self.confirmed_at = steady()

    @property
    def beat(self) -> int:
        """How many transactions of this holder were committed, as far as it knows."""
        return self._beat

    @property
    def age(self) -> float:
        """Seconds since the last transaction that succeeded began."""
        return steady() - self.confirmed_at

    @property
    def is_fresh(self) -> bool:
        """Whether messages may be handed to a gateway."""
        return self.age < FRESH

    def check(self, connection: Connection) -> None:
        """The first statement of a transaction of the holder. Raises ``SenderLost`` where another took over.

        Until the transaction ends, nobody else can. Raises ``LedgerError`` for a ledger put back to earlier.
        """
        self._begun = steady()
        allowed = (self._beat, self._beat + 1) if self._is_in_doubt else (self._beat,)
        if not self._renew(connection, allowed):
            self._say_why(connection)
        if self._is_in_doubt:
            found = connection.execute(select(_c.beat).where(_c.run == self.run.number)).scalar_one() - 1
            self.was_committed = self.was_committed or found != self._beat
            self._beat, self._is_in_doubt = found, False

    def _renew(self, connection: Connection, allowed: tuple[int, ...]) -> bool:
        """Whether this is still the run's holder; if so, until the transaction ends."""
        if connection.dialect.name == "postgresql":
            with together(connection):  # in one journey with the BEGIN before it
                told = later(connection, _RENEW, (self.run.number, self.token, list(allowed)))
            return told.rowcount == 1
        values = (now_ms(), self.run.number, self.token, allowed[0], allowed[-1])
        return connection.exec_driver_sql(_RENEW_SQLITE, values).rowcount == 1

    def confirm(self) -> None:
        """Called after the holder's transaction was committed."""
        self._beat += 1
        self.confirmed_at = self._begun
        if self.on_commit is not None:
            self.on_commit(self._beat)

    def doubt(self) -> None:
        """Its transaction failed, perhaps only after it was committed."""
        self._is_in_doubt = True

    def _say_why(self, connection: Connection) -> None:
        found = connection.execute(select(_c.token).where(_c.run == self.run.number)).scalar()
        place = shown(connection.engine.url)
        if found == self.token:
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


def holder_of(connection: Connection, run: Run) -> Holder | None:
    """Who holds the run, whether that process lives or not; None where it was let go."""
    age = (_moment(connection) - _c.seen_at).label("age")
    row = connection.execute(
        select(_c.token, _c.pid, _c.host, _c.process, _c.beat, age).where(_c.run == run.number)
    ).one_or_none()
    if row is None:
        return None
    return Holder(row.token, Process(row.pid, row.host, row.process), row.age / 1000, row.beat)


def everybody(connection: Connection) -> list[tuple[int, Holder]]:
    """The numbers of all runs that are held, and who holds each."""
    age = (_moment(connection) - _c.seen_at).label("age")
    rows = connection.execute(select(_c.run, _c.token, _c.pid, _c.host, _c.process, age))
    return [
        (row.run, Holder(row.token, Process(row.pid, row.host, row.process), row.age / 1000)) for row in rows
    ]


def take(connection: Connection, run: Run) -> Hold | Holder:
    """Take the run, or the living process that has it. To be committed by the caller."""
    token, me = secrets.randbits(62), myself()
    values: dict[str, Any] = {
        "token": token,
        "pid": me.pid,
        "host": me.host,
        "process": me.proof,
        "beat": 0,
        "seen_at": _moment(connection),
    }
    before, again = holder_of(connection, run), None
    if before is not None and not before.is_gone:
        return before
    if before is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(senders).values(run=run.number, **values))
        except IntegrityError:  # another was quicker
            return holder_of(connection, run) or take(connection, run)
    else:
        # Under the row's lock once more: it may have been heard of again meanwhile.
        same = (_c.run == run.number) & (_c.token == before.token)
        connection.execute(update(senders).where(same).values(beat=_c.beat))
        again = holder_of(connection, run)
        if again is None or again.token != before.token or not again.is_gone:
            return again or take(connection, run)
        connection.execute(update(senders).where(same).values(values))
    return Hold(run, token, again)


def keep(hold: Hold) -> None:
    """The hold was committed: this process has it."""
    _HELD.add(hold.token)


def let_go(connection: Connection, hold: Hold) -> None:
    """The run is free again. To be committed by the caller."""
    connection.execute(delete(senders).where(_c.run == hold.run.number, _c.token == hold.token))


def forget(hold: Hold) -> None:
    """This process acts by the hold no more, whatever the ledger still says."""
    _HELD.discard(hold.token)


def _moment(connection: Connection) -> Any:
    """Now in UTC milliseconds: by the server's clock, which all senders share, where there is one."""
    if connection.dialect.name == "sqlite":
        return literal(now_ms())
    return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
