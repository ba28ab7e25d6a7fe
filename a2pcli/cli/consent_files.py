"""``a2pcli consent import`` and ``export``: proofs of consent from a file, and into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from a2pcli.cli.consent_work import IMPLIED, Facts, Read, end_of, no_end, read_facts
from a2pcli.cli.ledger_option import ledger_to_record, settings_from
from a2pcli.cli.list_export import export_list
from a2pcli.cli.optout_work import user
from a2pcli.cli.output import print_json, say
from a2pcli.cli.own_senders import own_numbers
from a2pcli.cli.problems import show_problems
from a2pcli.cli.progress import RowCounter
from a2pcli.cli.scopes import CHANNELS
from a2pcli.contacts.checked import PeopleRows
from a2pcli.contacts.message_log import person_columns
from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.consents import BASES, CONFIRMED, PENDING, NewConsents
from a2pcli.ledger.records import NEVER, now_ms
from a2pcli.planning.moments import moments
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.rules.consent_words import meaning

if TYPE_CHECKING:
    from a2pcli.ledger.consents import ConsentRecord
    from a2pcli.ledger.store import Ledger
    from a2pcli.rules.law import Law

pc: Any = pyarrow.compute

DAY = 86_400_000
SHOWN = 20
KEPT = 10_000
"""Refused rows that are remembered for ``--json``; those beyond are counted."""

COLUMNS = (
    "consent", "consent_at", "consent_source", "consent_wording", "consent_expires", "programme", "channel", "basis",
    "double_opt_in", "revoked_at",
)  # fmt: skip
"""What a file may say of each row."""

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


@dataclass(slots=True)
class Account:
    """Every row of the file is in one of these."""

    rows: int = 0
    recorded: int = 0
    already: int = 0
    said_no: int = 0
    empty: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Import:
    """What an import needs to know beside its rows. ``now`` in UTC milliseconds."""

    table: Table
    read: Read
    law: Law
    locale: str
    now: int


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
    job = Import(table, read, law_of(settings), chosen, now)
    account = Account()
    known = [name for name in COLUMNS if name in table.columns]
    with ledger_to_record(ledger, Path.cwd()) as store, RowCounter("reading", shown=not as_json) as counter:
        try:
            for chunk, said in zip(rows.chunks(), _said(table, known), strict=False):
                new = _facts_of(chunk, said, job, account)
                if new is not None:
                    done = store.record_consents(new, now)
                    account.recorded += done.added
                    account.already += done.already
                counter.at(account.rows)
        except A2PError as error:
            done_before = (
                f"{account.recorded:,} were recorded before; mend the file and run the same command again"
            )
            raise type(error)(*error.problems, Problem(done_before, code="half-imported")) from error
        counts = {"rows": account.rows, "recorded": account.recorded, "refused": account.refused.total()}
        store.record("consent.import", Path(file).name, counts | {"by": user()})
    _show(table, account, as_json=as_json)
    return int(ExitStatus.INVALID if account.refused else ExitStatus.OK)


def _said(table: Table, known: list[str]) -> Iterator[dict[str, pa.StringArray]]:
    """For each chunk, the columns that speak of consent."""
    names = known or [table.columns[0]]
    for frame in table.chunks(names):
        yield {name: _trimmed(frame[name]) for name in known}


def _trimmed(column: Any) -> pa.StringArray:
    cells = pa.array(column)
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    # The apostrophe is an export's own, before what a spreadsheet would run.
    return pc.fill_null(pc.utf8_ltrim(pc.utf8_trim_whitespace(cells), "'"), "")


class _Rows:
    """A chunk's rows on their way: which still are good, and why the others are not."""

    def __init__(self, lines: Any, account: Account) -> None:
        self.good = np.ones(len(lines), dtype=np.bool_)
        self._lines, self._account = lines, account

    def refuse(self, where: Any, why: str) -> None:
        """Rows in ``where`` that were good until now are refused."""
        places = np.flatnonzero(np.asarray(where) & self.good)
        self.good[places] = False
        self._account.refused[why] += len(places)
        if not len(places):
            del self._account.refused[why]
        room = KEPT - len(self._account.shown)
        self._account.shown.extend((int(self._lines[place]), why) for place in places[:room])


def _facts_of(
    chunk: Any, said: dict[str, pa.StringArray], job: Import, account: Account
) -> NewConsents | None:
    """The chunk's facts, as parallel columns; None where there are none."""
    numbers, read = chunk.columns["@number"], job.read
    size = len(numbers)
    account.rows += size
    rows = _Rows(chunk.lines, account)
    _judge_numbers(chunk, rows, account)
    no = np.array([meaning(word) is False for word in _list(said, "consent", size)], dtype=np.bool_)
    no = (no | np.array([cell != "" for cell in _list(said, "revoked_at", size)], dtype=np.bool_)) & rows.good
    account.said_no += int(no.sum())
    rows.good &= ~no
    given = _when(said, "consent_at", read.given_at, rows, job)
    rows.refuse(given < 0, "the row does not say when consent was given (consent_at, or --given-at)")
    rows.refuse(given > job.now + DAY, "consent_at lies in the future")
    given = np.minimum(given, job.now)
    sources = _text(said, "consent_source", read.source or "", size)
    rows.refuse(sources == "", "the row does not say how consent was given (consent_source, or --source)")
    programmes = _text(said, "programme", read.programme, size, lower=True)
    channels = _text(said, "channel", read.channel, size, lower=True)
    rows.refuse(
        ~np.isin(channels.astype(str), ["", *CHANNELS]), f"the channel is none of {', '.join(CHANNELS)}"
    )
    bases = _text(said, "basis", read.basis, size, lower=True)
    rows.refuse(~np.isin(bases.astype(str), BASES), f"the basis is none of {', '.join(BASES)}")
    double = _text(said, "double_opt_in", read.double_opt_in or "", size, lower=True)
    known = ["", PENDING, CONFIRMED]
    rows.refuse(~np.isin(double.astype(str), known), f"double_opt_in is neither {PENDING} nor {CONFIRMED}")
    ends = _when(said, "consent_expires", read.expires_at, rows, job)
    ends = _ends_by_law(ends, given, bases, chunk.columns["@country"], rows, job)
    rows.refuse((ends >= 0) & (ends <= given), "consent_expires is before consent_at")
    good = rows.good
    if not good.any():
        return None
    wordings = _text(said, "consent_wording", read.wording or "", size)[good]
    confirmed = double[good] == CONFIRMED
    return NewConsents(
        address=numbers.filter(pa.array(good)),
        given_at=given[good].tolist(),
        source=sources[good].tolist(),
        programme=programmes[good].tolist(),
        channel=channels[good].tolist(),
        basis=bases[good].tolist(),
        double_opt_in=[word or None for word in double[good]],
        confirmed_at=[int(at) if sure else None for at, sure in zip(given[good], confirmed, strict=True)],
        expires_at=[int(at) if 0 <= at < NEVER else None for at in ends[good]],
        wording=[word or None for word in wordings],
    )


def _judge_numbers(chunk: Any, rows: _Rows, account: Account) -> None:
    reasons = chunk.columns["@reason"]
    if reasons.null_count == len(reasons):
        return
    empty = pc.fill_null(pc.equal(reasons, str(Reason.MISSING_NUMBER)), False).to_numpy(zero_copy_only=False)
    account.empty += int(empty.sum())
    rows.good &= ~empty
    for reason in pc.unique(reasons.drop_null()).to_pylist():
        if reason != Reason.MISSING_NUMBER:
            where = pc.fill_null(pc.equal(reasons, reason), False).to_numpy(zero_copy_only=False)
            rows.refuse(where, SENTENCES[Reason(reason)])


def _when(said: dict[str, pa.StringArray], name: str, otherwise: int | None, rows: _Rows, job: Import) -> Any:
    """The moments of a column; the option's where a cell is empty; -1 where neither says."""
    fallback = -1 if otherwise is None else otherwise
    if name not in said:
        return np.full(len(rows.good), fallback, dtype=np.int64)
    read = moments(said[name], job.locale)
    filled = pc.not_equal(said[name], "").to_numpy(zero_copy_only=False)
    rows.refuse(filled & read.is_null().to_numpy(zero_copy_only=False), f"{name} is no date that can be read")
    return pc.fill_null(read, fallback).to_numpy()


def _list(said: dict[str, pa.StringArray], name: str, size: int) -> list[str]:
    return said[name].to_pylist() if name in said else [""] * size


def _text(said: dict[str, pa.StringArray], name: str, otherwise: str, size: int, lower: bool = False) -> Any:
    """A column as texts; the option's where a cell is empty."""
    if name not in said:
        return np.full(size, otherwise, dtype=object)
    cells = pc.utf8_lower(said[name]) if lower else said[name]
    return pc.if_else(pc.equal(cells, ""), otherwise, cells).to_numpy(zero_copy_only=False)


def _ends_by_law(ends: Any, given: Any, bases: Any, countries: Any, rows: _Rows, job: Import) -> Any:
    """Implied consent ends by the law of the number's country where nothing else says when; each day asked once."""
    open_ended = rows.good & (ends < 0) & np.char.startswith(bases.astype(str), IMPLIED)
    places = np.flatnonzero(open_ended)
    if not len(places):
        return ends
    known: dict[tuple[str, str | None, int], int | None] = {}
    of = countries.to_pylist()
    ends = ends.copy()
    for place in places:
        key = (bases[place], of[place], int(given[place]))
        if key not in known:
            known[key] = end_of(job.law, *key)
        end = known[key]
        if end is not None:
            ends[place] = end
    for country in {of[place] for place in places if ends[place] < 0}:
        here = np.array([one == country for one in of], dtype=np.bool_)
        rows.refuse(open_ended & (ends < 0) & here, no_end(country).message + ": say consent_expires")
    return ends


def _show(table: Table, account: Account, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "file": table.path,
                "rows": account.rows,
                "recorded": account.recorded,
                "already": account.already,
                "said_no": account.said_no,
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
        parts.append(f"{account.said_no:,} that say no or were revoked, not recorded")
    if account.empty:
        parts.append(f"{account.empty:,} without a number")
    if account.refused:
        parts.append(f"{account.refused.total():,} refused")
    print(f"{account.rows:,} rows: {', '.join(parts)}")


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
