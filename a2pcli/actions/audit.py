"""The audit trail: what is written into it by more than one action, and reading and verifying it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.project import Project
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.audit import Entry as Entry
from a2pcli.ledger.audit import Verified as Verified
from a2pcli.ledger.audit import user as user

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

EXPORT = "export"
"""The action of entries that name a file a2pcli wrote people into; ``people erase`` finds the files by them."""

SHORTEST_HEAD = 12
"""Characters of a hash that are enough to know an entry by."""


def record_export(
    ledger: Ledger | None, what: str, file: Path | str, rows: int | None = None, run: Run | None = None
) -> None:
    """People were written into a file, or to stdout (``-``)."""
    if ledger is None:
        return
    path = Path(file)
    place = "-" if str(file) == "-" or (path.exists() and not path.is_file()) else str(path.resolve())
    counted = {} if rows is None else {"rows": rows}
    ledger.record(EXPORT, None if run is None else run.id, {"what": what, "file": place, **counted})


def exported_files(ledger: Ledger) -> list[Path]:
    """The files that a2pcli wrote people into, oldest first, each once."""
    found = [entry.facts.get("file") for entry in ledger.audit_entries() if entry.action == EXPORT]
    paths = [Path(file) for file in reversed(found) if isinstance(file, str) and file != "-"]
    return list(dict.fromkeys(paths))


def newest_entries(project: Project, limit: int | None) -> list[Entry]:
    """The trail from its newest entry back; ``limit`` entries at most."""
    with project.existing_ledger() as ledger:
        return list(islice(ledger.audit_entries(), limit)) if ledger else []


def verify_trail(project: Project, head: str | None = None) -> tuple[Verified, str | None]:
    """Whether the trail holds, and the name of its ledger. ``head`` is the hash of an entry that was noted before, or
    its beginning. Raises ``UsageError`` for what is no hash."""
    with project.existing_ledger() as ledger:
        if ledger is None:
            return Verified(0, 0, None, ()), None
        return ledger.audit_trail(_whole_hash(ledger, head)), ledger.name


def _whole_hash(ledger: Ledger, head: str | None) -> str | None:
    """The whole hash where only its beginning was noted."""
    if head is None:
        return None
    head = head.strip().lower().rstrip("….")
    if len(head) < SHORTEST_HEAD or set(head) - set("0123456789abcdef"):
        hint = f"`a2pcli audit verify` prints it; its first {SHORTEST_HEAD} characters are enough"
        raise UsageError(Problem("--head is no hash of an entry", hint=hint))
    return next((entry.hash for entry in ledger.audit_entries() if entry.hash.startswith(head)), head)
