"""What a ``send`` tells a log and the hooks: events with counts that rebuild the totals, never a number or a text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from a2pcli import __version__
from a2pcli.cli.terminal import log_style
from a2pcli.cli.terminal.log_style import LogStyle
from a2pcli.cli.terminal.output import say
from a2pcli.cli.terminal.problems import problem_document, show_problems
from a2pcli.config.load import LoadedSettings
from a2pcli.errors import A2PError, Refused, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.messages import State
from a2pcli.reporting.values import money

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run, Totals
    from a2pcli.sending.options import Progress, SendResult

COUNTED = ("accepted", "rejected", "unknown", "skipped")
"""What progress counts; each event says by how much it grew."""

EVERY = 1.0
"""Seconds between two progress events."""

OUTCOMES = {
    "finished": "finished",
    "expired": "finished",
    "paused": "paused",
    "over-budget": "paused",
    "interrupted": "paused",
}
"""Which hooks hear of a run that ended so; waiting for people's hours is no news."""


def begin(*, quiet: bool, log_format: str | None) -> None:
    """Choose how ``send`` speaks. Without a terminal each line gets the time, for a log."""
    if quiet and log_format is not None:
        raise UsageError("--quiet and --log-format exclude each other")
    chosen = LogStyle.EVENTS if log_format else LogStyle.QUIET if quiet else LogStyle.TIMED
    log_style.use(chosen)
    log_style.emit("version", a2pcli=__version__, log=log_style.VERSION)


def plan_event(run: Run) -> None:
    """The plan that is about to be sent."""
    summary = run.summary
    log_style.emit(
        "planned",
        run=run.id,
        campaign=run.campaign,
        digest=run.digest,
        gateway=run.gateway,
        rows=summary.get("rows"),
        recipients=summary.get("recipients"),
        excluded=summary.get("excluded"),
        parts=summary.get("total_parts"),
        cost={currency: money(nano) for currency, nano in summary.get("cost", {}).items()},
        unpriced=summary.get("unpriced"),
    )


@dataclass(slots=True)
class ProgressEvents:
    """Progress as events: each says how many more were accepted, rejected, unknown, skipped since the one before."""

    run: Run
    clock: Callable[[], float]
    _last: float = -EVERY
    _seen: dict[str, int] = field(default_factory=dict)

    def start(self, totals: Totals) -> None:
        """Tell that the run starts or goes on, and what has become of its messages so far."""
        self._seen = {name: totals.count(State(name)) for name in COUNTED if name != "skipped"} | {
            "skipped": 0
        }
        left = totals.count(State.PLANNED)
        log_style.emit("started", run=self.run.id, gateway=self.run.gateway, left=left, **self._seen)
        log_line(
            f"run {self.run.id} of {self.run.campaign} starts: {left:,} to send through {self.run.gateway}"
        )

    def __call__(self, progress: Progress) -> None:
        """Tell, if a second has passed."""
        if self.clock() - self._last >= EVERY:
            self.tell(progress)

    def tell(self, progress: Progress) -> None:
        """Tell what changed, if anything did."""
        self._last = self.clock()
        now = {name: getattr(progress, name) for name in COUNTED}
        more = {name: now[name] - self._seen.get(name, 0) for name in COUNTED}
        self._seen = now
        if any(more.values()):
            log_style.emit("progress", run=self.run.id, **more, left=progress.left, state=progress.state)


def ended_event(run: Run, totals: Totals, result: SendResult, status: ExitStatus) -> dict[str, Any]:
    """How a run ended, for the log and the hooks."""
    return {
        "outcome": OUTCOMES.get(result.ended),
        "ended": str(result.ended),
        "status": int(status),
        "run": run.id,
        "campaign": run.campaign,
        "reason": None if result.reason is None else problem_document(result.reason),
        "totals": {str(state): totals.count(state) for state in State if totals.count(state)},
        "seconds": round(result.seconds, 3),
    }


def tell_ended(event: Mapping[str, Any], settings: LoadedSettings) -> None:
    """Write the event and run the hooks of its outcome."""
    log_style.emit("ended", **event)
    log_line(f"run {event['run']} of {event['campaign']} {event['ended']}, exit status {event['status']}")
    if log_style.style() is LogStyle.QUIET and event["status"]:
        say(_in_short(event), always=True)
    _run_hooks(event, settings)


def _in_short(event: Mapping[str, Any]) -> str:
    """Why the status is not 0, in a line."""
    reason = event["reason"]
    if reason:
        return str(reason["message"]) + (f" ({reason['hint']})" if reason["hint"] else "")
    totals = ", ".join(f"{count:,} {state}" for state, count in event["totals"].items())
    return (
        f"run {event['run']} of {event['campaign']} {event['ended']}: {totals} (a2pcli report {event['run']})"
    )


def log_line(text: str) -> None:
    """A line with the time for a log file; at a terminal the screens say it."""
    if log_style.style() is LogStyle.TIMED and not sys.stderr.isatty():
        say(text)


@contextmanager
def failures_told(settings: Callable[[], LoadedSettings]) -> Iterator[None]:
    """While this is on, an error that ends ``send`` runs the hooks of ``failed``. A person's own no, and a command
    line that was wrong, are no failures."""
    try:
        yield
    except A2PError as error:
        if not isinstance(error, UsageError) and not (isinstance(error, Refused) and sys.stdin.isatty()):
            problems = [problem_document(problem) for problem in error.problems]
            _failed(int(error.exit_status), problems, settings)
        log_line(f"send ended with exit status {int(error.exit_status)}:")
        raise
    except Exception:
        _failed(int(ExitStatus.INTERNAL), [], settings)
        raise


def _failed(status: int, problems: list[dict[str, Any]], settings: Callable[[], LoadedSettings]) -> None:
    try:
        loaded = settings()
    except A2PError:
        return  # without settings there are no hooks; the error itself says what is wrong
    _run_hooks({"outcome": "failed", "status": status, "problems": problems}, loaded)


def _run_hooks(event: Mapping[str, Any], settings: LoadedSettings) -> None:
    named = getattr(settings.settings.hooks, str(event["outcome"]), None)
    if not named:
        return
    from a2pcli.config.load import filled_hooks
    from a2pcli.sending.hooks import run_hooks

    try:
        hooks = filled_hooks(settings, str(event["outcome"]))
    except A2PError as error:
        show_problems(error.problems)
        return
    document = {"v": log_style.VERSION, "at": log_style.timestamp(), **event}
    show_problems(run_hooks(hooks, document, settings.folder, settings.environ))
