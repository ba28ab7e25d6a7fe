"""Where an action works: the settings, the ledger, and whom to ask before another ledger is used.

The ledger is the one that was named, else ``A2PCLI_LEDGER``, else the settings'.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, LedgerError, Problem, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from a2pcli.config.load import LoadedSettings
    from a2pcli.config.plain import NumberSettings
    from a2pcli.ledger.known import KnownLedgers
    from a2pcli.ledger.store import Ledger

Agree = Callable[[Problem, str], None]
"""Called with what is wrong and a question about it; returns where a person says yes, raises where not."""


def nobody_agrees(problem: Problem, question: str) -> None:
    """There is nobody to ask: what is wrong is the answer."""
    raise LedgerError(problem)


def _unheard(note: str) -> None:
    """Ignores notes: the default where no caller shows them."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project, found from a file or folder in it.

    ``ledger`` is a path or URL where the caller named one. ``agree`` decides whether another ledger than the project
    knew may be used, or a new one made. ``tell`` gets the notes a person should read, a sentence each.
    """

    start: Path
    ledger: str | None = None
    agree: Agree = nobody_agrees
    tell: Callable[[str], None] = _unheard

    def settings(self) -> LoadedSettings:
        """The settings; raises ``InvalidInput`` with all that is wrong in them."""
        return settings_from(self.start)

    def number_settings(self) -> NumberSettings:
        """The same as far as they speak of numbers: putting somebody on a list does not mind the rest of them."""
        from a2pcli.config.plain import plain_settings

        return plain_settings(settings_place(self.start)) or self.settings()

    def ledger_and_key(self) -> tuple[str, str | None]:
        """Where the ledger is, and the key that the settings name for it.

        A ledger that was named takes that key too, as long as the settings can be read. They are read only as far
        as they speak of the ledger: the rest may be broken, and whoever works with it reads it anyway.
        """
        from a2pcli.config.places import ledger_key, ledger_url, only_ledger

        named = self.ledger or os.environ.get("A2PCLI_LEDGER")
        if named and os.environ.get("A2PCLI_LEDGER_KEY"):
            return named, None
        try:
            settings = only_ledger(settings_place(self.start)) or self.settings()
        except A2PError:
            if named:
                return named, None
            raise
        return named or ledger_url(settings), ledger_key(settings)

    def known_ledgers(self, campaign: str | None = None) -> KnownLedgers | None:
        """What the project remembers of its ledgers: in the folder of its settings, else of its campaign.

        None where there is neither: no project, no memory.
        """
        from a2pcli.config.places import find_settings
        from a2pcli.ledger.known import KnownLedgers

        folder = self.start if self.start.is_dir() else self.start.parent
        try:
            found = find_settings(folder)
            if found is None and (folder / "campaigns").is_dir():
                found = find_settings(folder / "campaigns")
        except A2PError:
            return None  # loading them will say it
        if found is None:
            return None if campaign is None else KnownLedgers(folder)
        return KnownLedgers(found.parent)

    @contextmanager
    def open_ledger(
        self, *, create: bool = True, campaign: str | None = None, run: str | None = None
    ) -> Iterator[Ledger]:
        """The ledger, for work that counts on it.

        A project's first ledger is made, with ``create``. Where the project had one, and it is gone, is another one
        or an older state of itself, ``agree`` decides. ``campaign`` is the name of the one that is planned or sent;
        ``run`` is the id of one that is looked for.
        """
        from a2pcli.ledger.database import ledger_url
        from a2pcli.ledger.known import KnownLedgers
        from a2pcli.ledger.store import Ledger

        place, key = self.ledger_and_key()
        known = self.known_ledgers(campaign)
        try:
            store = Ledger.open(place, create=False, key=key)
        except LedgerError as error:
            if not is_missing(error):
                raise
            url = ledger_url(place)
            problem = (known or KnownLedgers(self.start)).missing(url)
            if problem is not None:
                self.agree(problem, "Create a new, empty ledger anyway?")
                if known is not None:
                    known.start_over(url)
            elif run is not None:
                hint = f"no ledger at {shown_url(url)}; set another one with --ledger or in the settings"
                raise UsageError(Problem(f"no run '{run}'", hint=hint, code="unknown-run")) from None
            elif not create:
                raise
            store = Ledger.open(place, key=key)
        with store:
            self._tell_of_removed(store)
            if known is not None:
                problem = known.wrong(store, campaign)
                if problem is not None:
                    self.agree(problem, "Use this ledger from now on?")
                    known.accept(store)
                known.note(store)
                store.known = known
            yield store

    @contextmanager
    def ledger_to_record(self) -> Iterator[Ledger]:
        """The ledger for what people rely on: opt-outs, consents. In the end its name is told.

        It is never made by the way, since in a wrong folder nobody would ever read it; ``agree`` may allow it.
        """
        from a2pcli.ledger.database import ledger_url

        with ExitStack() as held:
            try:
                store = held.enter_context(self.open_ledger(create=False))
            except LedgerError as error:
                if not is_missing(error):
                    raise
                url = ledger_url(self.ledger_and_key()[0])
                self.agree(self._not_made(url), f"Create a new ledger, {shown_url(url)}?")
                store = held.enter_context(self.open_ledger())
            yield store
            self.tell(f"ledger: {store.name}")

    @contextmanager
    def ledger_to_read(self, *, to_write: bool = False) -> Iterator[Ledger]:
        """The ledger for whoever only asks it: nothing is made, and whatever would change it is refused; ``to_write``
        opens it for whoever may change what is there.

        One that is not there yet raises ``LedgerError`` (code ``ledger-missing``), one that was there ``ledger-gone``.
        """
        from a2pcli.ledger.store import Ledger

        place, key = self.ledger_and_key()
        try:
            store = (
                Ledger.open(place, create=False, key=key) if to_write else Ledger.open_to_read(place, key=key)
            )
        except LedgerError as error:
            from a2pcli.ledger.database import ledger_url
            from a2pcli.ledger.known import KnownLedgers

            problem = (self.known_ledgers() or KnownLedgers(self.start)).missing(ledger_url(place))
            if not is_missing(error) or problem is None:
                raise
            raise LedgerError(problem) from None
        with store:
            self._tell_of_removed(store)
            yield store

    @contextmanager
    def existing_ledger(self, *, to_write: bool = False) -> Iterator[Ledger | None]:
        """The same; None where nobody named a ledger and there is none yet. ``to_write``: it may be changed."""
        with ExitStack() as held:
            opened = None
            try:
                opened = held.enter_context(self.ledger_to_read(to_write=to_write))
            except LedgerError as error:
                if self.ledger or os.environ.get("A2PCLI_LEDGER") or not is_missing(error):
                    raise
            yield opened

    @contextmanager
    def ledger_or_empty(self, campaign: str) -> Iterator[Ledger]:
        """The ledger for whoever plans a campaign and keeps nothing of it; an empty one where there is none yet.

        Raises ``LedgerError`` where it is not the one that the project knows.
        """
        from a2pcli.ledger.store import Ledger

        with ExitStack() as held:
            try:
                store = held.enter_context(self.ledger_to_read())
            except LedgerError as error:
                if not is_missing(error):
                    raise
                folder = held.enter_context(TemporaryDirectory(prefix="a2pcli-"))
                store = held.enter_context(Ledger.open_with(str(Path(folder) / "ledger.db"), None))
            else:
                known = self.known_ledgers(campaign)
                problem = known.wrong(store, campaign) if known is not None and store.has_id() else None
                if problem is not None:
                    raise LedgerError(problem)
            yield store

    def _tell_of_removed(self, store: Ledger) -> None:
        """Copies that a killed command left held everybody: that they were there is worth a line."""
        for path in store.removed:
            self.tell(
                f"{path}: removed; this copy of the ledger was left by an interrupted `a2pcli ledger` command"
            )

    def _not_made(self, url: URL) -> Problem:
        """Why no ledger is made by the way: nobody might ever read it."""
        from a2pcli.config.places import SETTINGS_NAMES

        known = self.known_ledgers()
        if known is None:
            here = self.start.resolve()
            looked = f"there is no {SETTINGS_NAMES[0]} in {here} or above it: go to the project's folder"
        else:
            looked = f"the settings are those in {known.folder}: if that is not the project, go to its folder"
        hint = f"{looked}, or use --ledger; to create an empty ledger here: a2pcli ledger create"
        text = "no ledger here, and no campaign would read a new one; nothing was recorded"
        if known is not None:
            text = "no ledger here yet; nothing was recorded"
        return Problem(text, path=shown_url(url), hint=hint, code="ledger-missing")


def settings_from(start: Path) -> LoadedSettings:
    """The settings beside ``start`` or above it. A folder without any may keep them in its ``campaigns``, where
    people who stand at the top of a project expect them to count."""
    from a2pcli.config.load import load_settings

    return load_settings(settings_place(start))


def settings_place(start: Path) -> Path:
    """Where to look for the settings: see ``settings_from``."""
    from a2pcli.config.places import find_settings

    below = start / "campaigns"
    return below if start.is_dir() and below.is_dir() and find_settings(start) is None else start


def shown_url(url: URL) -> str:
    """The ledger's URL without its password, or the path of a SQLite file."""
    from a2pcli.ledger.faults import shown

    return shown(url)


def is_missing(error: LedgerError) -> bool:
    """Whether a ledger could not be opened because there is none yet."""
    return any(problem.code == "ledger-missing" for problem in error.problems)


def ledger_file(ledger: Ledger) -> Path | None:
    """The file of a SQLite ledger; None for one on a server."""
    url = ledger.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
