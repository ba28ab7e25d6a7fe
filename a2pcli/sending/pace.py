"""The pace of a run: a grid of slots, one for each message or part, that nothing runs ahead of.

No burst is saved up and none is given at the start: the first second sends no more than the rate. A message of
three parts takes three slots and leaves at the last of them. Rate answers of the gateway lower the pace, by how
many they are, and it creeps back; ``Retry-After`` stops everybody until its moment.

Pure: every method is told what time it is, in seconds of any steady clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from a2pcli.config.accounts import AccountPace
from a2pcli.config.quotas import quota_of
from a2pcli.ledger.alternatives import gateways_of
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.quotas import SharedQuota
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.sender_names import sender_key
from a2pcli.sending.options import Rate

CATCH_UP = 0.02
"""Seconds of slots that may be made up for when the event loop wakes late; more would be a burst."""

SLOWEST = 0.05
"""Units a second below which rate answers do not push the pace: one message in twenty seconds."""

CALM = 1.0
"""Seconds without a rate answer after which the pace creeps up, and within which they count as one."""

CREEP = 1.05
"""How much faster each calm second makes a lowered pace: back from a half in a quarter of a minute."""

RISE = 2.0
"""The same, once the gateway takes messages again, up to half the pace at which it began to refuse them. An outage
that refuses everything pushes the pace far below what the gateway takes afterwards."""

LEAST_CUT, MOST_CUT = 0.1, 0.5
"""How much of the pace the rate answers of one second take away: by their share of what left, within these."""


class Pace:
    """Says when the next message may leave. One for a run, shared by all that send."""

    def __init__(self, rate: Rate | None) -> None:
        self._limit = rate.per_second if rate else None
        self._unit: Literal["messages", "parts"] = rate.unit if rate else "messages"
        self._current = self._limit
        self._next: float | None = None  # the moment of the next free slot
        self._held_until = 0.0
        self._changed = 0.0
        self._deaf_until = float("-inf")
        self._refusals = 0
        self._floor = 0.0
        self._taken_before = 0.0  # half the pace at which the refusals began
        self._recent: deque[tuple[float, int]] = deque()
        self._recent_units = 0

    @property
    def limited(self) -> bool:
        """Whether slots are counted at all now; without a rate they are only after a rate answer."""
        return self._current is not None

    @property
    def per_second(self) -> float | None:
        """Units a second now; None for as fast as the gateway takes them."""
        return self._current

    def weight(self, parts: int) -> int:
        """Slots that a message of so many parts takes."""
        return max(parts, 1) if self._unit == "parts" else 1

    def delay(self, weight: int, now: float) -> float:
        """Seconds until something of this weight may leave; 0 for now."""
        held = self.held(now)
        speed = self._creep(now)
        if speed is None:
            return held
        if self._next is None:
            self._next = now
        return max(held, self._next + (weight - 1) / speed - now)

    def take(self, weight: int, now: float) -> None:
        """Note that something of this weight leaves now."""
        self._note(weight, now)
        if self._current is None:
            return
        step = 1 / self._current
        first = now if self._next is None else self._next
        last = first + (weight - 1) * step
        self._next = max(last, now - CATCH_UP) + step

    def within(self, horizon: float, now: float) -> float:
        """How many slots come up in the next ``horizon`` seconds; infinite without a pace."""
        if self._held_until > now + horizon:
            return 0.0
        if self._current is None:
            return float("inf")
        first = now if self._next is None else max(self._next, now - CATCH_UP, self._held_until)
        return max(0.0, (now + horizon - first) * self._current + 1)

    def hold(self, until: float) -> None:
        """Nothing leaves before this moment (``Retry-After``)."""
        self._held_until = max(self._held_until, until)

    def held(self, now: float) -> float:
        """Seconds for which nothing may leave, whatever the slots say."""
        return max(0.0, self._held_until - now)

    def refused(self, now: float, retry_after: float | None) -> float:
        """A rate answer came: lower the pace, and wait. Gives the seconds that everybody waits.

        What comes within a second, or while everybody waits, is one signal: one answer among a hundred taken
        lowers the pace by a tenth, a hundred answers to a hundred messages by half. Without ``Retry-After``
        the wait doubles with each signal, up to a minute, until something is taken.
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
        # Never earlier than it was: else each answer would open the slot that its message had just taken.
        self._next = max(self._changed, self._next or 0.0)
        return self.held(now)

    def answered(self) -> None:
        """The gateway took something: the next rate answer starts from a short wait again."""
        self._refusals = 0

    def _creep(self, now: float) -> float | None:
        """After calm seconds go a little faster, until the limit, or none where none was set; the speed now."""
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
        """The speed after calm seconds."""
        for _ in range(seconds):
            rises = not self._refusals and speed < self._taken_before
            speed = max(speed * CREEP, min(speed * RISE, self._taken_before) if rises else 0.0)
        return speed

    def _note(self, weight: int, now: float) -> None:
        """Keep what left in the last second, in steps of a tenth so that it stays small."""
        recent = self._recent
        if recent and now - recent[-1][0] < 0.1:
            recent[-1] = (recent[-1][0], recent[-1][1] + weight)
        else:
            recent.append((now, weight))
        self._recent_units += weight
        while len(recent) > 1 and now - recent[0][0] > CALM:
            self._recent_units -= recent.popleft()[1]

    def _seen(self, now: float) -> float:
        """Units that left in the last second, at least one."""
        while self._recent and now - self._recent[0][0] > CALM:
            self._recent_units -= self._recent.popleft()[1]
        return float(max(self._recent_units, 1))


CLAIMED_AHEAD = 20
"""Messages claimed ahead at most where senders have paces: what waits here would be unknown after a crash."""


class SenderPaces:
    """A pace for each sender that has one. It is false where none has."""

    def __init__(self, rates: Mapping[str, Mapping[str, Any]]) -> None:
        self._paces = {
            sender: Pace(Rate(float(rate["per_second"]), rate["unit"])) for sender, rate in rates.items()
        }

    @classmethod
    def of(cls, run: Run) -> SenderPaces:
        """Those that the run was planned with."""
        return cls(run.sending.get("sender_rates") or {})

    def __bool__(self) -> bool:
        return bool(self._paces)

    def free(
        self, ready: Iterable[Claimed], now: float, slots: Mapping[int, float]
    ) -> tuple[list[Claimed], float]:
        """Those that may leave now, at most one of each paced sender, and the seconds until another may.

        Infinity where no sender has to wait. ``slots`` are moments before which a message may not leave, by its id.
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


def account_quotas(accounts: Mapping[str, AccountPace], gateways: Mapping[str, str]) -> list[SharedQuota]:
    """The quotas of gateways' accounts, which count what all of their gateways send. ``gateways`` are those of a run,
    by channel: a quota binds the channels that its account sends."""
    found: dict[str, SharedQuota] = {}
    for gateway, account in accounts.items():
        mine = frozenset(channel for channel, name in gateways.items() if name in account.blocks)
        channels = None if len(mine) == len(gateways) else mine
        for quota in account.quotas:
            of = f"gateway {gateway}"
            one = SharedQuota(account.key, quota, of, gateways=account.blocks, channels=channels)
            found.setdefault(one.key, one)
    return list(found.values())


def shared_quotas(run: Run, accounts: Mapping[str, AccountPace]) -> list[SharedQuota]:
    """The quotas of the accounts of the run's gateways (by the gateway's name), and of its senders."""
    return [
        *account_quotas(accounts, gateways_of(run)),
        *sender_quotas(run.sending.get("sender_quotas") or {}),
    ]


def sender_quotas(quotas: Mapping[str, Mapping[str, Any]]) -> list[SharedQuota]:
    """The quotas of senders, as ``sender_setup.quotas_of`` gives them."""
    found = []
    for sender, own in quotas.items():
        # Where all messages come from it, there is nobody else to claim while it waits.
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
    """The paces that the run keeps together with every other process of its ledger.

    ``account`` is that of the gateway's. The campaign's pace binds all its runs; a sender's is its network's.
    """
    found = [SharedPace(f"{account.key} {rate.unit}", rate.per_second, rate.unit) for rate in account.rates]
    rate = run.sending.get("rate")
    if rate:
        found.append(SharedPace(f"campaign {run.campaign}", float(rate["per_second"]), rate["unit"]))
    for sender, own in (run.sending.get("sender_rates") or {}).items():
        # The gateway's own sender, which no message names, is that of all of them.
        named = None if own.get("account") else sender
        found.append(SharedPace(f"sender {sender_key(sender)}", float(own["per_second"]), own["unit"], named))
    return found
