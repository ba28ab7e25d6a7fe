"""Ledgers as a whole: create one, accept an existing one, encrypt or decrypt it.

Each action gives the ledger's name. Audit: ``ledger.create``, ``ledger.accept``, ``ledger.encrypt``, …
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.project import is_missing
from a2pcli.errors import LedgerError, Problem, UsageError
from a2pcli.ledger import audit
from a2pcli.ledger.cipher import (
    KEY_VARIABLE,
    NEW_KEY_VARIABLE,
    LedgerKey,
    convert,
    from_environment,
    is_plain,
    key_from,
)
from a2pcli.ledger.core import BUSY_SECONDS, make, make_on_server
from a2pcli.ledger.database import connect, is_there, ledger_url, missing
from a2pcli.ledger.faults import shown
from a2pcli.ledger.integrity import Finding
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from a2pcli.actions.project import Project
    from a2pcli.ledger.asking import Answer as Answer
    from a2pcli.ledger.integrity import Checked as Checked
    from a2pcli.ledger.views import View as View


def create_ledger(project: Project) -> str:
    """A new ledger where there is none, or an empty file. A person decided: what was there before is forgotten."""
    place, text = project.ledger_and_key()
    url = ledger_url(place)
    known = project.known_ledgers()
    if url.get_backend_name() == "sqlite":
        _nothing_in_the_way(Path(url.database or ""))
        make(url, key_from(text) or from_environment(), created=_created)
    elif _opens(place, text):
        raise UsageError(Problem("a ledger already exists", path=shown(url), code="ledger-exists"))
    else:
        make_on_server(url, created=_created)
    with Ledger.open(place, key=text) as store:
        if known is not None:
            known.start_over(url)
            known.note(store)
    return shown(url)


def _created(connection: Connection) -> None:
    audit.record(connection, "ledger.create", None, None, (), now_ms())


def _nothing_in_the_way(path: Path) -> None:
    """Refuse to make a ledger over one, or beside the log of one that is gone: it would become part of the new one."""
    if path.exists() and path.stat().st_size:
        raise UsageError(
            Problem("a ledger, or another file, already exists", path=str(path), code="ledger-exists")
        )
    for word in ("-wal", "-journal", "-shm"):
        log = Path(f"{path}{word}")
        if not log.exists():
            continue
        if log.stat().st_size and word != "-shm":
            text = "this file contains the newest entries of the missing ledger"
            hint = (
                "put it beside that ledger under its original name, or move it away if the ledger is lost;"
                " then try again"
            )
            raise LedgerError(Problem(text, path=str(log), hint=hint, code="ledger-gone"))
        log.unlink()


def _opens(place: str, key: str | None) -> bool:
    try:
        Ledger.open(place, create=False, key=key).close()
    except LedgerError as error:
        if is_missing(error):
            return False
        raise
    return True


def accept_ledger(project: Project) -> str:
    """Make this ledger the project's ledger."""
    place, text = project.ledger_and_key()
    known = project.known_ledgers()
    with Ledger.open(place, create=False, key=text) as store:
        if known is None:
            hint = "run it in the project's folder"
            raise UsageError(
                Problem("no settings here, so there is no project to remember a ledger", hint=hint)
            )
        before = known.wrong(store, None)
        store.audit.add("ledger.accept", None, {"why": before.code} if before else None)
        known.accept(store)
        return store.name


def check_ledger(
    project: Project, sample: Decimal | None = None, seed: int | None = None
) -> tuple[str, Checked]:
    """Whether the ledger is sound, and the one that the project knows: its name, and what was found.

    ``sample`` is the share of the plans' chunks to read (all for None), chosen by ``seed``. No audit entry: nothing is
    changed.
    """
    with project.ledger_to_read() as store:
        found = store.check(sample, seed)
        known = project.known_ledgers()
        problem = known.wrong(store, None) if known is not None and store.has_id() else None
        if problem is not None:
            found.findings.append(Finding("other-ledger", problem.message))
        return store.name, found


@contextmanager
def ask_ledger(project: Project, sql: str, named: Sequence[str], seconds: float) -> Iterator[Answer]:
    """The answer to a query in SQL over the views; ``named`` are ids of runs or names of campaigns (their newest run),
    whose rows the view ``messages`` has: of all runs, where none is named.

    No audit entry: to ask changes nothing, also where the ledger may not be written.
    """
    from a2pcli.actions.runs import chosen_run

    with project.ledger_to_read() as store:
        chosen = [run for name in named if (run := chosen_run(store, name)) is not None]
        with store.ask(sql, chosen if named else None, seconds) as answer:
            yield answer


def documented_views() -> list[View]:
    """The views that ``ledger query`` offers, with their columns."""
    from a2pcli.ledger.views import views

    return list(views())


def encrypt_ledger(project: Project) -> str:
    """Encrypt an unencrypted ledger in place. Raises ``LedgerError`` if it cannot be encrypted."""
    path, key = _place_and_key(project)
    if not is_plain(path):
        raise UsageError(Problem("this ledger is already encrypted", path=str(path)))
    _is_a_ledger(path, None)
    _convert(path, None, key, "encrypt")
    return str(path)


def decrypt_ledger(project: Project) -> str:
    """Remove the encryption of a ledger in place."""
    path, key = _place_and_key(project)
    _is_encrypted(path)
    _is_a_ledger(path, key)
    _convert(path, key, None, "decrypt")
    return str(path)


def rekey_ledger(project: Project) -> str:
    """Change the key of an encrypted ledger in place."""
    path, key = _place_and_key(project)
    _is_encrypted(path)
    new = key_from(os.environ.get(NEW_KEY_VARIABLE))
    if new is None:
        raise UsageError(Problem("no new key is set", hint=f"put it into {NEW_KEY_VARIABLE}"))
    _is_a_ledger(path, key)
    _convert(path, key, new, "rekey")
    return str(path)


def _place_and_key(project: Project) -> tuple[Path, LedgerKey]:
    place, text = project.ledger_and_key()
    url = ledger_url(place)
    if url.get_backend_name() != "sqlite":
        raise LedgerError(
            Problem(
                "a2pcli cannot encrypt a ledger on a PostgreSQL server",
                hint="encrypt the server's disks",
                code="ledger-key",
            )
        )
    if not is_there(url):
        raise missing(url)
    key = key_from(text) or from_environment()
    if key is None:
        hint = f"put it into {KEY_VARIABLE}; `openssl rand -hex 32` creates a good one"
        raise UsageError(Problem("no key is set", hint=hint))
    return Path(url.database or ""), key


def _is_encrypted(path: Path) -> None:
    if is_plain(path):
        raise UsageError(Problem("this ledger is not encrypted", path=str(path)))


def _is_a_ledger(path: Path, key: LedgerKey | None) -> None:
    """Whether it opens at all, and as a ledger of ours; its schema is brought up to date on the way."""
    _open(path, key).close()


def _convert(path: Path, old: LedgerKey | None, new: LedgerKey | None, word: str) -> None:
    """The entry is in the new file before it takes the old one's place: both are there, or neither."""

    def record(draft: Path) -> None:
        engine = connect(ledger_url(str(draft)), busy_seconds=BUSY_SECONDS, key=new)
        try:
            with engine.begin() as connection:
                audit.record(connection, f"ledger.{word}", None, None, (), now_ms())
        finally:
            engine.dispose()

    convert(path, old, new, record=record)


def _open(path: Path, key: LedgerKey | None) -> Ledger:
    """Open with this very key, whatever the environment says."""
    return Ledger.open_with(str(path), key)
