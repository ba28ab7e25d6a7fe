"""What a quota is to the processes that share it, how much of it is used, and until when it is used up.

Pure: how the amounts are counted and stored is the matter of ``quotas``. Times are UTC milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from a2pcli.config.quotas import Quota
from a2pcli.dataclass import dataclass
from a2pcli.ledger.limits import Limit
from a2pcli.ledger.records import FAR

USED_UP = -1
"""The room of a gateway whose quota is used up."""

IN_FLIGHT = 15 * 60_000
"""Milliseconds after its claim during which a message may still reach the provider; after that its sender is gone."""

SKEW = 1000
"""Milliseconds by which a provider's midnight may differ from ours."""

SOON = 2 * 60_000
"""Milliseconds; a claim this recent is still held by its process, and may be settled any moment."""

LOOK_AGAIN = 60.0
"""Maximum seconds until a sender that waits for a quota asks again."""

DAY_SLOT = 15 * 60_000
"""Milliseconds; midnight in every time zone is a multiple of this."""


@dataclass(frozen=True, slots=True)
class SharedQuota(Limit):
    """A quota shared by everything with the same ``owner`` (an account, a sender); ``of`` is its name for people.

    ``sender`` limits it to what this sender sends.
    """

    owner: str
    quota: Quota
    of: str
    sender: str | None = None
    gateways: tuple[str, ...] = ()
    """Names of the gateways whose messages it counts; empty for all, subject to ``counts``."""
    counts: str | None = None
    """The sender whose messages it counts; None for all."""
    channels: frozenset[str] | None = None
    """The channels it limits; None for all of the run's."""

    via: frozenset[str] | None = None
    """The gateways of a route whose messages it limits; None if it limits all of the run's."""

    @property
    def key(self) -> str:
        """Its name in the ledger. Days of different zones, and different spans, are counted separately."""
        quota = self.quota
        return f"{self.owner} {quota.unit} {quota.seconds} s {quota.zone or 'any'}"

    @property
    def slot_size(self) -> int:
        """Length of a time slot in milliseconds."""
        return DAY_SLOT if self.quota.zone is not None else max(10, self.quota.seconds * 10)

    def slot(self, moment: int) -> int:
        """Return the time slot that contains ``moment``."""
        return moment // self.slot_size * self.slot_size

    def __str__(self) -> str:
        return f"quota of {self.quota} of {self.of}"


@dataclass(frozen=True, slots=True)
class QuotaWait:
    """Nothing may be claimed until a time (UTC ms), because this quota is used up."""

    until: int
    quota: SharedQuota

    def seconds(self, now: int) -> float:
        """Return the seconds after which to ask again; others may give back what they have in flight."""
        return min(max((self.until - now) / 1000, 0.001), LOOK_AGAIN)


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a quota: settled amounts by time slot, and amounts in flight by time slot."""

    shared: SharedQuota
    settled: tuple[tuple[int, int], ...]
    flying: tuple[tuple[int, int], ...]

    def used(self, now: int) -> int:
        """Return how much counts at ``now``."""
        return sum(used for ends, used in self.ends(now) if ends > now)

    def left(self, now: int) -> int:
        """Return how much may still be claimed at ``now``."""
        return max(0, self.shared.quota.limit - self.used(now))

    def free_at(self, now: int, weight: int = 1, more: int = 0) -> int:
        """Return when something of this weight fits (UTC ms) besides what is used and ``more``, if nothing else is
        claimed; ``FAR`` if never."""
        limit = self.shared.quota.limit
        if weight > limit:
            return FAR
        used, free = self.used(now) + more, now
        for ends, freed in sorted(self.ends(now)):
            if used + weight <= limit:
                return free
            if ends > now:
                used, free = used - freed, ends
        return free if used + weight <= limit else self.reset(now)

    def reset(self, now: int) -> int:
        """Return when something claimed at ``now`` would no longer count (UTC ms)."""
        return self.shared.quota.resets(now - SKEW) + SKEW

    def ends(self, now: int) -> Iterable[tuple[int, int]]:
        """Yield each amount with the time until which it counts."""
        shared, quota = self.shared, self.shared.quota
        if quota.zone is not None:
            begins, ends = quota.begins(now - SKEW), quota.resets(now - SKEW) + SKEW
            for slot, used in self.settled:
                yield (ends if slot >= begins else 0), used
            for slot, used in self.flying:
                yield (ends if slot >= begins - IN_FLIGHT else 0), used
            return
        span = quota.seconds * 1000
        for slot, used in self.settled:
            yield slot + shared.slot_size + span, used
        for slot, used in self.flying:
            # A recent claim may reach the provider any time; an old one will not reach it any more.
            yield (now + span if slot > now - SOON else slot + IN_FLIGHT + span), used
