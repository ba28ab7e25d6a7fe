"""What people wrote back, kept as it was understood; the text only where the settings say so."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.tables import contacted, replies

_r, _c = replies.c, contacted.c


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply as it came. ``kind`` is how it was understood; ``at`` is UTC milliseconds, None where nobody says."""

    address: str
    body: str
    kind: str
    recipient: str | None = None
    at: int | None = None
    gateway: str = ""

    @property
    def event(self) -> str:
        """By what it is known when it comes again: 128 bits of a hash of what it says, in hex.

        Its gateway is no part of it: the same file may be given without one, and again with it."""
        at = "" if self.at is None else str(self.at)
        said = ("", self.address, self.recipient or "", at, self.body)
        return sha256("\0".join(said).encode(errors="replace")).hexdigest()[:32]


class Replies(SubStore):
    """The replies in an open ledger."""

    def add(
        self, found: Sequence[KeptReply], source: str, *, keep_texts: bool = False, now: int | None = None
    ) -> int:
        """Keep replies that are not there yet, each with the newest message to the person before it; gives how many
        are new."""
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

    def are_from(self, sender: str) -> bool:
        """Whether a reply of this sender is kept, written exactly so."""
        with self._ledger.reading() as connection:
            return (
                connection.execute(select(_r.number).where(_r.address == sender).limit(1)).first() is not None
            )

    def who_wrote(self, gateway: str, since: int) -> list[str]:
        """The addresses of those whose reply came by this gateway since a moment (UTC milliseconds). A reply of which
        nobody says when it came is none of them."""
        with self._ledger.reading() as connection:
            found = connection.execute(
                select(_r.address).distinct().where((_r.gateway == gateway) & (_r.at >= since))
            )
            return list(found.scalars())


def _answered(connection: Connection, one: KeptReply, now: int) -> int | None:
    """The newest message to the person before the reply: those that caps count are known by address."""
    until = now if one.at is None else one.at
    theirs = _c.address.in_(forms_of(one.address)) & (_c.at <= until)
    found: int | None = connection.execute(
        select(_c.message).where(theirs).order_by(_c.at.desc(), _c.message.desc()).limit(1)
    ).scalar()
    return found
