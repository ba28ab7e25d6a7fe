"""Events that other systems report: an order was paid, a device raised an alarm. Each may cause one message.

An event is stored before whoever reports it hears that it was taken, once by its key. It waits until its message may be
made: now, at the end of its digest, or when the person's permitted hours begin. ``settle`` ends it and stores the
message (a row of ``answers``) in the same transaction, so that a kill neither loses nor doubles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import and_, exists, false, func, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.config.retention import Retention
from a2pcli.dataclass import dataclass
from a2pcli.delivery import NEGATIVE
from a2pcli.ledger import audit
from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.new_triggers import (
    MOST_VALUES,
    WAITING,
    Added,
    Trigger,
    add_all,
    lock_events,
    trigger_of,
)
from a2pcli.ledger.new_triggers import NewTrigger as NewTrigger
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema_answers import answers
from a2pcli.ledger.schema_triggers import triggers
from a2pcli.messages import State

SENT, EXCLUDED = "sent", "excluded"
CAPPED = "event-cap"
"""The reason of an event that would exceed the cap of its device, or of whatever the cap counts by."""

OVER_BUDGET = "event-budget"
"""The reason of an event whose message would cost more than what is left of the event's budget."""

_c = triggers.c


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` messages within ``ms`` of whatever the event's ``cap`` names. ``text`` says it in words."""

    most: int
    ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Budget:
    """The messages of an event may cost ``most`` (1e-9 units of the currency) within ``ms``. ``text`` says it in
    words."""

    most: int
    currency: str
    ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """The message about events, its price (1e-9 units) with what may follow it, and what it must not exceed. ``made``
    is JSON text: what it was made of and what may follow (``actions.event_following``)."""

    message: NewAnswer
    made: str | None = None
    cost: int | None = None
    currency: str | None = None
    limit: Limit | None = None
    budget: Budget | None = None


class Triggers(SubStore):
    """The events in an open ledger; ``now`` is for tests."""

    def add(
        self, news: Sequence[NewTrigger], *, now: int | None = None, is_noted: bool = True
    ) -> list[Added]:
        """Store events, in one transaction; return each as stored. Audit: ``event.receive``, how many of each name.

        ``is_noted``: False if the caller calls ``Ledger.note_entry`` itself, once for many transactions.
        """
        with self._ledger.writing() as connection:
            if any(one.digest is not None for one in news):
                lock_events(connection)
            moment = now_ms() if now is None else now
            added, rows = add_all(connection, news, moment)
            if rows:
                counts = dict(Counter(str(row["name"]) for row in rows))
                audit.append(connection, "event.receive", None, counts, moment)
        if rows and is_noted:
            self._ledger.note_entry()
        return added

    def due(
        self, name: str, limit: int = 5_000, *, now: int | None = None, only: int | None = None
    ) -> list[Trigger]:
        """Return the events of this name whose messages may be made now, or that are too late, those that waited
        longest first; ``only`` the one with this number."""
        moment = now_ms() if now is None else now
        found: dict[int, Trigger] = {}
        with self._ledger.reading() as connection:
            for column, is_due in _dues(moment):
                chosen = and_(is_due, _c.name == name, *([] if only is None else [_c.number == only]))
                query = select(triggers).where(chosen).order_by(column, _c.number).limit(limit - len(found))
                found |= {row["number"]: trigger_of(row) for row in connection.execute(query).mappings()}
        return list(found.values())

    def due_names(self, *, now: int | None = None) -> list[str]:
        """Return the names of which events are due: however many of one wait, those of the others are found."""
        moment = now_ms() if now is None else now
        found: set[str] = set()
        with self._ledger.reading() as connection:
            for _, is_due in _dues(moment):
                found.update(connection.execute(select(_c.name).where(is_due).distinct()).scalars())
        return sorted(found)

    def gathered(self, digests: Sequence[str], *, now: int | None = None) -> dict[str, list[Trigger]]:
        """Return the events of digests that have ended, by digest, oldest first."""
        moment = now_ms() if now is None else now
        found: dict[str, list[Trigger]] = {}
        with self._ledger.reading() as connection:
            waiting = and_(_c.digest.in_(digests), _c.due_at <= moment)
            query = select(triggers).where(waiting).order_by(_c.number)
            for row in connection.execute(query).mappings():
                found.setdefault(row["digest"], []).append(trigger_of(row))
        return found

    def next_due(self, *, without: Collection[str] = ()) -> int | None:
        """Return when the next event's message may be made (UTC ms); None if none waits but those of these names."""
        with self._ledger.reading() as connection:
            waits = and_(_c.due_at.is_not(None), _c.name.not_in(without))
            query = select(_c.due_at).where(waits).order_by(_c.due_at).limit(1)
            found: int | None = connection.execute(query).scalar()
            return found

    def by_code(self, name: str, code: str) -> Trigger | None:
        """Return the event with this name and code."""
        with self._ledger.reading() as connection:
            query = select(triggers).where(_c.code == code, _c.name == name)
            row = connection.execute(query).mappings().first()
            return None if row is None else trigger_of(row)

    def hold(self, some: Sequence[Trigger], until: int, reason: str, detail: str | None) -> None:
        """Let events wait until a time. Audit: ``event.hold``."""
        numbers = [one.number for one in some]
        with self._ledger.writing() as connection:
            lock_events(connection)
            count = _change(connection, numbers, {"due_at": until, "reason": reason, "detail": detail})
            if count:
                audit.append(
                    connection, "event.hold", None, {some[0].name: count, "reason": reason}, now_ms()
                )
        self._ledger.note_entry()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction for events that are ended one after the other."""
        with self._ledger.transaction(), self._ledger.writing() as connection:
            lock_events(connection)
            yield

    def settle(
        self,
        some: Sequence[Trigger],
        state: str,
        *,
        reason: str | None = None,
        detail: str | None = None,
        leaving: Leaving | None = None,
        now: int | None = None,
    ) -> tuple[str, int | None]:
        """End events that are one digest, or one event; return their state and the number of their message.

        The message of ``leaving`` is stored to be sent. It is not if another process has settled one of the events or
        added one to the digest (then the state is ``waiting``, and nothing is changed), or if it would exceed a limit
        (then they are excluded). Audit: ``event.settle`` and, for the message, ``answer.add``.
        """
        numbers = [one.number for one in some]
        with self._ledger.transaction(), self._ledger.writing() as connection:
            lock_events(connection)
            moment = now_ms() if now is None else now
            if not _lock(connection, numbers):
                return WAITING, None
            made, reference = None, None
            if leaving is not None:
                if not _is_whole(connection, some):
                    return WAITING, None
                if (over := _over(connection, some[-1], leaving, moment)) is not None:
                    state, (reason, detail) = EXCLUDED, over
                elif (made := self._ledger.answers.add(leaving.message, now=moment)) is not None:
                    reference = connection.execute(
                        select(answers.c.reference).where(answers.c.number == made)
                    ).scalar_one()
            values = {
                "state": state, "reason": reason, "detail": detail, "data": None, "due_at": None,
                "settled_at": moment, "answer": reference,
            }  # fmt: skip
            _change(connection, numbers, values)
            if made is not None and leaving is not None:
                more = {"cost": leaving.cost, "currency": leaving.currency, "message": leaving.made}
                connection.execute(update(triggers).where(_c.number == numbers[-1]).values(more))
            what = {"name": some[0].name, "state": state, "events": len(some)} | (
                {"reason": reason} if reason else {}
            )
            audit.append(connection, "event.settle", None, what, moment)
        self._ledger.note_entry()
        return state, made

    def of_message(self, reference: str) -> Trigger | None:
        """Return the event whose message this is, if anything may still become of that."""
        with self._ledger.reading() as connection:
            chosen = and_(_c.answer == reference, _c.message.is_not(None))
            row = connection.execute(select(triggers).where(chosen)).mappings().first()
            return None if row is None else trigger_of(row)

    def keep_made(self, event: Trigger, made: str | None) -> None:
        """Store what may still become of an event's message; None if nothing more can. Nothing is changed if another
        message has followed it meanwhile."""
        with self._ledger.writing() as connection:
            mine = and_(_c.number == event.number, _c.answer == event.answer)
            connection.execute(update(triggers).where(mine).values(message=made))

    def follow(self, event: Trigger, message: NewAnswer, made: str | None) -> int | None:
        """Store the message that follows the one of an event; return its number. None if there is one with its key, as
        another process was faster: then nothing is changed. Audit: ``answer.add``."""
        with self._ledger.transaction(), self._ledger.writing() as connection:
            number = self._ledger.answers.add(message)
            if number is not None:
                stored = select(answers.c.reference).where(answers.c.number == number)
                reference = connection.execute(stored).scalar_one()
                mine = and_(_c.name == event.name, _c.answer == event.answer)
                connection.execute(update(triggers).where(mine).values(answer=reference))
                connection.execute(update(triggers).where(_c.number == event.number).values(message=made))
        return number

    def ended_messages(self, limit: int = 1_000, *, now: int | None = None) -> list[Trigger]:
        """Return the events whose messages have ended, but for what may follow them: not accepted, not delivered, or
        past their time."""
        moment, a = now_ms() if now is None else now, answers.c
        ended = or_(a.state != str(State.ACCEPTED), a.delivery.in_(NEGATIVE), a.until_at <= moment)
        with self._ledger.reading() as connection:
            is_over = exists().where(a.reference == _c.answer, a.settled_at.is_not(None), ended)
            query = select(triggers).where(_c.message.is_not(None), is_over).limit(limit)
            return [trigger_of(row) for row in connection.execute(query).mappings()]


def old_triggers(rules: Retention, now: int) -> Any:
    """Return the condition for settled events that are older than the people of transactional messages are kept."""
    age = rules.people("transactional")
    return false() if age is None else and_(_c.settled_at.is_not(None), _c.settled_at < now - age)


def _dues(moment: int) -> Iterator[tuple[Any, Any]]:
    """Yield two columns, each with the condition for events that are due by it: one index each."""
    for column in (_c.due_at, _c.until_at):
        yield column, and_(_c.due_at.is_not(None), column <= moment)


def _lock(connection: Connection, numbers: Sequence[int]) -> bool:
    """Return whether all of these wait; nobody else can change them before the commit."""
    count = 0
    for first in range(0, len(numbers), MOST_VALUES):
        mine = and_(_c.number.in_(numbers[first : first + MOST_VALUES]), _c.state == WAITING)
        count += len(connection.execute(select(_c.number).where(mine).with_for_update()).all())
    return count == len(numbers)


def _change(connection: Connection, numbers: Sequence[int], values: Mapping[str, Any]) -> int:
    """Change those of these events that wait; return how many that are."""
    count = 0
    for first in range(0, len(numbers), MOST_VALUES):
        mine = and_(_c.number.in_(numbers[first : first + MOST_VALUES]), _c.state == WAITING)
        count += connection.execute(update(triggers).where(mine).values(values)).rowcount
    return count


def _is_whole(connection: Connection, some: Sequence[Trigger]) -> bool:
    """Return whether these are all events of their digest: none was stored after they were read."""
    last = some[-1]
    if last.digest is None or last.due_at is None:
        return True
    of_it = and_(_c.digest == last.digest, _c.due_at <= max(one.due_at or 0 for one in some))
    found = connection.execute(select(func.count()).where(of_it)).scalar_one()
    return int(found) == len(some)


def _over(connection: Connection, one: Trigger, leaving: Leaving, now: int) -> tuple[str, str] | None:
    """Return reason and detail of a limit that the message would exceed; None if it exceeds none."""
    limit, budget = leaving.limit, leaving.budget
    if limit is not None and one.cap is not None:
        mine = and_(_c.cap == one.cap, _c.answer.is_not(None), _c.settled_at > now - limit.ms)
        query = select(func.count(func.distinct(_c.answer))).where(mine)
        if int(connection.execute(query).scalar_one()) >= limit.most:
            return CAPPED, f"the cap is {limit.text}"
    if budget is not None:
        if leaving.cost is None:
            return OVER_BUDGET, f"no known price, so the budget of {budget.text} cannot be kept"
        if leaving.currency != budget.currency:
            return OVER_BUDGET, f"the price is in {leaving.currency}, and the budget is {budget.text}"
        mine = and_(_c.name == one.name, _c.cost.is_not(None), _c.settled_at > now - budget.ms)
        query = select(func.coalesce(func.sum(_c.cost), 0)).where(mine, _c.currency == budget.currency)
        if int(connection.execute(query).scalar_one()) + leaving.cost > budget.most:
            return OVER_BUDGET, f"the budget is {budget.text}"
    return None
