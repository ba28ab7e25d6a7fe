"""The default gateway: appends messages to a file, one JSON object per line, and sends nothing.

A message reported as accepted is on the disk. A batch is appended with one write and one fsync under a lock, so
that several processes can share the file; an incomplete write is undone. The file may be
renamed away at any time (log rotation): the next batch starts a new one. It may be replaced by a new one
(``outbox_forget``): a process with the lock checks that it still has the file of that name before writing.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from a2pcli.channels import OFFERED
from a2pcli.errors import GatewayUnusable, InvalidInput, Problem
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.outbox_lines import Findings, findings, locked
from a2pcli.gateways.settings import GatewayBlock, block_problem, read_block
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.visible import json_text

_UNWRITABLE = Outcome(
    Verdict.REJECTED,
    cause=Cause.CONTENT,
    code="not-utf-8",
    detail="the message contains characters that cannot be encoded",
)


class OutboxBlock(GatewayBlock):
    """Settings of the outbox."""

    file: Path = Field(
        Path(".a2pcli/outbox.jsonl"), description="The file, relative to the settings file's folder"
    )


class OutboxGateway:
    """Appends messages to a JSON-lines file, durably."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        block = read_block(OutboxBlock, name, settings)
        self.name = name
        self.path = block.folder / block.file
        self.capabilities = Capabilities(
            channels=frozenset(OFFERED),
            batch=500,
            concurrency=min(block.concurrency or 2, 16),
            durable_lookup=True,
            delivers=False,
            instead="written to a file",
        )
        self.repaired = False
        """True once an incomplete last line, left by a crash, was closed."""
        self._sender = block.sender
        self._timeout = block.timeout
        self._descriptor: int | None = None
        # Not an asyncio lock: a cancelled submit leaves its thread running, which must still exclude others.
        self._lock = threading.Lock()

    async def open(self) -> None:
        """Create the file (mode 0600) or open it, and close an incomplete last line left by a crash."""
        await asyncio.to_thread(self._open)

    def read_files(self) -> None:
        """Raise ``InvalidInput`` where something lies there that is no file."""
        if self.path.exists() and not self.path.is_file():
            raise InvalidInput(_no_file(self.name, self.path))

    async def close(self) -> None:
        """Close the file, after a write under way."""
        await asyncio.to_thread(self._close)

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Append the batch; accepted means on disk."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = [self._line(message, now) for message in batch]
        whole = b"".join(line for line in lines if line is not None)
        problem = await asyncio.to_thread(self._append, whole) if whole else None
        return [
            _UNWRITABLE if line is None else problem or Outcome(Verdict.ACCEPTED, message.reference)
            for message, line in zip(batch, lines, strict=True)
        ]

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return accepted if the file has a complete record of the reference, not sent if it does not.

        References are absent if the file is missing (it may have been moved away), or if an incomplete line may be
        their record.
        """
        found = await asyncio.to_thread(self._find, set(references))
        if found is None:
            return {}
        told = [one for one in references if one in found.whole or not found.may_be_torn(one)]
        absent = Outcome(
            Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="not-found", detail="not in the outbox file"
        )
        return {
            reference: Outcome(Verdict.ACCEPTED, reference) if reference in found.whole else absent
            for reference in told
        }

    async def check(self) -> Health:
        """Return whether the file is writable."""
        try:
            await self.open()
        except (GatewayUnusable, InvalidInput) as error:
            return Health(False, error.problems[0].message)
        return Health(True, f"messages go to {self.path}; nothing is sent")

    def _line(self, message: Message, at: str) -> bytes | None:
        record: dict[str, Any] = {
            "reference": message.reference,
            "to": message.to,
            "body": message.body,
            "sender": message.sender or self._sender,
            "channel": message.channel,
            "media": list(message.media),
            "parts": message.parts,
            "at": at,
        }
        if message.content is not None:
            record["content"] = dict(message.content)
        try:
            text = json.dumps(record, ensure_ascii=False)
            text.encode()  # a lone surrogate cannot be sent, and must not hide in an escape
            return (json_text(text) + "\n").encode()
        except UnicodeEncodeError:
            return None

    def _open(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                return
            try:
                with self._locked_file() as descriptor:
                    self.repaired = _close_torn_line(descriptor) or self.repaired
                    # Whoever rewrites the file holds the lock, so an existing draft was left by a kill.
                    draft_of(self.path.resolve()).unlink(missing_ok=True)
            except (IsADirectoryError, NotADirectoryError, FileExistsError):
                raise InvalidInput(_no_file(self.name, self.path)) from None
            except OSError as error:
                self._close_file()
                why = f"gateway {self.name}: cannot write {self.path}: {error.strerror or error}"
                raise GatewayUnusable(why) from error

    def _open_file(self) -> int:
        private_folder(self.path.parent)
        # Pipes and devices neither keep data nor can be searched; opening one may even block.
        if self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode):
            raise IsADirectoryError
        is_new = not self.path.exists()
        flags = (
            os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
        descriptor = os.open(self.path, flags, 0o600)
        try:
            make_private(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if is_new:
            sync_folder(self.path.parent)
        return descriptor

    def _close(self) -> None:
        with self._lock:
            self._close_file()

    def _close_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, data: bytes) -> Outcome | None:
        """Write and sync; return None once it is on disk, else the outcome of every message of the batch."""
        with self._lock:
            try:
                with self._locked_file() as descriptor:
                    return _write_whole(descriptor, data)
            except OSError as error:
                return _not_sent(error)

    @contextmanager
    def _locked_file(self) -> Iterator[int]:
        """Yield the file of that name, open and locked; a new one if it was renamed, replaced or deleted."""
        while True:
            if self._descriptor is not None and not is_file_of(self.path, self._descriptor):
                self._close_file()
            if self._descriptor is None:
                self._descriptor = self._open_file()
            with locked(self._descriptor, self._timeout):
                # It may have been replaced while this waited for the lock.
                if is_file_of(self.path, self._descriptor):
                    yield self._descriptor
                    return

    def _find(self, wanted: set[str]) -> Findings | None:
        while True:
            try:
                descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            except OSError:
                return None
            with os.fdopen(descriptor, "rb") as file, locked(descriptor, self._timeout, shared=True):
                if is_file_of(self.path, descriptor):
                    return findings(file, wanted)


def is_file_of(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that the path names now."""
    try:
        ours, there = os.fstat(descriptor), path.stat()
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def make_private(descriptor: int) -> None:
    """Set the mode of an open file to 0600. Raises ``PermissionError`` with advice if it belongs to another user and
    is accessible to others."""
    if os.name != "posix":
        return
    mode = os.fstat(descriptor).st_mode
    if not mode & 0o077:
        return
    try:
        os.fchmod(descriptor, 0o600)
    except PermissionError:
        others = "is accessible to others and belongs to another user: its owner must run chmod 600"
        raise PermissionError(errno.EPERM, others) from None


def draft_of(path: Path) -> Path:
    """Return the path at which the file is rewritten before it replaces the old one."""
    return path.with_name(path.name + ".new")


def private_folder(folder: Path) -> None:
    """Create missing folders with access for their owner only."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # raises if it exists and is not a folder


def _write_whole(descriptor: int, data: bytes) -> Outcome | None:
    """Append ``data`` and sync it, or leave the file as it was. The lock must be held."""
    _close_torn_line(descriptor)
    start = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, data)
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        try:
            os.ftruncate(descriptor, start)
        except OSError:
            return _unknown(error)
        return _not_sent(error)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # The state of the disk after a failed sync is unknown.
        return _unknown(error)
    return None


def _close_torn_line(descriptor: int) -> bool:
    """Close an incomplete last line, so that the next record has its own line; return whether there was one.

    The incomplete line stays in the file; it is not a complete record, so it was never accepted.
    """
    size = os.fstat(descriptor).st_size
    if size == 0:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    if os.read(descriptor, 1) == b"\n":
        return False
    os.write(descriptor, b"\n")
    return True


def _no_file(name: str, path: Path) -> Problem:
    return block_problem(name, "file", f"{path} is not a file that can be appended to")


def _not_sent(error: OSError) -> Outcome:
    return Outcome(
        Verdict.NOT_SENT,
        cause=Cause.UNREACHABLE,
        code=errno.errorcode.get(error.errno or 0, "OSError"),
        detail=f"the outbox file cannot be written: {os.strerror(error.errno or 0)}",
    )


def _unknown(error: OSError) -> Outcome:
    return Outcome(
        Verdict.UNKNOWN,
        cause=Cause.AMBIGUOUS,
        code=errno.errorcode.get(error.errno or 0, "OSError"),
        detail=f"the outbox file may or may not contain it: {os.strerror(error.errno or 0)}",
    )


def sync_folder(folder: Path) -> None:
    """Make a file's new name durable too; Windows has no such call and needs none."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
