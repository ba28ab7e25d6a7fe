"""Whether a ledger is sound: what ``a2pcli ledger check`` looks at, in which order, and what a finding means.

Everything is read in one transaction, so a ledger that is being sent from is checked as it was at one moment. Nothing
is written. What cannot even be read is a finding like the others, and the rest is still looked at.

``integrity_database`` looks at the file and the schema, ``integrity_rows`` at each table by itself,
``integrity_plans`` at the chunks of plans and the attempts that belong to them, ``integrity_receipts`` at what
gateways told of them later.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import field
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerUnavailable
from a2pcli.ledger.cipher import error_name
from a2pcli.ledger.database import READ
from a2pcli.ledger.faults import in_plain_words
from a2pcli.ledger.tables import plan_chunks

_RESTORE = (
    "keep a copy of the ledger, and restore the newest backup in which `a2pcli ledger check` finds no problems;"
    " then: a2pcli ledger accept"
)
_NEW_PLAN = (
    "this run can no longer be sent: cancel it and plan again, or restore a backup from before the change"
)
_WHO = "find out what changed it outside of a2pcli, and restore a backup from before"
_NOTHING_LOST = "nothing is lost; "

ADVICE: dict[str, str] = {
    "file-damaged": _RESTORE,
    "unreadable": _RESTORE,
    "wrong-values": _RESTORE,
    "schema": "restore a backup; without this part of the schema, a2pcli cannot prevent messages from being sent twice",
    "other-ledger": "if it was restored or replaced on purpose: a2pcli ledger accept; otherwise find the right ledger",
    "audit-broken": _WHO,
    "plan-damaged": _RESTORE,
    "plan-changed": _NEW_PLAN,
    "plan-incomplete": _RESTORE,
    "plan-record": _NEW_PLAN,
    "code": _WHO,
    "attempt-unknown": _WHO,
    "attempt-changed": _WHO,
    "sent-twice": "tell the people concerned if necessary, and find out how it happened: the database normally"
    " prevents it",
    "attempt-state": _WHO,
    "open-claim": "run `a2pcli reconcile RUN`: ask the gateway what became of these messages",
    "totals": _NOTHING_LOST
    + "reports of this run show wrong totals until it is next sent, cancelled or reconciled",
    "plan-end": _WHO,
    "run": _WHO,
    "clock": "without clocks, permitted hours cannot be checked: cancel the run and plan again",
    "opt-out": _WHO + "; then compare the list with `a2pcli optout export`",
    "answer": _WHO,
    "trigger": "a message about an event may be missing; " + _WHO,
    "bots": _NOTHING_LOST + "budgets of bots may be counted wrongly; " + _WHO,
    "survey": "results of surveys may be wrong; " + _WHO,
    "consent": _WHO + "; then compare the records with `a2pcli consent export`",
    "receipt": _NOTHING_LOST + "import the receipts of these messages again; if the problem returns: " + _WHO,
    "attempts-lost": "these people would get the message again, so this run is not sent and its occurrence not planned"
    " again: restore the ledger from a backup; without one, exclude whom the provider's log names",
    "caps": "frequency caps count these people wrongly; " + _WHO,
    "left-over": _NOTHING_LOST + "but something removed rows outside of a2pcli: " + _WHO,
}
"""What to do about a finding, by code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem found in a ledger. ``run`` is a run's id; ``code`` is a key of ``ADVICE``."""

    code: str
    message: str
    run: str | None = None

    @property
    def advice(self) -> str:
        """The hint to show: what the user should do about this problem."""
        advice = ADVICE[self.code]
        return advice.replace("RUN", self.run) if self.run else advice


@dataclass(slots=True)
class Checked:
    """What was checked, and the findings.

    ``sample`` is the share of chunks that was read (None: all), chosen by ``seed``. ``notes`` name what cannot be
    checked from here.
    """

    sample: Decimal | None = None
    seed: int | None = None
    runs: int = 0
    chunks: int = 0
    chunks_read: int = 0
    rows: int = 0
    rows_read: int = 0
    attempts: int = 0
    audit_entries: int = 0
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether no problem was found."""
        return not self.findings


Step = Callable[[], Iterator[Finding]]


class CheckContext:
    """A check in progress: its connection and its results so far."""

    def __init__(self, connection: Connection, checked: Checked) -> None:
        self.connection = connection
        self.checked = checked

    def take(self, what: str, step: Step, run: str | None = None) -> None:
        """Run one step and keep its findings. If it fails on what it reads, add the finding that ``what`` cannot be
        read. Raises ``LedgerUnavailable`` if waiting may help."""
        before = len(self.checked.findings)
        try:
            with self._alone():
                self.checked.findings.extend(step())
        except (SQLAlchemyError, ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
            self._keep(what, error, run, before)
        except Exception as error:
            if not _is_of_database(error):
                raise
            self._keep(what, error, run, before)

    def _keep(self, what: str, error: Exception, run: str | None, before: int) -> None:
        if isinstance(error, SQLAlchemyError) or _is_of_database(error):
            if _is_interrupt(error):
                raise KeyboardInterrupt from error
            plain = in_plain_words(error, self.connection.engine.url)
            if isinstance(plain, LedgerUnavailable):
                raise plain from error
        if len(self.checked.findings) == before:
            self.checked.findings.append(Finding("unreadable", f"{what} cannot be read", run))

    def _alone(self) -> Any:
        """Return a savepoint on a server, where an error would otherwise end the whole transaction."""
        return nullcontext() if self.connection.dialect.name == "sqlite" else self.connection.begin_nested()


def _is_of_database(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("sqlite3", "sqlcipher3", "psycopg", "pyarrow")


def _is_interrupt(error: BaseException) -> bool:
    cause = getattr(error, "orig", None) or error
    return error_name(cause).startswith("SQLITE_INTERRUPT") or str(cause) == "interrupted"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A read-only connection that sees the ledger at one moment."""
    how: dict[str, Any] = dict(READ)
    if engine.dialect.name == "postgresql":
        how |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**how) as connection, connection.begin() as transaction:
        if engine.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            # SQLite may not return for seconds; the handler lets Python handle Ctrl-C meanwhile.
            driver.set_progress_handler(lambda: 0, 200_000)
        try:
            yield connection
        finally:
            if engine.dialect.name == "sqlite":
                driver.set_progress_handler(None, 0)
            transaction.rollback()


def check(engine: Engine, sample: Decimal | None = None, seed: int | None = None) -> Checked:
    """Check the whole ledger; with ``sample`` (a share above 0, up to 1), read only that share of the chunks, chosen
    by ``seed``. Uses the memory of one chunk."""
    from a2pcli.ledger import (
        integrity_bots,
        integrity_database,
        integrity_fallbacks,
        integrity_plans,
        integrity_receipts,
        integrity_rows,
        integrity_surveys,
    )

    checked = Checked(sample, None if sample is None else random.randrange(10**6) if seed is None else seed)
    with reading(engine) as connection:
        context = CheckContext(connection, checked)
        integrity_database.look_at(context)
        integrity_rows.look_at(context)
        integrity_receipts.look_at(context)
        integrity_fallbacks.look_at(context)
        integrity_surveys.look_at(context)
        integrity_bots.look_at(context)
        integrity_plans.look_at(context, _chosen(context))
    return checked


def _chosen(context: CheckContext) -> frozenset[tuple[int, int]] | None:
    """Return the chunks to read, by run and number; None for all."""
    checked, c = context.checked, plan_chunks.c
    if checked.sample is None:
        return None
    known: Sequence[tuple[int, int]] = []

    def find() -> Iterator[Finding]:
        query = select(c.run, c.number).order_by(c.run, c.number)
        known.extend((run, number) for run, number in context.connection.execute(query))  # type: ignore[attr-defined]
        return iter(())

    context.take("the list of chunks", find)
    many = math.ceil(len(known) * checked.sample)
    return frozenset(random.Random(checked.seed).sample(known, many))
