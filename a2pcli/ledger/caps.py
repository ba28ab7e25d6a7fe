"""Frequency caps: the maximum number of messages to one person within a period, over all runs, checked at every claim.

``contacted`` holds one row for each message that a person got or may have got, except one-time codes: it is inserted by
the transaction that writes the intent, and deleted if the message was not accepted. Those of marketing count for caps;
the others tell what a reply is to. A claim for a run with a cap excludes
all others (SQLite has one writer; PostgreSQL takes a lock until the commit), so two runs never both think that
they send the last message that is allowed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.records import About, Run
from a2pcli.ledger.statements import PreparedStatement
from a2pcli.ledger.tables import contacted
from a2pcli.messages import State

PERSON, PROGRAMME, CAMPAIGN, SUBJECT = "person", "programme", "campaign", "subject"

TAKEN = (State.SUBMITTING, State.ACCEPTED, State.UNKNOWN)
"""States of messages that count: the person got it, or may have."""

LOCK = 0x6132_7063_6170
"""The key of PostgreSQL's advisory lock around claims that count."""

MOST_ADDRESSES = 5_000
"""Maximum number of addresses in one query; SQLite binds at most 32,766 values in a statement."""

_c = contacted.c


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``limit`` messages to one person within any ``seconds``.

    ``scope`` selects the messages that count: all, or those of the run's programme, campaign or subject. A message
    without a stated subject counts for every subject.
    """

    rule: str
    limit: int
    seconds: int
    scope: str

    @property
    def text(self) -> str:
        """The cap in words, such as ``2 per 7 days``."""
        what = "" if self.scope == PERSON else f" per {self.scope}"
        return f"{self.limit} per {span_text(self.seconds)}{what}"

    def counts(self, run: About, contact: Contact) -> bool:
        """Return whether an earlier message counts for one of ``run``."""
        if self.scope == PROGRAMME:
            return contact.programme == (run.programme or "")
        if self.scope == CAMPAIGN:
            return contact.campaign == run.campaign
        if self.scope == SUBJECT:
            return not run.subject or contact.subject in ("", run.subject)
        return True

    def to_data(self) -> dict[str, Any]:
        """Return the cap as a JSON-ready dict."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Contact:
    """A message that a person got or may have got; ``at`` is when it was claimed, in UTC milliseconds."""

    at: int
    campaign: str
    programme: str
    subject: str


def span_text(seconds: int) -> str:
    """Return a duration in words: ``7 days``, ``24 h``, ``90 min``."""
    for unit, name in ((86_400, "day"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            many = seconds // unit
            return f"{many} {name}{'s' if name == 'day' and many != 1 else ''}"
    return f"{seconds} s"


def counted(purpose: str | None) -> bool:
    """Whether messages of this purpose count for caps and are limited by them."""
    return purpose == "marketing"


def noted(purpose: str | None) -> bool:
    """Whether ``contacted`` has the messages of this purpose."""
    return purpose != "otp"


def of_run(run: Run) -> tuple[Cap, ...]:
    """Return the caps of every message of the run: its campaign's, its programme's and the settings'."""
    return tuple(Cap(**one) for one in run.sending.get("caps") or ()) if counted(run.purpose) else ()


_note = PreparedStatement(
    insert(contacted)
    .inline()
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in ("message", "address", "at", "campaign", "programme", "subject", "counts")
        }
    ),
    *(f"b_{name}" for name in ("message", "address", "at", "campaign", "programme", "subject", "counts")),
)
_forget = PreparedStatement(delete(contacted).where(_c.message == bindparam("b_message")), "b_message")
_contacts = (
    select(_c.address, _c.at, _c.campaign, _c.programme, _c.subject)
    .where(_c.address.in_(bindparam("addresses", expanding=True)), _c.at > bindparam("since"), _c.counts == 1)
    .order_by(_c.at)
)


def note(connection: Connection, run: Run, claims: Iterable[tuple[int, str]], now: int) -> None:
    """Record that these messages (id, address) are with the gateway from ``now`` on."""
    about = (now, run.campaign, run.programme or "", run.subject or "", int(counted(run.purpose)))
    _note.run(connection, [(id, address, *about) for id, address in claims])


def forget(connection: Connection, message_ids: Iterable[int]) -> None:
    """Remove messages that the gateway did not accept; they do not count."""
    _forget.run(connection, [(id,) for id in message_ids])


def lock(connection: Connection) -> None:
    """Block other claims for runs with caps until the commit. Call it before locking any row."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


def contacts_of(connection: Connection, addresses: Sequence[str], since: int) -> dict[str, list[Contact]]:
    """Return the messages that count and that these addresses got after ``since`` (UTC ms), oldest first."""
    found: dict[str, list[Contact]] = defaultdict(list)
    for first in range(0, len(addresses), MOST_ADDRESSES):
        values = {"addresses": addresses[first : first + MOST_ADDRESSES], "since": since}
        for address, *contact in connection.execute(_contacts, values):
            found[address].append(Contact(*contact))
    return found


class Caps:
    """The caps of one run: its own, and by clock the legal caps of the recipient's place."""

    def __init__(self, run: Run, by_clock: Mapping[int, tuple[Cap, ...]]) -> None:
        self._run = run
        self._own = of_run(run)
        more = by_clock if counted(run.purpose) else {}
        self._by_clock = {clock: (*self._own, *caps) for clock, caps in more.items()}
        every = [*self._own, *(cap for caps in self._by_clock.values() for cap in caps)]
        self._longest = max((cap.seconds for cap in every), default=0) * 1000

    def __bool__(self) -> bool:
        return self._longest > 0

    def over(
        self, connection: Connection, rows: Sequence[tuple[int, str, int | None, tuple[str, ...]]], now: int
    ) -> dict[int, tuple[str, str]]:
        """Return the rows that exceed a cap if claimed now in this order: by id, the rule and a sentence.

        Rows are (id, address, clock, the person's other addresses). Messages to any of a person's addresses count.
        """
        addresses = list({one for _, address, _, others in rows for one in (address, *others)})
        contacts = contacts_of(connection, addresses, now - self._longest)
        mine = Contact(now, self._run.campaign, self._run.programme or "", self._run.subject or "")
        found: dict[int, tuple[str, str]] = {}
        for id, address, clock, others in rows:
            own = before = contacts.setdefault(address, [])
            if any(other in contacts for other in others):
                before = sorted(
                    chain(own, *(contacts.get(other, ()) for other in others)), key=lambda one: one.at
                )
            why = self._why_over(before, clock, now) if before else None
            if why is None:
                own.append(mine)
            else:
                found[id] = why
        return found

    def _why_over(self, before: Sequence[Contact], clock: int | None, now: int) -> tuple[str, str] | None:
        caps = self._own if clock is None else self._by_clock.get(clock, self._own)
        for cap in caps:
            span = cap.seconds * 1000
            within = [one.at for one in before if one.at > now - span and cap.counts(self._run, one)]
            if len(within) >= cap.limit:
                free = within[-cap.limit] + span if cap.limit else None
                return cap.rule, over_text(cap, free)
        return None


def over_text(cap: Cap, free: int | None) -> str:
    """Return the cap in words, and when the next message may be sent (``free``, UTC ms)."""
    if free is None:
        return f"the cap is {cap.text}"
    when = datetime.fromtimestamp(free / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"the cap is {cap.text}; the next message may be sent at {when}"


def enough(
    connection: Connection, cap: Cap, *, campaign: str, programme: str, subject: str, now: int
) -> Iterator[tuple[str, int]]:
    """Yield the addresses that reached the cap, and when each may get the next message (UTC ms)."""
    span = cap.seconds * 1000
    chosen = [_c.at > now - span, _c.counts == 1]
    if cap.scope == PROGRAMME:
        chosen.append(_c.programme == programme)
    elif cap.scope == CAMPAIGN:
        chosen.append(_c.campaign == campaign)
    elif cap.scope == SUBJECT and subject:
        chosen.append(or_(_c.subject == "", _c.subject == subject))
    nth = func.row_number().over(partition_by=_c.address, order_by=(_c.at.desc(), _c.message.desc()))
    ranked = select(_c.address, _c.at, nth.label("nth")).where(*chosen).subquery()
    query = select(ranked.c.address, ranked.c.at).where(ranked.c.nth == cap.limit)
    for address, at in read_rows(connection, query):
        yield address, at + span
