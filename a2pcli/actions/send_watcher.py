"""The inputs and the result of ``send``, and the interface of the watcher that shows progress and asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from a2pcli.actions.hooks import event_problem
from a2pcli.dataclass import dataclass
from a2pcli.errors import ExitStatus, Problem, Refused
from a2pcli.ledger.records import GatewayCount, Run, Totals, Waiting
from a2pcli.messages import State
from a2pcli.planning.basis import Difference
from a2pcli.reporting.nothing_left import NothingLeft
from a2pcli.reporting.values import send_command
from a2pcli.sending.options import Ended as Ended
from a2pcli.sending.options import Progress as Progress
from a2pcli.sending.options import SendResult as SendResult
from a2pcli.sending.stop import StopRequest as StopRequest

STATUS = {
    Ended.WAITING: ExitStatus.OK,
    Ended.PAUSED: ExitStatus.GATEWAY,
    Ended.OVER_BUDGET: ExitStatus.REFUSED,
    Ended.INTERRUPTED: ExitStatus.INTERRUPTED,
}

HOOKS = {
    "finished": "finished",
    "expired": "finished",
    "paused": "paused",
    "over-budget": "paused",
    "interrupted": "paused",
}
"""Which hooks hear of a run that ended so; waiting for people's hours is no news."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What to send, a ``campaign`` or an approved ``plan``, and how. ``yes``: it is approved already."""

    campaign: Path | None = None
    plan: str | None = None
    yes: bool = False
    limit: int | None = None
    max_cost: str | None = None
    occurrence: str | None = None
    concurrency: int | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """How sending ended: the run and its totals as they are now, what waits, and what was edited since the plan."""

    run: Run
    result: SendResult
    totals: Totals
    waiting: Sequence[Waiting]
    changes: Sequence[Difference]
    by_gateway: Sequence[GatewayCount] = ()
    """What each gateway was given, of a run that goes by a route."""

    @property
    def status(self) -> ExitStatus:
        """The exit status."""
        if self.result.ended in STATUS:
            return STATUS[self.result.ended]
        failed = self.totals.count("rejected", "unknown")
        return ExitStatus.FINISHED_WITH_FAILURES if failed else ExitStatus.OK

    def event(self) -> dict[str, Any]:
        """The ``ended`` event for logs and hooks, as a JSON-ready dict."""
        reason = self.result.reason
        return {
            "outcome": HOOKS.get(self.result.ended),
            "ended": str(self.result.ended),
            "status": int(self.status),
            "run": self.run.id,
            "campaign": self.run.campaign,
            "reason": None if reason is None else event_problem(reason),
            "totals": {str(state): self.totals.count(state) for state in State if self.totals.count(state)},
            "seconds": round(self.result.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class NothingToSend:
    """Nobody gets a message: who has it, who cannot get it, why, and the command that lists rows."""

    found: NothingLeft
    why: str
    rows_command: str
    run: str | None = None

    @property
    def status(self) -> ExitStatus:
        """Done only where nobody is left who was meant to get it."""
        return self.found.status


class SendWatcher:
    """What a caller is shown and asked while it sends. This one watches nothing, and nobody is there to be asked."""

    attended = False
    """Whether a person can be asked."""

    def planning(self) -> AbstractContextManager[Callable[[int], None]]:
        """Around planning a large file; gives what hears how many rows are done."""
        return nullcontext(lambda rows: None)

    def warn(self, problems: Iterable[Problem]) -> None:
        """Called with each warning before sending."""

    def clock_behind(self, now: int, newest: int) -> None:
        """The machine's clock (UTC milliseconds) is behind the ledger's newest entry: return only where a person, and
        not ``--yes``, says that it is right."""
        raise Refused(Problem("the clock is behind the ledger's newest entry: nothing was sent"))

    def show_plan(self, run: Run) -> None:
        """Show the plan that is about to be sent."""

    def show_messages(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Messages of a run that goes on, as they were planned."""

    def approve(self, run: Run, count: int) -> None:
        """Return where a person approves the run with so many messages left; else raise ``Refused``."""
        hint = f"the plan is kept: {send_command(run)}"
        raise Refused(Problem("nothing was sent: no terminal to ask for confirmation", hint=hint))

    def sending(
        self, run: Run, totals: Totals, *, prints: bool
    ) -> AbstractContextManager[Callable[[Progress], None]]:
        """Around sending; gives what gets the progress. ``prints``: the gateway writes to the terminal itself."""
        return nullcontext(lambda progress: None)

    def stopping(self, stop: StopRequest) -> None:
        """Called for each SIGINT or SIGTERM that asks to stop."""

    def ended(self, sent: Sent) -> None:
        """Called when sending ended, before hooks run."""
