"""Methods of ``Ledger`` that reports and explanations use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from a2pcli.lazy import lazily
from a2pcli.ledger import queries
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, translates_errors
from a2pcli.ledger.history import Event, HistoryEntry
from a2pcli.ledger.records import Run, Totals, Waiting, now_ms

if TYPE_CHECKING:
    from a2pcli.ledger import asking, caps, counting, integrity, plan_rows, waits
    from a2pcli.ledger import clocks as run_clocks
else:
    asking, caps, counting, integrity, run_clocks, plan_rows, waits = lazily(
        "a2pcli.ledger", "asking", "caps", "counting", "integrity", "clocks", "plan_rows", "waits"
    )


class ReadingMixin(LedgerCore):
    """Reading; see ``store.Ledger``."""

    @translates_errors
    def waiting(self, run: Run, now: int | None = None) -> list[Waiting]:
        """What of the run waits for its hours at the moment ``now``, the first to go first."""
        with self._reading() as connection:
            return waits.waiting(connection, run, now_ms() if now is None else now)

    @translates_errors
    def clocks(self, run: Run) -> dict[int, run_clocks.RunClock]:
        """The run's clocks by number (``attempts.clock``)."""
        with self._reading() as connection:
            return run_clocks.of_run(connection, run)

    @translates_errors
    def contacts_of(self, address: str, since: int, before: int) -> list[caps.Contact]:
        """What an address got, or may have got, after ``since`` and before ``before``, oldest first."""
        with self._reading() as connection:
            found = caps.contacts_of(connection, [address], since).get(address, [])
        return [one for one in found if one.at < before]

    @translates_errors
    def had_already(self, run: Run) -> list[tuple[str, str, int]]:
        """Of the rows that a plan left out as sent already: run id, state of the messages there, how many."""
        with self._reading() as connection:
            return queries.had_already(connection, run)

    @translates_errors
    def totals(self, run: Run, now: int | None = None) -> Totals:
        """The run counted, from its chunks' counts and its attempts, unless a count that still holds is kept with it.

        Who waits for their hours is told as it is at ``now``. Nothing is written.
        """
        with self._reading() as connection:
            known = counting.kept(connection, run)
            counted = counting.count(connection, run) if known is None else known
            return waits.with_held(connection, run, counted, now_ms() if now is None else now)

    def row_columns(
        self,
        run: Run,
        *,
        states: Sequence[str] | None = None,
        reasons: Sequence[str] | None = None,
        chunk: int = 20_000,
        now: int | None = None,
    ) -> Iterator[plan_rows.Columns]:
        """The run's rows in the file's order, piece by piece, as parallel columns (``plan_rows.NAMES``).

        ``states`` and ``reasons`` narrow them; what waits is told as it is at ``now``. Each piece is a short read of
        its own, so a long report holds nothing up.
        """
        wanted = plan_rows.Wanted(states, reasons)
        moment = now_ms() if now is None else now
        with plainly(self.url), self._reading() as connection:
            reader = plan_rows.PlanRows(connection, run, moment)
        for head in reader.heads:
            with plainly(self.url), self._reading() as connection:
                found = reader.columns(connection, head, wanted)
            yield from plan_rows.pieces(found, chunk)
        after: int | None = None
        while not reader.heads:
            with plainly(self.url), self._reading() as connection:
                found = plan_rows.of_attempts(connection, run, after, chunk, wanted)
            ids = found["id"]
            if ids:
                yield found
                after = ids[-1]
            if len(ids) < chunk:
                return

    def rows(
        self,
        run: Run,
        *,
        states: Sequence[str] | None = None,
        chunk: int = 10_000,
        now: int | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """The run's rows in the file's order, piece by piece, each row a mapping; see ``row_columns``."""
        for columns in self.row_columns(run, states=states, chunk=chunk, now=now):
            yield list(plan_rows.as_rows(columns))

    @translates_errors
    def history(
        self, address: str, *, run: Run | None = None, cells: Sequence[str] = (), now: int | None = None
    ) -> list[HistoryEntry]:
        """What one address got, over all runs or in one, with events; ``cells`` finds rows without an address.

        What waits is told as it is at ``now``.
        """
        with self._reading() as connection:
            return queries.history(connection, address, run, cells, now_ms() if now is None else now)

    @translates_errors
    def run_events(self, run: Run) -> tuple[Event, ...]:
        """What happened to the run as a whole, and its test messages."""
        with self._reading() as connection:
            return queries.run_events(connection, run)

    def check(self, sample: Decimal | None = None, seed: int | None = None) -> integrity.Checked:
        """Look whether the ledger is sound; see ``integrity``. Nothing is written."""
        with plainly(self.url):
            return integrity.check(self.engine, sample, seed)

    def ask(
        self, sql: str, some: Sequence[Run] | None, seconds: float
    ) -> AbstractContextManager[asking.Answer]:
        """One query in SQL over the views; see ``asking.ask``. Nothing can be written."""
        return asking.ask(self.engine, self._key, sql, some, seconds)
