"""The audit trail: who did what to this ledger, when, and with which counts. Entries are only ever added.

Each entry holds the hash of the one before it, and its own hash covers every one of its fields, so an entry
that is changed, removed or inserted breaks the chain from there on. Two things a chain alone cannot show: that
its last entries were cut off, and that somebody with write access rebuilt the whole chain. Both show
against a head (number and hash of the last entry) that was noted elsewhere: ``a2pcli audit verify --head HASH``.

No number and no text of a message is ever written here; a person is named by a keyed hash (see ``erased``).
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, select, true
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.lazy import lazily
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.tables import audit

if TYPE_CHECKING:
    from a2pcli.ledger import erased
else:
    (erased,) = lazily("a2pcli.ledger", "erased")

START = "0" * 64
"""``previous`` of the first entry."""

_LOCK = 0x61327063_00000002

NAMED = 20
"""An entry names at most this many people by hash; of more it only has the number."""

_c = audit.c


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the trail. ``at`` is UTC milliseconds; ``detail`` is a JSON object as text."""

    number: int
    at: int
    who: str
    host: str
    action: str
    subject: str | None
    detail: str | None
    previous: str
    hash: str

    @property
    def facts(self) -> dict[str, Any]:
        """``detail`` parsed from JSON, as a mapping."""
        try:
            found = json.loads(self.detail) if self.detail else {}
        except ValueError:
            return {"detail": self.detail}
        return found if isinstance(found, dict) else {"detail": found}


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry at which the chain is broken, and why."""

    number: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of ``verify``. ``head`` is the last entry's hash, None for an empty trail."""

    entries: int
    last: int
    head: str | None
    broken: tuple[Broken, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was changed, removed or inserted, as far as the chain can tell."""
        return not self.broken


class AuditTrail(SubStore):
    """The audit trail of an open ledger."""

    def add(
        self,
        action: str,
        subject: str | None = None,
        detail: Mapping[str, Any] | None = None,
        *,
        people: Sequence[str] = (),
        now: int | None = None,
    ) -> AuditEntry:
        """Add an entry: action, subject and counts.

        ``subject`` and ``detail`` must not contain addresses or message texts: ``people`` (addresses) are counted, and
        a few of them named by keyed hash.
        """
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            entry = record(connection, action, subject, detail, people, moment)
        self._ledger.note_entry()
        return entry

    def hash_at(self, number: int | None = None) -> tuple[int, str] | None:
        """Return number and hash of the entry with this number (None: the newest); None if there is none."""
        query = select(_c.number, _c.hash).order_by(_c.number.desc()).limit(1)
        if number is not None:
            query = query.where(_c.number == number)
        with self._ledger.reading() as connection:
            found = connection.execute(query).first()
        return None if found is None else (found.number, found.hash)

    def changed_since(self, number: int | None, unrelated: Sequence[str] = ()) -> tuple[int, int | None]:
        """Return the number of the newest entry (0 for none), and when (UTC ms) the newest after entry ``number`` was
        made whose action begins with none of ``unrelated``; None if there is none. None: of all entries."""
        related = and_(true(), *(_c.action.not_like(f"{one}%") for one in unrelated))
        query = select(_c.at).where(_c.number > (number or 0), related).order_by(_c.number.desc()).limit(1)
        with self._ledger.reading() as connection:
            newest = connection.execute(select(func.max(_c.number))).scalar()
            return newest or 0, connection.execute(query).scalar()

    def entries(self, chunk: int = 500) -> Iterator[AuditEntry]:
        """Yield the entries, newest first."""
        query = select(audit).order_by(_c.number.desc()).limit(chunk)
        page = query
        while True:
            with self._ledger.reading() as connection:
                found = [AuditEntry(**row) for row in connection.execute(page).mappings()]
            yield from found
            if len(found) < chunk:
                return
            page = query.where(_c.number < found[-1].number)

    def verify(self, head: str | None = None) -> Verified:
        """Check the chain, and that it contains a ``head`` noted earlier."""
        with self._ledger.reading() as connection:
            return verify(connection, head)


def user() -> str:
    """Return the operating system's name of the user running this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown user"


def hash_of(fields_of: Mapping[str, Any]) -> str:
    """Return SHA-256 over all fields but the hash, as canonical JSON: sorted keys, no spaces, ASCII."""
    text = json.dumps(
        {name: fields_of[name] for name in _COVERED}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


_COVERED = tuple(field.name for field in fields(AuditEntry) if field.name != "hash")


def lock(connection: Connection) -> None:
    """Let nobody else add an entry until the commit. SQLite's write transactions exclude each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def append(
    connection: Connection, action: str, subject: str | None, detail: Mapping[str, Any], now: int
) -> AuditEntry:
    """Add an entry in the caller's transaction. Several processes append one after the other."""
    lock(connection)
    last = connection.execute(select(_c.number, _c.hash).order_by(_c.number.desc()).limit(1)).first()
    text = json.dumps(dict(detail), sort_keys=True, ensure_ascii=True, default=str) if detail else None
    values: dict[str, Any] = {
        "number": 1 if last is None else last.number + 1,
        "at": now,
        "who": _storable(user()),
        "host": _storable(socket.gethostname()),
        "action": action,
        "subject": None if subject is None else _storable(subject),
        "detail": text,
        "previous": START if last is None else last.hash,
    }
    values["hash"] = hash_of(values)
    connection.execute(insert(audit).values(values))
    return AuditEntry(**values)


def record(
    connection: Connection,
    action: str,
    subject: str | None,
    detail: Mapping[str, Any] | None,
    people: Sequence[str],
    now: int,
) -> AuditEntry:
    """Add an entry as the last statement of the caller's transaction, because other writers of entries wait until it
    ends.

    ``people`` (addresses) are counted, and a few of them named by keyed hash. ``now`` is UTC milliseconds.
    """
    facts = dict(detail or {})
    if people:
        facts["people"] = len(people)
        hashes = [erased.hash_for_audit(connection, one) for one in people[:NAMED]]
        if len(hashes) == 1 and subject is None:
            subject = hashes[0]
        elif None not in hashes and len(people) <= NAMED:
            facts["hashes"] = hashes
    return append(connection, action, subject, facts, now)


def _storable(text: str) -> str:
    """Return the text without NUL and lone surrogates, which file names may contain and databases cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def verify(connection: Connection, head: str | None = None, most: int = 20) -> Verified:
    """Check the chain from its start; ``head`` is a hash noted earlier that must be among the entries.

    Reports at most ``most`` broken places. Uses constant memory.
    """
    broken: list[Broken] = []
    count, number, previous, seen = 0, 0, START, head is None
    for row in connection.execute(
        select(audit).order_by(_c.number).execution_options(yield_per=1000)
    ).mappings():
        entry = AuditEntry(**row)
        count += 1
        broken.extend(_faults(entry, number, previous))
        number, previous = entry.number, entry.hash
        seen = seen or entry.hash == head
    if not seen:
        broken.append(
            Broken(
                number + 1,
                "the noted head is not in the trail: entries were removed from its end, or the trail was recreated",
            )
        )
    return Verified(count, number, previous if count else None, tuple(broken[:most]))


def is_sound_from(connection: Connection, number: int) -> bool:
    """Whether the chain holds from this entry to its end."""
    before = number - 1
    previous: str | None = None
    query = select(audit).where(_c.number >= number).order_by(_c.number)
    for row in connection.execute(query.execution_options(yield_per=1000)).mappings():
        entry = AuditEntry(**row)
        if _faults(entry, before, entry.previous if previous is None else previous):
            return False
        before, previous = entry.number, entry.hash
    return previous is not None


def _faults(entry: AuditEntry, number: int, previous: str) -> list[Broken]:
    """Return the faults of an entry that should follow entry ``number`` with hash ``previous``."""
    found = []
    if entry.number != number + 1:
        gone = f"{number + 1}" if entry.number == number + 2 else f"{number + 1} to {entry.number - 1}"
        found.append(Broken(entry.number, f"entry {gone} was removed"))
    if entry.hash != hash_of({name: getattr(entry, name) for name in _COVERED}):
        found.append(Broken(entry.number, "it was changed"))
    if entry.previous != previous and entry.number == number + 1:
        found.append(Broken(entry.number, "it does not follow the entry before it"))
    return found
