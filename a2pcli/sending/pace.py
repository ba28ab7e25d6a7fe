"""The pace of a run: a grid of slots, one for each message or part, that nothing runs ahead of.

No burst is saved up and none is given at the start: the first second sends no more than the rate. A message of
three parts takes three slots and leaves at the last of them. Rate answers of the gateway lower the pace, by how
many they are, and it creeps back; ``Retry-After`` stops everybody until its moment.

Pure: every method is told what time it is, in seconds of any steady clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from a2pcli.config.accounts import AccountPace
from a2pcli.config.quotas import quota_of
from a2pcli.ledger.alternatives import names_by_channel
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.sender_names import sender_key
from a2pcli.sending.options import Rate

CATCH_UP = 0.02
"""Seconds of slots that may be made up for when the event loop wakes late; more would be a burst."""

SLOWEST = 0.05
"""Rate-limit answers do not lower the pace below this many units per second: one message in twenty seconds."""

CALM = 1.0
"""Seconds without a rate-limit answer after which the pace rises; answers within them count as one."""

CREEP = 1.05
"""Factor by which each calm second raises a lowered pace: from half to full in a quarter of a minute."""

RISE = 2.0
"""The faster factor once the gateway accepts messages again, up to half the pace at which it began to refuse them. An
outage that refuses everything pushes the pace far below what the gateway takes afterwards."""

LEAST_CUT, MOST_CUT = 0.1, 0.5
"""Bounds of the share by which one second's rate-limit answers lower the pace."""


class Pace:
    """Decides when the next message may be sent. A run has one, shared by all its submits."""

    def __init__(self, rate: Rate | None) -> None:
        self._limit = rate.per_second if rate else None
        self._unit: Literal["messages", "parts"] = rate.unit if rate else "messages"
        self._current = self._limit
        self._next: float | None = None  # time of the next free slot
        self._held_until = 0.0
        self._changed = 0.0
        self._deaf_until = float("-inf")
        self._refusals = 0
        self._floor = 0.0
        self._taken_before = 0.0  # half the pace at which the refusals began
        self._recent: deque[list[float]] = deque()  # since when, and how many units
        self._recent_units = 0

    @property
    def limited(self) -> bool:
        """Whether slots are counted now; without a configured rate, only after a rate-limit answer."""
        return self._current is not None

    @property
    def per_second(self) -> float | None:
        """Units per second now; None for no limit."""
        return self._current

    def weight(self, parts: int) -> int:
        """Return the slots that a message of ``parts`` parts takes."""
        return max(parts, 1) if self._unit == "parts" else 1

    def delay(self, weight: int, now: float) -> float:
        """Return the seconds until something of this weight may be sent; 0 for now."""
        held = self.held(now)
        speed = self._creep(now)
        if speed is None:
            return held
        if self._next is None:
            self._next = now
        return max(held, self._next + (weight - 1) / speed - now)

    def take(self, weight: int, now: float) -> None:
        """Record that something of this weight is sent now."""
        self._note(weight, now)
        if self._current is None:
            return
        step = 1 / self._current
        first = now if self._next is None else self._next
        last = first + (weight - 1) * step
        self._next = max(last, now - CATCH_UP) + step

    def within(self, horizon: float, now: float) -> float:
        """Return the number of slots in the next ``horizon`` seconds; infinite without a pace."""
        if self._held_until > now + horizon:
            return 0.0
        if self._current is None:
            return float("inf")
        first = now if self._next is None else max(self._next, now - CATCH_UP, self._held_until)
        return max(0.0, (now + horizon - first) * self._current + 1)

    def hold(self, until: float) -> None:
        """Send nothing before this moment (``Retry-After``)."""
        self._held_until = max(self._held_until, until)

    def held(self, now: float) -> float:
        """Return the seconds for which nothing may be sent, whatever the slots allow."""
        return max(0.0, self._held_until - now)

    def refused(self, now: float, retry_after: float | None) -> float:
        """Lower the pace after a rate-limit answer, and wait. Return the seconds that all messages wait.

        Answers within one second, or while everything waits, count as one signal: one answer among a hundred accepted
        lowers the pace by a tenth, a hundred answers to a hundred messages by half. Without ``Retry-After`` the wait
        doubles with each signal, up to a minute, until something is accepted.
        """
        if retry_after is not None:
            self.hold(now + retry_after)
        seen = self._seen(now)
        if self._current is None:
            self._current = seen
        cut = 1 / seen
        if now >= self._deaf_until:
            if retry_after is None:
                self.hold(now + min(0.5 * 2.0 ** min(self._refusals, 8), 60.0))
            self._floor = max(self._current * (1 - MOST_CUT), min(SLOWEST, self._current))
            if not self._refusals:
                self._taken_before = self._floor
            self._refusals += 1
            cut = max(cut, LEAST_CUT)
            self._deaf_until = max(now + CALM, self._held_until)
        self._current = max(self._current * (1 - min(cut, MOST_CUT)), self._floor)
        self._changed = max(now, self._held_until)
        # Never earlier than before: otherwise each answer would reopen the slot its message had just taken.
        self._next = max(self._changed, self._next or 0.0)
        return self.held(now)

    def answered(self) -> None:
        """The gateway accepted something, so the next rate-limit answer starts with a short wait again."""
        self._refusals = 0

    def _creep(self, now: float) -> float | None:
        """Raise the pace after calm seconds, up to the limit if there is one; return the pace now."""
        calm = int(now - self._changed)
        if self._current is not None and self._current != self._limit and calm >= CALM:
            self._changed += calm
            faster = self._faster(self._current, min(calm, 100))
            if self._limit is not None:
                self._current = min(faster, self._limit)
            else:
                self._current = faster if faster < 4 * self._seen(now) else None
        return self._current

    def _faster(self, speed: float, seconds: int) -> float:
        """Return the pace after this many calm seconds."""
        for _ in range(seconds):
            rises = not self._refusals and speed < self._taken_before
            speed = max(speed * CREEP, min(speed * RISE, self._taken_before) if rises else 0.0)
        return speed

    def _note(self, weight: int, now: float) -> None:
        """Record what was sent in the last second, in steps of a tenth to keep the record small."""
        recent = self._recent
        self._recent_units += weight
        if recent and now - recent[-1][0] < 0.1:
            recent[-1][1] += weight
            return
        recent.append([now, weight])
        while now - recent[0][0] > CALM:
            self._recent_units -= int(recent.popleft()[1])

    def _seen(self, now: float) -> float:
        """Return the units sent in the last second, at least 1."""
        while self._recent and now - self._recent[0][0] > CALM:
            self._recent_units -= int(self._recent.popleft()[1])
        return float(max(self._recent_units, 1))


CLAIMED_AHEAD = 20
"""At most this many messages are claimed ahead if senders have paces, because waiting claims are unknown after a
crash."""


class SenderPaces:
    """The pace of each sender that has one. False if none has."""

    def __init__(self, rates: Mapping[str, Mapping[str, Any]]) -> None:
        self._paces = {
            sender: Pace(Rate(float(rate["per_second"]), rate["unit"])) for sender, rate in rates.items()
        }

    @classmethod
    def of(cls, run: Run) -> SenderPaces:
        """Return the paces that the run was planned with."""
        return cls(run.sending.get("sender_rates") or {})

    def __bool__(self) -> bool:
        return bool(self._paces)

    def free(
        self, ready: Iterable[Claimed], now: float, slots: Mapping[int, float]
    ) -> tuple[list[Claimed], float]:
        """Return the messages that may be sent now, at most one of each paced sender, and the seconds until another
        may.

        Infinity if no sender has to wait. ``slots`` gives, by message id, the time before which it must not be sent.
        """
        free: list[Claimed] = []
        soonest = float("inf")
        taken: set[str] = set()
        for one in ready:
            sender = one.message.sender or ""
            pace = self._paces.get(sender)
            if pace is not None:
                if sender in taken:
                    continue
                delay = pace.delay(pace.weight(one.message.parts), now)
                delay = max(delay, slots.get(one.message.id, now) - now)
                if delay > 0:
                    soonest = min(soonest, delay)
                    continue
                taken.add(sender)
            free.append(one)
        return free, soonest

    def left(self, batch: Sequence[Claimed], now: float) -> None:
        """Record that these messages are sent now."""
        for one in batch:
            pace = self._paces.get(one.message.sender or "")
            if pace is not None:
                pace.take(pace.weight(one.message.parts), now)


NamesByChannel: TypeAlias = Mapping[str, Sequence[str]]
"""The gateways that messages of each of a run's channels may go by."""


def bound_by_account(
    account: AccountPace, gateways: NamesByChannel
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Return what an account binds of a run: the channels that it may send, and the gateways of routes that are of this
    account. None for all of them."""
    blocks = set(account.blocks)
    mine = frozenset(channel for channel, names in gateways.items() if blocks.intersection(names))
    names = {name for channel in mine for name in gateways[channel]}
    via = None if names <= blocks else frozenset(names & blocks)
    return None if len(mine) == len(gateways) else mine, via


def account_quotas(accounts: Mapping[str, AccountPace], gateways: NamesByChannel) -> list[SharedQuota]:
    """Return the quotas of gateway accounts, each counting what all gateways of the account send. A quota binds only
    the channels, and the gateways of a route, that its account sends."""
    found: dict[str, SharedQuota] = {}
    for gateway, account in accounts.items():
        channels, via = bound_by_account(account, gateways)
        for quota in account.quotas:
            of = f"gateway {gateway}"
            one = SharedQuota(account.key, quota, of, gateways=account.blocks, channels=channels, via=via)
            found.setdefault(one.key, one)
    return list(found.values())


def shared_quotas(run: Run, accounts: Mapping[str, AccountPace]) -> list[SharedQuota]:
    """Return the quotas of the accounts of the run's gateways (by gateway name) and of its senders."""
    return [
        *account_quotas(accounts, names_by_channel(run)),
        *sender_quotas(run.sending.get("sender_quotas") or {}),
    ]


def sender_quotas(quotas: Mapping[str, Mapping[str, Any]]) -> list[SharedQuota]:
    """Return the quotas of senders, from the form that ``sender_setup.quotas_of`` returns."""
    found = []
    for sender, own in quotas.items():
        # If all messages use this sender, no other message could be claimed while it waits.
        named = None if own.get("all") else sender
        counts = None if own.get("account") else sender
        found += [
            SharedQuota(
                f"sender {sender_key(sender)}", quota_of(one), f"sender {sender}", named, counts=counts
            )
            for one in own["quotas"]
        ]
    return found


def shared_paces(run: Run, account: AccountPace) -> list[SharedPace]:
    """Return the paces that the run shares with every other process of its ledger.

    ``account`` is the account of one of its gateways. The campaign's pace binds all its runs; a sender's pace is set by
    its network.
    """
    channels, via = bound_by_account(account, names_by_channel(run))
    found = [
        SharedPace(f"{account.key} {rate.unit}", rate.per_second, rate.unit, channels=channels, via=via)
        for rate in account.rates
    ]
    rate = run.sending.get("rate")
    if rate:
        found.append(SharedPace(f"campaign {run.campaign}", float(rate["per_second"]), rate["unit"]))
    for sender, own in (run.sending.get("sender_rates") or {}).items():
        # The gateway's default sender, which messages do not name, applies to all of them.
        named = None if own.get("account") else sender
        found.append(SharedPace(f"sender {sender_key(sender)}", float(own["per_second"]), own["unit"], named))
    return found
