"""``hooks:`` of the settings: commands that are told when a run is paused or finished, or when sending fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from a2pcli.errors import A2PError, ExitStatus, Problem, Refused, UsageError

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings

EVENT_VERSION = 1
"""Of the events that hooks and logs get; it goes up when a key changes its meaning or goes away."""

Warn = Callable[[Iterable[Problem]], None]


def event_problem(problem: Problem) -> dict[str, Any]:
    """A problem as events have it, without what a terminal would obey."""
    from a2pcli.visible import shown

    return {
        "severity": str(problem.severity),
        "code": problem.code,
        "message": shown(problem.message),
        "hint": None if problem.hint is None else shown(problem.hint),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
    }


def run_hooks_of(event: Mapping[str, Any], settings: LoadedSettings, warn: Warn) -> None:
    """Run the hooks of the event's ``outcome`` (``paused``, ``finished``, ``failed``; None: none), and tell what goes
    wrong with them."""
    named = getattr(settings.settings.hooks, str(event["outcome"]), None)
    if not named:
        return
    from a2pcli.config.load import filled_hooks
    from a2pcli.ledger.records import now_ms
    from a2pcli.reporting.values import iso
    from a2pcli.sending.hooks import run_hooks

    try:
        hooks = filled_hooks(settings, str(event["outcome"]))
    except A2PError as error:
        warn(error.problems)
        return
    document = {"v": EVENT_VERSION, "at": iso(now_ms()), **event}
    warn(run_hooks(hooks, document, settings.folder, settings.environ))


@contextmanager
def failures_told(settings: Callable[[], LoadedSettings], warn: Warn, *, attended: bool) -> Iterator[None]:
    """While this is on, an error that ends sending runs the hooks of ``failed``.

    A wrong call is no failure, nor, where a person is at the terminal (``attended``), their own no.
    """
    try:
        yield
    except A2PError as error:
        if not isinstance(error, UsageError) and not (isinstance(error, Refused) and attended):
            problems = [event_problem(problem) for problem in error.problems]
            _failed(int(error.exit_status), problems, settings, warn)
        raise
    except Exception:
        _failed(int(ExitStatus.INTERNAL), [], settings, warn)
        raise


def _failed(
    status: int, problems: list[dict[str, Any]], settings: Callable[[], LoadedSettings], warn: Warn
) -> None:
    try:
        loaded = settings()
    except A2PError:
        return  # without settings there are no hooks; the error itself says what is wrong
    run_hooks_of({"outcome": "failed", "status": status, "problems": problems}, loaded, warn)
