"""A run counted, and the count kept: a pass over a million rows costs a second, a list of fifty runs must not.

A count is kept with the run only while nobody sends it, and whatever changes a row then calls
``plans.changed``, which takes the kept count away. ``runs.changes`` tells a count that was made meanwhile
from one that still holds.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Run, RunState, StateTotals, Totals
from a2pcli.ledger.tables import messages, runs
from a2pcli.messages import State

SHAPE = 2
"""Of the kept document; another one is counted again, unless the rows are gone. The first had no sums of variants,
and no senders."""

UNKNOWN_COUNTRY = "unknown"
"""Stands for the country of messages of which it is not known, so that the countries sum to the run."""

_c = messages.c


def kept(connection: Connection, run: Run) -> tuple[Totals | None, int]:
    """The count kept with the run, or None, and the number of changes that a count made now belongs to."""
    row = connection.execute(
        select(runs.c.totals, runs.c.changes, runs.c.summary).where(runs.c.number == run.number)
    ).one_or_none()
    if row is None:
        return None, 0
    if row.summary and '"pruned"' in row.summary:  # its rows may be gone: what was counted before holds
        pruned = json.loads(row.summary).get("pruned", {})
        if "totals" in pruned:
            return _totals(pruned["totals"]), row.changes
    return _read(row.totals), row.changes


def keep(connection: Connection, run: Run, totals: Totals, changes: int) -> None:
    """Keep a count, unless the run is being made or sent, or has changed since."""
    moving = (str(RunState.PLANNING), str(RunState.SENDING))
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number, runs.c.changes == changes, runs.c.state.not_in(moving))
        .values(totals=written(totals))
    )


def count(connection: Connection, run: Run) -> Totals:
    """The run counted, in one pass over its rows."""
    keys = (_c.state, _c.reason, _c.country, _c.currency, _c.code, _c.variant, _c.sender)
    query = (
        select(
            *keys,
            func.count(),
            func.sum(_c.parts),
            func.sum(_c.cost),
            func.count(_c.cost),
            func.min(_c.detail),
        )
        .where(of_run(run))
        .group_by(*keys)
    )
    tally = _Tally()
    for row in connection.execute(query):
        tally.add(*row)
    return tally.totals()


class _Sum:
    """What some messages add up to, while it grows."""

    def __init__(self) -> None:
        self.messages = self.parts = self.unpriced = 0
        self.cost: dict[str, int] = defaultdict(int)

    def add(self, many: int, parts: int, currency: str | None, cost: int, priced: int) -> None:
        self.messages += many
        self.parts += parts
        self.unpriced += many - priced
        if currency is not None and priced:
            self.cost[currency] += cost

    def totals(self) -> StateTotals:
        return StateTotals(self.messages, self.parts, dict(self.cost), self.unpriced)


class _Tally:
    """Adds up the groups of the query."""

    def __init__(self) -> None:
        self.states: dict[str, _Sum] = defaultdict(_Sum)
        self.countries: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.reasons: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.codes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.variants: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.senders: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self.sentences: dict[str, tuple[int, str]] = {}

    def add(
        self,
        state: str,
        reason: str | None,
        country: str | None,
        currency: str | None,
        code: str | None,
        variant: str | None,
        sender: str | None,
        many: int,
        parts: int | None,
        cost: int | None,
        priced: int,
        detail: str | None,
    ) -> None:
        sums = (many, int(parts or 0), currency, int(cost or 0), priced)
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
        )


def _cut(table: Mapping[str, Mapping[str, _Sum]]) -> dict[str, dict[str, StateTotals]]:
    return {
        name: {state: one.totals() for state, one in sorted(of.items())} for name, of in sorted(table.items())
    }


def _plain(table: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {key: dict(sorted(counts.items())) for key, counts in sorted(table.items())}


def written(totals: Totals) -> str:
    """Totals as the JSON document that is kept of them."""
    document: dict[str, Any] = {
        "shape": SHAPE,
        "states": {state: _sums(one) for state, one in totals.states.items()},
        "reasons": totals.reasons,
        "codes": totals.by_code,
        "sentences": totals.code_sentences,
        "countries": _written(totals.countries),
        "variants": _written(totals.variants),
        "senders": _written(totals.senders),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _sums(one: StateTotals) -> list[Any]:
    return [one.messages, one.parts, dict(one.cost), one.unpriced]


def _written(table: Mapping[str, Mapping[str, StateTotals]]) -> dict[str, dict[str, list[Any]]]:
    return {name: {state: _sums(one) for state, one in of.items()} for name, of in table.items()}


def _read(text: str | None) -> Totals | None:
    document = json.loads(text) if text else {}
    return _totals(document) if document.get("shape") == SHAPE else None


def _totals(document: Mapping[str, Any]) -> Totals:
    """Totals from their kept document, of any shape."""
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
    )


def _table(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, StateTotals]]:
    """A cut; where only messages were kept, of which parts and cost are not known any more, those are 0."""
    return {
        name: {
            state: StateTotals(*sums) if isinstance(sums, list) else StateTotals(sums, 0, {}, 0)
            for state, sums in of.items()
        }
        for name, of in table.items()
    }
