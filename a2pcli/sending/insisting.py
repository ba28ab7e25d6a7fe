"""Writing to a ledger that may fail for a while."""

from __future__ import annotations

import asyncio
import logging

from a2pcli.errors import LedgerError, LedgerUnavailable
from a2pcli.ledger.records import Exchange, Rooms
from a2pcli.sending.lanes import AnyDispatcher
from a2pcli.sending.ledger_writer import LedgerWriter, WriteBatch
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.saving import in_hand
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.timing import BRIEFLY, LEDGER_PAUSES

log = logging.getLogger("a2pcli.sending.engine")


class InsistentWriter:
    """Writes a run's results to the ledger, and retries if the ledger fails."""

    def __init__(
        self, writer: LedgerWriter, dispatcher: AnyDispatcher, policy: RunPolicy, stop: StopRequest
    ) -> None:
        self._writer, self._dispatcher, self._policy, self._stop = writer, dispatcher, policy, stop
        self.under_way: asyncio.Future[Exchange] | None = None
        """The transaction that was started and is not known to be over."""

    async def write(self, writes: WriteBatch, want: int, rooms: Rooms | None) -> Exchange:
        """Write and claim up to ``want``; retries after failures, with the dispatcher closed meanwhile. Raises the
        last ``LedgerError``."""
        known = None
        for pause in (*LEDGER_PAUSES, None):
            self.under_way = asyncio.ensure_future(self._writer.write(writes, want, known, rooms))
            try:
                exchange = await asyncio.shield(self.under_way)
            except LedgerError as error:
                self._dispatcher.closed = True
                hopeless = pause is not None and pause > BRIEFLY and not isinstance(error, LedgerUnavailable)
                if pause is None or hopeless or self._stop.hard_stop:
                    raise
                log.warning("the ledger failed, retrying: %s", error)
                await asyncio.sleep(pause)
                known = in_hand(self._dispatcher, self._policy.writes, writes)
            else:
                self.under_way = None
                self._dispatcher.closed = self._policy.ended is not None
                return exchange
        raise AssertionError("the last pause raises")
