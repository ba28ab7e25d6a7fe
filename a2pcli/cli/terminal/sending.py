"""What a person at the terminal, or a log, is shown and asked while a run is sent.

A log gets events with counts that rebuild the totals, never a number or a text.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from a2pcli import __version__
from a2pcli.actions.hooks import EVENT_VERSION
from a2pcli.actions.send_watcher import (
    Ended,
    NothingToSend,
    Progress,
    SendResult,
    SendWatcher,
    Sent,
    StopRequest,
)
from a2pcli.cli.screens.bubble import Bubble, facts_of, lines_below
from a2pcli.cli.screens.plan import leaving_of, plan_screen
from a2pcli.cli.screens.progress import SendProgress
from a2pcli.cli.screens.routes import gateway_table, switch_lines
from a2pcli.cli.screens.run import StatesTable, next_steps, sums
from a2pcli.cli.terminal import output
from a2pcli.cli.terminal.output import (
    LogStyle,
    RowCounter,
    confirm,
    print_json,
    result_of_what_is_done,
    say,
    show,
    to_copy,
)
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.ledger.records import GatewayCount, Run, RunState, Totals, Waiting, now_ms
from a2pcli.message_content import head_lines
from a2pcli.messages import State
from a2pcli.moments import moment_text, zone_of
from a2pcli.reporting.channel_story import gateway_names
from a2pcli.reporting.held import held_document, held_lines
from a2pcli.reporting.route_story import by_gateway_document
from a2pcli.reporting.totals import HANDED_OVER, run_document, totals_document
from a2pcli.reporting.values import (
    duration,
    instead_by_channel,
    instead_of_sending,
    money,
    money_document,
    send_command,
)

ENDINGS = {
    Ended.FINISHED: ("green", "finished"),
    Ended.WAITING: ("cyan", "waiting"),
    Ended.PAUSED: ("yellow", "paused"),
    Ended.OVER_BUDGET: ("red", "stopped: budget reached"),
    Ended.INTERRUPTED: ("yellow", "interrupted"),
    Ended.EXPIRED: ("yellow", "expired"),
}


def result_document(
    run: Run, totals: Totals, result: SendResult, waiting: Sequence[Waiting] = ()
) -> dict[str, Any]:
    """JSON document that says how ``send`` ended."""
    reason = result.reason
    return {
        **run_document(run),
        "ended": result.ended,
        "reason": None if reason is None else str(reason),
        "seconds": round(result.seconds, 3),
        **totals_document(totals),
        "waiting": held_document(waiting),
    }


def result_screen(
    run: Run,
    totals: Totals,
    result: SendResult,
    waiting: Sequence[Waiting] = (),
    by_gateway: Sequence[GatewayCount] = (),
) -> RenderableType:
    """What is shown when ``send`` ended: the result and what to do next."""
    style, word = ENDINGS[result.ended]
    if result.reason is not None and result.reason.code == "quota-used-up":
        word = "waiting for the quota"
    if result.reason is not None and result.reason.code == "waiting-for-delivery":
        word = "waiting for receipts"
    head = Text.assemble(
        (f"{word}", f"bold {style}"), f"  run {run.id} of {run.campaign}, {duration(result.seconds)}"
    )
    pieces: list[RenderableType] = [head]
    if instead := instead_of_sending(run):
        are = "were" if totals.count(*HANDED_OVER) else "are"
        pieces.append(Text(f"nothing was sent: messages {are} {instead}", style="yellow"))
    for channel, kept in instead_by_channel(run).items():
        pieces.append(Text(f"nothing was sent by {channel}: messages are {kept}", style="yellow"))
    if result.reason is not None:
        pieces.append(Text(result.reason.message, style=style))
        # Each way on in a line of its own, which stays one to whoever copies it.
        pieces += [to_copy(f"  {hint}") for hint in (result.reason.hint or "").split("; ") if hint]
    pieces.append(StatesTable(totals, instead_of_sending(run)))
    pieces += [Text(line, style="cyan") for line in held_lines(waiting, zone=zone_of(run.summary))]
    costs = sums(run, totals)
    if costs.row_count:
        pieces += [Text(), costs]
    if by_gateway:
        pieces += [Text(), gateway_table(by_gateway, "cost")]
    switches = [(one.at, one.detail) for one in result.progress.switches]
    pieces += [Text(line, style="yellow") for line in switch_lines(switches, zone_of(run.summary))]
    return Group(*pieces, *next_steps(run, totals))


COUNTED = ("accepted", "rejected", "unknown", "skipped")
"""What progress counts; each event says by how much it grew."""

EVERY = 1.0
"""Seconds between two progress events."""


def begin(*, quiet: bool, log_format: str | None) -> None:
    """Choose how ``send`` speaks. Without a terminal each line gets the time, for a log."""
    if quiet and log_format is not None:
        raise UsageError("--quiet and --log-format cannot be combined")
    chosen = LogStyle.EVENTS if log_format else LogStyle.QUIET if quiet else LogStyle.TIMED
    output.use(chosen)
    output.emit("version", a2pcli=__version__, log=EVENT_VERSION)


class TerminalWatcher(SendWatcher):
    """Shows one ``send`` on the terminal, or writes its log."""

    def __init__(self, *, as_json: bool, clock_is_right: bool) -> None:
        self.attended = sys.stdin.isatty()
        self._as_json = as_json
        self._clock_is_right = clock_is_right
        self._events: ProgressEvents | None = None

    def planning(self) -> RowCounter:
        """Show planning progress on stderr."""
        return RowCounter("planning")

    def warn(self, problems: Iterable[Problem]) -> None:
        """Print warnings on stderr, one a line."""
        show_problems(problems)

    def clock_behind(self, now: int, newest: int) -> None:
        """``--clock-is-right`` is an answer, ``--yes`` is none."""
        say(
            f"this machine's clock says {moment_text(now, 'UTC')}, and the ledger has an entry of"
            f" {moment_text(newest, 'UTC')}: the clock is {_span(newest - now)} behind, or that entry is wrong."
            " With a wrong clock people are messaged out of their hours, or get yesterday's message again"
        )
        if not self._clock_is_right:
            confirm(
                "Is this machine's clock right now?",
                refused="nothing was sent",
                without_terminal="set the clock; if it is right, and was wrong before, send once with"
                " --clock-is-right",
                kept="correct the clock, and run the same command again",
            )

    def show_plan(self, run: Run) -> None:
        """The plan's screen; on stderr where stdout is for JSON."""
        _plan_event(run)
        # Into a log goes nobody's number and no text: who wants to see them looks at the plan.
        show(plan_screen(run, next_step=False, samples=sys.stdout.isatty()), stderr=self._as_json)

    def show_messages(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print each message in a bubble."""
        for row in rows:
            arm = f"  {row['variant']}" if row["variant"] else ""
            title = f"as planned: {row['address']}  line {row['line']:,}{arm}"
            bubble = Bubble(row["body"], title, facts_of(row), head=head_lines(row["content"]))
            for piece in (bubble, *lines_below(row["content"])):
                show(piece, stderr=self._as_json)

    def approve(self, run: Run, count: int) -> None:
        """Ask for confirmation on the terminal. Raises ``Refused`` for a no, or without a terminal."""
        confirm(
            _question(run, count),
            refused="nothing was sent",
            without_terminal=f"use --yes to skip confirmation, or --plan {run.id} to send exactly this plan",
            kept=f"the plan is kept: {send_command(run)}",
        )

    @contextmanager
    def sending(self, run: Run, totals: Totals, *, prints: bool) -> Iterator[Callable[[Progress], None]]:
        """Show progress while sending: a bar, lines, or JSON events."""
        self._events = ProgressEvents(run, time.monotonic)
        self._events.start(totals)
        if output.style() is LogStyle.EVENTS:
            yield self._events
        elif prints or output.style() is LogStyle.QUIET:
            yield lambda progress: None
        else:
            with SendProgress(run) as on_progress:
                yield on_progress

    def stopping(self, stop: StopRequest) -> None:
        """Print one line for each signal."""
        if stop.hard_stop:
            say("\nstopping immediately; messages in flight will be unknown")
        else:
            say("\nstopping: waiting for messages in flight (Ctrl-C again stops immediately)")

    def ended(self, sent: Sent) -> None:
        """Print the result on stdout and end the log."""
        if self._events is not None:
            self._events.tell(sent.result.progress)
        self._show_result(sent)
        event = sent.event()
        output.emit("ended", **event)
        log_line(f"run {sent.run.id} of {sent.run.campaign} {event['ended']}, exit status {event['status']}")
        if output.style() is LogStyle.QUIET and event["status"]:
            say(_in_short(sent), always=True)

    def _show_result(self, sent: Sent) -> None:
        with result_of_what_is_done(f"a2pcli report {sent.run.id}"):
            if self._as_json:
                document = result_document(sent.run, sent.totals, sent.result, sent.waiting)
                if sent.by_gateway:
                    document |= by_gateway_document(sent.by_gateway)
                print_json({**document, "edited_since_plan": [one.document() for one in sent.changes]})
            else:
                show(result_screen(sent.run, sent.totals, sent.result, sent.waiting, sent.by_gateway))


def _in_short(sent: Sent) -> str:
    """One line that says why the exit status is not 0."""
    if reason := sent.result.reason:
        return reason.message + (f" ({reason.hint})" if reason.hint else "")
    run = sent.run
    totals = ", ".join(f"{count:,} {state}" for state, count in sent.event()["totals"].items())
    return f"run {run.id} of {run.campaign} {sent.result.ended}: {totals} (a2pcli report {run.id})"


def tell_nothing_left(nothing: NothingToSend, *, as_json: bool) -> None:
    """Nobody gets a message: said on stderr, and as JSON where that is asked for."""
    done = not nothing.status
    head = "nothing to send" if done else "nothing to send, but not everyone got the message"
    say(f"{head}: {nothing.why}", always=not done)
    for line in nothing.found.lines(nothing.rows_command):
        say(line, always=not done)
    if as_json:
        print_json({"run": nothing.run, "ended": "nothing-to-do", **nothing.found.document()})


@contextmanager
def errors_logged() -> Iterator[None]:
    """While this is on, an error that ends ``send`` stands in the log with the exit status it leads to."""
    try:
        yield
    except A2PError as error:
        log_line(f"send ended with exit status {int(error.exit_status)}:")
        raise


def _plan_event(run: Run) -> None:
    """Write the ``planned`` event of the plan that is about to be sent."""
    summary = run.summary
    output.emit(
        "planned",
        run=run.id,
        campaign=run.campaign,
        digest=run.digest,
        gateway=run.gateway,
        rows=summary.get("rows"),
        recipients=summary.get("recipients"),
        excluded=summary.get("excluded"),
        parts=summary.get("total_parts"),
        cost=money_document(summary.get("cost", {})),
        unpriced=summary.get("unpriced"),
    )


@dataclass(slots=True)
class ProgressEvents:
    """Progress as events: each says how many more were accepted, rejected, unknown, skipped since the one before."""

    run: Run
    clock: Callable[[], float]
    _last: float = -EVERY
    _seen: dict[str, int] = field(default_factory=dict)
    _switches: int = 0

    def start(self, totals: Totals) -> None:
        """Tell that the run starts or goes on, and what has become of its messages so far."""
        self._seen = {name: totals.count(State(name)) for name in COUNTED if name != "skipped"} | {
            "skipped": 0
        }
        left = totals.count(State.PLANNED)
        output.emit("started", run=self.run.id, gateway=self.run.gateway, left=left, **self._seen)
        how = gateway_names(self.run)
        log_line(f"run {self.run.id} of {self.run.campaign} starts: {left:,} to send via {how}")

    def __call__(self, progress: Progress) -> None:
        """Show the progress if a second has passed since the last time."""
        if self.clock() - self._last >= EVERY:
            self.tell(progress)

    def tell(self, progress: Progress) -> None:
        """Write a ``progress`` event if anything changed, and a ``route`` event for each gateway of a route that lost
        its share or has it back."""
        for one in progress.switches[self._switches :]:
            output.emit("route", run=self.run.id, gateway=one.gateway, what=one.detail)
        self._switches = len(progress.switches)
        self._last = self.clock()
        now = {name: getattr(progress, name) for name in COUNTED}
        more = {name: now[name] - self._seen.get(name, 0) for name in COUNTED}
        self._seen = now
        if any(more.values()):
            output.emit("progress", run=self.run.id, **more, left=progress.left, state=progress.state)


def log_line(text: str) -> None:
    """A line with the time for a log file; at a terminal the screens say it."""
    if output.style() is LogStyle.TIMED and not sys.stderr.isatty():
        say(text)


def _span(milliseconds: int) -> str:
    days = milliseconds / 86_400_000
    return f"{days:,.0f} days" if days >= 2 else duration(milliseconds / 1000)


def _question(run: Run, count: int) -> str:
    """What is approved: as many as can leave; of a run that was sent in part nothing more is known than the end."""
    resumed = run.state != RunState.PLANNED
    going = count if resumed or not run.summary else leaving_of(run.summary)["going"]
    if run.expires_at is not None and run.expires_at <= now_ms():
        going = 0
    if not going:
        return (
            f"None of {count:,} messages can be sent now. {'Resume' if resumed else 'Start'} the run anyway?"
        )
    messages = "1 message" if going == 1 else f"{going:,} messages"
    stuck = f" ({count - going:,} more cannot be sent)" if count > going else ""
    as_planned = " as planned" if resumed else ""
    if instead := instead_of_sending(run):
        return f"Pass {messages}{stuck}{as_planned} to {gateway_names(run)} ({instead}, not sent)?"
    return f"Send {messages}{stuck}{as_planned} via {gateway_names(run)}{_price(run)}{_days(run)}?"


def _days(run: Run) -> str:
    """``, 10,000 of them now``, where quotas do not suffice for all at once."""
    capacity = None if run.state != RunState.PLANNED else run.summary.get("capacity")
    if not capacity or capacity["finishes_at"] is None:
        return ""
    long = [one for one in capacity["quotas"] if one["left"] < run.summary["recipients"]]
    return f" (until {moment_text(capacity['finishes_at'], zone_of(run.summary))})" if long else ""


def _price(run: Run) -> str:
    """`` for 12.00 GBP + 3 at an unknown price``; nothing for a run that was sent in part."""
    if run.state != RunState.PLANNED:
        return ""
    pieces = [f"{money(nano)} {currency}" for currency, nano in run.summary.get("cost", {}).items()]
    unpriced = run.summary.get("unpriced", 0)
    if unpriced and not pieces:
        return " at an unknown price"
    if unpriced:
        pieces.append(f"{unpriced:,} at an unknown price")
    return " for " + " + ".join(pieces) if pieces else ""
