"""The part of the ledger's front that reports and explanations use, and the suppression list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from a2pcli.ledger import counting, optouts, queries
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.faults import plainly, speaks_plainly
from a2pcli.ledger.records import (
    Event,
    HistoryEntry,
    Imported,
    Run,
    Suppression,
    Totals,
    now_ms,
)

if TYPE_CHECKING:
    import pyarrow as pa


class ReadingPart(LedgerCore):
    """Reading, and the suppression list; see ``store.Ledger``."""

    @speaks_plainly
    def suppress(
        self,
        address: str,
        *,
        scope: str = optouts.EVERYTHING,
        scope_value: str = "",
        source: str,
        reason: str | None = None,
        now: int | None = None,
    ) -> bool:
        """Put an address (E.164) on the list; False where it is there already."""
        added = self.suppress_all(
            [address], scope=scope, scope_value=scope_value, source=source, reason=reason, now=now
        )
        return added.added == 1

    @speaks_plainly
    def suppress_all(
        self,
        addresses: Sequence[str] | Any,
        *,
        scope: str = optouts.EVERYTHING,
        scope_value: str = "",
        source: str,
        reason: str | None = None,
        now: int | None = None,
    ) -> Imported:
        """Put many addresses on the list, in one transaction: a list, or a PyArrow or pandas array."""
        moment = now_ms() if now is None else now
        with self.engine.begin() as connection:
            return optouts.add(
                connection,
                addresses,
                scope=scope,
                scope_value=scope_value,
                source=source,
                reason=reason,
                now=moment,
            )

    @speaks_plainly
    def lift(
        self,
        address: str,
        *,
        scope: str | None = None,
        scope_value: str = "",
        by: str,
        now: int | None = None,
    ) -> int:
        """End the address's suppressions, in one scope or all; gives how many there were."""
        moment = now_ms() if now is None else now
        with self.engine.begin() as connection:
            return optouts.lift(connection, address, scope=scope, scope_value=scope_value, by=by, now=moment)

    @speaks_plainly
    def suppressions_of(self, address: str) -> list[Suppression]:
        """All entries of one address, those lifted too, oldest first."""
        with self._reading() as connection:
            return optouts.of_address(connection, address)

    def suppressions(
        self, *, lifted: bool = False, newest: bool = False, chunk: int = 10_000
    ) -> Iterator[Suppression]:
        """The list in the order it was made, or from its ``newest`` entry back; ``lifted`` ones only if asked."""
        after: int | None = None
        while True:
            with plainly(self.url), self._reading() as connection:
                found, after = optouts.page(connection, after, chunk, lifted=lifted, newest=newest)
            yield from found
            if len(found) < chunk:
                return

    @speaks_plainly
    def suppression_count(self) -> int:
        """Entries that hold now."""
        with self._reading() as connection:
            return optouts.count(connection)

    @speaks_plainly
    def suppressed_addresses(self, sender: str | None = None) -> pa.StringArray:
        """The addresses that messages from ``sender`` must not go to, sorted, as a PyArrow string array."""
        with self._reading() as connection:
            return optouts.addresses_for(connection, sender)

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
