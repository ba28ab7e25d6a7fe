"""The files of a project that stand beside its settings, checked whole: ``events.yaml`` and ``replies.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from a2pcli.config.document import Document, read_document
from a2pcli.config.events import FILE as EVENTS
from a2pcli.config.events import Broker, EventFile, LoadedEvents, examine_events
from a2pcli.config.load import LoadedSettings, load_settings
from a2pcli.config.reply_rules import FILE as REPLY_RULES
from a2pcli.errors import A2PError, Problem, Severity, in_file_order

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


def is_project_file(path: Path) -> bool:
    """Whether a file is one of these, by its name."""
    return path.name in _CHECKS


def project_files(folder: Path) -> list[Path]:
    """Those that a folder has."""
    return [folder / name for name in _CHECKS if (folder / name).is_file()]


def problems_of(path: Path) -> Sequence[Problem]:
    """Every problem of one of these files, in the order of the file. A variable that is not set here is a warning:
    the machine that listens may have it."""
    found: list[Problem] = []
    try:
        found += _CHECKS[path.name](path, load_settings(path))
    except A2PError as error:
        found += error.problems
    return in_file_order(dict.fromkeys(map(_weighed, found)))


def _weighed(problem: Problem) -> Problem:
    return replace(problem, severity=Severity.WARNING) if problem.code == "missing-variable" else problem


def _of_replies(path: Path, settings: LoadedSettings) -> Iterator[Problem]:
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.reply_rules import load_reply_rules

    ReplyRules(load_reply_rules(path), settings)
    yield from ()


def _of_events(path: Path, settings: LoadedSettings) -> Iterator[Problem]:
    """What is wrong with the file, with each event by itself, and with its campaign when it is planned."""
    from a2pcli.ledger.store import Ledger

    document = read_document(path)
    yield from examine_events(document).problems
    yield from _of_broker(document, path, settings)
    with ExitStack() as held:
        folder = held.enter_context(TemporaryDirectory(prefix="a2pcli-"))
        ledger = held.enter_context(Ledger.open_with(str(Path(folder) / "ledger.db"), None))
        for name, file in _each(document.data):
            try:
                yield from _of_event(LoadedEvents(file, document, path), name, settings, ledger)
            except A2PError as error:
                yield from error.problems


def _of_broker(document: Document, path: Path, settings: LoadedSettings) -> Iterator[Problem]:
    from a2pcli.actions.event_broker import password_of, trust_of

    try:
        broker = Broker.model_validate(document.data.get("mqtt"))
    except ValidationError:
        return
    loaded = LoadedEvents(EventFile.model_construct(events={}), document, path)
    for ask in (lambda: trust_of(broker, loaded), lambda: password_of(broker, loaded, settings.environ)):
        try:
            ask()
        except A2PError as error:
            yield from error.problems


def _each(data: Mapping[str, Any]) -> Iterator[tuple[str, EventFile]]:
    """Yield each event by itself that is well written."""
    events = data.get("events")
    for name, event in events.items() if isinstance(events, dict) else ():
        with suppress(ValidationError):
            yield name, EventFile.model_validate({"events": {name: event}})


def _of_event(loaded: LoadedEvents, name: str, settings: LoadedSettings, ledger: Ledger) -> Iterator[Problem]:
    from a2pcli.actions.event_rules import EventRules
    from a2pcli.actions.event_sources import secrets_of
    from a2pcli.actions.events import planning_problems

    rules = EventRules(loaded, settings)
    try:
        secrets_of(rules, settings)
    except A2PError as error:
        yield from error.problems
    yield from planning_problems(ledger, settings, rules.rules[name])


_CHECKS: Mapping[str, Callable[[Path, LoadedSettings], Iterator[Problem]]] = {
    EVENTS: _of_events,
    REPLY_RULES: _of_replies,
}
