"""Who the contacts file itself says no for: clear refusals, and answers that nobody understands.

Before a plan is made the file's columns of consent and refusal are read once from end to end, so that a no in the last
row keeps the person out of the first. What is kept is a key, a line and a moment for each such row, not the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import field
from functools import partial
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import any_column, keys_of
from a2pcli.addresses.kinds import NOBODY, Kind
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.contacts.facts import FactColumn, Facts
from a2pcli.contacts.number_regions import number_regions
from a2pcli.contacts.table import Table
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.records import now_ms
from a2pcli.planning.frames import Keys, Mask, among, drop, drop_with
from a2pcli.planning.moments import moments
from a2pcli.planning.people import among_others
from a2pcli.planning.spec import AddressColumn, CompiledSpec, RefusedPeople, Timed
from a2pcli.reasons import CONTACTS_FILE as RULE
from a2pcli.reasons import Reason
from a2pcli.rules.consent_words import Answer, consent_answer, refusal_answer, status_answer

CONSENT_RULE = "consent"
SHOWN = 30
"""Number of characters of a cell quoted in a detail."""


def speaking(facts: Facts, *, marketing: bool, binds: bool) -> tuple[FactColumn, ...]:
    """Return the columns that may exclude people: columns of refusals if opt-outs apply to the purpose, columns of
    consent (and refusals of marketing only) if it is marketing or requires consent."""
    refusals = [
        claim for claim in facts.of("opted_out", "status") if marketing or (binds and not claim.marketing)
    ]
    return (*refusals, *(facts.of("consent", "revoked_at") if marketing else ()))


@dataclass(slots=True)
class _Judged:
    """The cells of one column, classified: refusals, and answers that are not understood."""

    claim: FactColumn
    no: Mask
    unclear: Mask
    cells: pa.DictionaryArray


def judged(
    frame: Frame, claims: tuple[FactColumn, ...], kind: Kind, locale: str, now: int
) -> Iterator[_Judged]:
    """Classify the consent and refusal columns of a chunk. Each distinct cell is read once. ``now`` is UTC
    milliseconds: in a column that says when consent ends, a later day is no refusal yet."""
    for claim in claims:
        if claim.fact == "revoked_at" or claim.column not in frame:
            continue
        cells = pc.fill_null(frame[claim.column], "").dictionary_encode()
        answers = _answers(cells.dictionary, _reader(claim, kind))
        if claim.ends:
            later = pc.fill_null(pc.greater(moments(cells.dictionary, locale), now), False)
            answers[later.to_numpy(zero_copy_only=False)] = _CODES[Answer.NOTHING]
        of_row = answers[cells.indices.to_numpy(zero_copy_only=False)]
        unclear = of_row == _CODES[Answer.UNCLEAR]
        if claim.fact == "consent" and not claim.certain:
            unclear = np.zeros(len(frame), dtype=np.bool_)
        yield _Judged(claim, of_row == _CODES[Answer.NO], unclear, cells)


def _answers(texts: pa.StringArray, reader: Callable[[str], Answer]) -> npt.NDArray[np.int8]:
    """Return the code of each text's answer. All dates count as one text, because a column may have a million of
    them."""
    kinds = pc.replace_substring_regex(texts, _MOMENT, "2000-01-01").dictionary_encode()
    answers = np.array([_CODES[reader(text)] for text in kinds.dictionary.to_pylist()], dtype=np.int8)
    of_text: npt.NDArray[np.int8] = answers[kinds.indices.to_numpy(zero_copy_only=False)]
    return of_text


_MOMENT = r"^\s*[12][0-9]{3}-[0-9]{2}-[0-9]{2}([ T][0-9:.,]+(Z|[+-][0-9:]+)?)?\s*$"
_CODES = {answer: code for code, answer in enumerate(Answer)}


def _reader(claim: FactColumn, kind: Kind) -> Callable[[str], Answer]:
    answer = {"opted_out": refusal_answer, "status": status_answer}.get(claim.fact, consent_answer)
    return partial(answer, kind=kind)


def refused(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude people whom the contacts file refuses, in this row or any other."""
    claims = compiled.spec.speaking
    if not claims or not len(frame):
        return
    for column in judged(frame, claims, compiled.channel.kind, compiled.spec.locale, compiled.spec.asked_at):
        reason = Reason.NO_CONSENT if column.claim.fact == "consent" else Reason.OPTED_OUT
        rule = CONSENT_RULE if column.claim.fact == "consent" else RULE
        details = _details(column, column.no, "the contacts file says no: '{}' is {}")
        drop_with(frame, column.no, reason, details, rule)
        unclear = _details(column, column.unclear, "'{}' says {}, which is neither yes nor no")
        drop_with(frame, column.unclear, Reason.UNCLEAR_CONSENT, unclear, rule)
    told = compiled.spec.people.told
    what = "number" if compiled.channel.kind is Kind.PHONE else "address"
    people = frame["@person"].to_numpy()
    for known, reason, words in (
        (told.opted_out, Reason.OPTED_OUT, f"another row with this {what} says no: line {{}}"),
        (told.no, Reason.NO_CONSENT, f"another row with this {what} says no: line {{}}"),
        (
            told.unclear,
            Reason.UNCLEAR_CONSENT,
            f"another row with this {what} is neither yes nor no: line {{}}",
        ),
    ):
        there = among(people, known.keys)
        if there.any():
            lines = known.at[np.searchsorted(known.keys, people[there])]
            values: list[str | None] = [None] * len(frame)
            for place, line in zip(np.flatnonzero(there).tolist(), lines.tolist(), strict=True):
                values[place] = words.format(line)
            drop_with(frame, there, reason, pa.array(values, pa.string()), RULE)
        says = "no" if reason in _NO else "neither yes nor no"
        words = f"another row that shares an address with this one says {says}"
        drop(frame, among_others(frame, known.keys), reason, words, RULE)


_NO = (Reason.OPTED_OUT, Reason.NO_CONSENT)


def _details(column: _Judged, where: Mask, words: str) -> pa.Array:
    """Return what the cell of each row in ``where`` says."""
    if not where.any():
        return pa.nulls(len(where), pa.string())
    texts = [
        words.format(column.claim.written, _quoted(cell)) for cell in column.cells.dictionary.to_pylist()
    ]
    return pa.array(texts, pa.string()).take(column.cells.indices)


def _quoted(cell: str) -> str:
    """Return a cell as a detail may quote it: short, with no more than four digits in a row."""
    from a2pcli.addresses.zones.cells import shown

    text = shown(cell)
    return f"'{text if len(text) <= SHOWN else text[: SHOWN - 1] + '…'}'"


@dataclass(slots=True)
class FileRefusals:
    """Refusals found in the whole file before planning. ``unclear`` counts cells by column and text."""

    refused: RefusedPeople = field(default_factory=RefusedPeople)
    unclear: dict[str, Counter[str]] = field(default_factory=dict)


def told_by_file(
    table: Table,
    addresses: tuple[AddressColumn, ...],
    claims: tuple[FactColumn, ...],
    policy: PhonePolicy,
    locale: str,
    countries: tuple[str, ...] = (),
    *,
    whole: bool = True,
    now: int | None = None,
) -> FileRefusals:
    """Read the columns that may refuse messages, to the end of the file (``whole``) or only the first rows.

    A refusal counts for each of the row's ``addresses`` (the first is the one messaged), whatever their type: a
    landline can refuse too. ``countries`` are the columns that say which country a row's numbers are of.
    ``now`` is UTC milliseconds, None for the current time.
    """
    if not claims:
        return FileRefusals()
    moment = now_ms() if now is None else now
    gathered: dict[str, list[tuple[Keys, Keys]]] = {"opted_out": [], "no": [], "unclear": [], "revoked": []}
    unclear: dict[str, Counter[str]] = {}
    chunks = table.chunks(
        {*(one.column for one in addresses), *(claim.column for claim in claims), *countries}
    )
    for frame in chunks if whole else islice(chunks, 1):
        no = np.zeros(len(frame), dtype=np.bool_)
        refuses = np.zeros(len(frame), dtype=np.bool_)
        doubtful = np.zeros(len(frame), dtype=np.bool_)
        for column in judged(frame, claims, addresses[0].kind, locale, moment):
            if column.claim.fact == "consent":
                no |= column.no
            else:
                refuses |= column.no
            doubtful |= column.unclear
            if column.unclear.any():
                counts = unclear.setdefault(column.claim.written, Counter())
                for entry in pc.value_counts(column.cells.filter(pa.array(column.unclear))).to_pylist():
                    if len(counts) < _KEPT or entry["values"] in counts:
                        counts[entry["values"]] += entry["counts"]
                    else:
                        counts[""] += entry["counts"]
        lines = frame["@line"].to_numpy()
        for name, where in (("opted_out", refuses), ("no", no), ("unclear", doubtful & ~no & ~refuses)):
            if where.any():
                gathered[name] += _people(frame, addresses, where, policy.region, countries, lines)
        revoked_at = _revoked(frame, claims, locale)
        where = revoked_at >= 0
        if where.any():
            gathered["revoked"] += _people(frame, addresses, where, policy.region, countries, revoked_at)
    return FileRefusals(
        RefusedPeople(
            opted_out=_each_once(gathered["opted_out"], latest=False),
            no=_each_once(gathered["no"], latest=False),
            unclear=_each_once(gathered["unclear"], latest=False),
            revoked=_each_once(gathered["revoked"], latest=True),
        ),
        unclear,
    )


_KEPT = 1_000
"""Maximum number of distinct unclear cells counted per column."""
FOR_GOOD = np.iinfo(np.int64).max
"""Time of a revocation with an unreadable date: no consent is newer."""


def _revoked(frame: Frame, claims: tuple[FactColumn, ...], locale: str) -> Keys:
    """Return when each row says consent was revoked (UTC ms); -1 if it does not."""
    at = np.full(len(frame), -1, dtype=np.int64)
    for claim in claims:
        if claim.fact != "revoked_at" or claim.column not in frame:
            continue
        cells = pc.utf8_trim_whitespace(pc.fill_null(frame[claim.column], ""))
        encoded = cells.dictionary_encode()
        says = [
            refusal_answer(cell) not in (Answer.NOTHING, Answer.YES)
            for cell in encoded.dictionary.to_pylist()
        ]
        filled = np.array(says, dtype=np.bool_)[encoded.indices.to_numpy(zero_copy_only=False)]
        read = pc.fill_null(moments(cells, locale), FOR_GOOD).to_numpy()
        at = np.maximum(at, np.where(filled, read, -1))
    return at


def _people(
    frame: Frame,
    addresses: tuple[AddressColumn, ...],
    where: Mask,
    region: str | None,
    countries: tuple[str, ...],
    values: Keys,
) -> Iterator[tuple[Keys, Keys]]:
    """Yield the people of the rows in ``where``, by each of their addresses, with the rows' values."""
    regions = number_regions(frame, countries).filter(pa.array(where))
    for one in addresses:
        cells = frame[one.column].filter(pa.array(where))
        yield keys_of(any_column(cells, one.kind, region, one.network, regions)["@address"]), values[where]


def _each_once(found: list[tuple[Keys, Keys]], *, latest: bool) -> Timed:
    """Return each person once, with the first line or the latest time."""
    if not found:
        return Timed()
    keys = np.concatenate([keys for keys, _ in found])
    at = np.concatenate([at for _, at in found])
    somebody = keys != NOBODY
    keys, at = keys[somebody], at[somebody]
    order = np.lexsort((-at if latest else at, keys))
    keys, at = keys[order], at[order]
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return Timed(keys[first], at[first])
