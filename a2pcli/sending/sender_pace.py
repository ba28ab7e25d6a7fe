"""The paces of single senders: a number of a pool leaves no faster than its network lets it.

Beside the run's own pace, which still holds for all of them together. A message whose sender must wait does not
keep the others from leaving. Pure: every method is told what time it is, in seconds of any steady clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from a2pcli.config.accounts import AccountPace
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.sender_names import sender_key
from a2pcli.sending.options import Rate
from a2pcli.sending.pace import Pace

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
