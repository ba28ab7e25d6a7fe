"""``a2pcli consent import`` and ``export``: proofs of consent from a file, and into one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from a2pcli.cli.consent_rows import Account, Import, facts_of, said_of
from a2pcli.cli.consent_work import Facts, read_facts
from a2pcli.cli.ledger_option import ledger_to_record, settings_from
from a2pcli.cli.list_export import export_list
from a2pcli.cli.optout_work import user
from a2pcli.cli.own_senders import own_numbers
from a2pcli.cli.terminal.counter import RowCounter
from a2pcli.cli.terminal.output import print_json, say
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.contacts.checked import PeopleRows
from a2pcli.contacts.message_log import person_columns
from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.ledger.consents import ConsentRecord
    from a2pcli.ledger.store import Ledger

pc: Any = pyarrow.compute

SHOWN = 20

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
"""The columns of an export; `import` and a campaign's contacts read those of theirs back."""


def import_consents(
    file: str,
    facts: Facts,
    region: str | None,
    column: str | None,
    locale: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> int:
    """Import, account, and give the exit status."""
    from a2pcli.config.values import parse_locale
    from a2pcli.rules.law import law_of

    now = now_ms()
    read = read_facts(facts, now)
    settings = settings_from(Path.cwd())
    try:
        chosen = parse_locale(locale) if locale else settings.settings.locale
    except ValueError as error:
        raise UsageError(f"--locale: {error.args[0]}") from None
    mapping = {"phone": column} if column else {}
    table = open_table(file, options=ReadOptions(columns=mapping))
    own = own_numbers(settings, campaigns=True)
    people = person_columns(table, column, are_replies=False, own=own)
    rows = PeopleRows(table, people, region or settings.settings.region, own)
    job = Import.of(table, read, law_of(settings), chosen, now, Path(file).name)
    account = Account()
    with ledger_to_record(ledger, Path.cwd()) as store, RowCounter("reading", shown=not as_json) as counter:
        try:
            for chunk, said in zip(rows.chunks(), said_of(job), strict=False):
                new, taken_back = facts_of(chunk, said, job, account)
                if taken_back is not None:  # first: should what follows fail, nobody's no is lost
                    account.withdrawn += store.record_withdrawals(taken_back, now).added
                if new is not None:
                    done = store.record_consents(new, now)
                    account.recorded += done.added
                    account.already += done.already
                counter.at(account.rows)
            if account.said_no:
                store.end_overridden_consents()
        except A2PError as error:
            done_before = (
                f"{account.recorded:,} were recorded before; mend the file and run the same command again"
            )
            raise type(error)(*error.problems, Problem(done_before, code="half-imported")) from error
        counts = {
            "rows": account.rows,
            "recorded": account.recorded,
            "withdrawn": account.withdrawn,
            "refused": account.refused.total(),
        }
        store.record("consent.import", Path(file).name, counts | {"by": user()})
    _show(table, account, as_json=as_json)
    return int(ExitStatus.INVALID if account.refused else ExitStatus.OK)


def _show(table: Table, account: Account, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "file": table.path,
                "rows": account.rows,
                "recorded": account.recorded,
                "already": account.already,
                "said_no": account.said_no,
                "withdrawn": account.withdrawn,
                "unconfirmed": account.unconfirmed,
                "empty": account.empty,
                "refused": account.refused.total(),
                "reasons": dict(account.refused.most_common()),
                "refused_rows": [{"line": line, "why": why} for line, why in account.shown],
            }
        )
        return
    show_problems(table.notes)
    show_problems(Problem(why, path=table.path, line=line) for line, why in sorted(account.shown)[:SHOWN])
    if (more := account.refused.total() - SHOWN) > 0:
        say(f"… and {more:,} more rows like these")
    parts = [f"{account.recorded:,} recorded", f"{account.already:,} known already"]
    if account.said_no:
        known = account.said_no - account.withdrawn
        parts.append(
            f"{account.said_no:,} took consent back" + (f" ({known:,} known already)" if known else "")
        )
    if account.unconfirmed:
        parts.append(f"{account.unconfirmed:,} not confirmed, not recorded")
    if account.empty:
        parts.append(f"{account.empty:,} without a number")
    if account.refused:
        parts.append(f"{account.refused.total():,} refused")
    print(f"{account.rows:,} row{'' if account.rows == 1 else 's'}: {', '.join(parts)}")


def export_records(file: Path, ledger: str | None, *, jsonl: bool, as_json: bool) -> None:
    """Write every record. ``-`` is stdout."""

    def tables(store: Ledger | None) -> Iterator[pa.Table]:
        return _tables(store.consents() if store else iter(()))

    export_list(file, ledger, tables, SCHEMA, what="consents", noun="records", jsonl=jsonl, as_json=as_json)


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
