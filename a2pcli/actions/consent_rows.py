"""Reads the rows of a file of consents: who agreed, when and how, and who withdrew.

The newest word counts, and a no always does: one that says no day is of now, and a day alone is its end, so that a no
of the same day as a yes is the later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from a2pcli.actions.audit import user
from a2pcli.actions.consents import IMPLIED, ConsentFacts, end_of, no_end
from a2pcli.actions.optouts import CHANNELS
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channels_of_kind
from a2pcli.contacts.facts import Facts as ColumnFacts
from a2pcli.contacts.facts import recognise
from a2pcli.contacts.table import Table
from a2pcli.dataclass import dataclass
from a2pcli.ledger.consents import BASES, CONFIRMED, PENDING, NewConsents, NewWithdrawals
from a2pcli.ledger.records import NEVER
from a2pcli.planning.moments import moments
from a2pcli.reasons import NO_ADDRESS, SENTENCES, Reason
from a2pcli.rules.consent_words import Answer, consent_answer, refusal_answer, status_answer

if TYPE_CHECKING:
    from a2pcli.rules.law import Law

pc: Any = pyarrow.compute

DAY = 86_400_000
KEPT = 10_000
"""Refused rows that are remembered for ``--json``; those beyond are counted."""

_OWN_COLUMNS = ("programme", "channel", "basis", "double_opt_in")
_FACTS = (
    "consent", "consent_at", "consent_source", "consent_wording", "consent_expires", "revoked_at", "opted_out",
    "status",
)  # fmt: skip
_OF_EXPORTS = ("revoked_by",)
"""Columns that ``export`` writes and nothing reads."""
_UNCONFIRMED = ("pending", "unconfirmed")
"""Words for a consent that was asked for and not confirmed: no yes, and no no of the person either."""

Said = dict[str, pa.StringArray]
"""Trimmed columns of a chunk, by fact or canonical name; of several with one fact, ``name 2``, ``name 3``, …"""


@dataclass(slots=True)
class ConsentImportCounts:
    """Every row of the file is in one of these. ``said_no`` took consent back; of those ``withdrawn`` are news."""

    rows: int = 0
    recorded: int = 0
    already: int = 0
    said_no: int = 0
    withdrawn: int = 0
    unconfirmed: int = 0
    empty: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[int, str]] = field(default_factory=list)
    also: dict[str, ConsentImportCounts] = field(default_factory=dict)
    """Further columns with addresses of the same people -> what became of their rows."""


@dataclass(frozen=True, slots=True)
class ConsentFile:
    """What an import needs to know beside its rows. ``now`` in UTC milliseconds; ``name`` is the file's."""

    table: Table
    read: ConsentFacts
    law: Law
    locale: str
    now: int
    name: str
    facts: ColumnFacts
    kind: Kind
    """Of most addresses in the file: a column about other channels says nothing of them."""
    is_further: bool = False
    """Addresses of a further column of the rows: who consented to SMS did not consent to email by that."""

    @classmethod
    def of(
        cls,
        table: Table,
        read: ConsentFacts,
        law: Law,
        locale: str,
        now: int,
        name: str,
        kind: Kind,
        *,
        is_further: bool = False,
    ) -> ConsentFile:
        """Create it with the recognised columns of the table."""
        facts = recognise(table.described, kind=kind, ignored=_OF_EXPORTS)
        return cls(table, read, law, locale, now, name, facts, kind, is_further)


def said_of(file: ConsentFile) -> Iterator[Said]:
    """For each chunk, the columns that speak of consent."""
    wanted: dict[str, str] = {}
    for claim in file.facts.of(*_FACTS):
        if not claim.certain and claim.fact != "status":
            continue
        many = sum(key.partition(" ")[0] == claim.fact for key in wanted)
        wanted[f"{claim.fact} {many + 1}" if many else claim.fact] = claim.column
    wanted |= {name: name for name in _OWN_COLUMNS if name in file.table.columns}
    names = list(dict.fromkeys(wanted.values())) or [file.table.columns[0]]
    for frame in file.table.chunks(names):
        yield {key: _trimmed(frame[column]) for key, column in wanted.items()}


def _trimmed(cells: pa.StringArray) -> pa.StringArray:
    # The apostrophe is an export's own, before what a spreadsheet would run.
    return pc.fill_null(pc.utf8_ltrim(pc.utf8_trim_whitespace(cells), "'"), "")


class _Rows:
    """A chunk's rows on their way: which still are good, and why the others are not."""

    def __init__(self, lines: Any, account: ConsentImportCounts) -> None:
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


def facts_of(
    chunk: Any, said: Said, file: ConsentFile, account: ConsentImportCounts
) -> tuple[NewConsents | None, NewWithdrawals | None]:
    """The chunk's consents and withdrawals, as parallel columns; None where there are none."""
    numbers, read = chunk.columns["@address"], file.read
    size = len(numbers)
    account.rows += size
    rows = _Rows(chunk.lines, account)
    _judge_addresses(chunk, rows, account)
    no_at, agreed = _noes(said, rows, file, account)
    no = (no_at >= 0) & rows.good
    # Who said no is in again only where the row says that they agreed later.
    given = (
        pc.fill_null(moments(said["consent_at"], file.locale), -1).to_numpy()
        if "consent_at" in said
        else no_at
    )
    again = no & agreed & (given > no_at) & (given <= file.now + DAY)
    account.said_no += int((no & ~again).sum())
    withdrawals = _withdrawals(numbers, said, no, no_at, file)
    rows.good &= agreed & (~no | again)
    given = _when(said, "consent_at", read.given_at, rows, file)
    consents = _consents(chunk, said, rows, given, file)
    return consents, withdrawals


def _noes(said: Said, rows: _Rows, file: ConsentFile, account: ConsentImportCounts) -> tuple[Any, Any]:
    """When each row said no (-1 where it did not), and whether it may be a consent all the same.

    Rows that nobody can understand are refused.
    """
    size = len(rows.good)
    at, agreed = np.full(size, -1, dtype=np.int64), np.ones(size, dtype=np.bool_)
    waits = np.zeros(size, dtype=np.bool_)
    for key, cells in said.items():
        fact = key.partition(" ")[0]
        if fact not in _ANSWERS:
            continue
        texts = cells.to_pylist()
        answers = [_ANSWERS[fact](text, file.kind) for text in texts]
        no = np.array([answer is Answer.NO for answer in answers], dtype=np.bool_)
        unclear = np.array([answer is Answer.UNCLEAR for answer in answers], dtype=np.bool_)
        if fact == "revoked_at":  # whatever stands there, somebody took something back
            no, unclear = no | unclear, np.zeros(size, dtype=np.bool_)
        if fact == "consent":
            waiting = no & np.array([text.casefold() in _UNCONFIRMED for text in texts], dtype=np.bool_)
            waits, no = waits | waiting, no & ~waiting
        if fact != "revoked_at":
            agreed &= ~no
        when = said.get("consent_at", pa.repeat("", size)) if fact == "consent" else cells
        at = np.where(no, np.maximum(at, _ends_of_days(when, file)), at)
        rows.refuse(unclear & ~no, f"the answer in column {_written(key, file)} is neither yes nor no")
    account.unconfirmed += int((waits & rows.good & (at < 0)).sum())
    return at, agreed & ~waits


_ANSWERS = {
    "consent": consent_answer,
    "opted_out": refusal_answer,
    "revoked_at": refusal_answer,
    "status": status_answer,
}


def _written(key: str, file: ConsentFile) -> str:
    fact, _, number = key.partition(" ")
    return file.facts.of(fact)[int(number or 1) - 1].written


def _ends_of_days(cells: pa.StringArray, file: ConsentFile) -> Any:
    """The moment of a no: a day alone is its end; what is no day, or still to come, is now."""
    read = moments(cells, file.locale)
    otherwise = file.now if file.read.given_at is None else file.read.given_at
    filled = pc.not_equal(cells, "").to_numpy(zero_copy_only=False)
    known = read.is_valid().to_numpy(zero_copy_only=False)
    at = np.where(known, pc.fill_null(read, 0).to_numpy(), np.where(filled, file.now, otherwise))
    at = np.where(at % DAY == 0, at + DAY - 1, at)
    return np.clip(at, 0, file.now)


def _withdrawals(numbers: Any, said: Said, no: Any, at: Any, file: ConsentFile) -> NewWithdrawals | None:
    if not no.any():
        return None
    size = len(no)
    source = file.read.source or file.name
    channels = _text(said, "channel", file.read.channel, size, lower=True)
    # A channel that nobody knows limits no no.
    channels = np.where(np.isin(channels.astype(str), CHANNELS), channels, "")
    return NewWithdrawals(
        address=numbers.filter(pa.array(no)),
        revoked_at=at[no].tolist(),
        source=_text(said, "consent_source", source, size)[no].tolist(),
        revoked_by=user(),
        programme=_text(said, "programme", file.read.programme, size, lower=True)[no].tolist(),
        channel=channels[no].tolist(),
    )


def _consents(chunk: Any, said: Said, rows: _Rows, given: Any, file: ConsentFile) -> NewConsents | None:
    numbers, read = chunk.columns["@address"], file.read
    size = len(numbers)
    rows.refuse(given < 0, "the row does not say when consent was given (consent_at, or --given-at)")
    rows.refuse(given > file.now + DAY, "consent_at is in the future")
    given = np.minimum(given, file.now)
    sources = _text(said, "consent_source", read.source or "", size)
    rows.refuse(sources == "", "the row does not say how consent was given (consent_source, or --source)")
    programmes = _text(said, "programme", read.programme, size, lower=True)
    channels = _text(said, "channel", read.channel, size, lower=True)
    rows.refuse(
        ~np.isin(channels.astype(str), ["", *CHANNELS]), f"the channel is not one of {', '.join(CHANNELS)}"
    )
    if file.is_further:
        rows.good &= np.isin(channels.astype(str), ["", *channels_of_kind(file.kind)])
    bases = _text(said, "basis", read.basis, size, lower=True)
    rows.refuse(~np.isin(bases.astype(str), BASES), f"the basis is not one of {', '.join(BASES)}")
    double = _text(said, "double_opt_in", read.double_opt_in or "", size, lower=True)
    known = ["", PENDING, CONFIRMED]
    rows.refuse(~np.isin(double.astype(str), known), f"double_opt_in is neither {PENDING} nor {CONFIRMED}")
    ends = _when(said, "consent_expires", read.expires_at, rows, file)
    ends = _ends_by_law(ends, given, bases, chunk.columns["@country"], rows, file)
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


def _judge_addresses(chunk: Any, rows: _Rows, account: ConsentImportCounts) -> None:
    reasons = chunk.columns["@reason"]
    if reasons.null_count == len(reasons):
        return
    empty = pc.is_in(reasons, pa.array(map(str, NO_ADDRESS))).to_numpy(zero_copy_only=False)
    account.empty += int(empty.sum())
    rows.good &= ~empty
    for reason in pc.unique(reasons.drop_null()).to_pylist():
        if reason not in NO_ADDRESS:
            where = pc.fill_null(pc.equal(reasons, reason), False).to_numpy(zero_copy_only=False)
            rows.refuse(where, SENTENCES[Reason(reason)])


def _when(said: Said, name: str, otherwise: int | None, rows: _Rows, file: ConsentFile) -> Any:
    """The moments of a column; the option's where a cell is empty; -1 where neither says."""
    fallback = -1 if otherwise is None else otherwise
    if name not in said:
        return np.full(len(rows.good), fallback, dtype=np.int64)
    read = moments(said[name], file.locale)
    filled = pc.not_equal(said[name], "").to_numpy(zero_copy_only=False)
    rows.refuse(filled & read.is_null().to_numpy(zero_copy_only=False), f"{name} is not a readable date")
    return pc.fill_null(read, fallback).to_numpy()


def _text(said: Said, name: str, otherwise: str, size: int, lower: bool = False) -> Any:
    """A column as texts; the option's where a cell is empty."""
    if name not in said:
        return np.full(size, otherwise, dtype=object)
    cells = pc.utf8_lower(said[name]) if lower else said[name]
    return pc.if_else(pc.equal(cells, ""), otherwise, cells).to_numpy(zero_copy_only=False)


def _ends_by_law(ends: Any, given: Any, bases: Any, countries: Any, rows: _Rows, file: ConsentFile) -> Any:
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
            known[key] = end_of(file.law, *key)
        end = known[key]
        if end is not None:
            ends[place] = end
    for country in {of[place] for place in places if ends[place] < 0}:
        here = np.array([one == country for one in of], dtype=np.bool_)
        rows.refuse(open_ended & (ends < 0) & here, no_end(country).message + ": set consent_expires")
    return ends
