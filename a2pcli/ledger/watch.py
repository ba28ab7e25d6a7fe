"""Notices when an open SQLite ledger is not the file at its path any more.

The system lets anybody delete, rename, replace or cut a file that a program has open; SQLite goes on writing into
what it opened, which nobody will ever read again. So before each transaction that writes, the path is compared with
the file that was opened: which file it is, how long, and whether its header is still the one of this ledger.

A lock of POSIX ends when a process closes *any* descriptor of the file (https://sqlite.org/howtocorrupt.html, 2.2),
so the descriptor that this looks through stays open as long as any connection of the process to the file.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.cipher import PLAIN

HEADER = 100
"""Size of a database's header in bytes (https://sqlite.org/fileformat.html#the_database_header)."""

PATIENCE = 1.0
"""Seconds for which a file may be shorter than its header says, while another process moves its log into it."""

_LOGS = ("-wal", "-shm")

_Identity = tuple[int, int]


class _Descriptors:
    """One descriptor per file for the whole process, closed when its last user drops it."""

    def __init__(self) -> None:
        self._open: dict[_Identity, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, path: Path) -> int:
        with self._lock:
            identity = _identity(path)
            known = self._open.get(identity) if identity else None
            if known is not None and identity is not None:
                self._open[identity] = (known[0], known[1] + 1)
                return known[0]
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            info = os.fstat(descriptor)
            self._open[(info.st_dev, info.st_ino)] = (descriptor, 1)
            return descriptor

    def drop(self, descriptor: int) -> None:
        with self._lock:
            info = os.fstat(descriptor)
            identity = (info.st_dev, info.st_ino)
            _, users = self._open[identity]
            if users > 1:
                self._open[identity] = (descriptor, users - 1)
                return
            del self._open[identity]
            os.close(descriptor)


_descriptors = _Descriptors()


def _identity(path: Path) -> _Identity | None:
    try:
        return _identity_of(path.stat())
    except FileNotFoundError:
        return None


def _identity_of(info: os.stat_result) -> _Identity:
    return (info.st_dev, info.st_ino)


class FileWatch:
    """Watches the file of one open ledger. Close it after every connection to that file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = _descriptors.take(path)
        self._identity = _identity_of(os.fstat(self._descriptor))
        self._header = self._read()
        self._logs: dict[str, _Identity | None] = {}
        self.forgiving = False
        """Set while a sender writes its last results, which go into the file that was opened, even if it was moved."""

    @property
    def salt(self) -> bytes:
        """The first 16 bytes of the file: in an encrypted ledger, its salt."""
        return self._header[:16]

    @property
    def is_deleted(self) -> bool:
        """Whether the file has no name left."""
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0

    @property
    def seems_gone(self) -> bool:
        """Whether the file, or a log of it, is not as it was: asked while messages leave, so without the patience of
        ``check``, which has the last word."""
        if self.forgiving or self._descriptor is None:
            return False
        try:
            info, header = self.path.stat(), self._read()
            logs = [
                _identity_of(Path(f"{self.path}{word}").stat()) == one for word, one in self._logs.items()
            ]
        except OSError:
            return True
        is_whole = len(header) == HEADER and info.st_size >= _size_by(header)
        return _identity_of(info) != self._identity or not (is_whole and self._is_ours(header) and all(logs))

    def close(self) -> None:
        """Close the file; safe to call twice.

        Logs of a deleted file are removed, because they would be taken for those of the next file of that name.
        """
        if self._descriptor is not None and self.forgiving and self.is_deleted:
            for word, identity in self._logs.items():
                log = Path(f"{self.path}{word}")
                if identity is not None and _identity(log) == identity and _identity(self.path) is None:
                    log.unlink(missing_ok=True)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _descriptors.drop(descriptor)

    def check(self) -> None:
        """Raise ``LedgerError`` if the path does not lead to the opened file, or that file was modified from
        outside."""
        if self._descriptor is None:
            return
        if not self.forgiving and _identity(self.path) != self._identity:
            raise LedgerError(self._problem("was deleted, renamed or replaced"))
        header = self._read()
        if len(header) < HEADER or not self._is_whole(header):
            raise LedgerError(self._problem("was cut short"))
        if not self._is_ours(header):
            raise LedgerError(self._problem("was overwritten"))

    def check_logs(self, *, anew: bool) -> None:
        """Check the files beside the ledger, while a connection is open; ``anew`` for a newly opened one."""
        if self.forgiving or self._descriptor is None:
            return
        found = {word: _identity(Path(f"{self.path}{word}")) for word in _LOGS}
        if anew or not all(self._logs.values()):
            self._logs = found
        elif found != self._logs:
            raise LedgerError(self._problem("lost its write-ahead log (the file ending in -wal or -shm)"))

    def _read(self) -> bytes:
        assert self._descriptor is not None
        return os.pread(self._descriptor, HEADER, 0)

    def _is_whole(self, header: bytes) -> bool:
        until = time.monotonic() + PATIENCE
        while self._descriptor is not None and os.fstat(self._descriptor).st_size < _size_by(header):
            if self._is_in_log(header, os.fstat(self._descriptor).st_size):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
            header = self._read()
        return True

    def _is_in_log(self, header: bytes, size: int) -> bool:
        """Whether every page missing from the file is in its log, because the disk was full when the log was moved."""
        page = _page_size(header)
        try:
            logged = _logged_pages(Path(f"{self.path}-wal"))
        except OSError:
            return False
        return all(number in logged for number in range(size // page + 1, _size_by(header) // page + 1))

    def _is_ours(self, header: bytes) -> bool:
        if header[:16] != self._header[:16]:
            return False
        if header[:16] != PLAIN:
            return True
        before, now = self._header[60:64], header[60:64]  # user_version: see ``about.number_of``
        if not any(before):
            self._header = header  # the id of an old ledger was just written to the file
        return before == now or not any(before)

    def _problem(self, what: str) -> Problem:
        return Problem(
            f"the ledger's file {what} while it was in use: nothing more can be recorded",
            path=str(self.path),
            hint="restore the file and run the same command again; only that file and the provider know who has"
            " been messaged",
            code="ledger-gone",
        )


def _size_by(header: bytes) -> int:
    """Return the file's length according to its header; 0 if it is encrypted and unreadable."""
    if header[:16] != PLAIN:
        return 0
    return _page_size(header) * int.from_bytes(header[28:32], "big")


def _page_size(header: bytes) -> int:
    page = int.from_bytes(header[16:18], "big")
    return 65536 if page == 1 else page


def _logged_pages(log: Path) -> set[int]:
    """Return the page numbers in a write-ahead log (https://sqlite.org/fileformat2.html#the_write_ahead_log)."""
    found: set[int] = set()
    with log.open("rb") as file:
        start = file.read(32)
        if len(start) < 32:
            return found
        page = int.from_bytes(start[8:12], "big")
        while len(frame := file.read(24)) == 24 and frame[8:16] == start[16:24]:
            found.add(int.from_bytes(frame[:4], "big"))
            file.seek(page, os.SEEK_CUR)
    return found
