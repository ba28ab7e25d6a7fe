"""The audit trail: writing entries that several actions share, and reading and verifying it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.project import Project
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError

if TYPE_CHECKING:
    from a2pcli.ledger.audit import AuditEntry as AuditEntry
    from a2pcli.ledger.audit import Verified as Verified
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

EXPORT = "export"
"""The action of entries that name a file a2pcli wrote people into; ``people erase`` finds the files by them."""

SHORTEST_HEAD = 12
"""Characters of a hash that are enough to know an entry by."""


def user() -> str:
    """The operating system's name of who runs this process."""
    from a2pcli.ledger import audit

    return audit.user()


@dataclass(frozen=True, slots=True)
class About:
    """What an entry says: on what it was done, which counts, and to whom (addresses, kept as keyed hashes)."""

    subject: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    people: Sequence[str] = ()


@contextmanager
def recorded(ledger: Ledger, action: str, about: Callable[[], About | None]) -> Iterator[None]:
    """One transaction of what is changed meanwhile and of the entry about it: both are there, or neither.

    ``about`` is called at the end; None where nothing was changed.
    """
    with ledger.transaction():
        yield
        told = about()
        if told is not None:
            ledger.audit.add(action, told.subject, told.detail, people=told.people)


class PieceByPiece:
    """The entries about a file that is taken piece by piece: each piece is one transaction with the entry about it.

    ``counts`` gives what was done until now. An entry holds what was counted since the one before, so the entries of
    a file add up to it, and a file of one piece has one. Rows that changed nothing are told with the next that did.
    """

    def __init__(
        self,
        ledger: Ledger,
        action: str,
        subject: str | None,
        counts: Callable[[], Mapping[str, int]],
        *,
        changes: Sequence[str],
        also: Mapping[str, Any] | None = None,
    ) -> None:
        self._ledger, self._action, self._subject, self._counts = ledger, action, subject, counts
        self._changes, self._also = changes, dict(also or {})
        self._told: Mapping[str, int] = {}
        self.saved: Mapping[str, int] = {}
        """What was counted up to the last piece that is in the ledger."""

    @contextmanager
    def piece(self) -> Iterator[None]:
        """What is changed meanwhile, and its entry: both are there, or neither."""
        with self._ledger.transaction():
            yield
            now = dict(self._counts())
            told = self._tell(now)
        self._told, self.saved = told, now

    def end(self) -> None:
        """The file is done: rows that no entry tells of yet get one, and a file that changed nothing has its own."""
        now = dict(self._counts())
        if now != self._told or not self._told:
            self._told = self._tell(now, anyway=True)
        self.saved = now

    def _tell(self, now: Mapping[str, int], *, anyway: bool = False) -> Mapping[str, int]:
        since = {name: count - self._told.get(name, 0) for name, count in now.items()}
        if not anyway and not any(since.get(name) for name in self._changes):
            return self._told
        self._ledger.audit.add(self._action, self._subject, {**self._also, **since})
        return now


def record_export(
    ledger: Ledger, what: str, file: Path | str, rows: int | None = None, run: Run | None = None
) -> None:
    """People were written into a file, or to stdout (``-``)."""
    path = Path(file)
    place = "-" if str(file) == "-" or (path.exists() and not path.is_file()) else str(path.resolve())
    counted = {} if rows is None else {"rows": rows}
    ledger.audit.add(EXPORT, None if run is None else run.id, {"what": what, "file": place, **counted})


def exported_files(ledger: Ledger) -> list[Path]:
    """The files that a2pcli wrote people into, oldest first, each once."""
    found = [entry.facts.get("file") for entry in ledger.audit.entries() if entry.action == EXPORT]
    paths = [Path(file) for file in reversed(found) if isinstance(file, str) and file != "-"]
    return list(dict.fromkeys(paths))


def newest_entries(project: Project, limit: int | None) -> list[AuditEntry]:
    """The trail from its newest entry back; ``limit`` entries at most."""
    with project.existing_ledger() as ledger:
        return list(islice(ledger.audit.entries(), limit)) if ledger else []


def verify_trail(project: Project, head: str | None = None) -> tuple[Verified, str | None]:
    """Whether the trail holds, and the name of its ledger. ``head`` is the hash of an entry that was noted before, or
    its beginning. Raises ``UsageError`` for what is no hash."""
    from a2pcli.ledger.audit import Verified

    with project.existing_ledger() as ledger:
        if ledger is None:
            return Verified(0, 0, None, ()), None
        return ledger.audit.verify(_whole_hash(ledger, head)), ledger.name


def _whole_hash(ledger: Ledger, head: str | None) -> str | None:
    """The whole hash where only its beginning was noted."""
    if head is None:
        return None
    head = head.strip().lower().rstrip("….")
    if len(head) < SHORTEST_HEAD or set(head) - set("0123456789abcdef"):
        hint = f"`a2pcli audit verify` prints one; its first {SHORTEST_HEAD} characters are enough"
        raise UsageError(Problem("--head is not the hash of an entry", hint=hint))
    return next((entry.hash for entry in ledger.audit.entries() if entry.hash.startswith(head)), head)
