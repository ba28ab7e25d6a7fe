"""Quotas that belong to an account or a sender, over all processes and runs of a ledger: what is used, what is left.

A provider counts a message when it comes in: somewhere between its claim and its answer. So a claimed message counts
from its claim until it is settled, and from then for as long as the quota's span is; it counts in a new day of the
calendar if it was in flight at midnight. Claims of all processes count under one lock for each quota, in the
transaction that claims, so two of them never claim what only one may send. Counts are kept for pieces of time (a
hundredth of the span), so a claim reads some hundred rows at most. A sender that begins compares them with the
attempts in the ledger, which include messages sent before the quota was counted, and the outcomes of a killed
process's messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

from sqlalchemy import and_, bindparam, delete, func, literal_column, or_, select, text, update
from sqlalchemy.engine import Connection

from a2pcli.ledger.attempt_senders import attempt_sender
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.faults import translates_errors
from a2pcli.ledger.outcomes import IS_PLANNED
from a2pcli.ledger.quota_values import (
    IN_FLIGHT,
    SKEW,
    USED_UP,
    QuotaWait,
    SharedQuota,
    Usage,
)
from a2pcli.ledger.records import FAR, Claimed, Run, Settled
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, paces, quota_usage, runs, senders
from a2pcli.messages import State, Verdict
from a2pcli.reasons import Reason

_SENT = tuple(str(state) for state in (State.ACCEPTED, State.REJECTED, State.UNKNOWN))
_u, _a = quota_usage.c, attempts.c
_used = (
    select(_u.slot, _u.sender, _u.used)
    .where(_u.key == bindparam("key"), _u.slot >= bindparam("since"))
    .order_by(_u.slot)
)
_add = text(
    "INSERT INTO quota_usage (key, slot, sender, used) VALUES (:key, :slot, :sender, :used)"
    " ON CONFLICT (key, slot, sender) DO UPDATE SET used = quota_usage.used + excluded.used"
)
_drop_empty = text(
    "DELETE FROM quota_usage WHERE key = :key AND slot = :slot AND sender = :sender AND used <= 0"
)
_lock = (
    select(paces.c.key)
    .where(paces.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(paces.c.key)
    .with_for_update()
)

Use = tuple[str, int, int]
"""One message's use of one quota: key, time slot of the claim, amount."""


def usage_of(connection: Connection, shared: SharedQuota, now: int) -> Usage:
    """Return the usage of a quota at ``now``."""
    since = shared.quota.begins(now - SKEW) - IN_FLIGHT - 2 * shared.slot_size
    rows = connection.execute(_used, {"key": shared.key, "since": since}).all()
    settled = tuple((int(slot), int(used)) for slot, sender, used in rows if not sender)
    flying = tuple((int(slot), int(used)) for slot, sender, used in rows if sender)
    return Usage(shared, settled, flying)


def begin(connection: Connection, shared: Sequence[SharedQuota], now: int) -> None:
    """Prepare the quotas for a new sender: create missing lock rows and correct the counts."""
    insert = text("INSERT INTO paces (key, next_at) VALUES (:key, 0) ON CONFLICT DO NOTHING")
    keys = sorted({one.key for one in shared})
    for key in keys:
        connection.execute(insert, {"key": key})
    connection.execute(_lock, {"keys": keys})
    gone = _u.sender.not_in(select(senders.c.token)) & (_u.sender != 0)
    connection.execute(delete(quota_usage).where(_u.key.in_(keys), gone))
    for one in {one.key: one for one in shared}.values():
        old = one.quota.begins(now - SKEW) - 2 * IN_FLIGHT - 2 * one.slot_size
        connection.execute(delete(quota_usage).where(_u.key == one.key, _u.slot < old))
        known = dict(usage_of(connection, one, now).settled)
        for slot, used in _sent(connection, one, now).items():
            if used > known.get(slot, 0):
                more = used - known.get(slot, 0)
                connection.execute(_add, {"key": one.key, "slot": slot, "sender": 0, "used": more})


def count_test(connection: Connection, shared: Sequence[SharedQuota], parts: int, now: int) -> None:
    """Count a message that is of no run: a test. ``begin`` only ever raises counts, so it stays counted."""
    for one in {one.key: one for one in shared}.values():
        used = parts if one.quota.unit == "parts" else 1
        connection.execute(_add, {"key": one.key, "slot": one.slot(now), "sender": 0, "used": used})


def wake(connection: Connection, run: Run, shared: Sequence[SharedQuota], now: int) -> None:
    """Make messages that wait for a quota due again, if they may go now: the quota may have been changed since, or
    another gateway of the route may take them."""
    held = and_(_a.run == run.number, _a.due_at > now, _a.reason == str(Reason.QUOTA), IS_PLANNED)
    if not (run.sending.get("routes") or any(usage_of(connection, one, now).left(now) for one in shared)):
        held = and_(held, _a.due_at == FAR)  # it had too many parts for any time
    connection.execute(update(attempts).where(held).values(due_at=now))


def seen(connection: Connection, shared: SharedQuota, now: int) -> Usage:
    """Return the usage of a quota as ``begin`` would count it; writes nothing."""
    usage = usage_of(connection, shared, now)
    settled = dict(usage.settled)
    for slot, used in _sent(connection, shared, now).items():
        settled[slot] = max(used, settled.get(slot, 0))
    return Usage(shared, tuple(sorted(settled.items())), usage.flying)


def _sent(connection: Connection, shared: SharedQuota, now: int) -> dict[int, int]:
    """Return how much the ledger's attempts have used, by time slot; reads only runs active in the quota's span."""
    since = shared.quota.begins(now - SKEW) - SKEW
    _r, size = runs.c, shared.slot_size
    recent = _r.started_at.is_not(None) & or_(_r.finished_at.is_(None), _r.finished_at >= since)
    slot = ((_a.settled_at + SKEW) // literal_column(str(size))).label("slot")
    found: Counter[int] = Counter()
    used = func.sum(func.coalesce(_a.parts, 1)) if shared.quota.unit == "parts" else func.count()
    for number, gateway, sender in connection.execute(select(_r.number, _r.gateway, _r.sender).where(recent)):
        mine = and_(
            _a.id.between(number * ROWS_PER_RUN, (number + 1) * ROWS_PER_RUN - 1),
            _a.settled_at >= since,
            _a.state.in_(_SENT),
            _a.tries > 0,  # else it was rejected without being handed over
        )
        if shared.gateways:
            mine = and_(mine, func.coalesce(_a.gateway, gateway).in_(shared.gateways))
        if shared.counts is not None:
            mine = and_(mine, attempt_sender(sender or "") == shared.counts)
        for at, count in connection.execute(select(slot, used).where(mine).group_by(slot)):
            found[int(at) * size] += int(count)
    return dict(found)


class Quotas(SubStore):
    """The quotas of accounts and senders in an open ledger."""

    @translates_errors
    def usage(self, shared: SharedQuota, now: int) -> Usage:
        """Return the usage of a quota over all runs; writes nothing."""
        with self._ledger.reading() as connection:
            return seen(connection, shared, now)

    @translates_errors
    def count_test(self, shared: Sequence[SharedQuota], parts: int, now: int) -> None:
        """Count a test message in these quotas."""
        with self._ledger.writing() as connection:
            count_test(connection, shared, parts, now)


class Book:
    """The quotas of one sender of a run, and which of its messages count as in flight."""

    def __init__(self, shared: Sequence[SharedQuota], token: int) -> None:
        self.shared = shared
        self.token = token
        self._open: dict[int, tuple[Use, ...]] = {}
        self._back: list[int] = []
        self.shut: dict[str, int] = {}
        """By key: until when a quota is closed because the next message did not fit, although a smaller one might."""

    def came_back(self, ids: Iterable[int]) -> None:
        """Stop counting these messages from the next transaction on, because they were never submitted."""
        self._back += [id for id in ids if id in self._open]

    def begin(self, connection: Connection, settled: Sequence[Settled], now: int) -> Entry:
        """Start a transaction with these quotas, locked until its end, and count what is settled."""
        return Entry(connection, self, settled, now)

    def committed(self, entry: Entry) -> None:
        """Apply a committed transaction."""
        for id in entry.closed:
            self._open.pop(id, None)
        closed = set(entry.closed)
        self._back = [id for id in self._back if id not in closed]
        self._open.update(entry.opened)
        self.shut.update(entry.shut)

    def uses_of(self, id: int) -> tuple[Use, ...]:
        """Return what a message in flight uses."""
        return self._open.get(id, ())

    @property
    def returned(self) -> Sequence[int]:
        """Messages that were given back and still count."""
        return tuple(self._back)


class Entry:
    """The quotas of a run in one transaction. ``now`` is UTC milliseconds."""

    def __init__(self, connection: Connection, book: Book, settled: Sequence[Settled], now: int) -> None:
        self._connection, self._book, self._now = connection, book, now
        self.opened: dict[int, tuple[Use, ...]] = {}
        self.closed: list[int] = []
        self.shut: dict[str, int] = {}
        keys = sorted({one.key for one in book.shared})
        connection.execute(_lock, {"keys": keys})
        self._changes: Counter[tuple[str, int, int]] = Counter()
        self._settle(settled)
        self._usage = {one.key: usage_of(connection, one, now) for one in book.shared}
        self._claimed: Counter[str] = Counter()
        self._left = {key: usage.left(now) for key, usage in self._usage.items()}
        self._left |= {key: 0 for key, until in book.shut.items() if until > now}

    def _settle(self, settled: Sequence[Settled]) -> None:
        slots = {one.key: one.slot(self._now + SKEW) for one in self._book.shared}
        came_in = {one.message_id for one in settled if is_counted(one)}
        for id in (*(one.message_id for one in settled), *self._book.returned):
            uses = self._book.uses_of(id)
            for key, slot, used in uses:
                self._changes[key, slot, self._book.token] -= used
                if id in came_in:
                    self._changes[key, slots[key], 0] += used
            if uses:
                self.closed.append(id)
        self.write()

    def write(self) -> None:
        """Write what was counted since the last call. Call it before the commit."""
        changes, self._changes = self._changes, Counter()
        for (key, slot, sender), used in sorted(changes.items()):
            row = {"key": key, "slot": slot, "sender": sender, "used": used}
            if used:
                self._connection.execute(_add, row)
            if used < 0:
                self._connection.execute(_drop_empty, row)

    @property
    def room(self) -> int:
        """Maximum number of messages that may be claimed now, by the quotas that apply to all of them."""
        return min((self._left[one.key] for one in self._book.shared if one.is_everybodys), default=2**31)

    def divide(self, rooms: dict[str, int], channels: Mapping[str, Set[str]]) -> dict[str, int]:
        """Lower the rooms of a route's gateways to what their quotas have left; what several share is divided among
        them. ``channels`` are those that each sends. A gateway whose quota is used up gets ``USED_UP``; those are
        returned, each with the time at which it has room again (UTC ms)."""
        until: dict[str, int] = {}
        for one in self._book.shared:
            mine = [name for name in rooms if one.binds_all(name, channels[name])]
            if one.is_everybodys or not mine:
                continue
            if not self._left[one.key]:
                free = max(self._usage[one.key].free_at(self._now), self._book.shut.get(one.key, 0))
                until |= {name: max(free, until.get(name, 0)) for name in mine}
                rooms |= dict.fromkeys(mine, USED_UP)
                continue
            wanted = {name: rooms[name] for name in mine if rooms[name] > 0}
            rooms |= divided(self._left[one.key], wanted)
        return until

    @property
    def wait(self) -> QuotaWait | None:
        """The quota that prevents all claims, and until when; None if something may be claimed."""
        full = [one for one in self._book.shared if one.is_everybodys and not self._left[one.key]]
        shut = self._book.shut
        waits = [
            QuotaWait(max(self._usage[one.key].free_at(self._now), shut.get(one.key, 0)), one) for one in full
        ]
        return max(waits, key=lambda one: one.until, default=None)

    def claim(self, claimed: Sequence[Claimed]) -> dict[int, int]:
        """Count these messages in order; return those that do not fit, by id, with the time at which they may (UTC
        ms).

        The caller gives them back in this transaction.
        """
        over: dict[int, int] = {}
        everybodys = all(one.is_everybodys for one in self._book.shared)
        slots = {one.key: one.slot(self._now) for one in self._book.shared}
        uses_by_parts: dict[int, tuple[Use, ...]] = {}
        for one in claimed:
            message = one.message
            uses = uses_by_parts.get(message.parts) if everybodys else None
            if uses is None:
                bound = (shared for shared in self._book.shared if shared.binds(message, one.gateway))
                uses = tuple((one.key, slots[one.key], one.quota.weight(message.parts)) for one in bound)
                uses_by_parts[message.parts] = uses
            if any(self._left[key] < weight for key, _, weight in uses):
                over[message.id] = self._turn_back(uses)
                continue
            for key, _, weight in uses:
                self._left[key] -= weight
                self._claimed[key] += weight
            self.opened[message.id] = uses
        for key, used in self._claimed.items():
            self._changes[key, slots[key], self._book.token] += used
        return over

    def uncount(self, ids: Iterable[int]) -> None:
        """Undo the count of messages claimed in this transaction and given back for another reason."""
        for id in ids:
            for key, slot, weight in self.opened.pop(id, ()):
                self._changes[key, slot, self._book.token] -= weight

    def _turn_back(self, uses: Sequence[Use]) -> int:
        """Return when a message with these uses may fit, if some quota has no room for it now."""
        moment = self._now + 1
        weights = {key: weight for key, _, weight in uses}
        for one in self._book.shared:
            weight = weights.get(one.key, 0)
            if self._left[one.key] >= weight:
                continue
            free = self._usage[one.key].free_at(self._now, weight, self._claimed[one.key])
            free = max(free, self._book.shut.get(one.key, 0), self._now + 1)
            moment = max(moment, free)
            # Until then no other message is claimed for which it counts.
            if (one.is_everybodys or one.via is not None) and free < FAR:
                self.shut[one.key], self._left[one.key] = free, 0
        return moment


def is_counted(settled: Settled) -> bool:
    """Whether the provider may have counted the message: all except those it certainly did not get."""
    is_back = settled.state is State.PLANNED and settled.outcome.verdict is Verdict.NOT_SENT
    return not (is_back or settled.is_never_handed_over)


def divided(total: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return how much of a total each may have, in proportion to what it wants and never more than that."""
    sum_of_all = sum(wanted.values())
    if sum_of_all <= total:
        return dict(wanted)
    found = {name: many * total // sum_of_all for name, many in wanted.items()}
    rest = total - sum(found.values())  # fewer than there are names
    for name in sorted(wanted, key=lambda name: found[name] - wanted[name])[:rest]:
        found[name] += 1
    return found
