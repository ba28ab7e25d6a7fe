"""Imports delivery receipts from a file: what became of messages after the gateway accepted them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from a2pcli.actions.audit import user
from a2pcli.actions.gateways import check_gateway_named
from a2pcli.actions.tables import Counting, InputTable, half_done, uncounted
from a2pcli.contacts.receipt_file import Receipt, holds_receipt, read_receipts
from a2pcli.contacts.receipt_file import UnreadRow as UnreadRow
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.table import Table
    from a2pcli.ledger.receipts import Taken
    from a2pcli.ledger.told_optouts import TellsOptOut

KEPT = 1_000
"""Rows that are no receipts that are remembered; those beyond are counted."""

MOST_WORDS = 100
"""Different unknown statuses that are remembered by their words."""


@dataclass(slots=True)
class ReceiptImport:
    """What became of a file of receipts. Every receipt is ``new``, a ``duplicate`` or ``forgotten``.

    ``rows`` are those of the file; one of JSON may hold several receipts. ``unmatched`` are about no message in the
    ledger, yet; ``matched_later`` are receipts of earlier imports whose messages are known now. ``forgotten`` are about
    people who were erased, or whom retention let go: they are not kept. ``unknown`` counts the provider's words that
    nobody knows; ``accepted`` are messages that became so by a receipt; ``opted_out`` are people who were suppressed,
    since a receipt says that they opted out, and ``invalid`` those whose address does not exist. ``statuses`` counts
    what the receipts say.
    """

    dry_run: bool = False
    receipts: int = 0
    new: int = 0
    duplicates: int = 0
    unmatched: int = 0
    matched_later: int = 0
    forgotten: int = 0
    accepted: int = 0
    opted_out: int = 0
    invalid: int = 0
    unread: int = 0
    without_moment: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    refused: list[UnreadRow] = field(default_factory=list)

    @property
    def matched(self) -> int:
        """Receipts of the file that are about a message in the ledger."""
        return self.new + self.duplicates - self.unmatched

    def _add(self, done: Taken) -> None:
        self.new += done.new
        self.duplicates += done.duplicates
        self.unmatched += done.unmatched
        self.forgotten += done.forgotten
        self.accepted += done.accepted
        self.opted_out += done.opted_out
        self.invalid += done.invalid

    def _note(self, found: list[Receipt | UnreadRow]) -> list[Receipt]:
        """Count what was read, and return the receipts."""
        receipts = [one for one in found if isinstance(one, Receipt)]
        bad = [one for one in found if isinstance(one, UnreadRow)]
        self.receipts += len(receipts)
        self.unread += len(bad)
        self.refused.extend(islice(bad, max(0, KEPT - len(self.refused))))
        for one in receipts:
            self.without_moment += one.bad_moment
            if one.delivery is not None:
                self.statuses[one.delivery] += 1
            elif one.status in self.unknown or len(self.unknown) < MOST_WORDS:
                self.unknown[one.status] += 1
            else:
                self.unknown["…"] += 1
        return receipts


def import_receipts(
    project: Project,
    file: InputTable,
    *,
    gateway: str | None = None,
    dry_run: bool = False,
    counting: Counting = uncounted,
) -> tuple[Table, ReceiptImport]:
    """Keep every receipt of a file, and write what all receipts say into the messages; gives the table too.

    ``gateway`` is the name, in the settings, of the gateway whose receipts these are; without one an id counts where
    one message alone has it. What was kept stays where the file turns out broken half-way: the same command goes on.
    Who opted out, as a receipt says, is suppressed for the sender. Audit: ``receipts.import``, with each piece of the
    file that changed something; ``optout.gateway``.
    """
    done = ReceiptImport(dry_run)
    table = file.open(empty=True, is_row=holds_receipt)
    if dry_run:
        with project.existing_ledger() as ledger, counting() as progress:
            check_gateway_named(project, ledger, gateway)
            seen: set[str] = set()
            for receipts in _pieces(table, done):
                if ledger is not None:
                    done._add(ledger.receipts.look(receipts, gateway or "", seen))
                progress(done.receipts)
        if ledger is None:
            done.new = done.unmatched = done.receipts
        return table, done
    source = f"{file.name} (imported by {user()})"

    from a2pcli.ledger.receipts import Taken

    with project.ledger_to_record() as ledger:
        check_gateway_named(project, ledger, gateway)
        before = ledger.receipts.newest()

        def record(taken: Taken) -> None:
            ledger.audit.add("receipts.import", gateway, {"file": file.name, **taken.counts()})

        def record_later(taken: Taken) -> None:
            done.accepted += taken.accepted
            done.opted_out += taken.opted_out
            done.invalid += taken.invalid
            ledger.audit.add(
                "receipts.import", gateway, {"file": file.name, "of": "earlier", **taken.counts()}
            )

        tells = tells_optout(project.settings())

        saved = half_done(lambda: f"{done.new:,} receipts were saved" if done.new else None)
        with saved, counting() as progress:
            try:
                for receipts in _pieces(table, done):
                    for taken in ledger.receipts.pieces(receipts, gateway or "", source, record, tells):
                        done._add(taken)
                    progress(done.receipts)
                done.matched_later = ledger.receipts.match_again(before, record=record_later, tells=tells)
            finally:
                ledger.receipts.keep_totals()
        if not (done.new or done.matched_later):
            record(Taken(duplicates=done.duplicates, unmatched=done.unmatched, forgotten=done.forgotten))
    return table, done


def tells_optout(settings: LoadedSettings) -> TellsOptOut:
    """Whether a receipt of a gateway says that the person opted out, or that the address does not exist, by its
    provider's codes and the settings'."""
    from a2pcli.gateways.invalid_addresses import says_invalid
    from a2pcli.gateways.receipt_codes import OPTED_OUT, meaning_of
    from a2pcli.ledger.told_optouts import INVALID

    blocks = settings.settings.gateways
    suppresses_invalid = settings.settings.receipts.invalid == "suppress"

    @lru_cache(maxsize=2_000)
    def tells(gateway: str, code: str | None, status: str) -> bool | str:
        block = {"type": gateway, **blocks.get(gateway, {})}
        found = meaning_of(block, code, status)
        if found is not None and found.meaning == OPTED_OUT:
            return True
        return INVALID if suppresses_invalid and says_invalid(block, code, status) else False

    return tells


def _pieces(table: Table, done: ReceiptImport) -> Iterator[list[Receipt]]:
    """The receipts of the table, as many at once as are looked up together."""
    from a2pcli.ledger.receipts import LOOKED_UP

    waiting: list[Receipt] = []
    for found in read_receipts(table):
        waiting += done._note(found)
        while len(waiting) >= LOOKED_UP:
            yield waiting[:LOOKED_UP]
            waiting = waiting[LOOKED_UP:]
    if waiting:
        yield waiting
