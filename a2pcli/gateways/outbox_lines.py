"""An outbox file: its lock, and what its lines say: whole records, and lines that a crash tore.

The lock is the operating system's and ends with the process, however that ends. A torn line is no record, and no
proof that there was none: whose message it may have been stays unknown.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field

from a2pcli.dataclass import dataclass

_POLL = 0.002

if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes, not files; one far past the end excludes writers without hiding the data.
    _BYTE = 2**40

    def _try_lock(descriptor: int, shared: bool) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked(descriptor: int, timeout: float, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock on an open file. Raises ``TimeoutError`` (an ``OSError``) after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _try_lock(descriptor, shared)
            break
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock") from None
        time.sleep(_POLL)
    try:
        yield
    finally:
        _unlock(descriptor)


START = b'{"reference": "'
_REFERENCE = re.compile(rb'\{"reference": "([^"\\]*)("?)')


@dataclass(slots=True)
class Findings:
    """Which references have complete records, and which may be incomplete lines."""

    whole: set[str] = field(default_factory=set)
    torn: set[str] = field(default_factory=set)
    torn_starts: list[str] = field(default_factory=list)
    """Beginnings of references that were cut off; an empty one could be any reference."""

    def may_be_torn(self, reference: str) -> bool:
        """Return whether an incomplete line may be the record of this reference."""
        return reference in self.torn or any(reference.startswith(start) for start in self.torn_starts)


def findings(lines: Iterable[bytes], wanted: set[str]) -> Findings:
    """Return what the file says about the ``wanted`` references."""
    found = Findings()
    for line in lines:
        match = _REFERENCE.match(line)
        if match and match[2] and line.endswith(b"}\n") and b"\0" not in line:
            if match[1].decode(errors="replace") not in wanted:
                continue  # most lines
        elif not line.strip():
            continue
        record = parsed(line)
        if record is None:
            _note_torn(found, *torn_reference(line))
        elif record.get("torn") is True:
            _note_torn(found, str(record.get("reference") or ""), record.get("cut") is not True)
        elif isinstance(reference := record.get("reference"), str):
            found.whole.add(reference)
        else:
            _note_torn(found, "", False)
    return found


def parsed(line: bytes) -> dict[str, object] | None:
    """Return the line's record; None if it is not one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def torn_reference(line: bytes) -> tuple[str, bool]:
    """Return what is left of an incomplete line's reference, and whether that is complete.

    Only the cut-off start of a record identifies one message; anything else may contain remains of others.
    """
    rest = line.rstrip(b"\r\n")
    match = _REFERENCE.match(rest)
    if match is None or b"\0" in line or rest.endswith(b"}") or line.count(START) > 1:
        return "", False
    return match[1].decode(errors="replace"), bool(match[2])


def torn_line(line: bytes) -> bytes:
    """Return an incomplete line without the person: only what it says about its reference."""
    reference, is_whole = torn_reference(line)
    record: dict[str, object] = {"torn": True, "reference": reference}
    if not is_whole:
        record["cut"] = True
    return json.dumps(record).encode() + b"\n"


def _note_torn(found: Findings, reference: str, is_whole: bool) -> None:
    if is_whole:
        found.torn.add(reference)
    elif reference not in found.torn_starts:
        found.torn_starts.append(reference)
