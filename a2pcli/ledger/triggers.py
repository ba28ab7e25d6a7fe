"""Events that other systems report: an order was paid, a device raised an alarm. Each may cause one message.

An event is stored before whoever reports it hears that it was taken, once by its key. It waits until its message may be
made: now, at the end of its digest, or when the person's permitted hours begin. ``settle`` ends it and stores the
message (a row of ``answers``) in the same transaction, so that a kill neither loses nor doubles it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, false, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.config.retention import Retention
from a2pcli.dataclass import dataclass
from a2pcli.ledger import audit, caps
from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema import answers
from a2pcli.ledger.schema_triggers import triggers

WAITING, SENT, EXCLUDED, EXPIRED = "waiting", "sent", "excluded", "expired"
CAPPED = "event-cap"
"""The reason of an event that would exceed the cap of its device, or of whatever the cap counts by."""

MOST_VALUES = 5_000
_c = triggers.c
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class NewTrigger:
    """An event as it came. Times are UTC milliseconds; ``key`` is the idempotency key, ``data`` the columns of its
    message. ``digest`` is what its digest is by, besides event and person, and ``digest_ms`` how long that gathers;
    ``cap`` is what a cap counts by."""

    name: str
    key: str
    address: str | None
    data: Mapping[str, str]
    source: str
    occurred_at: int
    until_at: int
    digest: str | None = None
    digest_ms: int = 0
    cap: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A stored event; see the table."""

    number: int
    code: str
    name: str
    address: str | None
    data: Mapping[str, str] | None
    digest: str | None
    cap: str | None
    source: str
    state: str
    reason: str | None
    detail: str | None
    answer: str | None
    occurred_at: int
    received_at: int
    due_at: int | None
    until_at: int
    settled_at: int | None


@dataclass(frozen=True, slots=True)
class Added:
    """A stored event, and whether it was there before."""

    trigger: Trigger
    is_new: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` messages within ``ms`` of whatever the event's ``cap`` names. ``text`` says it in words."""

    most: int
    ms: int
    text: str


class Triggers(SubStore):
    """The events in an open ledger; ``now`` is for tests."""

    def add(self, news: Sequence[NewTrigger], *, now: int | None = None) -> list[Added]:
        """Store events, in one transaction; return each as stored. Audit: ``event.receive``, how many of each name."""
        moment = now_ms() if now is None else now
        hashes = [digest_of(new.name, new.key) for new in news]
        digests = [digest for new in news if (digest := _digest_of(new)) is not None]
        with self._ledger.writing() as connection:
            if digests:
                _lock_digests(connection)
            known = _by_keys(connection, hashes)
            gathering = _gathering(connection, digests, moment)
            is_new = _first_times(hashes, known)
            rows = []
            for new, hash, fresh in zip(news, hashes, is_new, strict=True):
                if fresh:
                    rows.append(_row(new, hash, gathering, moment))
            if rows:
                _insert(connection, rows)
                counts: dict[str, int] = {}
                for row in rows:
                    counts[row["name"]] = counts.get(row["name"], 0) + 1
                audit.append(connection, "event.receive", None, counts, moment)
                known = _by_keys(connection, hashes)
        if rows:
            self._ledger.note_entry()
        return [Added(known[hash], fresh) for hash, fresh in zip(hashes, is_new, strict=True)]

    def due(
        self, name: str, limit: int = 5_000, *, now: int | None = None, only: int | None = None
    ) -> list[Trigger]:
        """Return the events of this name whose messages may be made now, oldest first; ``only`` the one with this
        number."""
        chosen = and_(_is_due(now_ms() if now is None else now), _c.name == name)
        if only is not None:
            chosen = and_(chosen, _c.number == only)
        with self._ledger.reading() as connection:
            query = select(triggers).where(chosen).order_by(_c.number).limit(limit)
            return [_of(row) for row in connection.execute(query).mappings()]

    def due_names(self, *, now: int | None = None) -> list[str]:
        """Return the names of which events are due: however many of one wait, those of the others are found."""
        chosen = _is_due(now_ms() if now is None else now)
        with self._ledger.reading() as connection:
            return list(
                connection.execute(select(_c.name).where(chosen).distinct().order_by(_c.name)).scalars()
            )

    def gathered(self, digest: str, *, now: int | None = None) -> list[Trigger]:
        """Return the events of a digest that has ended, oldest first."""
        moment = now_ms() if now is None else now
        with self._ledger.reading() as connection:
            waiting = and_(_c.digest == digest, _c.due_at <= moment)
            query = select(triggers).where(waiting).order_by(_c.number)
            return [_of(row) for row in connection.execute(query).mappings()]

    def next_due(self) -> int | None:
        """Return when the next event's message may be made (UTC ms); None if none waits."""
        with self._ledger.reading() as connection:
            found: int | None = connection.execute(
                select(func.min(_c.due_at)).where(_c.due_at.is_not(None))
            ).scalar()
            return found

    def by_code(self, name: str, code: str) -> Trigger | None:
        """Return the event with this name and code."""
        with self._ledger.reading() as connection:
            query = select(triggers).where(_c.code == code, _c.name == name)
            row = connection.execute(query).mappings().first()
            return None if row is None else _of(row)

    def hold(self, some: Sequence[Trigger], until: int, reason: str, detail: str | None) -> None:
        """Let events wait until a time. Audit: ``event.hold``."""
        values = {"due_at": until, "reason": reason, "detail": detail}
        with self._ledger.writing() as connection:
            count = _change(connection, [one.number for one in some], values)
            if count:
                audit.append(
                    connection, "event.hold", None, {some[0].name: count, "reason": reason}, now_ms()
                )
        self._ledger.note_entry()

    def settle(
        self,
        some: Sequence[Trigger],
        state: str,
        *,
        reason: str | None = None,
        detail: str | None = None,
        message: NewAnswer | None = None,
        limit: Limit | None = None,
        now: int | None = None,
    ) -> tuple[str, int | None]:
        """End events that are one digest, or one event; return their state and the number of their message.

        If ``message`` is given it is stored to be sent. It is not if another process has settled one of them (then
        the state is ``waiting``, and nothing is changed), or if it would exceed ``limit`` (then they are excluded).
        Audit: ``event.settle`` and, for the message, ``answer.add``.
        """
        moment = now_ms() if now is None else now
        numbers = [one.number for one in some]
        with self._ledger.transaction(), self._ledger.writing() as connection:
            if limit is not None:
                caps.lock(connection)
            if not _lock(connection, numbers):
                return WAITING, None
            made, reference = None, None
            if message is not None:
                over = limit is not None and _is_over(connection, some[0], limit, moment)
                if over and limit is not None:
                    state, reason, detail = EXCLUDED, CAPPED, f"the cap is {limit.text}"
                elif (made := self._ledger.answers.add(message, now=moment)) is not None:
                    reference = connection.execute(
                        select(answers.c.reference).where(answers.c.number == made)
                    ).scalar_one()
            values = {
                "state": state, "reason": reason, "detail": detail, "data": None, "due_at": None,
                "settled_at": moment, "answer": reference,
            }  # fmt: skip
            _change(connection, numbers, values)
            what = {"name": some[0].name, "state": state, "events": len(some)} | (
                {"reason": reason} if reason else {}
            )
            audit.append(connection, "event.settle", None, what, moment)
        self._ledger.note_entry()
        return state, made


def _is_due(moment: int) -> Any:
    return and_(_c.due_at.is_not(None), _c.due_at <= moment)


def old_triggers(rules: Retention, now: int) -> Any:
    """Return the condition for settled events that are older than the people of transactional messages are kept."""
    age = rules.people("transactional")
    return false() if age is None else and_(_c.settled_at.is_not(None), _c.settled_at < now - age)


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of these texts: keys may hold anything, and nothing of a person has to stay."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest_of(new: NewTrigger) -> str | None:
    # People whose address cannot be read are not one person.
    if new.digest is None or new.address is None:
        return None
    return digest_of("digest", new.name, new.address, new.digest)


def _first_times(hashes: Sequence[str], known: Mapping[str, object]) -> list[bool]:
    seen, found = set(known), []
    for hash in hashes:
        found.append(hash not in seen)
        seen.add(hash)
    return found


def _row(new: NewTrigger, hash: str, gathering: dict[str, int], now: int) -> dict[str, Any]:
    digest = _digest_of(new)
    due = now
    if digest is not None:
        due = gathering.setdefault(digest, now + new.digest_ms)
    is_late = new.until_at <= now
    return {
        "code": "e" + "".join(secrets.choice(_LETTERS) for _ in range(12)),
        "name": new.name,
        "key": hash,
        "address": new.address,
        "data": None if is_late else json.dumps(dict(new.data)),  # escapes keep halves of characters apart
        "digest": digest,
        "cap": None if new.cap is None else digest_of("cap", new.name, new.cap),
        "source": new.source,
        "state": EXPIRED if is_late else WAITING,
        "reason": None,
        "detail": None,
        "answer": None,
        "occurred_at": new.occurred_at,
        "received_at": now,
        "due_at": None if is_late else due,
        "until_at": new.until_at,
        "settled_at": now if is_late else None,
    }


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one whose key another process has stored meanwhile is left out."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(triggers).on_conflict_do_nothing(), rows)


def _lock_digests(connection: Connection) -> None:
    """Let processes begin digests one after the other, so that two do not begin the same one; on SQLite every writer
    waits for the others anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("event digests", 0))))


def _gathering(connection: Connection, digests: Collection[str], now: int) -> dict[str, int]:
    """Return when the digests that gather now end, by digest."""
    wanted = list(set(digests))
    found: dict[str, int] = {}
    for first in range(0, len(wanted), MOST_VALUES):
        some = _c.digest.in_(wanted[first : first + MOST_VALUES])
        query = select(_c.digest, func.min(_c.due_at)).where(some, _c.due_at > now).group_by(_c.digest)
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found


def _by_keys(connection: Connection, hashes: Sequence[str]) -> dict[str, Trigger]:
    found: dict[str, Trigger] = {}
    wanted = list(dict.fromkeys(hashes))
    for first in range(0, len(wanted), MOST_VALUES):
        query = select(triggers).where(_c.key.in_(wanted[first : first + MOST_VALUES]))
        found |= {row["key"]: _of(row) for row in connection.execute(query).mappings()}
    return found


def _lock(connection: Connection, numbers: Sequence[int]) -> bool:
    """Return whether all of these wait; no other process can settle them before the commit."""
    return _change(connection, numbers, {"detail": _c.detail}) == len(numbers)


def _change(connection: Connection, numbers: Sequence[int], values: Mapping[str, Any]) -> int:
    """Change those of these events that wait; return how many that are."""
    count = 0
    for first in range(0, len(numbers), MOST_VALUES):
        mine = and_(_c.number.in_(numbers[first : first + MOST_VALUES]), _c.state == WAITING)
        count += connection.execute(update(triggers).where(mine).values(values)).rowcount
    return count


def _is_over(connection: Connection, one: Trigger, limit: Limit, now: int) -> bool:
    if one.cap is None:
        return False
    mine = and_(_c.cap == one.cap, _c.answer.is_not(None), _c.settled_at > now - limit.ms)
    query = select(func.count(func.distinct(_c.answer))).where(mine)
    return int(connection.execute(query).scalar_one()) >= limit.most


def _of(row: RowMapping) -> Trigger:
    values = {name: row[name] for name in Trigger.__dataclass_fields__}
    values["data"] = None if row["data"] is None else json.loads(row["data"])
    return Trigger(**values)
