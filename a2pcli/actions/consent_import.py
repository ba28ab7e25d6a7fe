"""Imports consents from a file, and exports them to one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from a2pcli.actions.addresses import further_columns, people_rows
from a2pcli.actions.audit import PieceByPiece, user
from a2pcli.actions.consent_rows import ConsentFile, ConsentImportCounts, Said, facts_of, said_of
from a2pcli.actions.tables import Counting, InputTable, Target, export_list, half_done, uncounted
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import kind_of_channel
from a2pcli.contacts.checked import Chunk, PeopleRows, usual_kind
from a2pcli.contacts.table import Table
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.consents import ConsentFacts
    from a2pcli.actions.project import Project
    from a2pcli.ledger.consents import ConsentRecord, NewConsents, NewWithdrawals
    from a2pcli.ledger.store import Ledger

pc: Any = pyarrow.compute

_MOMENT = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("number", pa.string()),
        ("state", pa.string()),
        ("programme", pa.string()),
        ("channel", pa.string()),
        ("basis", pa.string()),
        ("double_opt_in", pa.string()),
        ("consent_at", _MOMENT),
        ("confirmed_at", _MOMENT),
        ("consent_expires", _MOMENT),
        ("consent_source", pa.string()),
        ("consent_wording", pa.string()),
        ("recorded_at", _MOMENT),
        ("revoked_at", _MOMENT),
        ("revoked_by", pa.string()),
    ]
)
"""The columns of an export; ``import`` and a campaign's contacts read those of theirs back."""


def import_consents(
    project: Project,
    file: InputTable,
    facts: ConsentFacts,
    *,
    region: str | None = None,
    locale: str | None = None,
    counting: Counting = uncounted,
) -> tuple[Table, ConsentImportCounts]:
    """Record the consents of a file, and who took theirs back, and account for every row; gives the table too.

    ``facts`` are those of rows that do not say; ``locale`` (None: the settings') says how dates are read. What was
    recorded stays where the file turns out broken half-way. Audit: ``consent.import``.
    """
    from a2pcli.rules.law import law_of

    now, settings = now_ms(), project.settings()
    table = file.open()
    people, rows = people_rows(table, file.column, settings, region)
    kind = kind_of_channel(facts.channel) if facts.channel else usual_kind(table, people.inbound)
    law, told = law_of(settings), locale or settings.settings.locale
    source = ConsentFile.of(table, facts, law, told, now, Path(file.file).name, kind)
    account = ConsentImportCounts()
    further = [
        (name, _further(source, table, name, kind, rows))
        for name, kind in further_columns(table, people, file.column)
    ]
    account.also = {name: ConsentImportCounts() for name, _ in further}

    def counts() -> dict[str, int]:
        every = (account, *account.also.values())
        return {
            "rows": account.rows,
            "recorded": sum(one.recorded for one in every),
            "withdrawn": sum(one.withdrawn for one in every),
            "refused": account.refused.total(),
        }

    with project.ledger_to_record() as ledger:
        entries = PieceByPiece(
            ledger,
            "consent.import",
            source.name,
            counts,
            changes=("recorded", "withdrawn"),
            also={"by": user()},
        )
        with half_done(lambda: f"{entries.saved.get('recorded', 0):,} were recorded"), counting() as progress:
            for chunk, said in zip(rows.chunks(), said_of(source), strict=False):
                new, taken_back = facts_of(chunk, said, source, account)
                with entries.piece():
                    _keep(ledger, new, taken_back, account, now)
                    for name, pieces in further:
                        judged, theirs, of = next(pieces)
                        _keep(
                            ledger, *facts_of(judged, theirs, of, account.also[name]), account.also[name], now
                        )
                progress(account.rows)
            with ledger.transaction():
                if account.said_no or any(one.said_no for one in account.also.values()):
                    ledger.consents.end_overridden()
                entries.end()
    return table, account


def _further(
    file: ConsentFile, table: Table, name: str, kind: Kind, rows: PeopleRows
) -> Iterator[tuple[Chunk, Said, ConsentFile]]:
    """The rows again, chunk by chunk, with the addresses of a further column and what is said of these."""
    theirs = ConsentFile.of(
        table, file.read, file.law, file.locale, file.now, file.name, kind, is_further=True
    )
    for frame, said in zip(table.chunks([name, *rows.countries]), said_of(theirs), strict=True):
        yield rows.further(frame, name, kind), said, theirs


def _keep(
    ledger: Ledger,
    new: NewConsents | None,
    taken_back: NewWithdrawals | None,
    account: ConsentImportCounts,
    now: int,
) -> None:
    """Record the consents and withdrawals of a chunk, and count them."""
    if taken_back is not None:
        account.withdrawn += ledger.consents.record_withdrawals(taken_back, now).added
    if new is not None:
        done = ledger.consents.record(new, now)
        account.recorded += done.added
        account.already += done.already


def export_consents(project: Project, target: Target) -> int:
    """Write every record in the order they were made, those that do not hold any more too; gives how many.
    Audit: ``export``."""

    def tables(ledger: Ledger | None) -> Iterator[pa.Table]:
        return _tables(ledger.consents.all() if ledger else iter(()))

    return export_list(project, target, tables, SCHEMA, what="consents")


def _tables(records: Iterator[ConsentRecord]) -> Iterator[pa.Table]:
    now = now_ms()
    while chunk := list(islice(records, 20_000)):
        rows = [
            {
                "number": one.address,
                "state": one.state(now),
                "programme": one.programme or None,
                "channel": one.channel or None,
                "basis": one.basis,
                "double_opt_in": one.double_opt_in,
                "consent_at": one.given_at,
                "confirmed_at": one.confirmed_at,
                "consent_expires": one.expires_at,
                "consent_source": one.source,
                "consent_wording": one.wording,
                "recorded_at": one.recorded_at,
                "revoked_at": one.revoked_at,
                "revoked_by": one.revoked_by,
            }
            for one in chunk
        ]
        yield pa.table(
            {name: pa.array([row[name] for row in rows], SCHEMA.field(name).type) for name in SCHEMA.names}
        )
