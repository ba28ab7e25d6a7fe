"""The part of the ledger's front that reports and explanations use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from a2pcli.lazy import lazily
from a2pcli.ledger import queries
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, speaks_plainly
from a2pcli.ledger.history import Event, HistoryEntry
from a2pcli.ledger.records import Run, Totals, Waiting

if TYPE_CHECKING:
    from a2pcli.ledger import caps, counting
    from a2pcli.ledger import clocks as run_clocks
else:
    caps, counting, run_clocks = lazily("a2pcli.ledger", "caps", "counting", "clocks")


class ReadingPart(LedgerCore):
    """Reading; see ``store.Ledger``."""

    @speaks_plainly
    def waiting(self, run: Run) -> list[Waiting]:
        """What of the run waits for its hours, the first to go first."""
        with self._reading() as connection:
            return run_clocks.waiting(connection, run)

    @speaks_plainly
    def clocks(self, run: Run) -> dict[int, run_clocks.RunClock]:
        """The run's clocks by number (``messages.clock``)."""
        with self._reading() as connection:
            return run_clocks.of_run(connection, run)

    @speaks_plainly
    def contacts_of(self, address: str, since: int, before: int) -> list[caps.Contact]:
        """What an address got, or may have got, after ``since`` and before ``before``, oldest first."""
        with self._reading() as connection:
            found = caps.contacts_of(connection, [address], since).get(address, [])
        return [one for one in found if one.at < before]

    @speaks_plainly
    def had_already(self, run: Run) -> list[tuple[str, str, int]]:
        """Of the rows that a plan left out as sent already: run id, state of the messages there, how many."""
        with self._reading() as connection:
            return queries.had_already(connection, run)

    @speaks_plainly
    def totals(self, run: Run) -> Totals:
        """The run counted: in one pass over its rows, unless a count that still holds is kept with the run."""
        with self._reading() as connection:
            known, changes = counting.kept(connection, run)
            if known is not None:
                return known
            counted = counting.count(connection, run)
        # Keeping it only saves time: a ledger that cannot be written just now can still be read.
        with suppress(SQLAlchemyError), self.engine.begin() as connection:
            counting.keep(connection, run, counted, changes)
        return counted

    def row_columns(
        self,
        run: Run,
        *,
        states: Sequence[str] | None = None,
        reasons: Sequence[str] | None = None,
        chunk: int = 20_000,
    ) -> Iterator[dict[str, Sequence[Any]]]:
        """The run's rows in the file's order, chunk by chunk, as parallel columns of the messages table.

        ``states`` and ``reasons`` narrow them. Each chunk is a short read of its own.
        """
        after: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                wanted = queries.Wanted(states, reasons)
                found = queries.columns_after(connection, run, after, chunk, wanted)
            ids = found["id"]
            if ids:
                yield found
                after = ids[-1]
            if len(ids) < chunk:
                return

    def rows(
        self, run: Run, *, states: Sequence[str] | None = None, chunk: int = 10_000
    ) -> Iterator[list[dict[str, Any]]]:
        """The run's rows in the file's order, chunk by chunk; each row is a mapping of the messages table.

        Each chunk is a short read of its own, so a long report holds nothing up.
        """
        after: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                found = queries.rows_after(connection, run, after, chunk, queries.Wanted(states))
            if found:
                yield found
                after = found[-1]["id"]
            if len(found) < chunk:
                return

    @speaks_plainly
    def history(
        self, address: str, *, run: Run | None = None, cells: Sequence[str] = ()
    ) -> list[HistoryEntry]:
        """What one address got, over all runs or in one, with events; ``cells`` finds rows without an address."""
        with self._reading() as connection:
            return queries.history(connection, address, run, cells)

    @speaks_plainly
    def run_events(self, run: Run) -> tuple[Event, ...]:
        """What happened to the run as a whole, and its test messages."""
        with self._reading() as connection:
            return queries.run_events(connection, run)
