"""Stores events as they come, many in one transaction: each once by its key, and each of a digest with the others."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.dataclass import dataclass
from a2pcli.ledger.bulk import insert_columns
from a2pcli.ledger.schema_triggers import triggers

WAITING, EXPIRED = "waiting", "expired"

MOST_VALUES = 5_000
_LOCK = 0x6132_7064_6967
"""The key of PostgreSQL's advisory lock: who stores an event of a digest sees which gather already."""

_c = triggers.c
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 12


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
    content: str | None
    source: str
    state: str
    reason: str | None
    detail: str | None
    answer: str | None
    cost: int | None
    currency: str | None
    occurred_at: int
    received_at: int
    due_at: int | None
    until_at: int
    settled_at: int | None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """A stored event, and whether it was there before. ``differs``: it was, and what its message is made of was not
    the same."""

    trigger: Trigger
    is_new: bool
    differs: bool = False


def trigger_of(row: RowMapping | Mapping[str, Any]) -> Trigger:
    """Return a row of the table."""
    values = {name: row[name] for name in Trigger.__dataclass_fields__}
    values["data"] = None if row["data"] is None else json.loads(row["data"])
    return Trigger(**values)


def lock_events(connection: Connection) -> None:
    """Let nobody else end events, or store events of digests, until the commit. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def add_all(
    connection: Connection, news: Sequence[NewTrigger], now: int
) -> tuple[list[Added], list[Mapping[str, Any]]]:
    """Store events in the caller's transaction; return each as stored, and the rows that are new.

    If some are of digests, the caller has called ``lock_events`` before it took the time ``now``.
    """
    hashes = [digest_of(new.name, new.key) for new in news]
    contents = [_content_of(new) for new in news]
    known = _by_keys(connection, hashes)
    gathering = _gathering(connection, [_digest_of(new) for new in news], now)
    rows: dict[str, dict[str, Any]] = {}
    fresh = []
    for new, hash, content in zip(news, hashes, contents, strict=True):
        fresh.append(hash not in known and hash not in rows)
        if fresh[-1]:
            rows[hash] = _row(new, hash, content, gathering, now)
    if rows:
        columns = {name: [row[name] for row in rows.values()] for name in next(iter(rows.values()))}
        insert_columns(connection, triggers, columns, ignore_conflicts=True)
        mine = {
            hash: number for hash, number, code in _numbers(connection, rows) if code == rows[hash]["code"]
        }
        for hash, number in mine.items():
            known[hash] = trigger_of({**rows[hash], "number": number})
        # Another process may have stored one meanwhile.
        known |= _by_keys(connection, [hash for hash in rows if hash not in mine])
        fresh = [is_first and hash in mine for is_first, hash in zip(fresh, hashes, strict=True)]
    added = [
        Added(known[hash], is_new, known[hash].content not in (None, content))
        for hash, content, is_new in zip(hashes, contents, fresh, strict=True)
    ]
    return added, [row for hash, row in rows.items() if hash in mine] if rows else []


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of these texts: keys may hold anything, and nothing of a person has to stay."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content_of(new: NewTrigger) -> str:
    return digest_of("content", new.key, json.dumps(dict(new.data), sort_keys=True))


def _digest_of(new: NewTrigger) -> str | None:
    # People whose address cannot be read are not one person.
    if new.digest is None or new.address is None:
        return None
    return digest_of("digest", new.name, new.address, new.digest)


def _code() -> str:
    number, letters = secrets.randbelow(len(_LETTERS) ** _LENGTH), []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "e" + "".join(letters)


def _row(new: NewTrigger, hash: str, content: str, gathering: dict[str, int], now: int) -> dict[str, Any]:
    digest = _digest_of(new)
    is_late = new.until_at <= now
    due = now
    if digest is not None and not is_late:
        due = gathering.setdefault(digest, now + new.digest_ms)
    return {
        "code": _code(),
        "name": new.name,
        "key": hash,
        "address": new.address,
        "data": None if is_late else json.dumps(dict(new.data)),  # escapes keep halves of characters apart
        "digest": digest,
        "cap": None if new.cap is None else digest_of("cap", new.name, new.cap),
        "content": content,
        "source": new.source,
        "state": EXPIRED if is_late else WAITING,
        "reason": None,
        "detail": None,
        "answer": None,
        "cost": None,
        "currency": None,
        "message": None,
        "occurred_at": new.occurred_at,
        "received_at": now,
        "due_at": None if is_late else due,
        "until_at": new.until_at,
        "settled_at": now if is_late else None,
    }


def _gathering(connection: Connection, digests: Collection[str | None], now: int) -> dict[str, int]:
    """Return when the digests that gather now end, by digest."""
    wanted = list({one for one in digests if one is not None})
    found: dict[str, int] = {}
    for first in range(0, len(wanted), MOST_VALUES):
        some = _c.digest.in_(wanted[first : first + MOST_VALUES])
        query = select(_c.digest, func.min(_c.due_at)).where(some, _c.due_at > now).group_by(_c.digest)
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found


def _numbers(connection: Connection, hashes: Iterable[str]) -> list[tuple[str, int, str]]:
    """Return key, number and code of these keys."""
    wanted, found = list(hashes), []
    for first in range(0, len(wanted), MOST_VALUES):
        query = select(_c.key, _c.number, _c.code).where(_c.key.in_(wanted[first : first + MOST_VALUES]))
        found += [(row[0], row[1], row[2]) for row in connection.execute(query)]
    return found


def _by_keys(connection: Connection, hashes: Sequence[str]) -> dict[str, Trigger]:
    found: dict[str, Trigger] = {}
    wanted = list(dict.fromkeys(hashes))
    for first in range(0, len(wanted), MOST_VALUES):
        query = select(triggers).where(_c.key.in_(wanted[first : first + MOST_VALUES]))
        found |= {row["key"]: trigger_of(row) for row in connection.execute(query).mappings()}
    return found
