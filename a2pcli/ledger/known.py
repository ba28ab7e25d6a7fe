"""What a project remembers of its ledgers, outside of them, so that a ledger that is gone is missed.

A ledger knows who was messaged and who said no. Without it everybody would be a new recipient, and an empty file
made in its place looks like the first day of a project. So a small file beside the settings names each ledger that
was used: its id, where it was, the campaigns that were planned with it, and the newest entry of its audit trail
that was seen. It holds nobody's data, and may be kept in git so that clones of the project know it too.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.faults import shown
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

FILE = ".a2pcli-ledger.json"
_ABOUT = (
    "Written by a2pcli: the ledgers this project uses. It holds no personal data; keep it with the project. "
    "Without it, a2pcli cannot tell that a ledger is missing and would message everybody again."
)
NAMED = 3
"""Maximum number of campaigns named in a sentence."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A ledger that was used. ``place`` is relative to the record's folder if it lies inside it.

    ``entry`` and ``hash`` are of the newest audit entry seen; 0 and "" for none. ``used_at`` is UTC milliseconds.
    """

    id: str
    place: str
    campaigns: tuple[str, ...] = ()
    entry: int = 0
    hash: str = ""
    used_at: int = 0


class KnownLedgers:
    """One project's record of its ledgers: a file in the folder of its settings, or of its campaign without
    settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.path = self.folder / FILE

    def all(self) -> list[Remembered]:
        """Return every recorded ledger. Raises ``LedgerError`` if the file cannot be read."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise LedgerError(self._unreadable(getattr(error, "strerror", None) or "not text")) from error
        try:
            return [_entry(one) for one in json.loads(text)["ledgers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(self._unreadable("it was changed outside of a2pcli")) from error

    def _unreadable(self, why: str) -> Problem:
        hint = "restore it from git or a backup, or delete it if you are sure that this is the right ledger"
        text = f"cannot read the record of this project's ledgers: {why.lower()}"
        return Problem(text, path=str(self.path), hint=hint, code="ledger-note")

    def place_of(self, url: URL) -> str:
        """Return a ledger's place in the form recorded in the project's file."""
        if url.get_backend_name() != "sqlite":
            return shown(url)
        path = Path(url.database or "").resolve()
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)

    def missing(self, url: URL) -> Problem | None:
        """Return why a missing ledger must not be created silently; None for a project's first."""
        known, place = self.all(), self.place_of(url)
        here = [one for one in known if one.place == place]
        if here:
            return _gone(here[-1], shown(url))
        if known:
            last = max(known, key=lambda one: one.used_at)
            return Problem(
                f"there is no ledger here; this project's ledger is {last.place}{_used(last)}",
                path=shown(url),
                hint=f"use that one, through the settings, {_OPTION} or A2PCLI_LEDGER; or create a second, empty one:"
                f" a2pcli ledger create {_OPTION} {_typed(url)}",
                code="ledger-gone",
            )
        return _traces(url)

    def wrong(self, ledger: Ledger, campaign: str | None) -> Problem | None:
        """Return why an open ledger is not the one the project used before; None if it is, or none was recorded."""
        known = self.all()
        if not known:
            return None
        id, place = ledger.identify(), self.place_of(ledger.url)
        mine = next((one for one in known if one.id == id), None)
        if mine is None and (here := [one for one in known if one.place == place]):
            return _another(here[-1], ledger.url)
        if mine is not None and mine.entry and ledger.audit.hash_at(mine.entry) != (mine.entry, mine.hash):
            return _older(mine, ledger)
        elsewhere = [one for one in known if campaign in one.campaigns]
        if (
            elsewhere
            and all(one.id != id for one in elsewhere)
            and not ledger.runs.has_campaign(campaign or "")
        ):
            return _other_campaign(campaign or "", elsewhere[-1], ledger.url)
        return None

    def note(self, ledger: Ledger, campaign: str | None = None) -> None:
        """Record that the project uses this ledger, and its newest audit entry."""
        id, place = ledger.identify(), self.place_of(ledger.url)
        number, hash = ledger.audit.hash_at() or (0, "")
        with self._changed() as known:
            before = next((one for one in known if one.id == id), Remembered(id, place))
            campaigns = before.campaigns
            if campaign is not None and campaign not in campaigns:
                campaigns = tuple(sorted([*campaigns, campaign]))
            now = replace(before, place=place, campaigns=campaigns, entry=number, hash=hash)
            if now != before or before not in known:
                known[:] = [one for one in known if one.id != id] + [replace(now, used_at=now_ms())]

    def accept(self, ledger: Ledger) -> None:
        """Make this ledger the project's ledger, because a user confirmed it."""
        id, place = ledger.identify(), self.place_of(ledger.url)
        with self._changed() as known:
            others = [one for one in known if one.id != id and one.place != place]
            known[:] = [replace(one, campaigns=()) for one in others]
        self.note(ledger)

    def start_over(self, url: URL) -> None:
        """Forget the ledger at this place, where a new one is about to be created, and ledgers whose files are gone."""
        place = self.place_of(url)
        with self._changed() as known:
            known[:] = [one for one in known if one.place != place and self._exists(one)]

    def _exists(self, one: Remembered) -> bool:
        return "://" in one.place or (self.folder / one.place).exists()

    @contextmanager
    def _changed(self) -> Iterator[list[Remembered]]:
        """The recorded ledgers, to be changed in place; written if they differ. One process at a time.

        If the folder is not writable, nothing is recorded and no error is raised.
        """
        before = self.all()
        try:
            with _alone(self.folder):
                known = self.all()
                before = list(known)
                yield known
                if known != before:
                    self._write(known)
        except PermissionError:
            return
        except OSError as error:
            if error.errno in (30, 28):  # a read-only or a full disk
                return
            raise

    def _write(self, known: list[Remembered]) -> None:
        ledgers = [{**asdict(one), "campaigns": list(one.campaigns)} for one in known]
        text = json.dumps({"about": _ABOUT, "ledgers": ledgers}, ensure_ascii=False, indent=2) + "\n"
        draft = self.path.with_name(f"{FILE}.{os.getpid()}")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


_OPTION = "--ledger"


def _entry(one: dict[str, Any]) -> Remembered:
    return Remembered(
        str(one["id"]),
        str(one["place"]),
        tuple(map(str, one.get("campaigns", ()))),
        int(one.get("entry", 0)),
        str(one.get("hash", "")),
        int(one.get("used_at", 0)),
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Exclude other processes by a lock on the folder itself, which leaves no file behind."""
    try:
        import fcntl
    except ImportError:  # Windows: the last writer wins
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _typed(url: URL) -> str:
    return shlex.quote(shown(url))


def _local(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment / 1000))


def _used(one: Remembered) -> str:
    """Return details in brackets, such as `` (last used 2026-03-01 09:00, campaigns spring-sale and 2 more)``."""
    words = [f"last used {_local(one.used_at)}"] if one.used_at else []
    if one.campaigns:
        more = len(one.campaigns) - NAMED
        named = ", ".join(one.campaigns[:NAMED]) + (f" and {more} more" if more > 0 else "")
        words.append(f"campaign{'' if len(one.campaigns) == 1 else 's'} {named}")
    return f" ({', '.join(words)})" if words else ""


_LOST = "without it, people would be messaged again and opt-outs ignored"


def _gone(one: Remembered, path: str) -> Problem:
    return Problem(
        f"this project's ledger is missing{_used(one)}: {_LOST}",
        path=path,
        hint="move it back, or restore it from a backup; to start over with an empty one:"
        " a2pcli ledger create",
        code="ledger-gone",
    )


def _another(one: Remembered, url: URL) -> Problem:
    return Problem(
        f"this is not the ledger that was here before{_used(one)}: {_LOST}",
        path=shown(url),
        hint=f"restore the other one; or, if this one is right: a2pcli ledger accept {_OPTION} {_typed(url)}",
        code="ledger-other",
    )


def _older(one: Remembered, ledger: Ledger) -> Problem:
    head = ledger.audit.hash_at()
    behind = one.entry - (head[0] if head else 0)
    what = f"{behind} of its newest entries are missing" if behind > 0 else "its newest entries differ"
    return Problem(
        f"this ledger is older than at its last use ({_local(one.used_at)}): {what}. Was a backup restored?"
        " People who were messaged since then would be messaged again",
        path=shown(ledger.url),
        hint="restore the newest state; or, if this is the newest you have, compare it with the provider's log, then:"
        f" a2pcli ledger accept {_OPTION} {_typed(ledger.url)}",
        code="ledger-older",
    )


def _other_campaign(campaign: str, one: Remembered, url: URL) -> Problem:
    return Problem(
        f"campaign {campaign} was planned with another ledger, {one.place}{_used(one)}: this ledger does"
        " not know who got it",
        path=shown(url),
        hint=f"use that one, through the settings, {_OPTION} or A2PCLI_LEDGER; or, to continue with this one:"
        f" a2pcli ledger accept {_OPTION} {_typed(url)}",
        code="ledger-other",
    )


def _traces(url: URL) -> Problem | None:
    """Return a problem if an unrecorded ledger has left files beside the place where it was."""
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(url.database or "")
    logs = [file for word in ("-wal", "-journal") if _size(file := Path(f"{path}{word}"))]
    sent = any(Path(f"{path}-locks").glob("*.send"))
    key = Path(f"{path}-erasure-key")
    if not (logs or sent or key.exists()):
        return None
    found = logs[0] if logs else key if key.exists() else Path(f"{path}-locks")
    return Problem(
        f"the ledger is missing, but {found.name} of it is still here: {_LOST}",
        path=str(path),
        hint="move it back, or restore it from a backup; to start over with an empty one:"
        " a2pcli ledger create",
        code="ledger-gone",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
