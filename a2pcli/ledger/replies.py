"""What people wrote back, kept as it was understood; the text only where the settings say so."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.sender_names import sender_key
from a2pcli.ledger.tables import attempts, contacted, replies, runs

_r, _c, _a = replies.c, contacted.c, attempts.c

LOOKED_AT = 100
"""The newest messages to a person among which the one is that they reply to."""

STOP = "stop"
"""The ``kind`` of a reply that opts out."""


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply as received. ``kind`` is its meaning; ``at`` is UTC milliseconds, ``id`` the gateway's own; None if
    unknown."""

    address: str
    body: str
    kind: str
    recipient: str | None = None
    at: int | None = None
    gateway: str = ""
    id: str | None = None

    @property
    def event(self) -> str:
        """The key that identifies it when it comes again: 128 bits of a hash, in hex, of the gateway's id or, without
        one, of its content.

        The content excludes the gateway, because the same file may be imported without one, and again with it.
        """
        if self.id is not None:
            return sha256(f"id\0{self.gateway}\0{self.id}".encode(errors="replace")).hexdigest()[:32]
        at = "" if self.at is None else str(self.at)
        said = ("", self.address, self.recipient or "", at, self.body)
        return sha256("\0".join(said).encode(errors="replace")).hexdigest()[:32]


class Replies(SubStore):
    """The replies in an open ledger."""

    def add(
        self, found: Sequence[KeptReply], source: str, *, keep_texts: bool = False, now: int | None = None
    ) -> int:
        """Store new replies, each with the newest earlier message to the person; return how many were new."""
        moment = now_ms() if now is None else now
        new = 0
        with self._ledger.writing() as connection:
            for one in found:
                event = one.event
                if connection.execute(select(_r.number).where(_r.event == event)).first() is not None:
                    continue
                values = {
                    "event": event,
                    "gateway": one.gateway,
                    "address": one.address,
                    "recipient": one.recipient,
                    "body": one.body if keep_texts else None,
                    "kind": one.kind,
                    "at": one.at,
                    "received_at": moment,
                    "attempt": _answered(connection, one, moment),
                    "source": source,
                }
                connection.execute(insert(replies).values(values))
                new += 1
        return new

    def has(self, one: KeptReply) -> bool:
        """Return whether this reply is stored."""
        with self._ledger.reading() as connection:
            query = select(_r.number).where(_r.event == one.event)
            return connection.execute(query).first() is not None

    def stopped_at(self, address: str) -> int | None:
        """Return when the person wrote their newest STOP (UTC ms; when it came, if that is all that is known); None
        without one."""
        with self._ledger.reading() as connection:
            theirs = _r.address.in_(forms_of(address)) & (_r.kind == STOP)
            found: int | None = connection.execute(
                select(func.max(func.coalesce(_r.at, _r.received_at))).where(theirs)
            ).scalar()
            return found

    def programme_of(self, address: str, until: int, *, gateway: str, to: str | None) -> str | None:
        """Return the programme of the newest message to the person, up to a time (UTC ms), that a reply to this sender
        by this gateway can be to; None if it had none, or there is no such message.

        A message from another number is not what they reply to. Of one whose sender the gateway chose, or whose sender
        is a name, only the gateway is known.
        """
        with self._ledger.reading() as connection:
            found = _newest(connection, address, until, gateway, to)
            return found[1] or None if found is not None else None

    def row_of_newest(self, address: str, until: int) -> tuple[Run, int] | None:
        """Return the run of the newest message to the person up to a time (UTC ms), and the line of their row in its
        contacts file; None if it is not known (any more)."""
        from a2pcli.ledger.attempt_ids import message_of
        from a2pcli.ledger.erasure import Person
        from a2pcli.ledger.history import of_person

        with self._ledger.reading() as connection:
            newest = _newest(connection, address, until)
            if newest is None:
                return None
            found = newest[0]
            for row in of_person(connection, Person(address).searched(), None, now_ms()):
                if message_of(int(row["id"])) == message_of(found) and row["line"] is not None:
                    query = select(runs).where(runs.c.number == row["run"])
                    return run_from_row(connection.execute(query).mappings().one()), int(row["line"])
        return None

    def wrote_since(self, address: str, gateway: str, since: int) -> bool:
        """Return whether a reply of the person came by a gateway after a time (UTC ms)."""
        theirs = _r.address.in_(forms_of(address)) & (_r.gateway == gateway) & (_r.received_at > since)
        with self._ledger.reading() as connection:
            return connection.execute(select(_r.number).where(theirs).limit(1)).first() is not None

    def are_from(self, sender: str) -> bool:
        """Return whether a reply of this sender, in this spelling, is stored."""
        with self._ledger.reading() as connection:
            return (
                connection.execute(select(_r.number).where(_r.address == sender).limit(1)).first() is not None
            )

    def who_wrote(self, gateway: str, since: int) -> list[str]:
        """Return the addresses whose replies came by this gateway since a time (UTC ms). Replies without a time are
        ignored."""
        with self._ledger.reading() as connection:
            found = connection.execute(
                select(_r.address).distinct().where((_r.gateway == gateway) & (_r.at >= since))
            )
            return list(found.scalars())


def _answered(connection: Connection, one: KeptReply, now: int) -> int | None:
    """Return the newest message to the person that the reply can be to."""
    found = _newest(connection, one.address, now if one.at is None else one.at, one.gateway, one.recipient)
    return None if found is None else found[0]


def _newest(
    connection: Connection, address: str, until: int, gateway: str = "", to: str | None = None
) -> tuple[int, str] | None:
    """Return the newest message to a person, up to a time, that a reply to this sender by this gateway can be to, and
    its programme. One-time codes are none."""
    query = (
        select(
            _c.message, _c.programme, func.coalesce(_a.sender, runs.c.sender),
            func.coalesce(_a.gateway, runs.c.gateway),
        )
        .select_from(contacted)
        .outerjoin(attempts, _a.id == _c.message)
        .outerjoin(runs, runs.c.number == _a.run)
        .where(_c.address.in_(forms_of(address)), _c.at <= until)
        .order_by(_c.at.desc(), _c.message.desc())
        .limit(LOOKED_AT)
    )  # fmt: skip
    for message, programme, sender, by in connection.execute(query):
        if _can_be_to(to, gateway, sender, by):
            return int(message), programme
    return None


def _can_be_to(to: str | None, gateway: str, sender: str | None, by: str | None) -> bool:
    """Whether a reply ``to`` a sender, which came by ``gateway``, can be to a message from ``sender`` by a gateway."""
    theirs, ours = sender_key(to or ""), sender_key(sender or "")
    if theirs.isdigit() and ours.isdigit():
        return theirs == ours
    return not by or not gateway or by == gateway
