"""Counts a run and stores the counts: a pass over a million attempts takes a second, which a list of fifty runs cannot
afford.

What a plan says is counted by its chunks, group by group; what happened is counted from the attempts, and taken off
the plan's groups; what is left of those waits, or is what became of all the untouched.
Counts are stored with the run only while it is not being sent, by the process that changed it: ``plans.changed``
removes the stored counts, and ``keep`` stores new ones in the same transaction. Reading never writes.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import and_, func, literal_column, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.delivery import DeliveryCount
from a2pcli.ledger import plan_store
from a2pcli.ledger.attempt_ids import ATTEMPT_BIT, ROWS_PER_RUN, attempt_number, nth_attempt
from a2pcli.ledger.plan_store import end_of
from a2pcli.ledger.planned_costs import DIFFERS, HANDED_OVER
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Run, RunState, StateTotals, Totals
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State

_a = attempts.c

IS_LATER = _a.id % ROWS_PER_RUN >= 1 << ATTEMPT_BIT
"""Condition: the attempt is its message's second or a later one."""


def most_attempts(connection: Connection, run: Run) -> int:
    """Return the largest number of attempts of any message in the run; 1 if none has several."""
    last = connection.execute(select(func.max(_a.id)).where(of_run(run))).scalar()
    return 1 if last is None else attempt_number(int(last))


def standing(first_id: int, end_id: int, most: int) -> ColumnElement[bool]:
    """Return the condition for the attempts that decide the state of these messages; ``most`` is from
    ``most_attempts``."""
    within = [
        and_(_a.id >= nth_attempt(first_id, number), _a.id <= nth_attempt(end_id - 1, number))
        for number in range(1, most + 1)
    ]
    return within[0] if most == 1 else and_(or_(*within), _a.followed_at.is_(None))


SHAPE = 3
"""Version of the stored document; other versions are counted again, unless the rows are gone. Version 1 had no sums
of variants and no senders; version 2 had no ``untouched`` and belongs to runs without chunks, where nothing is
untouched."""

READABLE = (2, SHAPE)

UNKNOWN_COUNTRY = "unknown"
"""Stands for an unknown country, so that the countries add up to the run."""

_c = attempts.c


def kept(connection: Connection, run: Run) -> Totals | None:
    """Return the count stored with the run; None if there is no valid one."""
    row = connection.execute(
        select(runs.c.totals, runs.c.summary).where(runs.c.number == run.number)
    ).one_or_none()
    if row is None:
        return None
    if (
        row.summary and '"pruned"' in row.summary
    ):  # rows may be gone, so the count made before pruning applies
        pruned = json.loads(row.summary).get("pruned", {})
        if "totals" in pruned:
            return _totals(pruned["totals"])
    return _read(row.totals)


def keep(connection: Connection, run: Run) -> None:
    """Count the run and store the count, unless the run is being planned or sent.

    Call it at the end of any change to a run that is not being sent, so that readers need not count.
    """
    moving = (str(RunState.PLANNING), str(RunState.SENDING))
    still = (runs.c.number == run.number) & runs.c.state.not_in(moving)
    row = connection.execute(select(runs.c.summary).where(still)).one_or_none()
    if row is None or "totals" in json.loads(row.summary or "{}").get("pruned", {}):
        return  # missing, being sent, or pruned, in which case its count is kept permanently
    connection.execute(update(runs).where(still).values(totals=written(count(connection, run))))


def count(connection: Connection, run: Run) -> Totals:
    """Count the run in one pass over its attempts."""
    keys = (
        *(_c.state, _c.reason, _c.code, _c.country, _c.currency, _c.variant, _c.sender, _c.clock),
        *(_c.delivery, _c.delivery_code, _c.channel, DIFFERS, _c.planned_currency),
    )
    several = (_c.followed_at.is_not(None), IS_LATER) if most_attempts(connection, run) > 1 else ()
    query = (
        select(
            *keys,
            *(several or (literal_column("0"), literal_column("0"))),
            func.count(),
            func.sum(_c.parts),
            func.sum(_c.cost),
            func.count(_c.cost),
            func.sum(_c.planned_parts),
            func.sum(_c.planned_cost),
            func.count(_c.planned_cost),
            func.min(_c.detail),
        )
        .where(of_run(run))
        .group_by(*keys, *several)
    )
    tally = _TotalsBuilder()
    left = _planned(connection, run, tally)
    for group in connection.execute(query):
        state, reason, code, country, currency, variant, sender, clock, delivery, why, channel, *rest = group
        differs, planned_currency, is_followed, is_later, many, *counted, detail = rest
        sums, planned = (many, *counted[:3]), (many, *counted[:3])
        if differs:  # what the plan has of it is not what its gateway makes of it
            planned = (many, *counted[3:])
            if state not in HANDED_OVER:
                sums, currency = planned, planned_currency
        if is_followed:
            tally.add_cost(state, country, currency, variant, sender, sums)
        else:
            tally.add(state, reason, country, currency, code, variant, sender, sums, detail)
        if delivery is not None and state == State.ACCEPTED and not is_followed:
            tally.deliveries[delivery, why, variant] += int(sums[0])
        key = (country, planned_currency if differs else currency, variant, sender, clock, channel)
        if key in left and not is_later:
            left[key] = tuple(a - int(b or 0) for a, b in zip(left[key], planned, strict=True))
    _add_untouched(connection, run, tally, left)
    return tally.totals()


DeliveryKey: TypeAlias = tuple[str, str | None, str | None]
"""Delivery, its code, and the variant of the message."""


def adjust(connection: Connection, run: Run, moved: Mapping[DeliveryKey, int]) -> None:
    """Add ``moved`` (changes by key) to the stored count after receipts changed deliveries, so that the run need not
    be counted again. Without a stored count, the next count finds it in the rows."""
    text = connection.execute(select(runs.c.totals).where(runs.c.number == run.number)).scalar()
    document = json.loads(text) if text else {}
    if document.get("shape") not in READABLE or not any(moved.values()):
        return
    counts: Counter[DeliveryKey] = Counter()
    for delivery, code, variant, many in document.get("deliveries", ()):
        counts[delivery, code, variant] += many
    for key, many in moved.items():
        counts[key] += many
    document["deliveries"] = [list(one) for one in _delivery_counts(counts)]
    kept_text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    connection.execute(update(runs).where(runs.c.number == run.number).values(totals=kept_text))


_Key: TypeAlias = tuple[str | None, str | None, str | None, str | None, int | None, str | None]
"""Country, currency, variant, sender, clock, and the channel if it is not the run's."""


def _planned(connection: Connection, run: Run, tally: _TotalsBuilder) -> dict[_Key, tuple[int, ...]]:
    """Return the plan's recipients by group: messages, parts, cost and number of priced messages. Excluded rows go
    to ``tally``."""
    left: dict[_Key, tuple[int, ...]] = {}
    for head in plan_store.heads(connection, run):
        for group in head.groups:
            reason, country, currency, variant, sender, clock, *sums, channel = group
            if reason is not None:
                skipped = str(State.SKIPPED)
                tally.add(skipped, reason, country, currency, None, variant, sender, sums)
                continue
            key = (country, currency, variant, sender, clock, channel)
            left[key] = tuple(a + b for a, b in zip(left.get(key, (0, 0, 0, 0)), sums, strict=True))
    return left


def _add_untouched(
    connection: Connection, run: Run, tally: _TotalsBuilder, left: Mapping[_Key, tuple[int, ...]]
) -> None:
    """Add the plan's remaining messages as waiting, or in the state in which all of them ended."""
    ends = plan_store.ends_of(connection, run)
    for (country, currency, variant, sender, clock, _), sums in left.items():
        if sums[0] <= 0:
            continue
        end = end_of(ends, country, clock)
        state, reason = (str(end.state), str(end.reason)) if end else (str(State.PLANNED), None)
        tally.add(state, reason, country, currency, None, variant, sender, sums)
        if end is None:
            tally.untouched[clock] += sums[0]


class _Sum:
    """Running totals of some messages."""

    def __init__(self) -> None:
        self.messages = self.parts = self.unpriced = 0
        self.cost: dict[str, int] = defaultdict(int)

    def add(self, many: int, parts: int, currency: str | None, cost: int, priced: int) -> None:
        self.messages += many
        self.parts += parts
        self.unpriced += many - priced
        if currency is not None and priced:
            self.cost[currency] += cost

    def add_cost(self, parts: int, currency: str | None, cost: int) -> None:
        """Add the cost of an attempt by which its message is not counted."""
        self.parts += parts
        if currency is not None and cost:
            self.cost[currency] += cost

    def totals(self) -> StateTotals:
        return StateTotals(self.messages, self.parts, dict(self.cost), self.unpriced)


class _TotalsBuilder:
    """Adds up the groups that the query returns."""

    def __init__(self) -> None:
        self.states: dict[str, _Sum] = defaultdict(_Sum)
        self.countries: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.reasons: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.codes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.variants: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.senders: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.sentences: dict[str, tuple[int, str]] = {}
        self.untouched: Counter[int | None] = Counter()
        self.deliveries: Counter[DeliveryKey] = Counter()

    def add(
        self,
        state: str,
        reason: str | None,
        country: str | None,
        currency: str | None,
        code: str | None,
        variant: str | None,
        sender: str | None,
        counted: Sequence[int | None],
        detail: str | None = None,
    ) -> None:
        many, parts, cost, priced = (int(one or 0) for one in counted)
        sums = (many, parts, currency, cost, priced)
        self.states[state].add(*sums)
        if state != State.SKIPPED:
            self.countries[country or UNKNOWN_COUNTRY][state].add(*sums)
            self.senders[sender or ""][state].add(*sums)
        for table, key in ((self.reasons, reason), (self.codes, code)):
            if key is not None:
                table[state][key] += many
        if variant is not None:
            self.variants[variant][state].add(*sums)
        if code is not None and detail is not None and many > self.sentences.get(code, (0, ""))[0]:
            self.sentences[code] = (many, detail)

    def add_cost(
        self,
        state: str,
        country: str | None,
        currency: str | None,
        variant: str | None,
        sender: str | None,
        counted: Sequence[int | None],
    ) -> None:
        """Add the cost of accepted earlier attempts, whose messages are counted by later ones."""
        if state != State.ACCEPTED:
            return
        _, parts, cost, _ = (int(one or 0) for one in counted)
        tables = [(self.countries, country or UNKNOWN_COUNTRY), (self.senders, sender or "")]
        if variant is not None:
            tables.append((self.variants, variant))
        for sums in (self.states[state], *(table[key][state] for table, key in tables)):
            sums.add_cost(parts, currency, cost)

    def totals(self) -> Totals:
        states = {state: one.totals() for state, one in sorted(self.states.items())}
        return Totals(
            rows=sum(one.messages for one in states.values()),
            by_state={state: one.messages for state, one in states.items()},
            states=states,
            reasons=_plain(self.reasons),
            by_code=_plain(self.codes),
            code_sentences={code: sentence for code, (_, sentence) in sorted(self.sentences.items())},
            countries=_cut(self.countries),
            variants=_cut(self.variants),
            senders=_cut(self.senders),
            untouched=dict(self.untouched),
            deliveries=_delivery_counts(self.deliveries),
        )


def _delivery_counts(counts: Mapping[DeliveryKey, int]) -> tuple[DeliveryCount, ...]:
    found = (DeliveryCount(*key, many) for key, many in counts.items() if many)
    return tuple(sorted(found, key=lambda one: (one.delivery, one.code or "", one.variant or "")))


def _cut(table: Mapping[str, Mapping[str, _Sum]]) -> dict[str, dict[str, StateTotals]]:
    return {
        name: {state: one.totals() for state, one in sorted(of.items())} for name, of in sorted(table.items())
    }


def _plain(table: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {key: dict(sorted(counts.items())) for key, counts in sorted(table.items())}


def written(totals: Totals) -> str:
    """Return totals as the JSON document stored with the run."""
    document: dict[str, Any] = {
        "shape": SHAPE,
        "states": {state: _sums(one) for state, one in totals.states.items()},
        "reasons": totals.reasons,
        "codes": totals.by_code,
        "sentences": totals.code_sentences,
        "countries": _written(totals.countries),
        "variants": _written(totals.variants),
        "senders": _written(totals.senders),
        "untouched": list(totals.untouched.items()),
        "deliveries": [list(one) for one in totals.deliveries],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _sums(one: StateTotals) -> list[Any]:
    return [one.messages, one.parts, dict(one.cost), one.unpriced]


def _written(table: Mapping[str, Mapping[str, StateTotals]]) -> dict[str, dict[str, list[Any]]]:
    return {name: {state: _sums(one) for state, one in of.items()} for name, of in table.items()}


def _read(text: str | None) -> Totals | None:
    document = json.loads(text) if text else {}
    return _totals(document) if document.get("shape") in READABLE else None


def _totals(document: Mapping[str, Any]) -> Totals:
    """Return totals from their stored document, of any version."""
    states = {state: StateTotals(*sums) for state, sums in document["states"].items()}
    return Totals(
        rows=sum(one.messages for one in states.values()),
        by_state={state: one.messages for state, one in states.items()},
        states=states,
        reasons=document["reasons"],
        by_code=document["codes"],
        code_sentences=document["sentences"],
        countries=_table(document["countries"]),
        variants=_table(document["variants"]),
        senders=_table(document.get("senders", {})),
        untouched=dict(map(tuple, document.get("untouched", ()))),
        deliveries=tuple(DeliveryCount(*one) for one in document.get("deliveries", ())),
    )


def _table(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, StateTotals]]:
    """Return a breakdown; older documents have only messages, so parts and cost are 0."""
    return {
        name: {
            state: StateTotals(*sums) if isinstance(sums, list) else StateTotals(sums, 0, {}, 0)
            for state, sums in of.items()
        }
        for name, of in table.items()
    }
