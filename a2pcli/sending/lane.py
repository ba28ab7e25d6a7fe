"""One gateway of a run that is being sent, with its own pace, breaker and room."""

from __future__ import annotations

from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.gateways.base import Gateway
from a2pcli.gateways.by_channel import parts_of
from a2pcli.messages import Outcome
from a2pcli.sending.breaker import Breaker
from a2pcli.sending.options import SendOptions
from a2pcli.sending.pace import Pace
from a2pcli.sending.timing import HORIZON


@dataclass(slots=True)
class Lane:
    """One gateway of a run. ``submits`` is the number of calls it may be in at once."""

    gateway: Gateway
    name: str
    pace: Pace
    breaker: Breaker
    submits: int
    only_rate_since: float | None = None
    """Since when (loop time) it has answered nothing but rate limits; None if it has not."""
    last_failure: Outcome | None = None
    stopped: Problem | None = None
    """Why it is given nothing more in this session, if the run has other gateways."""
    stopped_at: float = 0.0
    """When it was stopped (loop time)."""
    answered_at: float = float("-inf")
    """When it took a message last (loop time)."""

    @property
    def at_once(self) -> int:
        """How many messages it may have at once."""
        return self.submits * max(1, self.gateway.capabilities.batch)

    def keeps_back(self, now: float) -> bool:
        """Whether its messages are to be given back because it takes none for a while."""
        return self.stopped is not None or self.breaker.open or self.pace.held(now) > HORIZON

    def start_again(self) -> None:
        """Give it a message again, to see if it is back."""
        self.stopped = self.only_rate_since = None
        self.breaker.start_again()


def lanes_of(gateway: Gateway, options: SendOptions) -> list[Lane]:
    """Return a lane for each gateway that messages go to."""
    parts = parts_of(gateway)
    return [_lane(one, options) for one in (parts if len(parts) > 1 else (gateway,))]


def _lane(gateway: Gateway, options: SendOptions) -> Lane:
    most = options.own_concurrency.get(gateway.name, options.concurrency)
    submits = max(1, min(most, gateway.capabilities.concurrency))
    breaker = Breaker(options.breaker, submits * max(1, gateway.capabilities.batch))
    return Lane(gateway, gateway.name, Pace(options.rate), breaker, submits)
