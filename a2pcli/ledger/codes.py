"""One-time passwords: who was sent one, how often, and whether it was entered. Only an HMAC of a code is stored.

Codes that follow each other before the last one has expired are one row (``sent`` counts them): a new code replaces
the one before, and wrong entries add up over all of them. Whether a code is right is decided in the transaction that
settles it, so that of any number of calls with the right code exactly one succeeds.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import and_, case, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.delivery import NEGATIVE
from a2pcli.ledger import audit
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema import code_ranges, codes, verified
from a2pcli.ledger.schema_answers import answers
from a2pcli.rules.otp_guard import (
    DAY,
    HOUR,
    LEVELS,
    YOUNG,
    Blocked,
    RangeCounts,
    blocked,
    next_resend,
    ranges_of,
)

_c, _n, _r, _v = codes.c, answers.c, code_ranges.c, verified.c

OPEN, VERIFIED, REPLACED, VOID, UNSENT = "open", "verified", "replaced", "void", "unsent"
STATES = (OPEN, VERIFIED, REPLACED, VOID, UNSENT)


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """What holds for codes: milliseconds of validity, wrong entries, seconds before the next, and codes an address."""

    valid: int
    attempts: int
    resend: int
    per_hour: int
    per_day: int
    slack: int = 1


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to send. ``digest`` is its HMAC; ``address`` as the ledger compares addresses."""

    use: str
    address: str
    country: str | None
    digest: str
    is_phone: bool = True


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that may be sent. Times are UTC milliseconds; ``next_at`` is when another may be asked for."""

    id: str
    expires_at: int
    next_at: int
    attempts_left: int


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """Why no code may be sent: ``wait`` (too soon after the last), ``attempts`` (too many wrong entries), ``per-hour``,
    ``per-day``, ``velocity`` or ``conversion`` (of the range of numbers). ``until`` is when to ask again (UTC ms), if
    that is known; ``alarm``: whether it is the first refusal of this range for an hour."""

    reason: str
    until: int | None = None
    range: str | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of an entered code: ``verified``, ``wrong``, ``expired``, ``void``, ``used`` or ``none`` (no code
    was sent)."""

    result: str
    attempts_left: int = 0

    @property
    def is_verified(self) -> bool:
        """Whether it was right, and entered for the first time."""
        return self.result == VERIFIED


class Codes(SubStore):
    """The one-time passwords in an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    def begin(self, new: NewCode, limits: CodeLimits, *, now: int | None = None) -> SentCode | RefusedCode:
        """Store a code before it is sent, unless a limit is reached. Audit: ``otp.send``."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            _lock(connection, new.address)
            last = _last(connection, new.use, new.address)
            in_a_row = last is not None and last["expires_at"] > moment and last["state"] in (OPEN, VOID)
            refused = _of_address(connection, new, last if in_a_row else None, limits, moment)
            if refused is None and new.is_phone and not _is_known(connection, new.address):
                refused = _of_ranges(connection, new, limits.slack, moment)
            if refused is not None:
                return refused
            sent = int(last["sent"]) + 1 if in_a_row and last is not None else 1
            failed = int(last["failed"]) if in_a_row and last is not None else 0
            if last is not None and last["state"] == OPEN:
                _settle(connection, last["number"], REPLACED, moment)
            row = _row(new, sent, failed, moment, moment + limits.valid)
            connection.execute(insert(codes).values(row))
            audit.record(connection, "otp.send", None, {"use": new.use}, [new.address], moment)
        self._ledger.note_entry()
        wait = next_resend(limits.resend, sent) * 1000
        return SentCode(row["id"], row["expires_at"], moment + wait, limits.attempts - failed)

    def not_sent(self, id: str, *, now: int | None = None) -> None:
        """Note that a code certainly did not leave: it counts in no limit."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            query = select(_c.number).where(_c.id == id, _c.state == OPEN)
            number = connection.execute(query).scalar()
            if number is not None:
                _settle(connection, number, UNSENT, moment)

    def enter(
        self, use: str, address: str, digest: str, limits: CodeLimits, *, now: int | None = None
    ) -> Entry:
        """Decide whether the code with this HMAC is the one that was sent. Audit: ``otp.verify``."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            _lock(connection, address)
            found = _entered(connection, use, address, digest, limits, moment)
            if found.result in (VERIFIED, "wrong", VOID):
                detail = {"use": use, "result": found.result}
                audit.record(connection, "otp.verify", None, detail, [address], moment)
        self._ledger.note_entry()
        return found

    def verified_at(self, addresses: Iterable[str] | None = None) -> dict[str, int]:
        """Return when addresses were verified (UTC ms); of all verified ones without ``addresses``."""
        query = select(_v.address, _v.verified_at)
        if addresses is not None:
            query = query.where(_v.address.in_([form for one in addresses for form in forms_of(one)]))
        with self._ledger.reading() as connection:
            return {row.address: row.verified_at for row in connection.execute(query)}

    def totals(self, since: int) -> dict[str, int]:
        """Return how many codes were made since a time (UTC ms), by state."""
        query = select(_c.state, func.count()).where(_c.created_at >= since).group_by(_c.state)
        with self._ledger.reading() as connection:
            return {state: int(many) for state, many in connection.execute(query)}


def _lock(connection: Connection, address: str) -> None:
    """Let calls for one address come one after the other; on SQLite every writer waits for the others anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"otp {address}", 0))))


def _last(connection: Connection, use: str, address: str) -> Mapping[str, Any] | None:
    """Return the newest code of an address that left or may have left."""
    query = select(codes).where(_c.address == address, _c.use == use, _c.state != UNSENT)
    row = connection.execute(query.order_by(_c.number.desc()).limit(1)).mappings().first()
    return None if row is None else dict(row)


def _of_address(
    connection: Connection, new: NewCode, before: Mapping[str, Any] | None, limits: CodeLimits, now: int
) -> RefusedCode | None:
    """Return why this address gets no code now. ``before`` is the code that has not expired."""
    if before is not None:
        if before["failed"] >= limits.attempts:
            return RefusedCode("attempts", before["expires_at"])
        next_at = before["created_at"] + next_resend(limits.resend, before["sent"]) * 1000
        if now < next_at and not _did_not_arrive(connection, before["id"]):
            return RefusedCode("wait", next_at)
    for reason, span, most in (("per-hour", HOUR, limits.per_hour), ("per-day", DAY, limits.per_day)):
        query = select(_c.created_at).where(
            _c.address == new.address, _c.created_at > now - span, _c.state != UNSENT
        )
        times = sorted(connection.execute(query).scalars())
        if len(times) >= most:
            return RefusedCode(reason, times[-most] + span)
    return None


def _did_not_arrive(connection: Connection, id: str) -> bool:
    """Whether a receipt says that the message with a code did not arrive: its person need not wait for the next."""
    query = select(_n.delivery).where(_n.key == f"otp:{id}")
    return connection.execute(query).scalar() in [str(one) for one in NEGATIVE]


def _is_known(connection: Connection, address: str) -> bool:
    return connection.execute(select(_v.address).where(_v.address == address)).first() is not None


def _of_ranges(connection: Connection, new: NewCode, slack: int, now: int) -> RefusedCode | None:
    counts = {
        name: _counts(connection, f"range{level.cut}" if level.cut else "country", name, new.address, now)
        for name, level in ranges_of(new.address, new.country)
    }
    found = blocked(new.address, new.country, counts, slack)
    return (
        None
        if found is None
        else RefusedCode(found.reason, None, found.range, _alarm(connection, found, now))
    )


def _counts(connection: Connection, column: str, name: str, address: str, now: int) -> RangeCounts:
    """Return the codes of others in a range: one person who asks again and again blocks nobody, and has own limits."""
    is_young = _c.created_at > now - YOUNG
    is_unverified = and_(_c.created_at <= now - YOUNG, _c.state != VERIFIED)
    query = select(
        func.coalesce(func.sum(case((is_young, 1), else_=0)), 0),
        func.coalesce(func.sum(case((is_unverified, 1), else_=0)), 0),
    ).where(_c[column] == name, _c.created_at > now - HOUR, _c.state != UNSENT, _c.address != address)
    young, unverified = connection.execute(query).one()
    since = (now - DAY) // HOUR
    right = select(func.coalesce(func.sum(_r.verified), 0)).where(_r.range == name, _r.hour > since)
    return RangeCounts(int(young), int(unverified), int(connection.execute(right).scalar_one()))


def _alarm(connection: Connection, found: Blocked, now: int) -> bool:
    """Return whether an alarm of this range is due: once an hour. Audit: ``otp.block``."""
    hour = now // HOUR
    connection.execute(delete(code_ranges).where(_r.hour < (now - 2 * DAY) // HOUR))
    _count_range(connection, found.range, hour, 0)
    mine = and_(_r.range == found.range, _r.hour == hour, _r.alarmed_at.is_(None))
    due = connection.execute(update(code_ranges).where(mine).values(alarmed_at=now)).rowcount == 1
    if due:
        detail = {"range": found.range, "reason": found.reason}
        audit.append(connection, "otp.block", None, detail, now)
    return due


def _count_range(connection: Connection, name: str, hour: int, many: int) -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(code_ranges).values(range=name, hour=hour, verified=many)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["range", "hour"], set_={"verified": _r.verified + many}
        )
    )


def _row(new: NewCode, sent: int, failed: int, now: int, expires_at: int) -> dict[str, Any]:
    ranges: dict[str, str | None] = {f"range{level.cut}": None for level in LEVELS if level.cut}
    if new.is_phone:
        ranges |= {f"range{level.cut}": name for name, level in ranges_of(new.address, None)}
    return {
        "id": f"c-{secrets.token_hex(12)}",
        "use": new.use,
        "address": new.address,
        "country": new.country,
        **ranges,
        "digest": new.digest,
        "failed": failed,
        "sent": sent,
        "state": OPEN,
        "created_at": now,
        "expires_at": expires_at,
    }


def _settle(connection: Connection, number: int, state: str, now: int) -> None:
    values = {"state": state, "settled_at": now, "digest": None}
    connection.execute(update(codes).where(_c.number == number, _c.state == OPEN).values(values))


def _entered(
    connection: Connection, use: str, address: str, digest: str, limits: CodeLimits, now: int
) -> Entry:
    last = _last(connection, use, address)
    if last is None:
        return Entry("none")
    if last["state"] == VERIFIED:
        return Entry("used")
    if last["state"] == VOID:
        return Entry(VOID)
    if last["expires_at"] <= now:
        return Entry("expired")
    number, failed = last["number"], int(last["failed"])
    if failed < limits.attempts and hmac.compare_digest(str(last["digest"]), digest):
        _settle(connection, number, VERIFIED, now)
        for name, _level in ranges_of(address, last["country"]) if last["range4"] else ():
            _count_range(connection, name, now // HOUR, 1)
        _note_verified(connection, address, use, now)
        return Entry(VERIFIED)
    failed += 1
    connection.execute(update(codes).where(_c.number == number).values(failed=failed))
    if failed >= limits.attempts:
        _settle(connection, number, VOID, now)
        return Entry(VOID)
    return Entry("wrong", limits.attempts - failed)


def _note_verified(connection: Connection, address: str, use: str, now: int) -> None:
    connection.execute(delete(verified).where(_v.address == address))
    connection.execute(insert(verified).values(address=address, verified_at=now, source=use))
