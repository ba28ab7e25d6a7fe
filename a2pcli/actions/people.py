"""One person's data: export everything stored about an address, or erase it everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.addresses import person_of
from a2pcli.actions.audit import exported_files
from a2pcli.actions.project import Project, ledger_file, settings_from
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, LedgerError, LedgerUnavailable, Problem, UsageError, is_no_room
from a2pcli.ledger.files import drafts, other_copies, remove_drafts

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.erasure import Erasure, Person
    from a2pcli.ledger.store import Ledger

PATIENCE = 30.0
"""Seconds to wait for the answer to a message that is on its way to the person."""


def export_person(project: Project, cell: str, *, region: str | None = None) -> dict[str, Any]:
    """Everything held about a number, by table, as ``Ledger.export_person`` gives it. Audit: ``people.export``."""
    with project.existing_ledger() as ledger:
        person = _person_of(project, ledger, cell, region)
        if ledger is None:
            return {"number": person.address, "erased": False}
        held = ledger.people.export(person)
    counts = {name: len(rows) for name, rows in held.items() if isinstance(rows, list)}
    with project.existing_ledger(to_write=True) as ledger:
        if ledger is not None:
            ledger.audit.add("people.export", None, counts, people=[person.address])
    return held


def _person_of(project: Project, ledger: Ledger | None, cell: str, region: str | None) -> Person:
    """Whose address it is; of what is none, the sender of replies that a gateway named so. Raises ``UsageError``."""
    try:
        return person_of(cell, region or project.number_settings().settings.region)
    except UsageError:
        if ledger is None or not ledger.replies.are_from(cell):
            raise
    from a2pcli.ledger.erasure import Person

    return Person(cell, is_name=True)


@dataclass(slots=True)
class ErasedFiles:
    """What became of the files: rows blanked by file, files that are gone, copies of the ledger, and problems."""

    rewritten: dict[str, int] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    kind: type[LedgerError] = LedgerError

    def rewrite(self, path: Path, work: Callable[[Path], int]) -> None:
        """Do one file; what goes wrong is told at the end, and the other files are done all the same."""
        try:
            if count := work(path):
                self.rewritten[str(path)] = count
        except FileNotFoundError:
            self.gone.append(str(path))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and is_no_room(error):
                self.kind = LedgerUnavailable
            why = (getattr(error, "strerror", None) or str(error)).lower()
            hint = "the person may still be in it: fix that and erase again, or delete the file"
            self.problems.append(
                Problem(f"could not be rewritten: {why}", path=str(path), hint=hint, code="not-erased")
            )


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """What was erased: in the ledger, and in files that a2pcli wrote. ``files.problems`` say what was not."""

    ledger: Erasure
    files: ErasedFiles


def erase_person(
    project: Project,
    cell: str,
    *,
    region: str | None = None,
    confirm: Callable[[str], None] = lambda number: None,
    patience: float = PATIENCE,
) -> ErasedPerson:
    """Take a person out of the ledger and of every file that a2pcli wrote; a keyed hash stays, which suppresses them.

    ``confirm`` gets the number (E.164) before anything is changed. A message that is on its way is waited for,
    ``patience`` seconds. Audit: ``people.erase``, ``people.erase-files``.
    """
    with project.existing_ledger(to_write=True) as ledger:
        person = _person_of(project, ledger, cell, region)
        if ledger is None:
            raise UsageError("no ledger here, so there is nobody to erase")
        confirm(person.address)
        erased = ledger.people.erase(person, patience=patience)
        files = ErasedFiles()
        if not person.is_name:
            _rewrite_files(ledger, person, files)
        _look_for_copies(ledger, files)
        try:
            ledger.rewrite()
        except LedgerError as error:
            files.problems += error.problems
            files.kind = type(error)
        rows = sum(files.rewritten.values())
        ledger.audit.add("people.erase-files", erased.hash, {"files": len(files.rewritten), "rows": rows})
    return ErasedPerson(erased, files)


def _rewrite_files(ledger: Ledger, person: Person, files: ErasedFiles) -> None:
    from a2pcli.gateways.outbox import draft_of
    from a2pcli.gateways.outbox_forget import forget_in_outbox
    from a2pcli.reporting.forgetting import forget_in

    for path in exported_files(ledger):
        files.rewrite(path, lambda path: forget_in(path, person))
    for path in _outboxes(ledger):
        if path.exists() or draft_of(path).exists():
            files.rewrite(path, lambda path: forget_in_outbox(path, *person.forms))


def _look_for_copies(ledger: Ledger, files: ErasedFiles) -> None:
    """Copies of the ledger that interrupted commands left go; others beside it are the user's, and are named."""
    path = ledger_file(ledger)
    if path is None:
        return
    files.removed = [str(one) for one in (*ledger.removed, *remove_drafts(path))]
    for draft in drafts(path):
        hint = "the person is still in it: delete it"
        text = "this copy of the ledger, left by an interrupted command, could not be removed"
        files.problems.append(Problem(text, path=str(draft), hint=hint, code="not-erased"))
    files.copies = [str(one) for one in other_copies(path) if one not in drafts(path)]


def _outboxes(ledger: Ledger) -> list[Path]:
    """The files of every outbox that the settings here, or beside a run's campaign, describe."""
    starts = {Path.cwd()} | {Path(run.campaign_file) for run in ledger.runs.all() if run.campaign_file}
    found: dict[Path, None] = {}
    folders: set[Path] = set()
    for start in sorted(starts):
        folder = start if start.is_dir() else start.parent
        if folder in folders or not folder.exists():
            continue
        folders.add(folder)
        try:
            settings = settings_from(start)
        except A2PError:
            continue  # broken since: `check` tells about it
        found |= dict.fromkeys(_of(settings))
    return list(found)


def _of(settings: LoadedSettings) -> Iterator[Path]:
    from a2pcli.gateways.outbox_forget import outbox_file

    blocks: dict[str, dict[str, Any]] = {"outbox": {}, **settings.settings.gateways}
    for name, block in blocks.items():
        path = outbox_file(name, {"type": name, **block, "folder": settings.folder})
        if path is not None:
            yield path.resolve()
