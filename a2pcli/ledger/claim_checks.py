"""The checks that a claim repeats for each message whose turn has come: one set, for messages without attempts and for
those that waited for another one.

What differs is how opt-outs and consent are asked for: rows that waited were checked by the query that found them, but
for what a database cannot compare; messages of the plan are checked here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from a2pcli.ledger import erased, refusals
from a2pcli.ledger.asking_again import CLOSED, Asking, SkippedFresh, Written
from a2pcli.ledger.intents import ADDRESS, CHANNEL, CLOCK, ID, SENDER, WHY_NOT
from a2pcli.ledger.other_forms import Candidate
from a2pcli.ledger.plan_cursor import Fresh
from a2pcli.reasons import Reason

Others: TypeAlias = "Mapping[int, tuple[str, ...]]"
"""The other addresses of some rows' people, by row id."""

Contents: TypeAlias = "Callable[[Sequence[Any]], Mapping[int, tuple[str | None, str | None]]]"
"""Returns the content of waiting rows as JSON, and their route, by id; asked only if a channel has a service window."""

Skipped: TypeAlias = "tuple[int, str, str | None, str | None]"
"""A waiting row to skip: id, reason, detail, rule."""

Why: TypeAlias = "tuple[str, str | None, str | None]"
"""Why a message is skipped: reason, detail, rule."""


class Turn(NamedTuple):
    """A message whose turn has come. ``channel`` is None for the run's; ``clock`` is the number of its clock."""

    candidate: Candidate
    channel: str | None
    clock: int | None


def reasons_against(
    asking: Asking,
    turns: Sequence[Turn],
    refused: Callable[[str | None, Iterable[Candidate]], Mapping[int, Reason]],
    written: Callable[[Collection[int]], Iterable[Written]],
) -> dict[int, Why]:
    """Return why messages may not leave, by id, as the first of these checks says: erased since the plan, opted out or
    without consent (``refused``), outside the service window, over a cap. ``written`` returns the contents of all
    messages but these."""
    found: dict[int, Why] = {}
    if asking.erasures:
        people = [(one.id, one.address, one.others) for one, _, _ in turns]
        found |= dict.fromkeys(asking.erased(people), (str(Reason.ERASED), None, erased.RULE))
    for channel in {turn.channel for turn in turns}:  # a single channel, except in runs of several channels
        mine = (
            turn.candidate for turn in turns if turn.channel == channel and turn.candidate.id not in found
        )
        for id, reason in refused(channel, list(mine)).items():
            found[id] = str(reason), refusals.DETAILS.get(reason), refusals.RULES.get(reason)
    if asking.windows:
        found |= dict.fromkeys(asking.outside(written(found)), (str(Reason.OUTSIDE_WINDOW), CLOSED, None))
    if asking.caps:
        left = [(one.id, one.address, clock, one.others) for one, _, clock in turns if one.id not in found]
        for id, (rule, detail) in (asking.over(left) if left else {}).items():
            found[id] = str(Reason.CAPPED), detail, rule
    return found


def sorted_fresh(
    asking: Asking, rows: Sequence[Fresh], others: Others
) -> tuple[list[Fresh], list[SkippedFresh]]:
    """Split messages without attempts into those that may be sent and those to skip."""

    def written(gone: Collection[int]) -> Iterable[Written]:
        left = (row for row in rows if row.id not in gone)
        return (Written(row.id, row.address, row.channel, row.content, row.route) for row in left)

    turns = [
        Turn(
            Candidate(row.id, row.address, row.sender, True, row.consent_until, others[row.id]),
            row.channel,
            row.clock,
        )
        for row in rows
    ]
    found = reasons_against(asking, turns, asking.refused, written)
    if not found:
        return list(rows), []
    good = [row for row in rows if row.id not in found]
    return good, [(row, *found[row.id]) for row in rows if row.id in found]


def sorted_waiting(
    asking: Asking, rows: Sequence[Any], others: Others, contents: Contents
) -> tuple[Sequence[Any], list[Skipped]]:
    """Split waiting rows into those that may be sent and those to skip."""
    if not rows:
        return rows, []

    def written(gone: Collection[int]) -> Iterable[Written]:
        left = [row for row in rows if row[ID] not in gone]
        texts, none = contents(left), (None, None)
        return (Written(row[ID], row[ADDRESS], row[CHANNEL], *texts.get(row[ID], none)) for row in left)

    named = refusals.ASKS_SENDER
    turns = [
        Turn(
            Candidate(
                row[ID], row[ADDRESS], row[SENDER], row[WHY_NOT] == named, None, others.get(row[ID], ())
            ),
            row[CHANNEL],
            row[CLOCK],
        )
        for row in rows
    ]
    found = reasons_against(asking, turns, asking.refused_waiting, written)
    if not found:
        return rows, []
    return [row for row in rows if row[ID] not in found], [(id, *why) for id, why in found.items()]
