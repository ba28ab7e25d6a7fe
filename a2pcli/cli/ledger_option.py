"""Which ledger a command works on: ``--ledger``, else ``A2PCLI_LEDGER``, else the settings'."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from a2pcli.config.load import LoadedSettings
    from a2pcli.config.plain import NumberSettings
    from a2pcli.errors import LedgerError, Problem
    from a2pcli.ledger.known import KnownLedgers
    from a2pcli.ledger.store import Ledger

LEDGER_HELP = "Ledger path or URL; else the settings'."


def settings_from(start: Path) -> LoadedSettings:
    """The settings beside ``start`` or above it. A folder without any may keep them in its ``campaigns``, where
    people who stand at the top of a project expect them to count."""
    from a2pcli.config.load import load_settings

    return load_settings(settings_place(start))


def number_settings(start: Path) -> NumberSettings:
    """The same as far as they speak of numbers: what puts somebody on a list does not mind the rest of them."""
    from a2pcli.config.plain import plain_settings

    return plain_settings(settings_place(start)) or settings_from(start)


def settings_place(start: Path) -> Path:
    """Where to look for the settings: see ``settings_from``."""
    from a2pcli.config.places import find_settings

    below = start / "campaigns"
    return below if start.is_dir() and below.is_dir() and find_settings(start) is None else start


@contextmanager
def open_ledger(
    ledger: str | None,
    start: Path,
    *,
    create: bool = True,
    campaign: str | None = None,
    run: str | None = None,
    ask: bool = True,
) -> Iterator[Ledger]:
    """The ledger that the options, the environment or the settings near ``start`` name, for work that counts on it.

    A project's first ledger is made, with ``create``. Where the project had one, and it is gone, is another one or
    an older state of itself, that raises ``LedgerError``, or is asked about on a terminal (with ``ask``).
    ``campaign`` is the name of the one that is planned or sent; ``run`` is the id of one that is looked for.
    """
    from a2pcli.errors import LedgerError, Problem, UsageError
    from a2pcli.ledger.engine import ledger_url
    from a2pcli.ledger.known import KnownLedgers
    from a2pcli.ledger.store import Ledger

    place, key = ledger_and_key(ledger, start)
    known = known_ledgers(start, campaign)
    try:
        store = Ledger.open(place, create=False, key=key)
    except LedgerError as error:
        if not is_missing(error):
            raise
        url = ledger_url(place)
        problem = (known or KnownLedgers(start)).missing(url)
        if problem is not None:
            _agreed(problem, "Make a new, empty ledger all the same?", ask)
            if known is not None:
                known.start_over(url)
        elif run is not None:
            hint = f"there is no ledger at {shown_url(url)}; name another one by --ledger or in the settings"
            raise UsageError(Problem(f"there is no run '{run}'", hint=hint, code="unknown-run")) from None
        elif not create:
            raise
        store = Ledger.open(place, key=key)
    with store:
        _tell_of_removed(store)
        if known is not None:
            problem = known.wrong(store, campaign)
            if problem is not None:
                _agreed(problem, "Use this ledger from now on?", ask)
                known.accept(store)
            known.note(store)
            store.known = known
        yield store


@contextmanager
def ledger_to_record(ledger: str | None, start: Path) -> Iterator[Ledger]:
    """The ledger for what people rely on: opt-outs, consents. It is never made by the way, since in a wrong folder
    nobody would ever read it; at a terminal a person may say so. In the end its name is told, on stderr."""
    from a2pcli.cli.terminal.output import say
    from a2pcli.errors import LedgerError
    from a2pcli.ledger.engine import ledger_url

    with ExitStack() as held:
        try:
            store = held.enter_context(open_ledger(ledger, start, create=False))
        except LedgerError as error:
            if not is_missing(error):
                raise
            url = ledger_url(ledger_and_key(ledger, start)[0])
            _agreed(_not_made(url, start), f"Make a new ledger, {shown_url(url)}?", True)
            store = held.enter_context(open_ledger(ledger, start))
        yield store
        say(f"ledger: {store.name}")


@contextmanager
def open_to_read(ledger: str | None, start: Path) -> Iterator[Ledger]:
    """The same ledger for commands that ask it. Nothing is made.

    One that is not there yet raises ``LedgerError`` (code ``ledger-missing``), one that was there ``ledger-gone``.
    """
    from a2pcli.errors import LedgerError
    from a2pcli.ledger.store import Ledger

    place, key = ledger_and_key(ledger, start)
    try:
        store = Ledger.open_to_read(place, key=key)
    except LedgerError as error:
        from a2pcli.ledger.engine import ledger_url
        from a2pcli.ledger.known import KnownLedgers

        problem = (known_ledgers(start, None) or KnownLedgers(start)).missing(ledger_url(place))
        if not is_missing(error) or problem is None:
            raise
        raise LedgerError(problem) from None
    with store:
        _tell_of_removed(store)
        yield store


def _tell_of_removed(store: Ledger) -> None:
    """Copies that a killed command left held everybody: that they were there is worth a line."""
    from a2pcli.cli.terminal.output import say

    for path in store.removed:
        say(f"{path}: removed; an interrupted `a2pcli ledger` command had left this copy of the ledger")


def shown_url(url: URL) -> str:
    """A ledger's name for people."""
    from a2pcli.ledger.faults import shown

    return shown(url)


def is_missing(error: LedgerError) -> bool:
    """Whether a ledger could not be opened because there is none yet."""
    return any(problem.code == "ledger-missing" for problem in error.problems)


def known_ledgers(start: Path, campaign: str | None) -> KnownLedgers | None:
    """What the project at ``start`` remembers of its ledgers: in the folder of its settings, else of its campaign.

    None where there is neither: no project, no memory.
    """
    from a2pcli.config.places import find_settings
    from a2pcli.errors import A2PError
    from a2pcli.ledger.known import KnownLedgers

    folder = start if start.is_dir() else start.parent
    try:
        found = find_settings(folder)
        if found is None and (folder / "campaigns").is_dir():
            found = find_settings(folder / "campaigns")
    except A2PError:
        return None  # loading them will say it
    if found is None:
        return None if campaign is None else KnownLedgers(folder)
    return KnownLedgers(found.parent)


def _agreed(problem: Problem, question: str, ask: bool) -> None:
    """Go on only where a person at a terminal says so."""
    from a2pcli.cli.terminal.asking import confirm
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import LedgerError

    if not ask or not sys.stdin.isatty():
        raise LedgerError(problem)
    show_problems([problem])
    confirm(question, refused="nothing was done", without_terminal="", kept=problem.hint)


def _not_made(url: URL, start: Path) -> Problem:
    """Why no ledger is made by the way: nobody might ever read it."""
    from a2pcli.config.places import SETTINGS_NAMES
    from a2pcli.errors import Problem

    known = known_ledgers(start, None)
    if known is None:
        looked = (
            f"there is no {SETTINGS_NAMES[0]} in {start.resolve()} or above it: go to the project's folder"
        )
    else:
        looked = f"the settings are those in {known.folder}: if that is not the project, go to its folder"
    hint = f"{looked}, or give --ledger; to make an empty ledger here: a2pcli ledger create"
    text = "there is no ledger here, and no campaign would read a new one; nothing was recorded"
    if known is not None:
        text = "there is no ledger here yet; nothing was recorded"
    return Problem(text, path=shown_url(url), hint=hint, code="ledger-missing")


def ledger_and_key(ledger: str | None, start: Path) -> tuple[str, str | None]:
    """Where the ledger is, and the key that the settings name for it; a ledger that is named elsewhere takes
    that key too, as long as the settings can be read. They are read only as far as they speak of the ledger: the rest
    may be broken, and whoever works with it reads it anyway."""
    from a2pcli.cli.terminal.quiet import quieten_loggers
    from a2pcli.config.places import ledger_key, ledger_url, only_ledger
    from a2pcli.errors import A2PError

    quieten_loggers()
    named = ledger or os.environ.get("A2PCLI_LEDGER")
    if named and os.environ.get("A2PCLI_LEDGER_KEY"):
        return named, None
    try:
        settings = only_ledger(settings_place(start)) or settings_from(start)
    except A2PError:
        if named:
            return named, None
        raise
    return named or ledger_url(settings), ledger_key(settings)


def ledger_file(ledger: Ledger) -> Path | None:
    """The file of a SQLite ledger; None for one on a server."""
    url = ledger.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
