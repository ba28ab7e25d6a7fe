"""The inbox: what people wrote that a person has to read, one open conversation for each of them, gateway and sender.

The messages of a conversation are the replies of the person and the answers to them, wherever they came from.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger import audit
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema import conversations, replies
from a2pcli.ledger.schema_answers import answers
from a2pcli.messages import State

OPEN, ANSWERED, CLOSED = "open", "answered", "closed"
_c = conversations.c
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply that a person has to read, and why. ``agents`` are those who get it."""

    address: str
    channel: str
    gateway: str
    sender: str
    programme: str | None
    why: str
    agents: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; see the table. Times are UTC milliseconds."""

    number: int
    code: str
    address: str
    channel: str
    gateway: str
    sender: str
    programme: str | None
    state: str
    why: str
    agents: str | None
    assignee: str | None
    opened_at: int
    heard_at: int
    answered_at: int | None
    closed_at: int | None

    @property
    def waits(self) -> bool:
        """Whether the person wrote last."""
        return self.state == OPEN and (self.answered_at is None or self.answered_at < self.heard_at)

    @property
    def standing(self) -> str:
        """``open`` while the person waits for an answer, ``answered``, or ``closed``: the word that is shown."""
        return ANSWERED if self.state == OPEN and not self.waits else self.state


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a conversation. ``text`` is None if it was not kept; ``kind`` is the reply's meaning, or the kind of
    the answer with its ``state`` and, if receipts say it, its ``delivery``."""

    at: int
    is_ours: bool
    text: str | None
    kind: str
    state: str | None = None
    delivery: str | None = None

    @property
    def outcome(self) -> str:
        """What became of an answer, in as many words as it takes: "accepted", "accepted, delivered"."""
        return ", ".join(one for one in (self.state, self.delivery) if one)


class Conversations(SubStore):
    """The conversations in an open ledger."""

    def hear(self, heard: Heard, now: int | None = None) -> Conversation:
        """Open a conversation, or add to the open one. Audit: ``inbox.open`` for a new one."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            found = hear(connection, heard, moment)
        self._ledger.note_entry()
        return found

    def of_person(self, address: str, gateway: str, sender: str) -> Conversation | None:
        """Return the open conversation of a person with a sender of ours."""
        theirs = and_(
            _c.address.in_(forms_of(address)), _c.gateway == gateway, _c.sender == sender, _c.state == OPEN
        )
        with self._ledger.reading() as connection:
            found = connection.execute(select(conversations).where(theirs)).mappings().first()
        return None if found is None else _of(found)

    def all_of(self, address: str) -> list[Conversation]:
        """Return a person's open conversations."""
        theirs = and_(_c.address.in_(forms_of(address)), _c.state == OPEN)
        with self._ledger.reading() as connection:
            return [_of(row) for row in connection.execute(select(conversations).where(theirs)).mappings()]

    def by_code(self, code: str) -> Conversation | None:
        """Return the conversation with this code."""
        with self._ledger.reading() as connection:
            found = connection.execute(select(conversations).where(_c.code == code)).mappings().first()
        return None if found is None else _of(found)

    def all(
        self,
        *,
        state: str | None = OPEN,
        assignee: str | None = None,
        agents: str | None = None,
        limit: int = 200,
    ) -> list[Conversation]:
        """Return conversations, those that a person wrote to last first."""
        query = select(conversations).order_by(_c.heard_at.desc(), _c.number.desc()).limit(limit)
        for column, value in ((_c.state, state), (_c.assignee, assignee), (_c.agents, agents)):
            if value is not None:
                query = query.where(column == value)
        with self._ledger.reading() as connection:
            return [_of(row) for row in connection.execute(query).mappings()]

    def change(self, one: Conversation, action: str, by: str, **values: Any) -> Conversation:
        """Change a conversation. Audit: ``action`` with who did it."""
        moment = now_ms()
        with self._ledger.writing() as connection:
            connection.execute(update(conversations).where(_c.number == one.number).values(values))
            audit.record(connection, action, one.code, {"by": by}, [one.address], moment)
        self._ledger.note_entry()
        return replace(one, **values)

    def said(self, one: Conversation, limit: int = 50) -> list[Said]:
        """Return the newest messages from and to the person by this gateway, oldest first."""
        forms = forms_of(one.address)
        r, a = replies.c, answers.c
        theirs = select(r.received_at, r.body, r.kind).where(r.address.in_(forms), r.gateway == one.gateway)
        ours = select(a.created_at, a.body, a.kind, a.state, a.delivery).where(
            a.address.in_(forms), a.gateway == one.gateway, a.state != str(State.SKIPPED), a.kind != "notice"
        )
        with self._ledger.reading() as connection:
            found = [
                Said(at, False, body, kind)
                for at, body, kind in connection.execute(theirs.order_by(r.number.desc()).limit(limit))
            ]
            found += [
                Said(at, True, body, kind, state, delivery)
                for at, body, kind, state, delivery in connection.execute(
                    ours.order_by(a.number.desc()).limit(limit)
                )
            ]
        return sorted(found, key=lambda said: (said.at, said.is_ours))[-limit:]


def hear(connection: Connection, heard: Heard, moment: int) -> Conversation:
    """``Conversations.hear`` within a transaction, whose caller notes the entry."""
    found = _heard_again(connection, heard, moment)
    if found is None:
        # Whoever opens a conversation writes an audit entry, and holds this lock until the commit.
        audit.lock(connection)
        found = _heard_again(connection, heard, moment)
    if found is not None:
        return found
    code = "c" + "".join(secrets.choice(_LETTERS) for _ in range(7))
    fields = {name: getattr(heard, name) for name in Heard.__dataclass_fields__}
    values = {**fields, "code": code, "state": OPEN, "opened_at": moment, "heard_at": moment}
    connection.execute(insert(conversations).values(values))
    audit.record(connection, "inbox.open", code, {"why": heard.why}, [heard.address], moment)
    return _of(connection.execute(select(conversations).where(_c.code == code)).mappings().one())


def _heard_again(connection: Connection, heard: Heard, moment: int) -> Conversation | None:
    """Add to the open conversation; None if none is open, or it was closed meanwhile."""
    theirs = and_(
        _c.address.in_(forms_of(heard.address)),
        _c.gateway == heard.gateway,
        _c.sender == heard.sender,
        _c.state == OPEN,
    )
    values: dict[str, Any] = {"heard_at": moment, "why": heard.why}
    if heard.agents is not None:
        values["agents"] = heard.agents
    number = connection.execute(select(_c.number).where(theirs).limit(1)).scalar()
    changed = update(conversations).where(_c.number == number, _c.state == OPEN).values(values)
    if number is None or not connection.execute(changed).rowcount:
        return None
    return _of(connection.execute(select(conversations).where(_c.number == number)).mappings().one())


def _of(row: RowMapping) -> Conversation:
    return Conversation(**{name: row[name] for name in Conversation.__dataclass_fields__})
