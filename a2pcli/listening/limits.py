"""How often each token and each network address may call."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 50_000
"""Keys that are remembered; those that did not call for longest are forgotten first."""


class Limits:
    """Lets each key through as often as its rate allows, with a burst of ``burst`` seconds' worth (at least 1)."""

    def __init__(self, burst: float = 2.0, now: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._now = burst, now
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, per_second: float, *, count: bool = True) -> int:
        """Return 0 if the key may call now, otherwise the seconds after which it may. ``count`` it as a call."""
        now, step = self._now(), 1 / per_second
        free_at = max(self._free_at.get(key, now), now)
        ahead = max(self._burst, step)
        if free_at + step - now > ahead + 1e-9:
            return max(1, math.ceil(free_at + step - now - ahead))
        if count:
            self._free_at[key] = free_at + step
            self._free_at.move_to_end(key)
            while len(self._free_at) > MOST_KEYS:
                self._free_at.popitem(last=False)
        return 0
