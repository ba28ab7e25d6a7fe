"""Asks a gateway by its own ids what became of messages: of unknown ones, and of accepted ones without a final receipt.

What it says is kept as a receipt, so it counts as every other one: a receipt proves that the gateway took the message,
and of several parts the worst counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.gateways.base import FindsById, Gateway, Submitted
from a2pcli.ledger.attempt_senders import sender_of
from a2pcli.ledger.receipts import Taken
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import State

AT_ONCE = 1_000
"""Messages asked about before what was said is stored."""

NO_ID = "the gateway gave no id by which to look it up"
SHARED = "another message has the same id"
DEFECT = "the gateway gave no answer that can be used"


class Told(NamedTuple):
    """What a gateway said of a group of messages: how many became accepted by it, how many new receipts were kept, of
    each delivery how many there are, and why nothing is known of the others."""

    accepted: int
    receipts: int
    delivery: Mapping[str, int]
    why: Mapping[str, int]


async def ask(
    ledger: Ledger,
    gateway: Gateway,
    asked: Sequence[Submitted],
    shared: Collection[str],
    record: Callable[[Taken], None],
) -> Told:
    """Ask, and store what is told; ``record`` is called in each transaction that changes something. Afterwards
    ``Inbox.keep_totals`` has to be called, once for all that is asked.

    ``shared`` are the ids that several messages have (``Inbox.shared_ids``). A gateway that cannot be asked by id tells
    nothing.
    """
    if not (isinstance(gateway, FindsById) and asked):
        return Told(0, 0, {}, {})
    why: Counter[str] = Counter({SHARED: sum(one.gateway_id in shared for one in asked)})
    answers = await _answers(gateway, [one for one in asked if one.gateway_id not in shared])
    why.update(one for one in answers if isinstance(one, str))
    found = [one for one in answers if isinstance(one, Receipt)]
    taken = await asyncio.to_thread(_keep, ledger, found, gateway.name, record)
    return Told(taken.accepted, taken.new, Counter(_word(one) for one in found), +why)


def _keep(ledger: Ledger, found: Sequence[Receipt], gateway: str, record: Callable[[Taken], None]) -> Taken:
    """Store what was told."""
    taken = Taken()
    source = f"gateway {gateway} was asked"
    for piece in ledger.receipts.pieces(found, gateway, source, record, by_id=False):
        taken = taken.plus(piece)
    return taken


async def _answers(gateway: FindsById, asked: Sequence[Submitted]) -> Sequence[Receipt | str]:
    try:
        answers = await gateway.find(asked)
    except Exception as error:
        return [f"{DEFECT} ({type(error).__name__})"] * len(asked)
    return answers if len(answers) == len(asked) else [DEFECT] * len(asked)


def _word(one: Receipt) -> str:
    if one.delivery in ARRIVED:
        return "arrived"
    return "failed" if one.delivery in NEGATIVE else "pending"


def without_end(ledger: Ledger, run: Run) -> Iterator[dict[str, list[Submitted]]]:
    """By gateway: the ids of accepted messages, and of their parts, of which no receipt says how they ended."""
    ended = {str(one) for one in (*ARRIVED, *NEGATIVE)}
    for rows in ledger.messages.rows(run, states=[State.ACCEPTED], chunk=AT_ONCE):
        open_ones = [row for row in rows if row["gateway_id"] and row["delivery"] not in ended]
        known = ledger.receipts.ids_of([row["id"] for row in open_ones])
        found: dict[str, list[Submitted]] = {}
        for row in open_ones:
            ids = {row["gateway_id"]: False, **known.get(row["id"], {})}
            theirs = [submitted(run, row, id) for id, has_ended in ids.items() if not has_ended]
            found.setdefault(row["gateway"] or run.gateway, []).extend(theirs)
        if found:
            yield found


def submitted(run: Run, row: Mapping[str, Any], gateway_id: str) -> Submitted:
    """A row of the run as its gateway knows it. The ids of all parts are known only once it was accepted."""
    is_partly = row["state"] == State.UNKNOWN and (row["parts"] or 1) > 1
    reference = run.reference(row["id"] % ROWS_PER_RUN)
    return Submitted(reference, gateway_id, sender_of(run, row), is_partly)
