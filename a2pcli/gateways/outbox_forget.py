"""Erases one person from an outbox file: only the references of their messages remain.

The reference must stay: it is how ``reconcile`` knows that a message was taken. The file is written anew beside the
old one, made durable, and takes its place; killed at any moment, one of the two is there, whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from a2pcli.errors import A2PError
from a2pcli.gateways.outbox import OutboxBlock, draft_of, is_file_of, sync_folder
from a2pcli.gateways.outbox_lines import START, locked, parsed, torn_line
from a2pcli.gateways.settings import read_block


def outbox_file(name: str, settings: Mapping[str, Any]) -> Path | None:
    """Return the absolute path of an outbox gateway's file; None for other gateways."""
    if str(settings.get("type") or name) != "outbox":
        return None
    try:
        block = read_block(OutboxBlock, name, settings)
    except A2PError:
        return None
    return (block.folder / block.file).absolute()


def forget_in_outbox(path: Path, *addresses: str, timeout: float = 30.0) -> int:
    """Blank the messages to a person, by every form of their address; return how many.

    Raises ``OSError`` if the file cannot be changed. Senders that have the file open wait for the lock, and then
    notice that it was replaced.
    """
    path = path.resolve()  # replace the file itself, not a link to it
    draft = draft_of(path)
    copy_of_old_days = path.with_name(path.name + ".part")
    if not path.exists():
        draft.unlink(missing_ok=True)  # left by a kill, for a file that was removed since
    with _locked(path, timeout) as file:
        draft.unlink(missing_ok=True)  # left by a kill
        try:
            with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as copy:
                _be_owned_alike(copy, file)
                # Processes that open the new file at once wait until its name is durable.
                with locked(copy.fileno(), timeout):
                    count, changed = _written(file, copy, addresses)
                    if copy_of_old_days.exists():
                        more, adopted = _adopted(copy_of_old_days, file, copy, addresses)
                        count, changed = count + more, changed or adopted
                    copy.flush()
                    os.fsync(copy.fileno())
                    if changed:
                        draft.replace(path)
                        sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)
        copy_of_old_days.unlink(missing_ok=True)
        return count


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[IO[bytes]]:
    """Yield the file of that name, opened and locked."""
    while True:
        with path.open("r+b") as file, locked(file.fileno(), timeout):
            if is_file_of(path, file.fileno()):
                yield file
                return


def _be_owned_alike(copy: IO[bytes], file: IO[bytes]) -> None:
    """Give the copy the file's owner, so that the sender's user can still write if root erases."""
    if hasattr(os, "fchown"):
        owner = os.fstat(file.fileno())
        with suppress(OSError):
            os.fchown(copy.fileno(), owner.st_uid, owner.st_gid)


def _written(file: IO[bytes], copy: IO[bytes], addresses: tuple[str, ...]) -> tuple[int, bool]:
    """Copy the file without the person; return how many messages were theirs, and whether anything changed."""
    count, changed = 0, False
    for line in file:
        kept, is_theirs = _without(line, addresses)
        count += is_theirs
        changed = changed or kept is not line
        copy.write(kept)
    return count, changed


def _adopted(old: Path, file: IO[bytes], copy: IO[bytes], addresses: tuple[str, ...]) -> tuple[int, bool]:
    """Copy records that only an old copy has: earlier versions of a2pcli overwrote the file itself, and could be
    killed."""
    file.seek(0)
    there = {record.get("reference") for line in file if (record := parsed(line)) is not None}
    count, changed = 0, False
    with old.open("rb") as lines:
        for line in lines:
            record = parsed(line)
            if record is None or not line.endswith(b"\n") or record.get("reference") in there:
                continue
            kept, is_theirs = _without(line, addresses)
            count += is_theirs
            changed = True
            copy.write(kept)
    return count, changed


def _without(line: bytes, addresses: tuple[str, ...]) -> tuple[bytes, bool]:
    """Return the line to keep, and whether it was a message to the person; unknown for an incomplete line."""
    is_whole = line.startswith(START) and line.endswith(b"}\n") and b"\0" not in line
    if is_whole and not any(_may_stand_in(line, address) for address in addresses):
        return line, False
    record = parsed(line)
    if record is None:
        return torn_line(line), False
    to = record.get("to")
    if not isinstance(to, str) or to.lower() not in addresses:  # in the spelling of its owner
        return line if line.endswith(b"\n") else line + b"\n", False
    kept = {"reference": record.get("reference"), "erased": True}
    return json.dumps(kept).encode() + b"\n", True


def _may_stand_in(line: bytes, address: str) -> bool:
    """Whether a line may be about an address: fast, and certain if it returns False."""
    return not address.isascii() or address.lstrip("+").encode() in line.lower()
