"""Up to where the lists that providers keep of receipts and replies were read, and what is worth storing of them.

A receipt in a list may have come by a callback already, in other words: the callback names our reference, the list a
time. So what counts as news is what it says of its message, not its words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from a2pcli.delivery import Delivery
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.deliveries import pieces
from a2pcli.ledger.receipt_matching import FORGOTTEN, ReceiptKey, match
from a2pcli.ledger.receipt_rows import Match, OfAnswer
from a2pcli.ledger.tables import ROWS_PER_RUN, answers, attempts, pulls, receipts, runs
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt

_a, _n, _r, _p = attempts.c, answers.c, receipts.c, pulls.c


class Position(NamedTuple):
    """Up to when (UTC milliseconds) a list was read, and the provider's own position in it."""

    until: int
    mark: str | None


class News(NamedTuple):
    """The receipts of a list that say something new of our messages, each with its message; how many say nothing new,
    how many are about messages that this ledger does not know, and about people whose data was deleted."""

    receipts: list[Receipt]
    matches: list[Match]
    told: int
    unmatched: int
    forgotten: int


class Pulls(SubStore):
    """The positions in providers' lists, in an open ledger."""

    def position(self, gateway: str, name: str) -> Position | None:
        """Return up to where the gateway's list of this name was read; None if never."""
        with self._ledger.reading() as connection:
            mine = (_p.gateway == gateway) & (_p.list == name)
            row = connection.execute(select(_p.until_at, _p.mark).where(mine)).first()
        return None if row is None else Position(*row)

    def keep(self, gateway: str, name: str, position: Position) -> None:
        """Store up to where the list was read."""
        with self._ledger.writing() as connection:
            connection.execute(delete(pulls).where((_p.gateway == gateway) & (_p.list == name)))
            row = {"gateway": gateway, "list": name, "until_at": position.until, "mark": position.mark}
            connection.execute(insert(pulls).values(row))

    def oldest_waiting(self, gateway: str, since: int) -> int | None:
        """Return when the oldest message since ``since`` was handed to the gateway that has no final receipt yet; None
        if there is none. Moments are UTC milliseconds."""
        states = [str(State.ACCEPTED), str(State.UNKNOWN)]
        mine = func.coalesce(_a.gateway, runs.c.gateway) == gateway
        waits = _a.delivery.is_(None) | (_a.delivery == str(Delivery.SENT))
        recent = runs.c.finished_at.is_(None) | (runs.c.finished_at >= since)
        with self._ledger.reading() as connection:
            numbers = connection.execute(select(runs.c.number).where(recent)).scalars().all()
            outside = select(func.min(_n.claimed_at)).where(
                _n.gateway == gateway, _n.state.in_(states), _n.claimed_at >= since
            )
            waiting = _n.delivery.is_(None) | (_n.delivery == str(Delivery.SENT))
            found = [connection.execute(outside.where(waiting)).scalar()]
            for number in numbers:
                base = number * ROWS_PER_RUN
                of_run = _a.id.between(base, base + ROWS_PER_RUN - 1)
                query = select(func.min(_a.claimed_at)).join(runs, runs.c.number == _a.run)
                query = query.where(of_run, mine, waits, _a.state.in_(states), _a.claimed_at >= since)
                found.append(connection.execute(query).scalar())
        return min((one for one in found if one is not None), default=None)

    def news(self, found: Sequence[Receipt], gateway: str) -> News:
        """Sort the receipts of a list."""
        keys = [ReceiptKey(gateway, one.gateway_id, one.reference) for one in found]
        with self._ledger.reading() as connection:
            matches = match(connection, keys)
            known = _told(connection, set(matches) - {None, FORGOTTEN})
        new: list[Receipt] = []
        of_new: list[Match] = []
        told = unmatched = forgotten = 0
        for one, at in zip(found, matches, strict=True):
            if at is None:
                unmatched += 1
            elif at == FORGOTTEN:
                forgotten += 1
            elif _is_news(one, known.get(at, set())):
                new.append(one)
                of_new.append(at)
                known.setdefault(at, set()).add(_said(one))
            else:
                told += 1
        return News(new, of_new, told, unmatched, forgotten)


class _Said(NamedTuple):
    """What a receipt says of a message."""

    gateway_id: str | None
    delivery: str | None
    code: str | None
    price: int | None


def _said(one: Receipt) -> _Said:
    return _Said(one.gateway_id, None if one.delivery is None else str(one.delivery), one.code, one.price)


def _is_news(one: Receipt, known: set[_Said]) -> bool:
    """Whether a receipt says of a message what no stored one does. That it was accepted is known by the answer."""
    said = _said(one)
    if one.price is not None and not any(other.price == one.price for other in known):
        return True
    if one.delivery in (None, Delivery.ACCEPTED):
        return False
    same = [other for other in known if other.delivery == said.delivery and _may_be_one(other, said)]
    return not any(said.code in (None, other.code) for other in same)


def _may_be_one(mine: _Said, other: _Said) -> bool:
    """Whether both may be about the same part of the message."""
    return mine.gateway_id == other.gateway_id or None in (mine.gateway_id, other.gateway_id)


def _told(connection: Connection, messages: Collection[Match]) -> dict[Match, set[_Said]]:
    found: dict[Match, set[_Said]] = {}
    said = (_r.gateway_id, _r.delivery, _r.code, _r.price)
    for some in pieces(sorted(at for at in messages if isinstance(at, int))):
        for attempt, *told in connection.execute(select(_r.attempt, *said).where(_r.attempt.in_(some))):
            found.setdefault(attempt, set()).add(_Said(*told))
    for some in pieces(sorted(at.number for at in messages if isinstance(at, OfAnswer))):
        for answer, *told in connection.execute(select(_r.answer, *said).where(_r.answer.in_(some))):
            found.setdefault(OfAnswer(answer), set()).add(_Said(*told))
    return found
