"""Checks that a claim repeats for rows that waited for another attempt, after those that the query made.

``asking_again.sorted_out`` makes the same checks for messages without attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from a2pcli.addresses.kinds import has_other_forms
from a2pcli.ledger import erased, other_forms, refusals
from a2pcli.ledger.asking_again import CLOSED, Asking, Written
from a2pcli.ledger.intents import ADDRESS, CHANNEL, CLOCK, ID, SENDER, WHY_NOT
from a2pcli.reasons import Reason

Others: TypeAlias = "Mapping[int, tuple[str, ...]]"
"""The other addresses of some rows' people, by row id."""

Contents: TypeAlias = "Callable[[Sequence[Any]], Mapping[int, tuple[str | None, str | None]]]"
"""Returns the content of rows as JSON, and their route, by id; asked only if a channel has a service window."""

Skipped: TypeAlias = "tuple[int, str, str | None, str | None]"
"""A waiting row to skip: id, reason, detail, rule."""

_Why: TypeAlias = "tuple[str, str | None, str | None]"


def sorted_waiting(
    asking: Asking, rows: Sequence[Any], others: Others, contents: Contents
) -> tuple[Sequence[Any], list[Skipped]]:
    """Split waiting rows into those that may be sent and those to skip."""
    skipped: list[Skipped] = []
    for check in (_refused, _erased, _closed, _over):
        gone = dict(check(asking, rows, others, contents)) if rows else {}
        if gone:
            skipped += [(id, *why) for id, why in gone.items()]
            rows = [row for row in rows if row[ID] not in gone]
    return rows, skipped


def _refused(
    asking: Asking, rows: Sequence[Any], others: Others, _contents: Contents
) -> Iterator[tuple[int, _Why]]:
    """People who opted out under another form of their phone number or another address, or from the sender in another
    spelling."""
    asks_sender = refusals.ASKS_SENDER
    for channel in {row[CHANNEL] for row in rows}:  # a single channel, except for later attempts
        run, asked = asking.of_channel(channel)
        candidates = (
            other_forms.Candidate(
                row[ID], row[ADDRESS], row[SENDER], row[WHY_NOT] == asks_sender, None, others.get(row[ID], ())
            )
            for row in rows
            if row[CHANNEL] == channel
            and (row[WHY_NOT] == asks_sender or row[ID] in others or has_other_forms(row[ADDRESS]))
        )
        found = other_forms.refused(asking.connection, run, candidates, asked, asking.now)
        for id, reason in found.items():
            yield id, (str(reason), refusals.DETAILS.get(reason), refusals.RULES.get(reason))


def _erased(
    asking: Asking, rows: Sequence[Any], others: Others, _contents: Contents
) -> Iterator[tuple[int, _Why]]:
    """People erased since the plan, whom the list knows only by hash."""
    if asking.erasures:
        for id in asking.erased([(row[ID], row[ADDRESS], others.get(row[ID], ())) for row in rows]):
            yield id, (str(Reason.ERASED), None, erased.RULE)


def _closed(
    asking: Asking, rows: Sequence[Any], _others: Others, contents: Contents
) -> Iterator[tuple[int, _Why]]:
    """People whose service window has closed."""
    if asking.windows:
        texts = contents(rows)
        none = (None, None)
        written = (Written(row[ID], row[ADDRESS], row[CHANNEL], *texts.get(row[ID], none)) for row in rows)
        for id in asking.outside(written):
            yield id, (str(Reason.OUTSIDE_WINDOW), CLOSED, None)


def _over(
    asking: Asking, rows: Sequence[Any], others: Others, _contents: Contents
) -> Iterator[tuple[int, _Why]]:
    """People who would get more than a cap allows."""
    if asking.caps:
        asked = [(row[ID], row[ADDRESS], row[CLOCK], others.get(row[ID], ())) for row in rows]
        for id, (rule, detail) in asking.over(asked).items():
            yield id, (str(Reason.CAPPED), detail, rule)
