"""The report of a run: its totals as data, and every row written to a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.audit import record_export
from a2pcli.actions.project import ledger_file
from a2pcli.actions.retention import what_was_pruned
from a2pcli.actions.runs import chosen_run
from a2pcli.actions.tables import Counting, Target, spare, uncounted
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, UsageError
from a2pcli.ledger.alternatives import names_of

if TYPE_CHECKING:
    import pyarrow as pa

    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.arrivals import Arrivals
    from a2pcli.ledger.channel_counts import ByChannel
    from a2pcli.ledger.history import Event
    from a2pcli.ledger.records import Billed, Run, Totals, Unheard, Waiting
    from a2pcli.ledger.route_values import GatewayCount
    from a2pcli.ledger.store import Ledger
    from a2pcli.reporting.deliveries import CauseOf


@dataclass(frozen=True, slots=True)
class Report:
    """A run in its ledger, which is open to be read."""

    project: Project
    ledger: Ledger
    run: Run

    @property
    def note(self) -> str | None:
        """A note that says what retention deleted, or None."""
        return what_was_pruned(self.run)

    def totals(self) -> Totals:
        """Messages, parts and cost by state, as ``RunTotals``."""
        return self.ledger.runs.totals(self.run)

    def cause_of(self) -> CauseOf:
        """What codes in receipts mean, by the tables of all of the run's gateways and the settings. A code that means
        different things to two of them has no meaning, since the counts do not say whose it is."""
        blocks: list[dict[str, Any]] = []

        def cause(code: str | None, delivery: str) -> str | None:
            from a2pcli.gateways.receipt_codes import meaning_of

            if not blocks:  # read where a code is asked about: most reports do not need the settings
                given: Mapping[str, Mapping[str, Any]] = {}
                with suppress(A2PError):
                    given = self.project.settings().settings.gateways
                blocks.extend({"type": name, **given.get(name, {})} for name in names_of(self.run))
            for status in (None, delivery):  # a code says more than the status that some gateway has as well
                found = (meaning_of(block, code, status) for block in blocks)
                meanings = {one.meaning for one in found if one is not None}
                if meanings:
                    return meanings.pop() if len(meanings) == 1 else None
            return None

        return cause

    def unheard(self, totals: Totals) -> Unheard:
        """The accepted messages whose receipts are overdue; none where the gateway gives no receipts."""
        from a2pcli.messages import State
        from a2pcli.reporting.deliveries import NONE_UNHEARD

        gives = bool(totals.deliveries)
        into_a_file = self.run.gateway in ("outbox", "console") and self.run.sending.get("delivers") is False
        if not totals.count(State.ACCEPTED) or (into_a_file and not gives):
            return NONE_UNHEARD  # most reports need no settings, which take a while to read
        from a2pcli.config.receipts import ReceiptSettings
        from a2pcli.ledger.records import now_ms

        rules = ReceiptSettings()
        with suppress(A2PError):
            settings = self.project.settings()
            rules, gives = settings.settings.receipts, gives or _gives_receipts(settings, self.run.gateway)
        return self.ledger.waits.unheard(self.run, rules.wait_ms, now_ms()) if gives else NONE_UNHEARD

    def billed(self) -> list[Billed]:
        """What providers billed, according to receipts, by currency."""
        return self.ledger.bills.of_run(self.run)

    def by_channel(self) -> ByChannel:
        """The attempts of a run of several channels, by channel, and who got both."""
        return self.ledger.attempts.by_channel(self.run)

    def by_gateway(self) -> list[GatewayCount]:
        """What each gateway was given, of a run that goes by a route; empty for any other."""
        return self.ledger.attempts.by_gateway(self.run)

    def arrivals(self) -> Arrivals:
        """People whose message arrived by an attempt that another one followed."""
        return self.ledger.attempts.arrivals(self.run)

    def events(self) -> tuple[Event, ...]:
        """Events of the run (planned, started, paused, …), oldest first."""
        return self.ledger.runs.events(self.run)

    def waiting(self) -> list[Waiting]:
        """Messages that may not leave yet, and until when."""
        return self.ledger.runs.waiting(self.run)

    def live_sender(self) -> str | None:
        """The process that is sending the run now, or None."""
        from a2pcli.ledger.lock import live_sender

        return live_sender(self.ledger, self.run)

    def json_rows(
        self, states: Sequence[str] | None, reasons: Sequence[str] | None
    ) -> Iterator[dict[str, Any]]:
        """Every row in these states, left out for these reasons, as JSON has it. Audit at the end: ``export``."""
        from a2pcli.reporting.table_file import json_rows

        count = 0
        for table in self._tables(states, reasons):
            yield from json_rows(table)
            count += table.num_rows
        self._record("-", count)

    def write(
        self,
        target: Target,
        states: Sequence[str] | None,
        reasons: Sequence[str] | None,
        *,
        option: str,
        counting: Counting = uncounted,
    ) -> int:
        """Write these rows; gives how many. ``option`` is named in problems of the file. Audit: ``export``."""
        from a2pcli.reporting.rows import SCHEMA
        from a2pcli.reporting.table_file import TableFile, write_rows

        tables = self._tables(states, reasons)
        if target.stream is not None:
            count = write_rows(target.stream, tables, SCHEMA, as_lines=target.as_lines)
            self._record("-", count)
            return count
        spare(option, target.file, self._made_from())
        count = 0
        with counting() as progress, TableFile(target.file, SCHEMA, option=option, form=target.form) as file:
            for table in tables:
                file.add(table)
                count += table.num_rows
                progress(count)
        self._record(target.file, count)
        return count

    def _record(self, file: Path | str, count: int) -> None:
        with self.project.existing_ledger(to_write=True) as ledger:
            if ledger is not None:
                record_export(ledger, "report", file, count, self.run)

    def _tables(self, states: Sequence[str] | None, reasons: Sequence[str] | None) -> Iterator[pa.Table]:
        from a2pcli.reporting.rows import row_tables

        return row_tables(self.ledger, self.run, states=states or None, reasons=reasons or None)

    def _made_from(self) -> dict[str, Path | None]:
        run = self.run
        return {
            "the run's contacts file": Path(run.contacts_file) if run.contacts_file else None,
            "the run's campaign": Path(run.campaign_file) if run.campaign_file else None,
            "the ledger": ledger_file(self.ledger),
        }


def _gives_receipts(settings: LoadedSettings, name: str) -> bool:
    """Whether the gateway, or one of the route, gives receipts."""
    from a2pcli.actions.gateway_check import examined_gateway, is_known

    route = settings.settings.routes.get(name)
    names = (name,) if route is None else settings.settings.gateways
    found = [examined_gateway(settings, one).gateway for one in names if is_known(settings, one)]
    return any(one is not None and one.capabilities.receipts for one in found)


@contextmanager
def report(project: Project, named: str | None = None) -> Iterator[Report | None]:
    """The report of the run with this id, or of the newest of the campaign with this name, or of the newest of all.

    None where there is no run yet. Raises ``UsageError`` where a named one is not there.
    """
    with project.existing_ledger() as ledger:
        run = None if ledger is None else chosen_run(ledger, named)
        if ledger is None or run is None:
            if named is not None:
                raise UsageError(f"no run '{named}': the ledger is empty")
            yield None
            return
        yield Report(project, ledger, run)
