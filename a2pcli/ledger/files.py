"""A SQLite ledger's files: what was written survives a loss of power, and which copies lie beside it.

Copies are those that an interrupted ``ledger encrypt`` or the like left. Such a command writes the whole ledger anew
beside the old one, perhaps without encryption; killed in the middle it leaves that copy, with everybody in it. The
next to open the ledger removes it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path


def flush_file(path: Path) -> None:
    """Wait until the file is on disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the folder's entries are on disk, because a file whose name is lost is lost."""
    if os.name != "posix":
        return  # Windows cannot flush a folder and does not need it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


DRAFT = "new"
"""Suffix of an unfinished copy's name, after the number of the process that writes it."""

RESCUED = "rescued"
"""Part of the name of the copy that a sender saved of a deleted ledger."""

_DRAFT = re.compile(rf"\d+\.{DRAFT}(-journal|-wal|-shm)?")

_OURS = ("-wal", "-shm", "-journal", "-locks", "-erasure-key")
_BIGGER_THAN = 512
"""Bytes; no database is smaller."""


def draft_of(path: Path) -> Path:
    """Return the path at which this process writes a new copy of the ledger."""
    return path.with_name(f"{path.name}.{os.getpid()}.{DRAFT}")


def drafts(path: Path) -> list[Path]:
    """Return the copies left by interrupted commands, with their logs."""
    begin = f"{path.name}."
    return sorted(
        one
        for one in _beside(path)
        if one.name.startswith(begin) and _DRAFT.fullmatch(one.name.removeprefix(begin))
    )


def remove_drafts(path: Path) -> list[Path]:
    """Remove these copies; return those that were removed.

    Call it while a connection to the ledger is open: a converting process has the ledger exclusively, so every draft
    is abandoned.
    """
    removed = []
    for draft in drafts(path):
        with suppress(OSError):
            draft.unlink()
            removed.append(draft)
    return removed


def other_copies(path: Path) -> list[Path]:
    """Return files whose names look like copies of the ledger: backups made by people, and rescued copies."""
    name = path.name
    ours = {name, *(f"{name}{word}" for word in _OURS)}
    stem = re.escape(path.stem)
    like = re.compile(rf"({re.escape(name)}[.~_ -].*|{stem}[._ -].*{re.escape(path.suffix)}.*)")
    found = []
    for one in _beside(path):
        if one.name in ours or not like.fullmatch(one.name):
            continue
        with suppress(OSError):
            if one.is_file() and one.stat().st_size > _BIGGER_THAN:
                found.append(one)
    return sorted(found)


def _beside(path: Path) -> list[Path]:
    try:
        return list(path.parent.iterdir())
    except OSError:
        return []
