"""The file itself: where it is, what kind it is, and whether it stays the same while it is read."""

from __future__ import annotations

import hashlib
import os
import re
import select
import stat
import sys
import tempfile
import time
import unicodedata
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from a2pcli.errors import InvalidInput, Problem, not_written
from a2pcli.regular import NOT_REGULAR, open_regular

STDIN = "-"
TEXT_KINDS = ("csv", "jsonl")
_SUFFIX_KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "jsonl"}
GZIP = b"\x1f\x8b"
_FOREIGN = (
    (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (GZIP, "a gzip archive"), (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"), (b"Rar!", "a RAR archive"), (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"SQLite format 3", "an SQLite database"), (b"\x7fELF", "a program"), (b"MZ\x90", "a program"),
    (b"{\\rtf", "a Rich Text document"), (b"ARROW1", "an Arrow IPC file"), (b"ORC", "an ORC file"),
)  # fmt: skip
_HEAD = 64 * 1024
_JSON = re.compile(rb'\s*(\{\s*"|\[\s*\{)')
MOST_SPOOLED = 16 << 30
"""Bytes taken from standard input or a pipe."""
FREE_TO_UNPACK = 32 << 20
"""Bytes that an archive may unpack to, whatever its size."""
MOST_UNPACKED = 150
"""Bytes unpacked for one packed, beyond the first megabytes. Tables have 5 to 40, the most deflate can do is 1,032."""
_PATIENCE = 10.0
"""Seconds in which somebody has to open a pipe for writing."""


class Source:
    """A contacts file on disk, or stdin (or another stream) spooled to a temporary file so that it is read once.

    ``name`` is what the user called it, for messages. ``kind`` is csv, jsonl, parquet or workbook.
    """

    def __init__(self, file: str, base: Path | None, *, unpack: bool = False) -> None:
        """``unpack``: the file may be gzip. Raises InvalidInput where there is nothing that can be read as a table."""
        self.name = file
        self.path = self._locate(file, base)
        self._read_head()
        if unpack and self.head.startswith(GZIP):
            self.path = self._spooled(self._unpacked())
            self._read_head()
        self._signature = self._stat()
        self.size = self._signature[2]
        if not self.size:
            raise self.problem("the file is empty", code="empty-file")
        self.kind = self._kind()

    def _read_head(self) -> None:
        with self.open() as stream:
            self.head = stream.read(_HEAD)

    def problem(
        self, message: str, *, line: int | None = None, hint: str | None = None, code: str
    ) -> InvalidInput:
        """An ``InvalidInput`` error about this file."""
        return InvalidInput(Problem(message, path=self.name, line=line, hint=hint, code=code))

    def open(self) -> BinaryIO:
        """The file's bytes. Raises InvalidInput where the system says no."""
        try:
            return open_regular(self.path)
        except OSError as error:
            raise self.problem(
                f"cannot read the file: {error.strerror or error}", code="unreadable"
            ) from error

    def check_unchanged(self) -> None:
        """Raise InvalidInput if the file is not the one that was opened."""
        try:
            same = self._stat() == self._signature
        except OSError:
            same = False
        if not same:
            raise self.problem(
                "the file changed while it was being read", hint="run the command again", code="file-changed"
            )

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the file's bytes."""
        digest = hashlib.sha256()
        with self.open() as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def _stat(self) -> tuple[int, int, int, int]:
        status = self.path.stat()
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _locate(self, file: str, base: Path | None) -> Path:
        if file == STDIN:
            return self._spooled(self._stdin())
        path = Path(file).expanduser()
        if base is not None and not path.is_absolute():
            path = base / path
        path = _as_spelt(path)
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            reason = (
                "no such file" if missing else f"cannot read the file: {getattr(error, 'strerror', error)}"
            )
            raise self.problem(
                reason, hint=_nearby(path) if missing else None, code="no-such-file"
            ) from error
        if stat.S_ISDIR(mode):
            raise self.problem("this is a directory, not a file", code="directory")
        if stat.S_ISREG(mode):
            return path
        if stat.S_ISFIFO(mode):  # `<(...)` in a shell
            return self._spooled(self._pipe(path))
        raise self.problem(NOT_REGULAR, code="not-a-file")

    def _pipe(self, path: Path) -> Iterator[bytes]:
        """What is written into a named pipe. Raises InvalidInput where nobody writes."""
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        gives_up = time.monotonic() + _PATIENCE
        with os.fdopen(number, "rb", buffering=0) as stream:
            begun = False
            while True:
                try:
                    block = os.read(number, 1 << 20)
                except BlockingIOError:  # somebody has it open, and writes later
                    os.set_blocking(number, True)
                    begun = True
                    continue
                if block:
                    begun = True
                    yield block
                elif begun or _was_written(stream):
                    return
                elif time.monotonic() > gives_up:
                    raise self.problem("nothing writes to this pipe", code="not-a-file")
                else:
                    time.sleep(0.02)

    def _unpacked(self) -> Iterator[bytes]:
        """What a gzip file holds. Raises InvalidInput for one that is damaged, or unpacks to what no table has."""
        import gzip
        import zlib

        with self.open() as packed:
            most = max(FREE_TO_UNPACK, os.fstat(packed.fileno()).st_size * MOST_UNPACKED)
            size = 0
            try:
                with gzip.GzipFile(fileobj=packed) as stream:
                    while block := stream.read(1 << 20):
                        size += len(block)
                        if size > most:
                            raise self.problem(
                                f"it unpacks to more than {most >> 20:,} MB: too much for a genuine file",
                                hint="if the file is genuine, unpack it first",
                                code="too-large",
                            )
                        yield block
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise self.problem(
                    "the gzip file is damaged or cut off", hint="download it again", code="broken-archive"
                ) from error

    def _stdin(self) -> Iterator[bytes]:
        if sys.stdin is None:
            raise self.problem("no standard input", code="no-such-file")
        with suppress(OSError, ValueError):
            status = os.fstat(sys.stdin.fileno())
            endless = stat.S_ISCHR(status.st_mode) and not sys.stdin.isatty()
            if endless and status.st_rdev != Path(os.devnull).stat().st_rdev:
                raise self.problem(NOT_REGULAR, code="not-a-file")
        return iter(partial(sys.stdin.buffer.read, 1 << 20), b"")

    def _spooled(self, blocks: Iterator[bytes]) -> Path:
        handle, name = tempfile.mkstemp(prefix="a2pcli-", suffix=".contacts")
        weakref.finalize(self, _remove, name, os.getpid())
        try:
            with os.fdopen(handle, "wb") as copy:
                size = 0
                for block in blocks:
                    copy.write(block)
                    size += len(block)
                    if size > MOST_SPOOLED:
                        raise self.problem(
                            f"it has more than {MOST_SPOOLED >> 30} GB and does not end", code="too-large"
                        )
        except OSError as error:
            raise not_written(error, name, "unreadable") from error
        return Path(name)

    def _kind(self) -> str:
        head = self.head
        if head.startswith(b"PAR1"):
            return "parquet"
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            return "workbook"
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return self._zip_kind()
        for magic, what in _FOREIGN:
            if head.startswith(magic):
                hint = (
                    "unpack it first" if "archive" in what else "contacts are CSV, .xlsx, .parquet or .jsonl"
                )
                raise self.problem(f"this is {what}, not a table of contacts", hint=hint, code="not-a-table")
        name = Path(self.name.lower().removesuffix(".gz"))
        kind = _SUFFIX_KINDS.get(self.path.suffix.lower()) or _SUFFIX_KINDS.get(name.suffix)
        if kind is None and _JSON.match(head.removeprefix(b"\xef\xbb\xbf")):
            kind = "jsonl"
        return kind or "csv"

    def _zip_kind(self) -> str:
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = set(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self.problem(
                "a damaged workbook or archive: it ends too early", code="broken-workbook"
            ) from error
        if "xl/workbook.xml" in names or "xl/workbook.bin" in names or "content.xml" in names:
            return "workbook"
        if any(name.startswith("xl/") for name in names):
            raise self.problem("a damaged workbook: it has no list of sheets", code="broken-workbook")
        raise self.problem(
            "this is a zip archive, not a table of contacts", hint="unpack it first", code="not-a-table"
        )


def _as_spelt(path: Path) -> Path:
    """The path, or the one whose name has the same letters in another Unicode normal form, where only that exists."""
    with suppress(OSError, ValueError):
        if not str(path).isascii() and not path.exists():
            for form in ("NFC", "NFD"):
                other = Path(unicodedata.normalize(form, str(path)))
                if other.exists():
                    return other
    return path


def no_rows(source: Source, line: int) -> InvalidInput:
    """The error for a header without rows."""
    return source.problem(
        "the file has a header but no rows", line=line,
        hint="if empty files are normal, set `contacts: {empty: ok}` in the campaign", code="no-rows",
    )  # fmt: skip


def _was_written(pipe: BinaryIO) -> bool:
    """Whether somebody had an empty pipe open for writing, and closed it."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _remove(name: str, owner: int) -> None:
    if os.getpid() == owner:
        with suppress(OSError):
            Path(name).unlink()


def _nearby(path: Path) -> str | None:
    from difflib import get_close_matches

    with suppress(OSError, ValueError):
        near = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1, cutoff=0.7)
        if near:
            return f"did you mean {near[0]}?"
    return None
